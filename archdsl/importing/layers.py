"""Networks of configuration files: layers put down one after the other, with the shapes that they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archdsl.dims import Undecided
from archdsl.importing.program import ForeignProgram, Missing, ModuleScope, NotImported
from archdsl.importing.reading import Placed, ReadProgram
from archdsl.importing.unusable import Unusable
from archdsl.ops import OPERATORS, ShapeError, Weighted, build, parameter_table
from archdsl.ops.foreign import ForeignTensor, Made
from archdsl.ops.kinds import ParamError


@dataclass
class ConfiguredNetwork:
    """A network that grows layer by layer. Those with weights have paths; modules are told by these."""

    name: str
    inputs: list[ForeignTensor] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    outputs: list[tuple[str, ForeignTensor]] = field(default_factory=list)
    training: set[str] = field(default_factory=set)  # paths of what is there in training only

    def input(self, name: str, shape: Sequence[Any]) -> ForeignTensor:
        value = ForeignTensor(name, tuple(shape))
        self.inputs.append(value)
        return value

    def add(
        self,
        operator: str,
        parameters: Mapping[str, Any],
        inputs: Sequence[ForeignTensor],
        path: str = "",
        scopes: Sequence[ModuleScope] = (),
    ) -> ForeignTensor:
        """The output of a new layer. Raises `NotImported` where it does not fit."""
        cls = OPERATORS[operator]
        try:
            given = {name: value for name, value in parameters.items() if value is not None}
            shape = build(cls, given).infer_all(*(one.shape for one in inputs))[0]
        except (ShapeError, Undecided, ParamError, TypeError) as error:
            raise NotImported([Missing(operator, str(error), path, 1)]) from None
        weights = {}
        if issubclass(cls, Weighted) and path:
            weights = {"weight": ForeignTensor(f"{path}.weight", (), state=f"{path}.weight")}
        value = ForeignTensor(f"%{operator}{len(self.placed)}", shape)
        known = {name: one for name, one in parameters.items() if name in parameter_table(cls)}
        made = Made(operator, known, tuple(inputs), weights)
        self.placed.append(Placed(made, value, (ModuleScope("", self.name), *scopes)))
        return value

    def reading(self) -> ReadProgram:
        """What was put down, as a program that was read."""
        names = [name for name, _ in self.outputs]
        values = [value for _, value in self.outputs]
        used = frozenset(
            one.made.weights["weight"].state.rpartition(".")[0]  # type: ignore[union-attr]
            for one in self.placed
            if "weight" in one.made.weights
        )
        inference = used - self.training
        program = ForeignProgram(
            self.name, self.inputs, [], values, names, in_inference=inference if self.training else None
        )
        return ReadProgram(program, self.placed, list(values))


def image_sizes(shapes: Mapping[str, Sequence[int]], own: Sequence[int], place: str) -> list[int]:
    """Channels, height and width of the one input `image`, as a file has them or as they are given. Raises
    `Unusable`."""
    if shapes.keys() - {"image"} or len(shapes.get("image", own)) not in (3, 4):
        raise Unusable(f"`{place}` has one input: --input image=1x3x416x416")
    return list(shapes.get("image", own))[-3:]

"""Layers that are lent weights: tensors of others in the place of some, or all, of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from archdsl.dims import Dim, Shape, Size, show
from archdsl.ops._op import Kept, Operator, ShapeError, Target, Use, Weight, Weighted, build, same
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.sight import Sees


@deferred_dataclass
class Lent(Weighted):
    """What a layer is otherwise than by itself, where the weights named `lent` come as its last inputs.

    `lending` puts it before the operator's own class, whose rules hold for what is not lent.
    """

    lent: tuple[str, ...] = field(default=(), kw_only=True)

    def _own(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """The inputs without the weights, if they are among them: rules of the operator ask one another."""
        return tuple(inputs[: len(self.inputs)])

    def _at(self, name: str) -> int | None:
        """The position of a weight among the inputs; None where it is the layer's own, or there is none."""
        return len(self.inputs) + self.lent.index(name) if name in self.lent else None

    def _alone(self, use: Use) -> Use:
        """The operator at work without the weights it is lent: as if its own were trained where a lent one is."""
        at = self._at("weight")
        trained = use.trained if at is None or at >= len(use.wanted) else use.wanted[at]
        return use._replace(inputs=self._own(use.inputs), wanted=self._own(use.wanted), trained=trained)

    def infer(self, *inputs: Shape) -> Shape:
        own = self._own(inputs)
        output = super().infer(*own)
        wanted = {weight.name: weight.shape for weight in super().weights(*own)}
        for i, name in enumerate(self.lent, len(own)):
            if name not in wanted:
                raise ShapeError(f"`{self.name}` has no {name} as it is written here", code="bad-parameter")
            if len(inputs[i]) != len(wanted[name]) or not all(map(same, inputs[i], wanted[name])):
                raise ShapeError(
                    f"the {name} of `{self.name}` must be {show(wanted[name])} for an input of {show(inputs[0])},"
                    f" found {show(inputs[i])}",
                    culprits=(0, i),
                )
        return output

    def taken(self, position: int) -> str:
        return super().taken(position) if position < len(self.inputs) else "floating"

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return tuple(weight for weight in super().weights(*self._own(inputs)) if weight.name not in self.lent)

    def computes_with(self, *inputs: Shape) -> tuple[Weight, ...]:
        """All weights that it uses, its own and those of others."""
        return super().weights(*self._own(inputs))

    @property
    def params(self) -> dict[str, Any]:
        return {**super().params, "lent": self.lent}

    # --- what it costs

    def macs(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return super().macs(self._own(inputs), output)

    def backward_macs(self, inputs: Sequence[Shape], output: Shape, wanted: Sequence[bool], trainable: bool) -> Size:
        at = self._at("weight")
        trained = trainable if at is None else wanted[at]
        return super().backward_macs(self._own(inputs), output, self._own(wanted), trained)

    def macs_before_last_kept(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return super().macs_before_last_kept(self._own(inputs), output)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return super().operations(self._own(inputs), output)

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return super().also_saves(self._own(inputs), output)

    def saves_float32(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return super().saves_float32(self._own(inputs), output)

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return super().scratch(self._own(inputs), output)

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return super().scratch_backward(self._own(inputs), output)

    def copies(self, use: Use) -> tuple[Size, ...]:
        alone = self._alone(use)
        return (*super().copies(alone), *(0 for _ in use.inputs[len(alone.inputs) :]))

    def keeps(self, use: Use) -> Kept:
        kept = super().keeps(self._alone(use))
        # A product keeps a factor for the gradient of the other; other layers keep all that they read.
        needed = use.wanted[0] or not self.for_weights
        positions = [self._at(name) for name in self.keeps_weights if needed]
        return kept._replace(inputs=(*kept.inputs, *(at for at in positions if at is not None)))

    # --- how it lies, what it sees, what computes it

    def layout(self, use: Use, output: Shape) -> tuple[Size, ...] | None:
        return super().layout(self._alone(use), output)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        own = self._own(inputs)
        if number < len(own):
            return super().sees(own, output, number)
        return self.sees_weight(self.lent[number - len(own)], inputs[number], output)

    def target(self, *inputs: Shape) -> Target:
        made = super().target(*self._own(inputs))
        kwargs = dict(made.kwargs)
        if not any(map(_is_open, (weight.shape for weight in self.weights(*inputs)))):  # no size of its own is open
            kwargs = {name: _any_size(value, getattr(self, "groups", 1)) for name, value in kwargs.items()}
        return Target(made.name.replace("torch.nn.", "compiler.fx.lent.Lent"), {**kwargs, "lent": self.lent})

    def idiom(self, *inputs: Shape) -> str | None:
        module = super().target(*self._own(inputs))
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", module.name.rpartition(".")[2]).lower()
        if self.weights(*inputs) or self.lent[0] != "weight" or words.rstrip("123d").rstrip("_") not in FUNCTIONS:
            return None
        bias = ["{2}"] if "bias" in self.lent else []
        kept = ("stride", "padding", "output_padding", "dilation", "groups")
        chosen = [name for name in kept if name in module.kwargs and not _usual(name, module.kwargs[name])]
        chosen = [f"{name}={{{name}}}" for name in chosen]
        return f"F.{words}({', '.join(['{0}', '{1}', *bias, *chosen])})"


# What torch has as functions of their weights, with the arguments of its modules.
FUNCTIONS: Final = ("linear", "embedding", "conv", "conv_transpose")


def _usual(name: str, value: Any) -> bool:
    """Whether an argument of a convolution is what torch takes without it."""
    usual = 1 if name in ("stride", "dilation", "groups") else 0
    return all(one == usual for one in (value if isinstance(value, tuple) else (value,)))


def _any_size(value: Any, size: int) -> Any:
    """A value with a number in the place of sizes that have none yet."""
    if isinstance(value, tuple):
        return tuple(_any_size(item, size) for item in value)
    return size if isinstance(value, Dim) else value


_LENDING: dict[type[Weighted], type[Lent]] = {}


def lending(operator: type[Weighted]) -> type[Lent]:
    """The operator as one that is lent weights."""
    if operator not in _LENDING:
        made: Any = dataclass(frozen=True)(type(f"Lent{operator.__name__}", (Lent, operator), {}))
        _LENDING[operator] = cast(type[Lent], made)
    return _LENDING[operator]


def lend(operator: type[Operator], values: Mapping[str, Any], weights: Mapping[str, Shape]) -> Operator:
    """An operator with these parameters, lent weights of these shapes, by their names.

    Sizes that a weight tells need not be among the parameters. Raises `ParamError`, `ShapeError` and `Undecided`.
    """
    lender = lending(cast(type[Weighted], operator))
    told = lender.told_by(weights["weight"], values) if "weight" in weights else {}
    settled = {name: size for name, size in told.items() if not _is_open(size)}
    waiting = {name: size for name, size in told.items() if name not in settled and name not in values}
    # Sizes that have no value yet are none that a parameter takes.
    built = cast(Lent, build(lender, {**settled, **dict.fromkeys(waiting, 1), **values}))
    return replace(built, lent=tuple(name for name in lender.lends if name in weights), **waiting)


def _is_open(size: Any) -> bool:
    return any(map(_is_open, size)) if isinstance(size, tuple) else isinstance(size, Dim)

"""Tensors as another type."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.dims import Shape
from archdsl.ops._op import Example, Operator, Target, param
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.dtypes import WIDTHS
from archdsl.ops.foreign import Reads, reading
from archdsl.ops.kinds import Choice
from archdsl.ops.rearranged import converted
from archdsl.ops.reshape import Identity


@deferred_dataclass
class To(Operator, group="reshape"):
    """The values as another type: fractions cut off for integers, all but 0 true. No gradient passes an integer or a
    truth value. A tensor of that type already is `identity`."""

    dtype: str = param(Choice(tuple(WIDTHS)), "the type")

    takes = ("anything",)
    pointwise = True
    lies = "elementwise"
    reads = (
        reading("aten.to aten.type_as aten._to_copy aten.float aten.bool aten.long", converted),
        Reads("onnx.Cast"),
    )
    examples = (
        Example("to(float32)", ((2, 7),), (2, 7), ("int64",)),
        Example("to(bool)", ((2, 7),), (2, 7)),
        Example("to(int64)", ((2, 7),), (2, 7), ("bool",)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def typed(self, inputs: Sequence[str]) -> Operator:
        return Identity() if inputs[0] == self.dtype else self

    def dtypes(self, inputs: Sequence[str]) -> tuple[str, ...]:
        return (self.dtype,)

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.layers.convert", args=(self.dtype,), kind="function")

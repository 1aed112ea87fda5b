"""Regularisation: active in training, the identity in inference."""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.dims import Shape, Size, product
from archdsl.ops._op import Example, Kept, Operator, Target, Use, param, rank_between
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import ForeignCall, ForeignTensor, Made, Reads, Unreadable, Whole, reading
from archdsl.ops.kinds import Number
from archdsl.ops.strides import Strides

PROBABILITY = Number(0, 1)


class _Regularization(Operator):
    """The identity in inference, and where the probability is 0."""

    p: float
    lies = "elementwise"

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def aliases(self, training: bool) -> bool:
        return not training or self.p == 0

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return use.inputs[0].strides if self.p == 0 else super().layout(use, output)


def _drops(call: ForeignCall) -> float:
    return float(call.get("p", 0.5)) if call.get("train", True) else 0.0


def _whole_drop_path(calls: list[ForeignCall], taken: list[ForeignTensor]) -> Made:
    """A factor for each sample, drawn from 0 and 1, and divided by the probability of 1."""
    drawn = next(call for call in calls if call.name == "aten.bernoulli")
    shape = drawn.tensor("self").shape
    if len(taken) != 1 or any(size != 1 for size in shape[1:]) or shape[0] != taken[0].shape[0]:
        raise Unreadable("numbers that are drawn in another way than `drop_path` draws them")
    return Made("drop_path", {"p": round(1 - float(drawn.get("p", 0.5)), 12)}, tuple(taken))


@deferred_dataclass
class Dropout(_Regularization, group="regularization"):
    """Zeroes each value with probability p and scales the others by 1 / (1 − p) (Srivastava et al., 2014)."""

    p: float = param(PROBABILITY, "probability of zeroing a value", 0.5)

    pointwise = True
    reads = (
        Reads("aten.dropout", {"p": _drops}, ignored=("p", "train")),
        reading("onnx.Dropout", lambda call: call.tensors[0]),
    )
    examples = (Example("dropout(0.5)", ((2, 8),), (2, 8)),)

    @property
    def saves(self) -> tuple[str, ...]:  # type: ignore[override]
        return ("mask",) if 0 < self.p < 1 else ()

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 1 if self.p == 1 else 0  # the number 0 by which all is multiplied

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Dropout", {"p": self.p})


@deferred_dataclass
class Dropout2d(_Regularization, group="regularization"):
    """Zeroes whole channels with probability p and scales the others by 1 / (1 − p) (Tompson et al., 2015,
    arXiv:1411.4280)."""

    p: float = param(PROBABILITY, "probability of zeroing a channel", 0.5)

    pointwise = True
    reads = (Reads("aten.feature_dropout", {"p": _drops}, ignored=("p", "train")),)
    examples = (Example("dropout2d(0.2)", ((2, 8, 5, 5),), (2, 8, 5, 5)),)

    def infer(self, *inputs: Shape) -> Shape:
        rank_between(self, inputs[0], 4, 4, "[N, C, H, W]")
        return inputs[0]

    def keeps(self, use: Use) -> Kept:
        # The factor of each channel, or the number 0 by which all is multiplied.
        return Kept(values=product(use.output[:2]) if 0 < self.p < 1 else 1 if self.p == 1 else 0)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Dropout2d", {"p": self.p})


@deferred_dataclass
class DropPath(_Regularization, group="regularization"):
    """Zeroes whole samples with probability p: stochastic depth (Huang et al., 2016, arXiv:1603.09382)."""

    p: float = param(PROBABILITY, "probability of zeroing a sample", 0.1)

    pointwise = True
    reads = (Whole(_whole_drop_path, contains="aten.bernoulli"),)
    examples = (Example("drop_path(0.2)", ((4, 8, 5, 5),), (4, 8, 5, 5)),)

    def keeps(self, use: Use) -> Kept:
        return Kept(values=use.output[0] if 0 < self.p < 1 else 0)  # a factor for each sample

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.layers.StochasticDepth", {"p": self.p})

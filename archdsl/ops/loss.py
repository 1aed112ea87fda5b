"""Losses: each compares one output with the target, which it takes implicitly. The mean over all elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from archdsl.dims import Shape, Size, product, show
from archdsl.ops._op import Example, Operator, ShapeError, Target, param, rank_between, same
from archdsl.ops.kinds import Number
from archdsl.ops.sight import Sees, everything

CLASSES = ("floating", "integers")  # of outputs and class numbers


class Loss(Operator):
    """A loss. Its second tensor is the target."""

    function: ClassVar[str]
    saves: ClassVar[tuple[str, ...]] = ("input", "other")
    autocast = "float32"
    inputs = ("input", "target")
    gives = ("float32",)
    classes: ClassVar[bool] = False  # the target holds class numbers rather than values

    def infer(self, *inputs: Shape) -> Shape:
        output, target = inputs
        if self.classes:
            rank_between(self, output, 2, 5, "[N, classes, ...]")
        wanted = self.target_shape(output)
        # torch stretches some targets with no more than a warning, which is never meant.
        if len(target) != len(wanted) or not all(map(same, target, wanted)):
            raise ShapeError(
                f"`{self.name}` of {show(output)} needs a target of {show(wanted)}, found {show(target)}",
                culprits=(0, 1),
            )
        return ()

    @classmethod
    def target_shape(cls, input: Shape) -> Shape:
        """The shape that the target must have for an output."""
        return (input[0], *input[2:]) if cls.classes else input

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return everything(inputs[number])

    def target(self, *inputs: Shape) -> Target:
        return Target(f"torch.nn.functional.{self.name}", self.params, kind="function")


@dataclass(frozen=True)
class CrossEntropy(Loss, group="loss"):
    """Softmax and negative log-likelihood of the target classes; the output holds logits [N, classes, ...]."""

    label_smoothing: float = param(Number(0, 1), "weight of the uniform distribution mixed into the target", 0.0)
    classes = True
    takes = CLASSES
    saves = ("other",)  # and the logarithms of softmax
    examples = (
        Example("cross_entropy", ((4, 10), (4,)), ()),
        Example("cross_entropy(label_smoothing = 0.1)", ((4, 10, 3), (4, 3)), ()),
    )

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])  # the gradient of the logarithms


@dataclass(frozen=True)
class NllLoss(Loss, group="loss"):
    """Negative log-likelihood of the target classes; the output holds log-probabilities."""

    classes = True
    takes = CLASSES
    examples = (Example("nll_loss", ((4, 10), (4,)), ()),)


@dataclass(frozen=True)
class BinaryCrossEntropyWithLogits(Loss, group="loss"):
    """Binary cross entropy of logits with targets between 0 and 1."""

    examples = (Example("binary_cross_entropy_with_logits", ((4, 3), (4, 3)), ()),)

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])  # the probabilities


@dataclass(frozen=True)
class MseLoss(Loss, group="loss"):
    """Mean squared error."""

    examples = (Example("mse_loss", ((4, 3), (4, 3)), ()),)


@dataclass(frozen=True)
class L1Loss(Loss, group="loss"):
    """Mean absolute error."""

    saves = ()
    examples = (Example("l1_loss", ((4, 3), (4, 3)), ()),)

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])  # the difference

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * product(inputs[0])

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * product(inputs[0])  # its sign, and the gradient of its size


@dataclass(frozen=True)
class SmoothL1Loss(Loss, group="loss"):
    """Squared below beta, absolute above."""

    beta: float = param(Number(0), "where the square ends", 1.0)
    examples = (Example("smooth_l1_loss(beta = 0.5)", ((4, 3), (4, 3)), ()),)

"""Losses, named as in torch.nn.functional: each compares outputs with a target, or with one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from archdsl.dims import Dim, Shape, Size, product, show
from archdsl.ops._op import (
    Example,
    Kept,
    Operator,
    ShapeError,
    Target,
    Use,
    param,
    parameters,
    rank_between,
    same,
)
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.dtypes import FLOATING
from archdsl.ops.kinds import Boolean, Choice, Integer, Number, Numbers
from archdsl.ops.sight import Sees, everything

REDUCTIONS: Final = ("mean", "sum", "none")
WEIGHTS_OF_CLASSES: Final = "how much each class counts; all alike if not given"
IGNORED: Final = -(2**63)


def reduction(*more: str) -> str:
    """The parameter that says what becomes of the losses of single elements."""
    doc = "what becomes of the losses of single elements"
    found: str = param(Choice((*REDUCTIONS, *more)), doc, "mean", kw_only=True)
    return found


class Loss(Operator):
    """A loss. Where it compares with a target, that is its last tensor, `target`."""

    saves: ClassVar[tuple[str, ...]] = ("input", "other")
    autocast = "float32"
    inputs: ClassVar[tuple[str, ...]] = ("input", "target")
    takes: ClassVar[tuple[str, ...]] = ("floating",)
    gives = ("float32",)
    classes: ClassVar[bool] = False  # the target holds class numbers rather than values
    weighted: ClassVar[tuple[str, ...]] = ()  # parameters that are weights, which torch takes as tensors
    reduction: str

    def infer(self, *inputs: Shape) -> Shape:
        output, *others = inputs
        for position, other in enumerate(others, 1):
            self._refuse_unlike(output, other, self.target_shape(output), position)
        return self.reduced(output)

    def reduced(self, elements: Shape) -> Shape:
        """The shape of the loss, where those of single elements have this one."""
        return elements if self.reduction == "none" else ()

    def _refuse_unlike(self, output: Shape, target: Shape, wanted: Shape, position: int) -> None:
        # torch stretches some targets with no more than a warning, which is never meant.
        if len(target) != len(wanted) or not all(map(same, target, wanted)):
            raise ShapeError(
                f"`{self.name}` of {show(output)} needs a target of {show(wanted)}, found {show(target)}",
                culprits=(0, position),
            )

    def _check_weights(self, classes: Size, what: str) -> None:
        """Refuse weights that are not one for each class."""
        for name in self.weighted:
            weights = getattr(self, name)
            if weights is not None and len(weights) != 1 and not same(len(weights), classes):
                message = f"`{name}` of `{self.name}` has {len(weights)} values for {classes} {what}"
                raise ShapeError(message, code="bad-parameter", culprits=(0,))

    @classmethod
    def target_shape(cls, input: Shape) -> Shape:
        """The shape that the target must have for an output."""
        return (input[0], *input[2:]) if cls.classes else input

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return everything(inputs[number])

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return sum(len(getattr(self, name) or ()) for name in self.weighted)

    def target(self, *inputs: Shape) -> Target:
        given = {name: getattr(self, name) for name in self.weighted if getattr(self, name) is not None}
        kwargs = {name: value for name, value in self.params.items() if name not in self.weighted}
        package = "compiler.fx.losses" if given else "torch.nn.functional"
        return Target(f"{package}.{self.name}", {**kwargs, **given}, kind="function")

    def idiom(self, *inputs: Shape) -> str | None:
        given = [name for name in self.weighted if getattr(self, name) is not None]
        if not given:
            return None
        weights = [f"{name}={{0.atom}}.new_tensor({{{name}}})" for name in given]
        chosen = [p.name for p in parameters(type(self)) if getattr(self, p.name) != p.default and p.name not in given]
        return f"F.{self.name}({', '.join(['{0}', '{1}', *weights, *(f'{name}={{{name}}}' for name in chosen)])})"


# --- classes


class ClassLoss(Loss):
    """A loss of outputs [N, classes, ...]; the target holds class numbers [N, ...]."""

    classes = True
    takes = ("floating", "integers")
    saves: ClassVar[tuple[str, ...]] = ("other",)
    weighted: ClassVar[tuple[str, ...]] = ("weight",)
    weight: tuple[float, ...] | None

    def infer(self, *inputs: Shape) -> Shape:
        output, target = inputs
        rank_between(self, output, 2, 5, "[N, classes, ...]")
        self._refuse_unlike(output, target, self.target_shape(output), 1)
        if self.weight is not None and len(self.weight) == 1 and not same(output[1], 1):
            raise ShapeError(f"`weight` of `{self.name}` has 1 value for {output[1]} classes", code="bad-parameter")
        self._check_weights(output[1], "classes")
        return self.reduced(super().target_shape(output))

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return super().also_saves(inputs, output) + 1  # the sum of weights


@deferred_dataclass
class CrossEntropy(ClassLoss, group="loss"):
    """Softmax and negative log-likelihood of the target classes; the output holds logits [N, classes, ...].

    A target of the output's own shape holds probabilities of the classes.
    """

    label_smoothing: float = param(Number(0, 1), "weight of the uniform distribution mixed into the target", 0.0)
    weight: tuple[float, ...] | None = param(Numbers(0), WEIGHTS_OF_CLASSES, None, kw_only=True)
    ignore_index: int = param(Integer(IGNORED), "a class number that does not count", -100, kw_only=True)
    reduction: str = reduction()
    takes = ("floating", "classes")
    examples = (
        Example("cross_entropy", ((4, 10), (4,)), ()),
        Example("cross_entropy(label_smoothing = 0.1)", ((4, 10, 3), (4, 3)), ()),
        Example("cross_entropy(weight = [1, 2, 0.5], ignore_index = 0)", ((4, 3), (4,)), ()),
        Example("cross_entropy(reduction = none)", ((4, 10, 3), (4, 3)), (4, 3)),
        Example("cross_entropy", ((4, 10), (4, 10)), (), ("float32", "float32")),
    )

    def typed(self, inputs: Sequence[str]) -> Operator:
        return _OfProbabilities(**self.params) if inputs[1] == FLOATING else self

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return super().also_saves(inputs, output) + product(inputs[0])  # the logarithms of softmax

    def keeps(self, use: Use) -> Kept:
        kept = super().keeps(use)
        if not self.label_smoothing:
            return kept
        count = 0 if self.reduction != "mean" else 2 if self.weight is None else 1  # what the mean divides by
        return kept._replace(values=kept.values + count, flags=product(use.shapes[1]))  # what is ignored

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])  # the gradient of the logarithms


@deferred_dataclass
class _OfProbabilities(CrossEntropy):
    """Cross entropy with a target of probabilities."""

    def infer(self, *inputs: Shape) -> Shape:
        output, target = inputs
        rank_between(self, output, 2, 5, "[N, classes, ...]")
        if len(target) == len(output) - 1:
            wanted = show(self.target_shape(output))
            message = f"`{self.name}` of {show(output)} needs class numbers {wanted}, which are integers"
            help = "say that they are: `target …: […] int64`; probabilities have the shape of the output"
            raise ShapeError(message, code="wrong-dtype", help=help, culprits=(1,))
        self._refuse_unlike(output, target, output, 1)
        if self.ignore_index >= 0:
            help = "leave it out: a target of probabilities has no class number to ignore"
            raise ShapeError("`ignore_index` needs a target of class numbers", code="bad-parameter", help=help)
        return super().infer(output, self.target_shape(output))

    def keeps(self, use: Use) -> Kept:
        elements = product(use.shapes[0])  # the logarithms of softmax, and the target where it is mixed anew
        mixed = self.label_smoothing > 0
        values = len(self.weight or ()) + elements + (elements if mixed else 0)
        return Kept(() if mixed else (1,), values=values)

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])  # the product with the target


@deferred_dataclass
class NllLoss(ClassLoss, group="loss"):
    """Negative log-likelihood of the target classes; the output holds log-probabilities."""

    weight: tuple[float, ...] | None = param(Numbers(0), WEIGHTS_OF_CLASSES, None, kw_only=True)
    ignore_index: int = param(Integer(IGNORED), "a class number that does not count", -100, kw_only=True)
    reduction: str = reduction()
    saves = ("input", "other")
    examples = (
        Example("nll_loss", ((4, 10), (4,)), ()),
        Example("nll_loss(reduction = sum, weight = [1, 2])", ((4, 2), (4,)), ()),
    )


@deferred_dataclass
class CtcLoss(Loss, group="loss"):
    """Connectionist temporal classification: log-probabilities [T, N, classes] of a sequence, against targets [N, S] of
    which the first `target_lengths` [N] count, after `input_lengths` [N] steps of the sequence."""

    blank: int = param(Integer(), "the class that stands for nothing", 0)
    zero_infinity: bool = param(Boolean(), "whether targets that are longer than their input count as 0", False)
    reduction: str = reduction()
    inputs = ("log_probs", "targets", "input_lengths", "target_lengths")
    takes = ("floating", "integers")
    undifferentiated = (1, 2, 3)
    examples = (Example("ctc_loss", ((12, 2, 5), (2, 3), (2,), (2,)), ()),)

    def infer(self, *inputs: Shape) -> Shape:
        output, targets, *lengths = inputs
        rank_between(self, output, 3, 3, "[T, N, classes]")
        if len(targets) != 2 or not same(targets[0], output[1]):
            message = f"`ctc_loss` of {show(output)} needs targets of [{output[1]}, S], found {show(targets)}"
            raise ShapeError(message, culprits=(0, 1))
        for position, length in enumerate(lengths, 2):
            if len(length) != 1 or not same(length[0], output[1]):
                message = f"the lengths of `ctc_loss` are [{output[1]}], one for each sequence, found {show(length)}"
                raise ShapeError(message, culprits=(0, position))
        if not isinstance(output[2], Dim) and self.blank >= output[2]:
            raise ShapeError(f"`blank` = {self.blank} is none of {output[2]} classes", code="bad-parameter")
        return self.reduced((output[1],))

    def keeps(self, use: Use) -> Kept:
        (steps, batch, _), (_, length), *_ = use.shapes
        paths = batch * steps * (2 * length + 1)
        values = paths + batch + (batch if self.reduction == "mean" else 0)
        return Kept((0, 1), values=values, flags=batch if self.zero_infinity else 0)


# --- values


class ValueLoss(Loss):
    """A loss that compares values, each with that at its own place."""


@deferred_dataclass
class KlDiv(ValueLoss, group="loss"):
    """Kullback-Leibler divergence of a distribution from the target; the output holds log-probabilities.

    `batchmean`, the sum divided by the batch, is what mathematics calls by the name; `mean` divides by all elements.
    """

    log_target: bool = param(Boolean(), "whether the target holds log-probabilities too", False)
    reduction: str = reduction("batchmean")
    examples = (
        Example("kl_div(reduction = batchmean)", ((4, 3), (4, 3)), ()),
        Example("kl_div(log_target = true)", ((4, 3), (4, 3)), ()),
    )

    saves = ("crosswise",)

    def keeps(self, use: Use) -> Kept:
        if not self.log_target:
            return super().keeps(use)
        elements = product(use.shapes[0])  # the target's exponentials, and the differences
        return Kept(values=elements * (2 if use.wanted[1] else 1))

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 3 * product(inputs[0])  # the target with its own logarithm, and with the output, and their difference

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.losses.kl_div", self.params, kind="function")

    def idiom(self, *inputs: Shape) -> str:
        chosen = [p.name for p in parameters(type(self)) if getattr(self, p.name) != p.default]
        return f"F.kl_div({', '.join(['{0}', '{1}', *(f'{name}={{{name}}}' for name in chosen)])})"


class BinaryLoss(ValueLoss):
    """A loss of targets between 0 and 1, element by element."""

    weighted: ClassVar[tuple[str, ...]] = ("weight",)

    def infer(self, *inputs: Shape) -> Shape:
        self._check_weights(inputs[0][-1] if inputs[0] else 1, "values in the last dimension")
        return super().infer(*inputs)


@deferred_dataclass
class BinaryCrossEntropy(BinaryLoss, group="loss"):
    """Binary cross entropy of probabilities with targets between 0 and 1."""

    weight: tuple[float, ...] | None = param(
        Numbers(), "how much each place of the last dimension counts", None, kw_only=True
    )
    reduction: str = reduction()
    examples = (Example("binary_cross_entropy(reduction = sum)", ((4, 3), (4, 3)), ()),)


@deferred_dataclass
class BinaryCrossEntropyWithLogits(BinaryLoss, group="loss"):
    """Binary cross entropy of logits with targets between 0 and 1."""

    weight: tuple[float, ...] | None = param(
        Numbers(), "how much each place of the last dimension counts", None, kw_only=True
    )
    pos_weight: tuple[float, ...] | None = param(
        Numbers(0), "how much a 1 counts, at each place of the last dimension", None, kw_only=True
    )
    reduction: str = reduction()
    weighted = ("weight", "pos_weight")
    examples = (
        Example("binary_cross_entropy_with_logits", ((4, 3), (4, 3)), ()),
        Example("binary_cross_entropy_with_logits(pos_weight = [2, 3, 1])", ((4, 3), (4, 3)), ()),
    )

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])  # the probabilities


@deferred_dataclass
class MseLoss(ValueLoss, group="loss"):
    """Mean squared error."""

    reduction: str = reduction()
    examples = (Example("mse_loss", ((4, 3), (4, 3)), ()),)


@deferred_dataclass
class L1Loss(ValueLoss, group="loss"):
    """Mean absolute error."""

    reduction: str = reduction()
    saves = ()
    examples = (Example("l1_loss", ((4, 3), (4, 3)), ()),)

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])  # the difference

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * product(inputs[0])

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * product(inputs[0])  # its sign, and the gradient of its size


@deferred_dataclass
class SmoothL1Loss(ValueLoss, group="loss"):
    """Squared below beta, absolute above."""

    beta: float = param(Number(0), "where the square ends", 1.0)
    reduction: str = reduction()
    examples = (Example("smooth_l1_loss(beta = 0.5)", ((4, 3), (4, 3)), ()),)


@deferred_dataclass
class HuberLoss(ValueLoss, group="loss"):
    """Squared below delta, absolute above, with the slope of the square there."""

    delta: float = param(Number(0, above=True), "where the square ends", 1.0)
    reduction: str = reduction()
    examples = (Example("huber_loss(delta = 0.5)", ((4, 3), (4, 3)), ()),)


# --- distances


@deferred_dataclass
class TripletMarginLoss(Loss, group="loss"):
    """How much nearer the anchor [N, D] is to the negative than to the positive, plus a margin."""

    margin: float = param(Number(), "how much farther the negative has to be", 1.0)
    p: float = param(Number(0), "the norm of distances", 2.0, kw_only=True)
    eps: float = param(Number(), "added to differences", 1e-6, kw_only=True)
    swap: bool = param(
        Boolean(), "whether the positive's distance to the negative counts where smaller", False, kw_only=True
    )
    reduction: str = reduction()
    inputs = ("anchor", "positive", "negative")
    saves = ()
    examples = (Example("triplet_margin_loss", ((4, 3), (4, 3), (4, 3)), ()),)

    def infer(self, *inputs: Shape) -> Shape:
        rank_between(self, inputs[0], 2, 2, "[N, D]")
        super().infer(*inputs)
        return self.reduced(inputs[0][:1])

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        distances = 3 if self.swap else 2  # each: differences, and their norms
        return distances * (product(inputs[0]) + inputs[0][0]) + inputs[0][0]

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])


@deferred_dataclass
class CosineEmbeddingLoss(Loss, group="loss"):
    """How far the directions of two vectors [N, D] are from alike, where the target [N] is 1, and from unlike where it
    is -1."""

    margin: float = param(Number(-1, 1), "up to which cosine vectors are unlike", 0.0)
    reduction: str = reduction()
    inputs = ("input1", "input2", "target")
    takes = ("floating", "floating", "numbers")
    undifferentiated = (2,)
    examples = (Example("cosine_embedding_loss", ((4, 3), (4, 3), (4,)), ()),)

    def infer(self, *inputs: Shape) -> Shape:
        first, second, target = inputs
        rank_between(self, first, 2, 2, "[N, D]")
        self._refuse_unlike(first, second, first, 1)
        self._refuse_unlike(first, target, first[:1], 2)
        return self.reduced(first[:1])

    @classmethod
    def target_shape(cls, input: Shape) -> Shape:
        return input[:1]

    def keeps(self, use: Use) -> Kept:
        batch = use.shapes[0][0]  # products, norms and cosines; which vectors are alike, and which are not
        return Kept((0, 1), values=batch * (3 + sum(use.wanted[:2])), flags=2 * batch)

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])  # products

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return product(inputs[0])  # gradients of products, before they are added up

"""Caffe's losses as those of the language, with the factors by which they differ.

Caffe divides by the number of samples where torch divides by that of all values, and its squared distance is halved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from archdsl.dims import Shape
from archdsl.importing.caffe import CaffeLayer


@dataclass(frozen=True)
class LossTerm:
    """A term of a loss: how often it counts, which loss of which output, its arguments, and what the output is
    compared with: the name of a target with its sizes and type, or another output."""

    factor: float
    loss: str
    output: str
    arguments: tuple[str, ...]
    target: str
    sizes: Shape
    dtype: str

    def text(self, named: bool) -> str:
        """As it is written; `named` says the target, which otherwise goes without saying."""
        call = f"{self.loss}({', '.join([self.output, *([self.target] if named else []), *self.arguments])})"
        return call if self.factor == 1 else f"{self.factor:.9g} * {call}"


Loss = Callable[[CaffeLayer, Shape], tuple[float, str, tuple[str, ...], str] | None]


def cross_entropy(layer: CaffeLayer, scores: Shape) -> tuple[float, str, tuple[str, ...], str] | None:
    """The mean over all samples and positions that count."""
    param = layer.message.message("loss_param")
    ignored = param.all("ignore_label")
    plain = param.flag("normalize", True) and param.text("normalization", "VALID") in ("VALID", "FULL")
    plain = plain and (not ignored or param.text("normalization", "VALID") == "VALID")
    if layer.message.message("softmax_param").integer("axis", 1) != 1 or not (plain or len(scores) == 2):
        return None
    arguments = (f"ignore_index = {param.integer('ignore_label', 0)}",) if ignored else ()
    return 1, "cross_entropy", arguments, "int64"


def per_sample(loss: str, factor: float) -> Loss:
    """A mean over all values, that is over the samples only in Caffe."""

    def how(layer: CaffeLayer, values: Shape) -> tuple[float, str, tuple[str, ...], str] | None:
        rest = [size for size in values[1:] if isinstance(size, int)]
        param = layer.message.message("loss_param")
        if len(rest) < len(values) - 1 or param.all("ignore_label") or param.all("normalization"):
            return None
        return factor * math.prod(rest), loss, (), "float32"

    return how


LOSSES: Final[Mapping[str, Loss]] = {
    "SoftmaxWithLoss": cross_entropy,
    "SigmoidCrossEntropyLoss": per_sample("binary_cross_entropy_with_logits", 1),
    "EuclideanLoss": per_sample("mse_loss", 0.5),
}
OTHERS: Final = ("HingeLoss", "InfogainLoss", "ContrastiveLoss", "MultinomialLogisticLoss")


def term(layer: CaffeLayer, output: str, shape: Shape, target: str) -> LossTerm | None:
    """The term of the loss that a layer adds; None where the language has no such loss, or it counts nothing."""
    found = LOSSES[layer.kind](layer, shape) if layer.kind in LOSSES else None
    weights = layer.message.numbers("loss_weight")
    weight = float(weights[0]) if weights else 1.0
    if found is None or weight == 0:
        return None
    factor, loss, arguments, dtype = found
    sizes = (shape[0], *shape[2:]) if dtype == "int64" else shape
    return LossTerm(weight * factor, loss, output, arguments, target, sizes, dtype)


def endings(terms: list[LossTerm], outputs: list[str]) -> list[str]:
    """The statements that say what is compared with, and the loss."""
    if not terms:
        return []
    targets = {one.target: one for one in terms if one.target not in outputs}
    implicit = len(targets) == 1 and all(one.loss == "cross_entropy" for one in terms)
    lines = [] if implicit else [
        f"target {name}: [{', '.join(map(str, one.sizes))}]{' int64' if one.dtype == 'int64' else ''}"
        for name, one in targets.items()
    ]  # fmt: skip
    return [*lines, "loss " + " + ".join(one.text(named=not implicit) for one in terms)]

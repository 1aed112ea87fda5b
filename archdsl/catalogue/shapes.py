"""Diagnostics of shapes."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "shape-mismatch": Entry("shapes do not fit together", "torch would refuse it in the middle of a forward pass."),
    "shape-pattern": Entry("a tensor does not have the annotated shape", "The annotation demands it."),
    "wrong-rank": Entry("a tensor has the wrong number of dimensions", "The operator needs another form of input."),
    "kernel-too-large": Entry("the kernel is larger than its input", "The output would be empty."),
    "empty-output": Entry("the output would be empty", "A size of 0 or less holds nothing."),
    "groups": Entry("channels do not divide into groups", "Each group needs as many channels as the others."),
    "single-value-norm": Entry("normalisation over one value", "Its variance is always 0."),
    "undecided": Entry("the answer depends on a symbol without a value", "Shapes are exact: nothing is guessed."),
    "too-large": Entry("a tensor is too large", "It has more than 2^48 elements."),
}

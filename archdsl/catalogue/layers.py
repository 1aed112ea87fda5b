"""Diagnostics of layers and what a network is made of."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "duplicate-path": Entry("two layers have one path", "They would share a `state_dict` key."),
    "shared-mismatch": Entry(
        "a shared module is used on inputs it does not fit", "Its weights have one shape for all of its uses."
    ),
    "outputs": Entry("the outputs are not clear", "A network has a last expression, or `output` statements."),
    "train-only": Entry(
        "what exists in training only is needed in inference", "The inference graph would have no value there."
    ),
    "loss": Entry("the loss is not an expression over the outputs", "It is computed from what the model returns."),
}

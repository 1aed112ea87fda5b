"""Where a layer runs that bears no device mark: decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def unmarked(inputs: Iterable[str | None], declared: Sequence[str]) -> str | None:
    """The logical device of a layer without a mark: that of the first of its inputs that is on one, else the first
    declared; none where the network declares none.

    `inputs` are the devices of what it reads: None for the network's own inputs, which are where the caller has them.
    """
    if not declared:
        return None
    return next((device for device in inputs if device is not None), declared[0])

"""What a device does in a pipeline, one action after another."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

# Forward; backward as a whole, or its parts: the gradients of inputs, and those of weights.
ActionKind: TypeAlias = Literal["F", "B", "I", "W"]


class PipelineAction(NamedTuple):
    """What a stage does with a micro-batch; `str` writes it as torch does: `0F3`."""

    stage: int
    kind: ActionKind
    micro_batch: int

    def __str__(self) -> str:
        return f"{self.stage}{self.kind}{self.micro_batch}"


class OverlappedPair(NamedTuple):
    """Forward of one micro-batch and backward of another, which a device may compute side by side.

    torch computes one after the other, unless it is given a function of its own for both; what they send to other
    devices leaves when both are done. `str` writes it as torch does.
    """

    forward: PipelineAction
    backward: PipelineAction

    def __str__(self) -> str:
        return f"({self.forward};{self.backward})OVERLAP_F_B"


ActionRow: TypeAlias = tuple[PipelineAction | OverlappedPair, ...]


def single(row: Sequence[PipelineAction | OverlappedPair]) -> Iterator[PipelineAction]:
    """The actions of a device one by one, those of pairs too."""
    for entry in row:
        if isinstance(entry, OverlappedPair):
            yield from entry
        else:
            yield entry


def in_flight(rows: Sequence[ActionRow]) -> list[int]:
    """By stage, of how many micro-batches at once it holds what backward needs; its own list alone tells it."""
    held: dict[int, int] = {}
    most: dict[int, int] = {}
    for row in rows:
        for stage, kind, _ in single(row):
            if kind != "I":
                held[stage] = held.get(stage, 0) + (1 if kind == "F" else -1)
                most[stage] = max(most.get(stage, 0), held[stage])
    return [most[stage] for stage in sorted(most)]


def unsplit(rows: Sequence[ActionRow], stages: Container[int]) -> tuple[ActionRow, ...]:
    """The same lists with backward as a whole for some stages, where the gradients of inputs were computed."""

    def whole(action: PipelineAction) -> PipelineAction:
        return action._replace(kind="B") if action.kind == "I" and action.stage in stages else action

    def entries(row: ActionRow) -> Iterator[PipelineAction | OverlappedPair]:
        for entry in row:
            if isinstance(entry, OverlappedPair):
                yield OverlappedPair(entry.forward, whole(entry.backward))
            elif entry.kind != "W" or entry.stage not in stages:
                yield whole(entry)

    return tuple(tuple(entries(row)) for row in rows)


def forward_only(rows: Sequence[ActionRow]) -> tuple[ActionRow, ...]:
    """The same lists without backward, as they are run to evaluate."""
    return tuple(tuple(action for action in single(row) if action.kind == "F") for row in rows)

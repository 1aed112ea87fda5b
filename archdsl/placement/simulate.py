"""Lists of actions in time: when each runs, how long devices wait, and what they hold meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archdsl.placement.schedule import ActionKind, ActionRow, PipelineAction


class ActionSpan(NamedTuple):
    """An action on a device, in seconds from the start."""

    device: int
    action: PipelineAction
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class StageCost:
    """Seconds of a stage for a micro-batch, and what its tensors take to the next stage and back.

    `weights` are the seconds of the gradients of weights, a part of `backward`.
    """

    forward: float
    backward: float
    send: float = 0.0
    send_back: float = 0.0
    weights: float | None = None
    kept: int = 0  # bytes for each micro-batch in flight

    def seconds(self, kind: ActionKind) -> float:
        own = self.backward / 2 if self.weights is None else self.weights
        return {"F": self.forward, "B": self.backward, "I": self.backward - own, "W": own}[kind]


@dataclass(frozen=True)
class Run:
    """A schedule in time."""

    spans: tuple[ActionSpan, ...]
    devices: int

    @property
    def seconds(self) -> float:
        return max((span.end for span in self.spans), default=0.0)

    @property
    def bubble(self) -> float:
        """The share of all devices' time in which they do nothing."""
        whole = self.seconds * self.devices
        return 1 - sum(span.end - span.start for span in self.spans) / whole if whole else 0.0

    def memory(self, costs: Sequence[StageCost]) -> list[list[tuple[float, int]]]:
        """By device, the bytes held for micro-batches in flight, from each moment in which they change."""
        events: list[list[tuple[float, int]]] = [[] for _ in range(self.devices)]
        for device, action, start, end in self.spans:
            if action.kind == "F":
                events[device].append((start, costs[action.stage].kept))
            elif action.kind in ("B", "W"):
                events[device].append((end, -costs[action.stage].kept))
        found: list[list[tuple[float, int]]] = []
        for changes in events:
            held, line = 0, []
            for moment, change in sorted(changes):  # what ends in a moment ends before what begins in it
                held += change
                line.append((moment, held))
            found.append(line)
        return found

    def most_in_flight(self, stage: int) -> int:
        """Of how many micro-batches at once a stage holds what backward needs."""
        unit = [StageCost(0, 0, kept=int(s == stage)) for s in range(1 + max(span.action.stage for span in self.spans))]
        return max((held for line in self.memory(unit) for _, held in line), default=0)


def simulate(rows: Sequence[ActionRow], costs: Sequence[StageCost]) -> Run:
    """Run the lists of the devices, each action as soon as it can.

    A tensor is on its way from the end of what made it; each link carries one at a time in each direction, while
    devices compute on. Raises `ValueError` where the lists wait for one another for ever.
    """
    owner = {action.stage: device for device, row in enumerate(rows) for action in row}
    last = len(costs) - 1
    arrived: dict[PipelineAction, float] = {}  # where the next or the previous stage can use it
    done: dict[PipelineAction, float] = {}
    free = [0.0] * len(rows)
    links: dict[tuple[int, int], float] = {}
    at = [0] * len(rows)
    spans: list[ActionSpan] = []

    def needs(action: PipelineAction) -> list[float | None]:
        s, kind, m = action
        if kind == "F":
            return [] if s == 0 else [arrived.get(PipelineAction(s - 1, "F", m))]
        if kind == "W":
            return [done.get(PipelineAction(s, "I", m))]
        own = done.get(PipelineAction(s, "F", m))
        return [own] if s == last else [own, arrived.get(PipelineAction(s + 1, "I", m))]

    def send(action: PipelineAction, end: float) -> None:
        s, kind, _ = action
        to = s + 1 if kind == "F" else s - 1
        if not 0 <= to <= last:
            return
        seconds = (costs[s].send if kind == "F" else costs[to].send_back) if owner[to] != owner[s] else 0.0
        begin = max(end, links.get((s, to), 0.0)) if seconds else end
        links[s, to] = arrived[action] = begin + seconds

    moved = True
    while moved:
        moved = False
        for device, row in enumerate(rows):
            while at[device] < len(row):
                action = row[at[device]]
                needed = needs(action)
                if None in needed:
                    break
                start = max([free[device], *(moment for moment in needed if moment is not None)])
                end = start + costs[action.stage].seconds(action.kind)
                free[device] = end
                spans.append(ActionSpan(device, action, start, end))
                known = PipelineAction(action.stage, "I", action.micro_batch) if action.kind == "B" else action
                done[known] = end
                if action.kind != "W":
                    send(known, end)
                at[device] += 1
                moved = True
    stuck = [str(row[i]) for row, i in zip(rows, at, strict=True) if i < len(row)]
    if stuck:
        raise ValueError(f"these wait for one another for ever: {', '.join(stuck)}")
    return Run(tuple(sorted(spans, key=lambda span: (span.start, span.end, span.device))), len(rows))

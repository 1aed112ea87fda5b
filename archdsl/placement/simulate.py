"""Lists of actions in time: when each runs, how long devices wait, and what they hold meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from archdsl.placement.actions import ActionKind, ActionRow, OverlappedPair, PipelineAction, single


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


def simulate(rows: Sequence[ActionRow], costs: Sequence[StageCost]) -> Run:
    """Run the lists of the devices, each action as soon as it can.

    A tensor is on its way from the end of what made it, or of the pair that this is part of; each link carries one at a
    time in each direction, while devices compute on. Both of a pair are computed one after the other, as torch does.
    Raises `ValueError` where the lists wait for one another for ever.
    """
    return _Simulation(rows, costs).run()


class _Simulation:
    def __init__(self, rows: Sequence[ActionRow], costs: Sequence[StageCost]) -> None:
        self.rows, self.costs = rows, costs
        self.owner = {action.stage: device for device, row in enumerate(rows) for action in single(row)}
        self.last = len(costs) - 1
        self.arrived: dict[PipelineAction, float] = {}  # where the next or the previous stage can use it
        self.done: dict[PipelineAction, float] = {}
        self.free = [0.0] * len(rows)
        self.links: dict[tuple[int, int], float] = {}  # until when each carries something, by stages
        self.spans: list[ActionSpan] = []

    def run(self) -> Run:
        todo = [list(_parts(row)) for row in self.rows]
        at = [0] * len(todo)
        moved = True
        while moved:
            moved = False
            for device, parts in enumerate(todo):
                while at[device] < len(parts) and self._ran(device, *parts[at[device]]):
                    at[device] += 1
                    moved = True
        stuck = [str(parts[i][0]) for parts, i in zip(todo, at, strict=True) if i < len(parts)]
        if stuck:
            raise ValueError(f"these wait for one another for ever: {', '.join(stuck)}")
        return Run(tuple(sorted(self.spans, key=lambda span: (span.start, span.end, span.device))), len(self.rows))

    def _ran(self, device: int, action: PipelineAction, leaving: Sequence[PipelineAction]) -> bool:
        """Run an action if it can, and send to other devices what leaves then."""
        needed = self._needs(action)
        if None in needed:
            return False
        start = max([self.free[device], *(moment for moment in needed if moment is not None)])
        end = start + self.costs[action.stage].seconds(action.kind)
        self.free[device] = end
        self.spans.append(ActionSpan(device, action, start, end))
        self.done[_gradients(action)] = end
        for each in (action, *leaving):
            self._send(_gradients(each), end, abroad=each in leaving)
        return True

    def _needs(self, action: PipelineAction) -> list[float | None]:
        s, kind, m = action
        if kind == "F":
            return [] if s == 0 else [self.arrived.get(PipelineAction(s - 1, "F", m))]
        if kind == "W":
            return [self.done.get(PipelineAction(s, "I", m))]
        own = self.done.get(PipelineAction(s, "F", m))
        return [own] if s == self.last else [own, self.arrived.get(PipelineAction(s + 1, "I", m))]

    def _send(self, action: PipelineAction, end: float, abroad: bool) -> None:
        """What an action made goes to the next stage, or back: at once on its device, abroad over the link."""
        s, kind, _ = action
        to = s + 1 if kind == "F" else s - 1
        if kind == "W" or not 0 <= to <= self.last or action in self.arrived:
            return
        if self.owner[to] == self.owner[s]:
            self.arrived[action] = end
        elif abroad:
            seconds = self.costs[s].send if kind == "F" else self.costs[to].send_back
            begin = max(end, self.links.get((s, to), 0.0)) if seconds else end
            self.links[s, to] = self.arrived[action] = begin + seconds


def _parts(row: ActionRow) -> Iterator[tuple[PipelineAction, tuple[PipelineAction, ...]]]:
    """Each action of a list, and those whose results leave the device after it: of a pair both, at its end."""
    for entry in row:
        if isinstance(entry, OverlappedPair):
            yield entry.forward, ()
            yield entry.backward, (entry.forward, entry.backward)
        else:
            yield entry, (entry,)


def _gradients(action: PipelineAction) -> PipelineAction:
    """As what is waited for: a whole backward gives the gradients of inputs too."""
    return PipelineAction(action.stage, "I", action.micro_batch) if action.kind == "B" else action

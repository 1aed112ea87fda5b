"""Several stages on each device: cuts of a few orders of the layers, chosen so that the largest stage is least.

The owners of the stages are those of a schedule. The best split is not searched for: of all cuts of an order of the
layers, a dynamic programme finds those whose largest stage takes least, with what it receives and sends. What devices
hold limits their stages together; where those cuts hold more, single ones are moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Final

from archdsl.placement.bounds import Planner
from archdsl.placement.devices import Device
from archdsl.placement.stages import PlacedStage

SHARES: Final = (1.0, 0.75, 0.6)  # of a device's memory that one of its stages may fill, tried in turn
GUESS: Final = 1.3  # of the work shared out evenly: the largest stage is looked for below it first
MOVES: Final = (-1, 1, -4, 4)  # of a cut, in the order of the layers


class LayerOrder:
    """One order of the layers, and devices in turn: cuts are numbers of the places that stages may end at."""

    def __init__(
        self,
        planner: Planner,
        order: Sequence[int],
        devices: Sequence[Device],
        owners: Sequence[int],
        in_flight: Sequence[int],
        micro_batches: int,
    ) -> None:
        """owners: of each stage, the number of its device. in_flight: of how many micro-batches it holds what backward
        needs."""
        self.holding, self.owners, self.in_flight = planner.holding, owners, in_flight
        self.micro_batches, self.devices = micro_batches, devices
        ends, problem, profiles = planner.ends, planner.problem, planner.cluster.profiles
        self.ideals, self.crossing, ideal, crossing = [0], [0.0], 0, sum(ends.seconds[number] for number in ends.inputs)
        self.seconds = [[0.0] for _ in profiles]
        done = [0.0] * len(profiles)
        for node in order:
            ideal |= 1 << node
            crossing += ends.change(ideal, node)
            done = [spent + times.both(node) for spent, times in zip(done, problem.times, strict=True)]
            layers_left = ideal.bit_count() < problem.layers  # the last stage has a layer, and not the loss alone
            if ends.whole(ideal) and (layers_left or ideal == ends.all):
                self.ideals.append(ideal)
                self.crossing.append(crossing)
                for row, spent in zip(self.seconds, done, strict=True):
                    row.append(spent)
        # Where not all stages can be sure to fit, those are held against the memory of their devices.
        crossing_bytes = int(max(self.crossing) * planner.cluster.link.bandwidth) + 1
        most = planner.holding.most(max(in_flight), micro_batches, crossing_bytes)
        self.limited = any(device.memory is not None and device.memory < most for device in devices)
        self.rows = [planner.cluster.row(devices[owner]) for owner in owners]
        # Whether a stage gets what it reads from another device; after the last there is none.
        self.receives = [False, *(one != other for one, other in pairwise(owners)), False]

    def parts(self, ends: Sequence[int]) -> tuple[PlacedStage, ...]:
        return tuple(
            PlacedStage(self.devices[owner], row, self.ideals[start], self.ideals[end])
            for owner, row, start, end in zip(self.owners, self.rows, (0, *ends), ends, strict=False)
        )

    def best(self) -> list[int] | None:
        """The cuts whose largest stage is least; where the devices lack memory for those, others that fit, if any are
        found."""
        for share in (*SHARES, 1 / max(self.owners.count(owner) for owner in self.owners)):
            found = self._cut(share)
            if found is None:
                return None
            lacking = self.lacking(found)
            while lacking:
                other = min(self.moved(found), key=self.lacking, default=found)
                if self.lacking(other) >= lacking:
                    break
                found, lacking = other, self.lacking(other)
            if not lacking:
                return found
        return None

    def moved(self, ends: list[int]) -> Iterator[list[int]]:
        """The same cuts but for one, which is moved a little."""
        for number, by in product(range(len(ends) - 1), MOVES):
            tried = [*ends[:number], ends[number] + by, *ends[number + 1 :]]
            if all(start < end for start, end in pairwise((0, *tried))):
                yield tried

    def lacking(self, ends: Sequence[int]) -> int:
        """By how many bytes the memory of the devices is too small, all together."""
        held = [0] * len(self.devices)
        for s, (start, end) in enumerate(pairwise((0, *ends))):
            held[self.owners[s]] += self._bytes(s, start, end)
        memories = [device.memory for device in self.devices]
        return sum(max(own - has, 0) for own, has in zip(held, memories, strict=True) if has is not None)

    def _bytes(self, stage: int, start: int, end: int) -> int:
        return self.holding.stage(self.ideals[start], self.ideals[end], self.in_flight[stage], self.micro_batches)

    def _cut(self, share: float) -> list[int] | None:
        """The cuts whose largest stage is least, where each stage fills at most a share of its device: those below a
        guess, which grows until there are any."""
        below = GUESS / sum(1 / max(self.seconds[row][-1], 1e-12) for row in self.rows)
        most = max(row[-1] for row in self.seconds) + 2 * max(self.crossing) + 1e-9
        while True:
            found = self._cut_below(min(below, most), share)
            if found is not None or below >= most:
                return found
            below *= GUESS

    def _cut_below(self, below: float, share: float) -> list[int] | None:
        count = len(self.ideals)
        value = [0.0] + [below] * (count - 1)
        chosen: list[list[int]] = []
        for stage in range(len(self.owners)):
            value, from_ = self._stage(stage, value, below, share)
            chosen.append(from_)
        if value[-1] >= below:
            return None
        ends = [count - 1]
        for from_ in reversed(chosen[1:]):
            ends.append(from_[ends[-1]])
        return ends[::-1]

    def _stage(self, stage: int, before: list[float], below: float, share: float) -> tuple[list[float], list[int]]:
        """By its end, the largest stage up to this one, and where this one begins; `below` where there is none."""
        seconds, last = self.seconds[self.rows[stage]], len(self.owners) - 1
        memory = self.devices[self.owners[stage]].memory if self.limited else None
        value, from_ = [below] * len(before), [0] * len(before)
        reached = max((at for at, least in enumerate(before) if least < below), default=0)
        # When the stage begins, less what it receives, and when it ends, with what it sends
        since, until = list(seconds), list(seconds)
        if self.receives[stage]:
            since = [done - received for done, received in zip(seconds, self.crossing, strict=True)]
        if self.receives[stage + 1]:
            until = [done + sent for done, sent in zip(seconds, self.crossing, strict=True)]
        for end in range(stage + 1, len(before) - (last - stage)):
            if seconds[end] - seconds[reached] >= below:
                break
            least, chosen, done, ended = below, 0, seconds[end], until[end]
            for start in range(min(end - 1, reached), stage - 1, -1):
                if done - seconds[start] >= least:
                    break
                if before[start] >= least:
                    continue
                load = max(before[start], ended - since[start])
                if load < least and (memory is None or self._bytes(stage, start, end) <= memory * share):
                    least, chosen = load, start
            value[end], from_[end] = least, chosen
        return value, from_

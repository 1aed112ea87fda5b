"""How far a number of devices could come in stages below a bound, whether one ideal is inside the next or not.

No real split comes further, so that what cannot be reached so needs no look.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from archdsl.placement.ideals import Family


class Reach:
    """Of a family, for devices of several kinds. Progress is in seconds of the first profile."""

    def __init__(self, family: Family, profile: Sequence[int]) -> None:
        first, crossing, order = family.seconds[0], family.crossing, family.order[0]
        self.profile = profile
        self.done = family.ascending[0]
        # By profile: the latest beginning of a stage up to some progress, less what it receives.
        self.since = [list(accumulate((row[i] - crossing[i] for i in order), max)) for row in family.seconds]
        ends = [sorted((row[i] + crossing[i], first[i]) for i in order) for row in family.seconds]
        self.until = [[until for until, _ in pairs] for pairs in ends]
        self.progress = [list(accumulate((done for _, done in pairs), max)) for pairs in ends]
        self.below = 0.0
        self.known: dict[tuple[int, ...], tuple[float, dict[int, float]]] = {}

    def of(self, devices: tuple[int, ...], below: float) -> tuple[float, dict[int, float]]:
        """The progress of so many devices of each kind; and by profile, before which moment the last of them ends its
        stage, counted from the beginning, with what it sends."""
        if below != self.below:
            self.below, self.known = below, {}
        found = self.known.get(devices)
        if found is None:
            found = self.known[devices] = self._of(devices)
        return found

    def _of(self, devices: tuple[int, ...]) -> tuple[float, dict[int, float]]:
        furthest, limits = 0.0, dict[int, float]()
        for kind, count in enumerate(devices):
            if count:
                row = self.profile[kind]
                before, _ = self.of((*devices[:kind], count - 1, *devices[kind + 1 :]), self.below)
                limit = self.since[row][bisect_right(self.done, before) - 1] + self.below
                limits[row] = max(limits.get(row, 0.0), limit)
                ended = bisect_left(self.until[row], limit)
                furthest = max(furthest, before, self.progress[row][ended - 1] if ended else 0.0)
        return furthest, limits

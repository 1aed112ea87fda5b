"""Chains of ideals with no stage over a bound: shown not to exist, or what they are made of.

That there is none is shown in two ways, the quick one first. Backward, by the soonest moment at which a stage can end
so that those after it come to an end in time, whether one ideal is inside the next or not. Then over all cuts that are
left, with what must be inside what: cuts with none before or after them fall, and what is left of each end narrows the
window in which it is looked for more closely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_, or_
from typing import Final

from archdsl.placement.sweep import Cut, Sweep, TooManyCuts

WIDTHS: Final = (0.003, 0.001, 0.0003)  # of the bound: the work by which ideals differ that are one cut
SOON: Final = 0.002  # where a window is looked for
PAIRS: Final = 50_000
MANY: Final = 2000  # cuts, of which more would only be found with finer widths


@dataclass(frozen=True, slots=True)
class _Window:
    """Where a stage may end: so that the next can begin since then, with some nodes in any case, and no others than
    some."""

    since: float
    inside: int
    reached: int


class Chains:
    """Chains of so many stages. `known` are the work of some ideals and what crosses them.

    All raise `TooManyCuts` where more than `most` are to be looked at.
    """

    def __init__(self, sweep: Sweep, known: Sequence[tuple[float, float]], stages: int, most: int) -> None:
        self.sweep, self.known, self.stages, self.most = sweep, known, stages, most

    def impossible(self, below: float) -> bool:
        """Whether it is soon shown that some stage takes more than `below`."""
        return self._starts(below)[0] > 0

    def cuts(self, below: float) -> list[Cut] | None:
        """Cuts that chains are made of in which no stage takes more than `below`; None where there are no chains."""
        first, *starts = self._starts(below)
        if first > 0:
            return None
        windows = [_Window(since, 0, self.sweep.ends.all) for since in starts]
        found: list[list[Cut]] = []
        for width in WIDTHS:
            try:
                layers = self._layers(windows, below, below * width)
            except TooManyCuts:
                if not found:
                    raise
                break
            if layers is None:
                return None
            before, after = (sum(map(len, own)) for own in (found, layers))
            windows, found = _narrowed(windows, layers, below), layers
            if after > MANY and before and after > before * 0.8:
                break
        return [cut for layer in found for cut in layer]

    def _starts(self, below: float) -> list[float]:
        """From the first stage to the last, the moment since when it must begin at least; what is not over 0 is soon
        enough for it to be the first."""
        found, needed, width = list[float](), self.sweep.whole, below * SOON
        for _ in range(self.stages - 1):
            since = needed - below
            found.append(since)
            needed = 0.0
            if since > 0:
                soonest = min(work + crossing for work, crossing in self.known if work - crossing >= since) - width
                cuts = self.sweep.between(since, soonest, width, self.most)
                needed = min([soonest, *(cut.until for cut in cuts)])
        return [needed - below, *reversed(found)]

    def _layers(self, windows: Sequence[_Window], below: float, width: float) -> list[list[Cut]] | None:
        """By end, the cuts that have one before and one after them."""
        start = Cut(0.0, 0.0, 0.0, 0, 0, 0)
        layers, before = list[list[Cut]](), [start]
        for window in windows:
            until = max(cut.since for cut in before) + below
            inside = window.inside | reduce(and_, (cut.inside for cut in before))
            cuts = self.sweep.between(window.since, until, width, self.most, inside, window.reached)
            if len(cuts) * len(before) > PAIRS * MANY:
                raise TooManyCuts
            cuts = [cut for cut in cuts if any(_follows(one, cut, below) for one in before)]
            before = [start, *cuts] if window.since <= 0 else cuts
            if not before:
                return None
            layers.append(cuts)
        for at in reversed(range(len(layers) - 1)):
            layers[at] = [cut for cut in layers[at] if any(_follows(cut, one, below) for one in layers[at + 1])]
        return layers


def _follows(one: Cut, other: Cut, below: float) -> bool:
    return other.until <= one.since + below and not one.inside & ~other.reached


def _narrowed(windows: Sequence[_Window], layers: Sequence[Sequence[Cut]], below: float) -> list[_Window]:
    """A stage that ends in time for one after it is soon enough."""
    found = [windows[-1]]
    for window, after in zip(reversed(windows[:-1]), reversed(layers[1:]), strict=True):
        soonest = min((cut.until for cut in after), default=0.0) if found[-1].since > 0 else 0.0
        found.append(replace(window, since=max(window.since, soonest - below)))
    return [
        window
        if window.since <= 0
        else replace(
            window,
            inside=reduce(and_, (cut.inside for cut in cuts)),
            reached=reduce(or_, (cut.reached for cut in cuts)),
        )
        for window, cuts in zip(reversed(found), layers, strict=True)
    ]

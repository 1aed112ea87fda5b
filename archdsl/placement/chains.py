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
from math import inf
from operator import and_, or_
from typing import Final

from archdsl.placement.sweep import Cut, Sweep, TooManyCuts

WIDTHS: Final = (0.003, 0.001, 0.0003)  # of the bound: the work by which ideals differ that are one cut
WIDER, WIDEST = 3.0, 9.0  # how many times wider it becomes where the first is too narrow, and at most
SOON: Final = 0.002  # where a window is looked for
MANY: Final = 2000  # cuts of one end, of which more would only be found with finer widths
START: Final = Cut(0.0, 0.0, 0.0, 0, 0, 0)


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
        self.wider = [1.0] * (stages - 1)  # than the first of widths, where that was too narrow for an end

    def impossible(self, below: float) -> bool:
        """Whether it is soon shown that some stage takes more than `below`."""
        return self._starts(below)[0] > 0

    def cuts(self, below: float) -> list[Cut] | None:
        """Cuts that chains are made of in which no stage takes more than `below`; None where there are no chains."""
        first, *starts = self._starts(below)
        if first > 0:
            return None
        windows = [_Window(since, 0, self.sweep.ends.all) for since in starts]
        layers: list[list[Cut]] | None = None
        fewest: list[Cut] | None = None
        for width in WIDTHS:
            found = self._layers(windows, layers, below, below * width)
            if found is None:
                return None
            layers = _with_those_after(found, below)
            windows = _narrowed(windows, layers, below)
            cuts = [cut for layer in (*layers[:-1], _soonest(layers)) for cut in layer]
            fewest = cuts if fewest is None or len(cuts) < len(fewest) else fewest
        return fewest or []

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

    def _layers(
        self, windows: Sequence[_Window], known: Sequence[list[Cut]] | None, below: float, width: float
    ) -> list[list[Cut]] | None:
        """By end, the cuts that have one before them, none wider than `width`; but those that are known already where
        there are many, or would be."""
        before, layers = [START], list[list[Cut]]()
        for number, window in enumerate(windows):
            until = max(cut.since for cut in before) + below
            inside = window.inside | reduce(and_, (cut.inside for cut in before))
            cuts = known[number] if known is not None else []
            while known is None or len(cuts) < MANY:
                wide = width if known is not None else width * self.wider[number]
                try:
                    cuts = self.sweep.between(window.since, until, wide, self.most, inside, window.reached)
                    break
                except TooManyCuts:
                    if known is not None:
                        break
                    if self.wider[number] >= WIDEST:
                        raise
                    self.wider[number] *= WIDER
            cuts = _with_those_before(cuts, before, below)
            before = [START, *cuts] if window.since <= 0 else cuts
            if not before:
                return None
            layers.append(cuts)
        return layers


def _with_those_before(cuts: Sequence[Cut], before: Sequence[Cut], below: float) -> list[Cut]:
    """The cuts that end a stage which takes no more than `below` and begins at one of some others."""
    latest: dict[int, float] = {}
    for cut in before:
        latest[cut.inside] = max(cut.since, latest.get(cut.inside, cut.since))
    ranked = sorted(latest.items(), key=lambda pair: -pair[1])
    seen = reduce(or_, latest)
    start: dict[int, float] = {}  # by what is seen of a cut, the latest at which its stage may begin
    found = []
    for cut in cuts:
        alike = cut.reached & seen
        if alike not in start:
            start[alike] = next((since for inside, since in ranked if not inside & ~alike), -inf)
        if cut.until <= start[alike] + below:
            found.append(cut)
    return found


def _with_those_after(layers: Sequence[list[Cut]], below: float) -> list[list[Cut]]:
    """By end, the cuts at which a stage begins that takes no more than `below`."""
    found = [layers[-1]]
    for cuts in reversed(layers[:-1]):
        soonest: dict[int, float] = {}
        for cut in found[-1]:
            soonest[cut.reached] = min(cut.until, soonest.get(cut.reached, cut.until))
        ranked = sorted(soonest.items(), key=lambda pair: pair[1])
        all_have = reduce(and_, soonest, -1)
        end: dict[int, float] = {}
        kept = []
        for cut in cuts:
            alike = cut.inside & ~all_have
            if alike not in end:
                end[alike] = next((until for reached, until in ranked if not alike & ~reached), inf)
            if end[alike] <= cut.since + below:
                kept.append(cut)
        found.append(kept)
    return found[::-1]


def _soonest(layers: Sequence[list[Cut]]) -> list[Cut]:
    """Of the last cuts, those that end soonest of all that have the same of what others before them have."""
    before = reduce(or_, (cut.ideal for layer in layers[:-1] for cut in layer), 0)
    found: dict[int, Cut] = {}
    for cut in sorted(layers[-1], key=lambda cut: cut.until):
        found.setdefault(cut.ideal & before, cut)
    return [*found.values()]


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

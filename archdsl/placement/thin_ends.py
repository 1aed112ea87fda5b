"""The ideals that little crosses, where there are too many to look at all.

Stages on equal devices that are joined where x seconds cross take 2x less than both did. So of splits whose stages take
less than T, some have no end that T / 2 or more crosses: those ideals are enough to find the best.
"""

from __future__ import annotations

from archdsl.placement.ideals import Boundaries, Family, family_of

MOST_WORK = 4_000_000  # steps of the search times tensors: about a second


def ideals_with_thin_ends(ends: Boundaries, below: float) -> Family | None:
    """All ideals that less than so many seconds cross; None where it takes too long to find them.

    Nodes are decided to be inside or outside, with all before or after them, first those that decide most. What is
    made inside and read outside crosses, whatever is decided later.
    """
    problem, seconds, readers = ends.problem, ends.seconds, ends.readers
    above, under = _closures(ends)
    producers = [0 if t.producer is None else 1 << t.producer for t in problem.tensors]
    each = list(zip(producers, readers, seconds, strict=True))
    work, found, stack = 0, [0, ends.all], [(0, 0)]
    while stack:
        work += len(each)
        if work > MOST_WORK:
            return None
        inside, outside = stack.pop()
        if sum(own for made, read, own in each if made & ~inside == 0 and read & outside) >= below:
            continue
        open_ = ends.all & ~(inside | outside)
        if not open_:
            if inside not in (0, ends.all) and ends.whole(inside):
                found.append(inside)
            continue
        v = max(_bits(open_), key=lambda v: min((above[v] & open_).bit_count(), (under[v] & open_).bit_count()))
        stack += [(inside | above[v], outside), (inside, outside | under[v])]
    return family_of(ends, found)


def _closures(ends: Boundaries) -> tuple[list[int], list[int]]:
    """Of each node as bits, itself with all that comes before it, and with all that comes after it."""
    count = len(ends.before)
    above, under = [1 << v for v in range(count)], [1 << v for v in range(count)]
    for v in range(count):
        for u in ends.problem.before[v]:
            above[v] |= above[u]
    for v in reversed(range(count)):
        for u in ends.problem.before[v]:
            under[u] |= under[v]
    return above, under


def _bits(mask: int) -> list[int]:
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return found

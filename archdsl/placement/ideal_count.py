"""How many ideals a network has, counted without making them: most networks that have too many have far too many."""

from __future__ import annotations

from archdsl.placement.orders import narrowest, still_read
from archdsl.placement.problem import Problem


def countable(problem: Problem, ideals: int, steps: int) -> bool:
    """Whether there are no more ideals than so many, that of no node left out, and no more than so many ways to add a
    node to one.

    Node after node is inside or outside, and ideals are counted together for as long as they are alike in what later
    nodes read. What is outside though all before it is inside may be added.
    """
    before = [sum(1 << u for u in own) for own in problem.before]
    order = narrowest(problem)
    counts = {0: (1, 0)}  # by what is outside and still read: ideals, and ways to add a node to one of them
    for v, needed in zip(order, still_read(problem, order), strict=True):
        grown: dict[int, tuple[int, int]] = {}

        def add(seen: int, number: int, ways: int, grown: dict[int, tuple[int, int]] = grown) -> None:
            known = grown.get(seen, (0, 0))
            grown[seen] = (known[0] + number, known[1] + ways)

        for outside, (number, ways) in counts.items():
            without = (outside | 1 << v) & needed
            if before[v] & outside:
                add(without, number, ways)
            else:
                add(outside & needed, number, ways)
                add(without, number, ways + number)
        counts = grown
        if sum(n for n, _ in counts.values()) > ideals + 1 or sum(w for _, w in counts.values()) > steps:
            return False
    return True

"""Orders of a network's nodes in which each follows what comes before it: where a split may be looked for first."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence

from archdsl.placement.problem import Problem


def orders(problem: Problem) -> list[list[int]]:
    """That of the spec, branch after branch, and all branches abreast."""
    depth = [0] * len(problem.nodes)
    for v, before in enumerate(problem.before):
        depth[v] = 1 + max((depth[u] for u in before), default=-1)
    return [
        list(range(len(problem.nodes))),
        _sorted(problem, lambda v, ready: -ready),  # what was made possible last goes on: one branch to its end
        _sorted(problem, lambda v, ready: depth[v]),
    ]


def narrowest(problem: Problem) -> list[int]:
    """Of these orders, that along which there is least to keep in mind."""
    return min(orders(problem), key=lambda order: sum(1 << nodes.bit_count() for nodes in still_read(problem, order)))


def still_read(problem: Problem, order: Sequence[int]) -> list[int]:
    """After each node of an order, those until then that come right before later ones, as bits."""
    waiting = [0] * len(problem.nodes)
    for before in problem.before:
        for u in before:
            waiting[u] += 1
    found, nodes = list[int](), 0
    for v in order:
        nodes |= 1 << v if waiting[v] else 0
        for u in problem.before[v]:
            waiting[u] -= 1
            nodes &= ~(0 if waiting[u] else 1 << u)
        found.append(nodes)
    return found


def _sorted(problem: Problem, key: Callable[[int, int], int]) -> list[int]:
    """By a node's number and the moment from which it can run."""
    waiting = [len(before) for before in problem.before]
    after: list[list[int]] = [[] for _ in problem.nodes]
    for v, before in enumerate(problem.before):
        for u in before:
            after[u].append(v)
    ready = sorted((-key(v, 0), -v) for v, count in enumerate(waiting) if not count)  # the next is the last
    found: list[int] = []
    while ready:
        u = -ready.pop()[1]
        found.append(u)
        for v in after[u]:
            waiting[v] -= 1
            if not waiting[v]:
                insort(ready, (-key(v, len(found)), -v))
    return found

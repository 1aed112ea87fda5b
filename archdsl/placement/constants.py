"""Constants as a row: what reads no input, such as the positions of a grid, is made of many small layers, and which of
them are done matters little.

For a bound, the layers that make one constant are done one after the other, and as little crosses as the least of their
tensors does. That is no harder than the network: its ideals have, within the time of one such layer, as much work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from archdsl.placement.devices import Link
from archdsl.placement.problem import Problem


@dataclass(frozen=True, slots=True)
class Rows:
    """No split of the network has a bottleneck that is more than `slack` seconds below the best of `problem`, all of
    whose ideals are such of the network."""

    problem: Problem
    slack: float


def constants_in_rows(problem: Problem, link: Link) -> Rows:
    """The constants of more than one layer which one layer hands on, each as a row."""
    rows = [row for row in _constants(problem) if len(row) > 1]
    before = [set(own) for own in problem.before]
    own = {v: number for number, row in enumerate(rows) for v in row}
    tensors = [t for t in problem.tensors if t.producer is None or t.producer not in own]
    for row in rows:
        made = [t for t in problem.tensors if t.producer in row]
        least = min(made, key=lambda t: link.seconds(t.bytes + t.gradient, 2 if t.gradient else 1))
        for u, v in pairwise(row):
            before[v].add(u)
            tensors.append(replace(least, producer=u, readers=(v,)))
        readers = {v for t in made if t.producer == row[-1] for v in t.readers}
        tensors.append(replace(least, producer=row[-1], readers=tuple(sorted(readers))))
    slack = max((max(problem.times[0].both(v) for v in row) for row in rows), default=0.0)
    return Rows(replace(problem, before=tuple(map(frozenset, before)), tensors=tuple(tensors)), slack)


def _constants(problem: Problem) -> list[list[int]]:
    """The layers that make each constant, of which all but the last are read by one another alone."""
    reading = {v for tensor in problem.tensors if tensor.producer is None for v in tensor.readers}
    shared = {v for group in problem.together for v in group}
    after: dict[int, set[int]] = {}
    free = set[int]()
    for v, before in enumerate(problem.before):
        for u in before:
            after.setdefault(u, set()).add(v)
        if v not in reading and v not in shared and v < problem.layers and before <= free:
            free.add(v)
    found, known = [], set[int]()
    for last in sorted(free, reverse=True):
        if last in known:
            continue
        row, waiting = {last}, [last]
        while waiting:
            for u in problem.before[waiting.pop()]:
                if after[u] <= row and u not in row:
                    row.add(u)
                    waiting.append(u)
        known |= row
        if all(problem.before[v] <= row for v in row):
            found.append(sorted(row))
    return found

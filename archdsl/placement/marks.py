"""Where the spec says itself on which device its layers are.

Where devices can stand in a row, each has one stage. Else layers of one device that follow one another are a stage, and
a device has several, between those of others, as the towers of AlexNet do.
"""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.placement.problem import Problem


def runs(problem: Problem, owners: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Devices and the nodes of their stages in turn: each goes on for as long as its device has a node that can run.

    `owners` are the devices of the nodes, counted from 0; the loss goes with what ran last.
    """
    row = in_a_row(problem, owners)
    if row is not None:
        stages = [(device, [v for v, own in enumerate(owners) if own == device]) for device in row]
        stages[-1][1].append(len(owners))
        return stages
    waiting = [len(before) for before in problem.before]
    after: list[list[int]] = [[] for _ in problem.nodes]
    for v, before in enumerate(problem.before):
        for u in before:
            after[u].append(v)
    loss = len(problem.nodes) - 1
    ready = {v for v, count in enumerate(waiting) if not count and v != loss}
    found: list[tuple[int, list[int]]] = []
    while ready:
        device = owners[min(ready)]
        if found and found[-1][0] == device:
            device = next((owners[v] for v in sorted(ready) if owners[v] != device), device)
        stage: list[int] = []
        while here := [v for v in ready if owners[v] == device]:
            v = min(here)
            ready.remove(v)
            stage.append(v)
            for w in after[v]:
                waiting[w] -= 1
                if not waiting[w] and w != loss:
                    ready.add(w)
        found.append((device, stage))
    found[-1][1].append(loss)
    return found


def in_a_row(problem: Problem, owners: Sequence[int]) -> list[int] | None:
    """The devices in an order in which none reads what a later one makes, the first of those that are free first; None
    where there is no such order."""
    reads: dict[int, set[int]] = {device: set() for device in sorted(set(owners))}
    for v, device in enumerate(owners):
        reads[device] |= {owners[u] for u in problem.before[v]} - {device}
    found: list[int] = []
    while reads:
        free = next((device for device, others in reads.items() if others <= set(found)), None)
        if free is None:
            return None
        found.append(free)
        del reads[free]
    return found

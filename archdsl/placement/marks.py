"""Where the spec says itself on which device its layers are.

Layers of one device that follow one another are a stage; a device may have several, between those of others, as the
towers of AlexNet do. Where a spec marks some layers only, the others are where elaboration puts them: on the device of
what they read first.
"""

from __future__ import annotations

from collections.abc import Sequence

from archdsl.placement.problem import Problem


def runs(problem: Problem, owners: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Devices and the nodes of their stages in turn: each goes on for as long as its device has a node that can run.

    `owners` are the devices of the nodes; the loss goes with what ran last.
    """
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

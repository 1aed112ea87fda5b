"""A smaller problem for a network with more ideals than can be looked at: what is cut nowhere is one node.

Alike branches are cut only where that may pay, and the later ones come no sooner than the earlier. Splits of the
smaller problem are splits of the network; that none is much better is shown by `relaxation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from archdsl.placement.branches import AlikeBranches
from archdsl.placement.devices import Link
from archdsl.placement.ideals import Family, all_ideals
from archdsl.placement.problem import Problem, Times


def contracted_ideals(problem: Problem, link: Link, alike: Sequence[AlikeBranches], most: int) -> Family | None:
    """The ideals of a network whose alike branches are merged; None where there are more than `most`."""
    groups: list[tuple[int, ...]] = []
    behind: list[tuple[int, int]] = []  # nodes of which the second comes no sooner than the first
    for branches in alike:
        cuts = branches.cuts()
        for chain in branches.chains:
            groups += [chain[low:high] for low, high in pairwise(cuts)]
        for one, other in pairwise(branches.chains):
            behind += [(one[high - 1], other[high - 1]) for high in cuts[1:]]
    smaller, merged = merge(problem, groups, behind)
    family = all_ideals(smaller, link, most)
    if family is None:
        return None
    whole = {0: 0}
    for ideal in sorted(family.members)[1:]:
        last = ideal.bit_length() - 1  # without the last of its nodes it is an ideal too
        whole[ideal] = whole[ideal ^ 1 << last] | merged[last]
    return replace(family, members=[whole[ideal] for ideal in family.members])


def merge(
    problem: Problem, groups: Sequence[Sequence[int]], behind: Sequence[tuple[int, int]] = ()
) -> tuple[Problem, list[int]]:
    """The problem with each group as one node, and the nodes of each of its nodes as bits."""
    group_of = {v: group for group in groups for v in group}
    members = sorted({tuple(group_of.get(v, (v,))) for v in range(len(problem.nodes))}, key=lambda own: own[-1])
    number = {v: i for i, own in enumerate(members) for v in own}

    def summed(values: Sequence[int]) -> tuple[int, ...]:
        return tuple(sum(values[v] for v in own) for own in members)

    before = [{number[u] for v in own for u in problem.before[v]} - {i} for i, own in enumerate(members)]
    for one, other in behind:
        before[number[other]].add(number[one])
    times = tuple(
        Times(
            tuple(sum(row.forward[v] for v in own) for own in members),
            tuple(sum(row.backward[v] for v in own) for own in members),
            row.update,
        )
        for row in problem.times
    )
    tensors = []
    for tensor in problem.tensors:
        producer = None if tensor.producer is None else number[tensor.producer]
        readers = tuple(sorted({number[v] for v in tensor.readers} - {producer}))
        if readers:
            tensors.append(replace(tensor, producer=producer, readers=readers))
    smaller = Problem(
        tuple(problem.nodes[own[-1]] for own in members),
        tuple(map(frozenset, before)),
        times,
        summed(problem.at_rest),
        summed(problem.kept),
        summed(problem.parameters),
        tuple(tensors),
        tuple(frozenset(number[v] for v in group) for group in problem.together),
    )
    return smaller, [sum(1 << v for v in own) for own in members]

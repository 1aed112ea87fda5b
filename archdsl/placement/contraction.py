"""Smaller problems for a network with more ideals than can be looked at: what is cut nowhere is one node.

A weight that takes no time and has one reader is best made where it is read: nothing is lost by holding them together,
but for memory that is shared out otherwise. Alike branches are cut only where that may pay, and the later ones come no
sooner than the earlier; that no other split is much better is shown by `relaxation`. Splits of the smaller problems are
splits of the network.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import networkx as nx

from archdsl.placement.branches import AlikeBranches
from archdsl.placement.devices import Link
from archdsl.placement.ideals import Boundaries, Family
from archdsl.placement.problem import Problem, Times


@dataclass(frozen=True)
class Contraction:
    """A smaller problem, and the nodes of the network that each of its nodes stands for, as bits."""

    problem: Problem
    merged: Sequence[int]

    def expanded(self, family: Family) -> Family:
        """Ideals of the smaller problem as those of the network."""
        whole = {0: 0}
        for ideal in sorted(family.members)[1:]:
            last = ideal.bit_length() - 1  # without the last of its nodes it is an ideal too
            rest = ideal ^ 1 << last
            whole[ideal] = (whole[rest] if rest in whole else self.expand(rest)) | self.merged[last]
        return replace(family, members=[whole[ideal] for ideal in family.members])

    def then(self, smaller: Contraction) -> Contraction:
        """The contraction of this one's problem, for the network."""
        return Contraction(smaller.problem, [self.expand(nodes) for nodes in smaller.merged])

    def expand(self, ideal: int) -> int:
        """The nodes of the network for those of the smaller problem."""
        found = 0
        while ideal:
            lowest = ideal & -ideal
            found |= self.merged[lowest.bit_length() - 1]
            ideal ^= lowest
        return found


def of_stages(problem: Problem) -> Contraction:
    """What stays in one stage as one node: nodes that share weights, with all between them. Nothing is lost."""
    graph = nx.DiGraph((u, v) for v, before in enumerate(problem.before) for u in before)
    for group in problem.together:
        nx.add_cycle(graph, group)
    groups = [sorted(own) for own in nx.strongly_connected_components(graph) if len(own) > 1]
    return merge(problem, groups)


def with_their_readers(problem: Problem) -> Contraction:
    """Nodes that read nothing, not even inputs, and take no time, each with the one layer that reads it."""
    shared = {v for group in problem.together for v in group}
    reading = {v for tensor in problem.tensors for v in tensor.readers}
    readers: dict[int, set[int]] = {}
    for v, before in enumerate(problem.before):
        for u in before:
            readers.setdefault(u, set()).add(v)
    free: dict[int, list[int]] = {}
    for u in range(problem.layers):
        alone = u not in reading and not problem.before[u] and u not in shared
        if alone and len(readers.get(u, ())) == 1 and not any(times.both(u) for times in problem.times):
            (v,) = readers[u]
            if v < problem.layers:
                free.setdefault(v, []).append(u)
    return merge(problem, [(*own, v) for v, own in free.items()])


def without_wide_ends(problem: Problem, link: Link) -> Contraction:
    """Each two layers as one, between which no stage of a good split ends: because it may end before the first, or
    after the second, where so much less crosses that neither stage takes longer."""
    found = Contraction(problem, [1 << v for v in range(len(problem.nodes))])
    while pairs := list(_with_wide_ends(found.problem, link)):
        found = found.then(merge(found.problem, pairs))
    return found


def _with_wide_ends(problem: Problem, link: Link) -> Iterator[tuple[int, int]]:
    ends, (times,) = Boundaries(problem, link), problem.times
    taken = {v for group in problem.together for v in group} | {problem.layers}
    for u in range(problem.layers):
        if u in taken or len(ends.after[u]) != 1 or ends.after[u][0] in taken:
            continue
        (v,) = ends.after[u]
        crossing, sent, read = (sum(ends.seconds[n] for n in of) for of in (ends.made[u], ends.made[v], ends.read[u]))
        alone = problem.before[v] == {u} and len(ends.read[v]) == len(ends.made[u])
        if read + times.both(u) <= crossing or (alone and sent + times.both(v) <= crossing):
            taken |= {u, v}
            yield u, v


def in_order(problem: Problem, alike: Sequence[AlikeBranches]) -> Problem:
    """Of branches that are alike the later ones come no sooner than the earlier, layer by layer."""
    behind = [pair for own in alike for one, other in pairwise(own.chains) for pair in zip(one, other, strict=True)]
    return merge(problem, (), behind).problem


def of_branches(problem: Problem, alike: Sequence[AlikeBranches]) -> Contraction:
    """Groups of the nodes of branches that are alike."""
    groups: list[tuple[int, ...]] = []
    behind: list[tuple[int, int]] = []  # nodes of which the second comes no sooner than the first
    for branches in alike:
        cuts = branches.cuts()
        for chain in branches.chains:
            groups += [chain[low:high] for low, high in pairwise(cuts)]
        for one, other in pairwise(branches.chains):
            behind += [(one[high - 1], other[high - 1]) for high in cuts[1:]]
    return merge(problem, groups, behind)


def merge(problem: Problem, groups: Sequence[Sequence[int]], behind: Sequence[tuple[int, int]] = ()) -> Contraction:
    """The problem with each group as one node."""
    group_of = {v: group for group in groups for v in group}
    members = _in_order(problem, {tuple(group_of.get(v, (v,))) for v in range(len(problem.nodes))})
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
        tuple(own for group in problem.together if len(own := frozenset(number[v] for v in group)) > 1),
    )
    return Contraction(smaller, [sum(1 << v for v in own) for own in members])


def _in_order(problem: Problem, members: Collection[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Groups of nodes so that each follows what it reads, else by their last."""
    own = {v: group for group in members for v in group}
    graph: nx.DiGraph[tuple[int, ...]] = nx.DiGraph()
    graph.add_nodes_from(members)
    graph.add_edges_from(
        (own[u], own[v]) for v, before in enumerate(problem.before) for u in before if own[u] != own[v]
    )
    return list(nx.lexicographical_topological_sort(graph, key=lambda group: group[-1]))

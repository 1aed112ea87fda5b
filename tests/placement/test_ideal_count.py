"""Ideals that are counted, against ideals that are made."""

from __future__ import annotations

from itertools import chain, combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.placement.ideal_count import countable
from archdsl.placement.problem import Problem
from tests.placement.problems import some_problem

MANY = 10**9


def ideals_of(problem: Problem) -> list[set[int]]:
    """Every set of nodes that holds, with each node, all that comes before it."""
    nodes = range(len(problem.nodes))
    subsets = chain.from_iterable(combinations(nodes, size) for size in range(len(nodes) + 1))
    return [set(own) for own in subsets if all(problem.before[v] <= set(own) for v in own)]


@settings(max_examples=40)
@given(seed=st.integers(0, 10**9))
def test_a_network_is_countable_from_as_many_ideals_and_ways_to_add_a_node_as_it_has(seed: int) -> None:
    problem, _, _ = some_problem(seed)
    found = ideals_of(problem)
    ways = sum(problem.before[v] <= own for own in found for v in range(len(problem.nodes)) if v not in own)
    assert countable(problem, len(found) - 1, ways)
    assert not countable(problem, len(found) - 2, MANY)
    assert not countable(problem, MANY, ways - 1)


def test_what_has_far_too_many_ideals_is_told_at_once() -> None:
    branches = 4000
    zeros = (0,) * (branches + 1)
    before = (*(frozenset[int]() for _ in range(branches)), frozenset(range(branches)))
    wide = Problem(tuple(map(str, range(branches + 1))), before, (), zeros, zeros, zeros, ())
    assert not countable(wide, 1000, MANY)

"""Bounds that are raised without looking at all ideals, against all ideals of small networks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.placement.chains import Chains
from archdsl.placement.constants import constants_in_rows
from archdsl.placement.contiguous import StageSplit, best_split, some_split
from archdsl.placement.contraction import with_their_readers, without_wide_ends
from archdsl.placement.devices import Link
from archdsl.placement.ideals import Boundaries, Family, all_ideals, along, family_of
from archdsl.placement.orders import orders
from archdsl.placement.problem import Problem, Times, Travelling
from archdsl.placement.refinement import Refinement
from archdsl.placement.sweep import Sweep, TooManyCuts
from tests.placement.problems import some_problem

MANY = 10**6


def small_problem(seed: int) -> tuple[Problem, Link]:
    """A random graph for devices of one kind, whose layers may be anywhere."""
    problem, cluster, _ = some_problem(seed)
    return replace(problem, times=problem.times[:1], together=()), cluster.link


def whole(problem: Problem, link: Link) -> Family:
    found = all_ideals(problem, link, MANY)
    assert found is not None
    return found


def best(problem: Problem, link: Link, devices: int) -> StageSplit:
    found = some_split(whole(problem, link), [devices], [1.0], [0], None)
    assert found is not None
    return found


@settings(max_examples=100)
@given(seed=st.integers(0, 10**9), width=st.sampled_from([0.0, 5.0]), low=st.floats(-50, 200), size=st.floats(0, 300))
def test_cuts_stand_for_all_ideals_in_a_window(seed: int, width: float, low: float, size: float) -> None:
    problem, link = small_problem(seed)
    family, ends = whole(problem, link), Boundaries(problem, link)
    cuts = Sweep(problem, ends).between(low, low + size, width, MANY)
    for ideal, work, crossing in zip(family.members, family.seconds[0], family.crossing, strict=True):
        if ideal not in (0, ends.all) and work - crossing >= low and work + crossing <= low + size:
            assert any(
                cut.least - 1e-9 <= work <= cut.most + 1e-9
                and cut.crossing <= crossing + 1e-9
                and cut.inside & ~ideal == 0 == ideal & ~cut.reached
                for cut in cuts
            )
    assert all(cut.most - cut.least <= width + 1e-9 and cut.ideal in family.members for cut in cuts)


def test_too_many_cuts_are_refused() -> None:
    problem, link = small_problem(1)
    with pytest.raises(TooManyCuts):
        Sweep(problem, Boundaries(problem, link)).between(-1e9, 1e9, 0.0, 1)


@settings(max_examples=100)
@given(seed=st.integers(0, 10**9), devices=st.integers(2, 4))
def test_chains_below_the_best_split_are_none_and_at_it_there_are_some(seed: int, devices: int) -> None:
    problem, link = small_problem(seed)
    ends, exact = Boundaries(problem, link), best(problem, link, devices).bottleneck
    small = along(problem, link, orders(problem))
    chains = Chains(Sweep(problem, ends), list(zip(small.seconds[0], small.crossing, strict=True)), devices, MANY)
    assert chains.cuts(exact * 1.0001 + 1e-9) is not None
    assert not chains.impossible(exact * 1.0001 + 1e-9)
    if chains.impossible(exact * 0.999):
        assert chains.cuts(exact * 0.999) is None


def test_chains_that_are_too_long_are_shown_to_be_none() -> None:
    found = 0
    for seed in range(60):
        problem, link = small_problem(seed)
        exact = best(problem, link, 3).bottleneck
        small = along(problem, link, orders(problem))
        sweep = Sweep(problem, Boundaries(problem, link))
        chains = Chains(sweep, list(zip(small.seconds[0], small.crossing, strict=True)), 3, MANY)
        found += chains.cuts(exact * 0.98) is None
    assert found >= 55  # of those that are left, cuts of the same work are not told apart


@settings(max_examples=100)
@given(seed=st.integers(0, 10**9), devices=st.integers(2, 4))
def test_no_stage_of_the_best_split_ends_where_more_crosses_than_beside_it(seed: int, devices: int) -> None:
    problem, link = small_problem(seed)
    narrow = without_wide_ends(problem, link)
    assert best(narrow.problem, link, devices).bottleneck == pytest.approx(best(problem, link, devices).bottleneck)
    family = set(whole(problem, link).members)
    assert all(narrow.expand(ideal) in family for ideal in whole(narrow.problem, link).members)


def grid(parts: int) -> Problem:
    """A chain of three layers, the last of which reads a constant that is made of many."""
    after = parts + 2  # the chain: 0, 1 and then the last
    before = [frozenset(), frozenset({0}), frozenset()]
    before += [frozenset({v - 1}) if v % 2 else frozenset({v - 2, v - 1}) for v in range(3, after)]
    before += [frozenset({1, after - 1}), frozenset({after})]
    size = len(before)
    tensors = [
        Travelling(str(u), 0, u, tuple(v for v in range(size) if u in before[v]), 3 + u % 3, 0) for u in range(size - 1)
    ]
    tensors.append(Travelling("x", 0, None, (0,), 1, 0))
    times = Times((9.0, 8.0, *(float(1 + v % 2) for v in range(parts)), 5.0, 0.0), (0.0,) * size)
    zeros = (0,) * size
    return Problem(tuple(map(str, range(size))), tuple(before), (times,), zeros, zeros, zeros, tuple(tensors))


@pytest.mark.parametrize("devices", [2, 3, 4])
@pytest.mark.parametrize("parts", [3, 6, 9])
def test_constants_in_rows_are_no_harder_than_the_network(parts: int, devices: int) -> None:
    problem, link = grid(parts), Link(10.0, 0.1)
    rows = constants_in_rows(problem, link)
    exact = best(problem, link, devices).bottleneck
    assert rows.slack == 2.0
    assert exact - 4 <= best(rows.problem, link, devices).bottleneck - rows.slack <= exact + 1e-9
    assert set(whole(rows.problem, link).members) <= set(whole(problem, link).members)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**9), devices=st.integers(2, 4))
def test_refinement_raises_the_bound_to_the_best_split(seed: int, devices: int) -> None:
    problem, link = small_problem(seed)
    ends, small = Boundaries(problem, link), along(problem, link, orders(problem))
    exact = best(problem, link, devices).bottleneck
    start = some_split(small, [devices], [1.0], [0], None)
    assert start is not None

    def better(ideals: set[int], than: StageSplit) -> StageSplit | None:
        return best_split(family_of(ends, ideals | {*small.members}), [devices], [0], None, than.bottleneck, MANY)

    refinement = Refinement(with_their_readers(problem), link, small)
    split, bound = refinement.refined(start, 0.0, devices, better)
    assert bound <= exact + 1e-9
    assert exact - 1e-9 <= split.bottleneck <= start.bottleneck

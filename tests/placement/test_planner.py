"""The planner against a solver that looks at every assignment."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.placement.bounds import Planner
from archdsl.placement.devices import Cluster
from tests.placement.problems import brute_force, some_problem


@settings(max_examples=450)
@given(seed=st.integers(0, 10**9), schedule=st.sampled_from(["gpipe", "1f1b", "zero-bubble"]))
def test_split_is_the_best_of_all_assignments(seed: int, schedule: str) -> None:
    problem, cluster, micro = some_problem(seed)
    planner = Planner(problem, cluster, schedule)
    found = planner.solve([len(kind) for kind in cluster.kinds], micro)
    best = brute_force(problem, cluster, schedule, micro)
    assert (inf if found is None else found.split.bottleneck) == pytest.approx(best)
    assert found is None or found.gap == 0


@settings(max_examples=150)
@given(seed=st.integers(0, 10**9), data=st.data())
def test_split_is_the_best_of_those_that_keep_what_is_marked(seed: int, data: st.DataObject) -> None:
    problem, cluster, micro = some_problem(seed)
    nodes = st.integers(0, problem.layers - 1)
    pins = data.draw(st.dictionaries(nodes, st.sampled_from([d.name for d in cluster.devices]), min_size=1, max_size=4))
    planner = Planner(problem, cluster, "1f1b", pins)
    counts = [len(kind) for kind in planner.cluster.kinds]
    found = planner.solve(counts, micro)
    best = brute_force(problem, cluster, "1f1b", micro, pins)
    assert (inf if found is None else found.split.bottleneck) == pytest.approx(best)
    unlimited = Cluster(tuple(replace(device, memory=None) for device in cluster.devices), cluster.link)
    assert planner.possible(counts) == (brute_force(problem, unlimited, "1f1b", micro, pins) < inf)

"""The planner against a solver that looks at every assignment."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.placement.bounds import Planner
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

"""Networks with too many ideals to look at: smaller problems whose splits are good, and bounds that show it."""

from __future__ import annotations

import random
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archdsl
from archdsl.graph import header
from archdsl.measure.time.gpus import GPUS
from archdsl.placement.bounds import Planner
from archdsl.placement.branches import AlikeBranches, alike_branches
from archdsl.placement.contiguous import some_split
from archdsl.placement.contraction import of_branches, of_stages, with_their_readers
from archdsl.placement.devices import Cluster, Link, equal_devices
from archdsl.placement.ideals import Boundaries, Family, all_ideals
from archdsl.placement.problem import Problem, Times, Travelling, problem_of
from archdsl.placement.relaxation import relaxed
from tests.placement.problems import some_problem

MANY = 10**7


def branching_problem(seed: int) -> tuple[Problem, Link, int]:
    """A stem, alike branches beside a shortcut, and a sum of all; then the same once more. The loss comes last."""
    draw = random.Random(seed)
    seconds, before = list[float](), list[set[int]]()
    tensors: list[Travelling] = []
    read: dict[int, list[int]] = {}

    def node(*inputs: int, takes: float) -> int:
        seconds.append(takes)
        before.append(set(inputs))
        for u in inputs:
            read.setdefault(u, []).append(len(seconds) - 1)
        return len(seconds) - 1

    sizes: dict[int, int] = {}
    last = node(takes=draw.randint(0, 9))
    for _ in range(draw.randint(1, 2)):
        sizes[last] = draw.randint(1, 60)
        layers = [(draw.randint(0, 9), draw.randint(1, 40)) for _ in range(draw.randint(1, 3))]
        ends = []
        for _ in range(draw.randint(3, 4)):
            at = last
            for takes, bytes in layers:
                at = node(at, takes=takes)
                sizes[at] = bytes
            ends.append(at)
        if draw.random() < 0.7:
            ends.append(node(last, takes=draw.randint(0, 9)) if draw.random() < 0.5 else last)
            sizes.setdefault(ends[-1], draw.randint(1, 60))
        last = node(*ends, takes=draw.randint(0, 9))
    sizes[last] = draw.randint(1, 60)
    node(last, takes=1)
    for u, readers in read.items():
        tensors.append(Travelling(str(u), 0, u, tuple(readers), sizes[u], 0))
    zeros = (0,) * len(seconds)
    times = (Times(tuple(seconds), tuple(map(float, zeros))),)
    names = tuple(map(str, range(len(seconds))))
    problem = Problem(names, tuple(map(frozenset, before)), times, zeros, zeros, zeros, tuple(tensors))
    return problem, Link(draw.choice([2.0, 10.0, 40.0]), draw.choice([0.0, 0.5])), draw.randint(2, 4)


def least(family: Family | None, devices: int, problem: Problem) -> float:
    assert family is not None
    found = some_split(family, [devices], [1.0], [0], None)
    return inf if found is None else found.bottleneck


@settings(max_examples=150)
@given(seed=st.integers(0, 10**9))
def test_relaxation_is_never_slower_and_contraction_never_quicker(seed: int) -> None:
    problem, link, devices = branching_problem(seed)
    ends = Boundaries(problem, link)
    alike = alike_branches(ends)
    exact = least(all_ideals(problem, link, MANY), devices, problem)
    relaxation = relaxed(ends, alike, sum(problem.times[0].forward) / 40 + 0.1)
    bound = least(all_ideals(relaxation.problem, relaxation.link, MANY), devices, relaxation.problem)
    assert alike
    assert bound - relaxation.slack <= exact + 1e-9
    assert exact <= least(all_ideals(of_branches(problem, alike).problem, link, MANY), devices, problem) + 1e-9


@settings(max_examples=50)
@given(seed=st.integers(0, 10**9))
def test_contraction_makes_ideals_of_the_network(seed: int) -> None:
    problem, link, _ = branching_problem(seed)
    ends = Boundaries(problem, link)
    smaller, whole = of_branches(problem, alike_branches(ends)), all_ideals(problem, link, MANY)
    few = all_ideals(smaller.problem, link, MANY)
    assert few is not None
    assert whole is not None
    family = smaller.expanded(few)
    crossing = dict(zip(whole.members, whole.crossing, strict=True))
    work = dict(zip(whole.members, whole.seconds[0], strict=True))
    assert family.crossing == pytest.approx([crossing[ideal] for ideal in family.members])
    assert family.seconds[0] == pytest.approx([work[ideal] for ideal in family.members])


@settings(max_examples=100)
@given(seed=st.integers(0, 10**9))
def test_weights_are_best_made_where_they_are_read(seed: int) -> None:
    problem, cluster, _ = some_problem(seed)
    free = tuple(0.0 if not before else t for before, t in zip(problem.before, problem.times[0].forward, strict=True))
    times, made = (Times(free, (0.0,) * len(free)),), tuple(t for t in problem.tensors if t.producer is not None)
    problem = replace(problem, times=times, tensors=made, together=())
    smaller, link, devices = with_their_readers(problem).problem, cluster.link, len(cluster.devices)
    exact = least(all_ideals(problem, link, MANY), devices, problem)
    assert least(all_ideals(smaller, link, MANY), devices, problem) == pytest.approx(exact)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**9), first=st.integers(0, 4), last=st.integers(0, 5))
def test_what_stays_in_one_stage_has_all_between_with_it(seed: int, first: int, last: int) -> None:
    problem, cluster, _ = some_problem(seed)
    layers = problem.layers
    problem = replace(problem, together=(*problem.together, frozenset({first % layers, last % layers})))
    joined = of_stages(problem)
    family, few = all_ideals(problem, cluster.link, MANY), all_ideals(joined.problem, cluster.link, MANY)
    assert family is not None
    assert few is not None
    assert sorted(joined.expanded(few).members) == sorted(family.members)
    assert all(u < v for v, before in enumerate(joined.problem.before) for u in before)


def test_a_network_whose_ends_share_weights_is_one_stage() -> None:
    graph, profile = archdsl.load("gpt2").graph, GPUS["a100"]
    values = {**header(graph)["least_batch"], **dict.fromkeys(header(graph)["batch"], 1)}
    problem = problem_of(graph, values, [profile], "fp32", "sgd")
    found = Planner(problem, Cluster(equal_devices(8, profile, None), Link(300e9, 1e-5)), "1f1b").solve([8], 16)
    assert found is not None
    assert found.gap == pytest.approx(0)
    assert max(end & ~start for start, end in zip(found.split.starts, found.split.ends, strict=True)).bit_count() > 250


def test_what_crosses_branches_is_least_on_their_hull() -> None:
    branches = AlikeBranches(((0, 1, 2), (3, 4, 5)), (0.0, 1.0, 2.0, 4.0), (0.0, 6.0, 2.0, 5.0))
    assert branches.corners() == [0, 2, 3]
    assert [branches.least_crossing(seconds) for seconds in (0, 2, 4, 6, 8)] == [0, 2, 4, 7, 10]
    assert branches.least_crossing(2, first=1) == 12


@pytest.mark.parametrize(
    ("name", "devices"),
    [
        ("lenet5_1998", 4),
        ("resnext50_32x4d_concat", 8),
        ("convnext_tiny", 4),
        ("wavenet", 8),
        ("yolov8n", 8),
        pytest.param("yolov8l", 8, marks=pytest.mark.heavy),
    ],
)
def test_bound_is_within_one_percent_where_ideals_are_too_many(name: str, devices: int) -> None:
    graph, profile = archdsl.load(name).graph, GPUS["a100"]
    problem = problem_of(graph, dict.fromkeys(header(graph)["batch"], 2), [profile], "fp32", "sgd")
    cluster = Cluster(equal_devices(devices, profile, profile.memory), Link(300e9, 1e-5))
    planner = Planner(problem, cluster, "1f1b")
    found = planner.solve([devices], 16)
    assert planner.all is None
    assert found is not None
    assert found.gap < 0.01

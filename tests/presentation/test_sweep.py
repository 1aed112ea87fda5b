"""Counts with sizes left open, their values, and tables of costs over settings and sizes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archdsl
from archdsl.dims import substitute
from archdsl.elaborate import Choices, elaborate
from archdsl.errors import SpecError
from archdsl.measure.network.analyse import analyse
from archdsl.program import parse_string
from archdsl.sweep import Axis, Point, split, sweep
from tests.conftest import Said

Run = Callable[..., Said]

OPEN = """
network Net(image: [N, 3, H, W], depth = 2, width = 8) {
    image -> conv(width, 3, stride = 2, padding = 1) -> repeat depth { conv(width, 3) -> relu -> max_pool(2) }
        -> conv(width, 1) -> global_avg_pool -> flatten -> linear(10)
}
"""
PROGRAM = parse_string(OPEN)


@pytest.fixture
def spec(tmp_path: Path) -> str:
    file = tmp_path / "net.arch"
    file.write_text(OPEN, encoding="utf-8")
    return str(file)


def report_with(**choices: object) -> archdsl.measure.report.Report:
    network, _ = PROGRAM.find(None)
    return analyse(elaborate(network, PROGRAM.definitions, None, Choices(**choices)))  # type: ignore[arg-type]


# --- sizes left open


def test_all_counts_are_exact_expressions_of_what_is_left_open(command_line: Run) -> None:
    totals = json.loads(command_line("report", "resnet50", "--symbolic", "--json").out)["totals"]
    assert (totals["macs"], totals["flops"], totals["params"]) == ("4089184256*N", "8178368512*N", 25_557_032)


SYMBOLIC = report_with(open_batch=True)


@given(n=st.integers(1, 64), h=st.integers(40, 300), w=st.integers(40, 300))
def test_an_expression_has_the_value_that_the_network_of_these_sizes_costs(n: int, h: int, w: int) -> None:
    sizes = {"N": n, "H": h, "W": w}
    numbers = report_with(symbols=sizes)
    for open_row, row in zip(SYMBOLIC.nodes, numbers.nodes, strict=True):
        assert tuple(substitute(size, sizes) for size in open_row.shape) == row.shape
        assert substitute(open_row.macs, sizes) == row.macs
    assert substitute(SYMBOLIC.macs, sizes) == numbers.macs
    assert substitute(SYMBOLIC.activation_bytes_training, sizes) == numbers.activation_bytes_training


def test_sizes_are_given_by_name(command_line: Run, spec: str) -> None:
    document = json.loads(command_line("report", spec, "--at", "H=64,W=96,N=2", "--json").out)
    assert document["inputs"][0]["shape"] == [2, 3, 64, 96]
    assert document["totals"]["macs"] == report_with(inputs={"image": (2, 3, 64, 96)}).macs


@pytest.mark.parametrize(
    ("sizes", "status", "complaint"),
    [
        ("K=3", 2, "no input has a size called `K`"),
        ("H=0", 2, "a size is from 1 to"),
        ("h=3", 2, "`h=3` is not NAME=SIZE"),
        ("H=3,W=3", 1, "is larger than its"),
    ],
)
def test_sizes_that_cannot_be_are_faults(command_line: Run, spec: str, sizes: str, status: int, complaint: str) -> None:
    said = command_line("report", spec, "--at", sizes)
    assert said.status == status
    assert complaint in said.err


def test_a_size_that_an_inputs_shape_says_otherwise_is_a_fault() -> None:
    with pytest.raises(SpecError) as caught:
        report_with(inputs={"image": (1, 3, 64, 64)}, symbols={"H": 65})
    assert "`H` is 64, not 65" in caught.value.diagnostics[0].message


# --- sweeps


def points(spec: str, *axes: Axis, pareto: tuple[str, ...] = ()) -> list[Point]:
    return sweep([spec], axes, {}, {}, pareto)


def test_a_line_for_every_combination_the_last_name_turning_fastest(spec: str) -> None:
    found = points(spec, Axis("H", (64, 96)), Axis("W", (64,)), Axis("depth", (1, 2)))
    assert [dict(point.chosen) for point in found] == [
        {"H": h, "W": 64, "depth": depth} for h in (64, 96) for depth in (1, 2)
    ]
    assert [point.report.macs for point in found if point.report] == [
        report_with(settings={"depth": d}, inputs={"image": (1, 3, h, 64)}).macs for h in (64, 96) for d in (1, 2)
    ]


def test_a_combination_that_cannot_be_is_a_line_with_its_fault(spec: str) -> None:
    right, wrong = points(spec, Axis("H", (64, 4)), Axis("W", (64,)))
    assert right.report is not None
    assert wrong.report is None
    assert wrong.fault is not None
    assert "larger than its" in wrong.fault


def test_a_sweep_in_which_nothing_can_be_is_a_fault(spec: str) -> None:
    with pytest.raises(SpecError):
        points(spec, Axis("depht", (1, 2)))


def test_shapes_of_inputs_are_values_too() -> None:
    found = sweep(["lenet5"], [Axis("image", ((1, 1, 32, 32), (4, 1, 32, 32)))], {}, {})
    assert [point.report.macs for point in found if point.report] == [416_520, 4 * 416_520]


def test_the_front_is_what_nothing_beats(spec: str) -> None:
    names = ("resnet18", "alexnet", "vgg11", "googlenet")
    found = sweep(names, [], {}, {}, ("params", "macs"))
    assert {point.spec for point in found if point.best} == {"resnet18", "alexnet", "googlenet"}


def test_equals_are_on_the_front_together(spec: str) -> None:
    found = points(spec, Axis("H", (64,)), Axis("W", (64,)), Axis("depth", (2, 2, 1)), pareto=("layers",))
    assert [point.best for point in found] == [False, False, True]
    found = points(spec, Axis("H", (64,)), Axis("W", (64, 96)), pareto=("params",))
    assert [point.best for point in found] == [True, True]


def test_what_depends_on_sizes_left_open_is_on_no_front(spec: str) -> None:
    assert [point.best for point in points(spec, Axis("depth", (1, 2)), pareto=("macs",))] == [False, False]


def test_commas_in_brackets_divide_no_list() -> None:
    assert split("[1, 2],f(3, 4), 5") == ["[1, 2]", "f(3, 4)", "5"]


def test_ranges_have_both_ends(command_line: Run) -> None:
    said = command_line("sweep", "lenet5", "--over", "N=1:9:4", "--over", "classes=10,20", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [(row["N"], row["classes"]) for row in rows][:3] == [("1", "10"), ("1", "20"), ("5", "10")]
    assert rows[-1]["N"] == "9"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--over", "depth"], "`depth` is not NAME=VALUES"),
        (["--over", "H=9:3"], "a range goes up"),
        (["--over", "H=1:9:0"], "a range goes up"),
        (["--over", "H=a,b"], "H is a size, an integer"),
        (["--over", "depth=1,,2"], "depth=1,,2"),
        (["--over", "a=1", "--over", "a=2"], "`a` is given twice"),
        (["--over", "a=1:5000", "--over", "b=1:5000"], "25,000,000 combinations are more than 10,000"),
        (["--pareto", "size"], "no total is called `size`"),
    ],
)
def test_options_that_make_no_sense_are_refused(command_line: Run, arguments: list[str], complaint: str) -> None:
    said = command_line("sweep", "lenet5", *arguments)
    assert (said.status, said.out) == (2, "")
    assert complaint in said.err

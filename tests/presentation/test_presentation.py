"""How reports are laid out: trees, folds, widths, filters, stages, comparisons and formats."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

import archdsl
from archdsl.network import Network
from archdsl.presentation.comparison import comparison
from archdsl.presentation.items import items
from archdsl.presentation.layers import ReportView, layers
from archdsl.presentation.stages import stages
from archdsl.sheet.formats import FORMATS, render
from archdsl.sheet.sheet import Column, Line, Sheet
from tests.conftest import Said

Build = Callable[..., Network]
Run = Callable[..., Said]
GOLDEN = Path(__file__).parents[1] / "golden"


def table(network: Network, view: ReportView) -> Sheet:
    return layers(network.graph, network.report(), view)


def text(variant: str, width: int | None = None, **view: object) -> str:
    return render(table(archdsl.load(variant), ReportView(**view)), "text", width)  # type: ignore[arg-type]


# --- text


@pytest.mark.parametrize("width", [60, 100, 160])
def test_a_report_fits_the_width_of_a_terminal(width: int, golden: Callable[[Path, str], None]) -> None:
    shown = text("resnet50", width)
    assert max(map(len, shown.splitlines())) <= width
    golden(GOLDEN / f"report-resnet50-{width}.txt", shown)


def test_a_tree_is_open_down_to_a_depth(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / "report-googlenet-depth-1.txt", text("googlenet", depth=1))


def test_equal_blocks_are_folded_whatever_they_are_called(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / "report-vit_b_16.txt", text("vit_b_16"))


@pytest.mark.parametrize("width", range(20, 121, 10))
def test_lines_are_as_long_as_asked_unless_names_would_vanish(width: int) -> None:
    shown = text("googlenet", width).splitlines()
    table = shown[: shown.index("")]
    assert max(map(len, table)) <= max(width, 40)


def test_what_is_left_out_is_said() -> None:
    assert "left out to fit 60 columns: operator, field" in text("resnet50", 60)
    assert "left out" not in text("resnet50", 160)


# --- folding

CHAIN = "network Net(x: [N, 8]) {{ x -> a: linear(8) -> b: linear(8) -> c: {} -> d: linear(8) }}"


def runs(net: Network) -> list[tuple[str, int]]:
    return [(item.label, item.times) for item in items(net.graph, net.report())]


def test_neighbours_of_one_structure_are_one_line_with_their_number(network_of: Build) -> None:
    assert runs(network_of(CHAIN.format("linear(8)"))) == [("a", 4)]


@pytest.mark.parametrize("other", ["linear(8, bias = false)", "linear(8) @frozen", "relu"])
def test_what_differs_is_not_folded(network_of: Build, other: str) -> None:
    assert runs(network_of(CHAIN.format(other))) == [("a", 2), ("c", 1), ("d", 1)]


def test_blocks_that_are_connected_otherwise_are_not_folded(network_of: Build) -> None:
    code = """
    block one(x) { a = x -> linear(8)\n b = a -> linear(8)\n a + b }
    block two(x) { a = x -> linear(8)\n b = a -> linear(8)\n x + b }
    network Net(x: [N, 8]) { x -> p: one -> q: one -> r: two }
    """
    assert runs(network_of(code)) == [("p", 2), ("r", 1)]


def test_a_folded_line_adds_up_its_blocks() -> None:
    network = archdsl.load("vit_b_16")
    report = network.report()
    parts = items(network.graph, report)
    assert sum(part.params for part in parts) == report.params
    assert sum(part.layers for part in parts) == report.layers


# --- which lines and columns


def test_filters_are_patterns_that_must_all_fit() -> None:
    view = ReportView(flat=True, filters=(("op", "conv"), ("path", "layer1.*")))
    sheet = table(archdsl.load("resnet50"), view)
    assert [line.cells[0] for line in sheet.lines][:2] == ["layer1.0.conv1", "layer1.0.conv2"]
    assert sheet.total is not None
    assert sheet.total.cells[:1] + sheet.total.cells[3:5] == ("total of 10 of 175 layers", 212_992, 667_942_912)


def test_the_greatest_come_first_and_what_has_no_value_last() -> None:
    sheet = table(archdsl.load("lenet5"), ReportView(flat=True, sort="macs", columns=("layer", "macs")))
    assert [line.cells for line in sheet.lines][:2] == [("c3", 240_000), ("c1", 117_600)]
    assert sheet.lines[-1].cells[1] is None


def test_a_tree_is_sorted_at_every_level() -> None:
    sheet = table(archdsl.load("resnet50"), ReportView(depth=2, sort="params"))
    assert [line.cells[0] for line in sheet.lines if line.depth == 0][:2] == ["layer4", "layer3"]
    assert [line.cells[0] for line in sheet.lines if line.depth == 1][:2] == ["1 … 2  × 2", "0"]


def test_symbols_stay_in_sums(network_of: Build) -> None:
    net = network_of("network Net(x: [N, 3, H, W]) { x -> b: { conv(8, 3, padding = 1) -> conv(8, 1) } }")
    sheet = table(net, ReportView(depth=1))
    assert render(sheet, "csv") == 'layer,operator,output,params,MACs,field\nb,,"[1, 8, H, W]",296,280*H*W,3\n'


# --- stages and comparisons


@pytest.mark.parametrize(
    ("variant", "stage", "output", "blocks", "params"),
    [
        ("resnet50", "layer3", "[1024, 14, 14]", "bottleneck × 6", 7_098_368),
        ("resnet50", "conv1", "[64, 112, 112]", "conv, batch_norm, relu", 9_536),
        ("vit_b_16", "encoder.layers", "[197, 768]", "encoder_layer × 12", 85_054_464),
        ("vgg16", "features.10 … 14", "[256, 56, 56]", "(conv, relu) × 3", 1_475_328),
        ("densenet121", "features.denseblock1", "[256, 56, 56]", "dense_layer × 6", 335_040),
        ("googlenet", "aux1", "[1000]", "auxiliary (training only)", 3_188_840),
    ],
)
def test_a_stage_is_a_line_of_a_papers_table(variant: str, stage: str, output: str, blocks: str, params: int) -> None:
    network = archdsl.load(variant)
    sheet = stages(network.graph, network.report())
    (found,) = [line.cells for line in sheet.lines if line.cells[0] == stage]
    assert found[1:4] == (output, blocks, params)


@pytest.mark.parametrize("variant", ["resnet50", "vgg16", "vit_b_16", "densenet121", "alexnet"])
def test_stages_add_up_to_the_network(variant: str) -> None:
    network = archdsl.load(variant)
    report = network.report()
    lines = stages(network.graph, report).lines
    assert sum(line.cells[3] or 0 for line in lines) == report.params  # type: ignore[misc]
    assert sum(line.cells[4] or 0 for line in lines) == report.macs  # type: ignore[misc]


def test_networks_stand_side_by_side() -> None:
    names = ("resnet18", "resnet50")
    sheet = comparison(names, [archdsl.load(name).report() for name in names])
    assert [column.heading for column in sheet.columns] == ["", "resnet18", "resnet50"]
    assert ("parameters", 11_689_512, 25_557_032) in [line.cells for line in sheet.lines]


# --- formats

HOSTILE = Sheet(
    title="<script>alert(1)</script>",
    columns=(Column("a|b"), Column("n", "count")),
    lines=(Line(("=1+2", -3)), Line(("@SUM(A1)<img src=x onerror=y>", 1)), Line(('"quoted", `x` *y* |', 2))),
    notes=("<b>note</b>",),
)


def test_no_cell_of_a_csv_is_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(render(HOSTILE, "csv"))))
    assert rows[1:] == [["'=1+2", "-3"], ["'@SUM(A1)<img src=x onerror=y>", "1"], ['"quoted", `x` *y* |', "2"]]


def test_a_page_of_html_shows_texts_as_they_are() -> None:
    tags: list[str] = []
    said: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

        def handle_data(self, data: str) -> None:
            said.append(data)

    Reader().feed(render(HOSTILE, "html"))
    assert not {"script", "img", "b"} & set(tags)
    assert {"<script>alert(1)</script>", "=1+2", "<b>note</b>"} <= set(said)


def test_a_table_of_markdown_keeps_its_columns() -> None:
    table = render(HOSTILE, "markdown").splitlines()[:5]
    assert {line.replace("\\|", "").count("|") for line in table} == {3}
    assert "\\<img" in table[3]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_ends_with_a_newline(form: str) -> None:
    assert render(HOSTILE, form).endswith("\n")


# --- the command


def test_what_is_piped_is_the_whole_list(command_line: Run) -> None:
    assert command_line("report", "alexnet").out == (GOLDEN / "report-alexnet.txt").read_text(encoding="utf-8")


def test_a_width_gives_what_a_terminal_shows(command_line: Run) -> None:
    expected = (GOLDEN / "report-resnet50-60.txt").read_text(encoding="utf-8")
    assert command_line("report", "resnet50", "--width", "60").out == expected


def test_json_is_the_whole_document_with_its_stable_keys(command_line: Run) -> None:
    said = command_line("report", "lenet5", "--format", "json")
    assert json.loads(said.out) == archdsl.load("lenet5").report().to_dict()
    assert command_line("report", "lenet5", "--json").out == said.out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--columns", "layer,mac"], "no column is called `mac`; did you mean `macs`"),
        (["--sort", "x"], "columns are layer, operator"),
        (["--filter", "conv"], "`conv` is none of op=PATTERN"),
        (["--stages", "--depth", "1"], "--depth does not go with --stages"),
        (["--stages", "resnet18"], "--stages does not go with a comparison"),
        (["--json", "--sort", "macs"], "JSON is the whole report, without --sort"),
        (["--json", "--format", "csv"], "--json is --format json, but --format is csv"),
        (["--depth", "1", "--filter", "op=conv"], "--filter lists layers"),
    ],
)
def test_options_that_make_no_sense_are_refused(command_line: Run, arguments: list[str], complaint: str) -> None:
    said = command_line("report", "lenet5", *arguments)
    assert (said.status, said.out) == (2, "")
    assert complaint in said.err

"""Plots of reports and sweeps: what is drawn is what is reported, and the files are the same every time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import archdsl
from archdsl.backends import Plot
from archdsl.dims import Size
from archdsl.measure.memory.memory_report import ALL
from archdsl.measure.memory.timeline import timelines
from archdsl.measure.network.growth import growth
from archdsl.shipped import zoo
from archdsl.sweep import Axis, Point, plot, sweep
from tests.conftest import ROOT, Said
from tests.zoo.published import first_of_families

pytest.importorskip("matplotlib")

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch

from viz.plots import bars, of_networks, of_sweep
from viz.plots.memory import edges
from viz.plots.series import series
from viz.plots.subject import Subject, path_end

Run = Callable[..., Said]
Build = Callable[..., archdsl.Network]

FIRST = list({file: variant for variant, file in reversed(zoo().items())}.values())[::-1]
LIKE_OTHERS = first_of_families() - {"wavenet", "r3d_18", "fpn_resnet50"}  # these have other sizes and outputs
ONE_A_FILE = [pytest.param(name, marks=pytest.mark.heavy if name in LIKE_OTHERS else ()) for name in FIRST]
SVG = "{http://www.w3.org/2000/svg}"

SMALL = """
block unit(x, width) { main = x -> conv: conv(width, 3, padding = 1) -> relu
    main + x }
network Net(image: [N, 8, 16, 16], depth = 2) {
    a = image -> body: repeat depth { unit(8) }
    output aux = a -> aux: { flatten -> linear(2) } @train
    output main = a -> head: { global_avg_pool -> flatten -> linear(10) }
}
"""


def panels(plot: Plot) -> dict[str, Axes]:
    """The panels of a figure by their titles, without the unit."""
    return {axes.get_title(loc="left").partition(" (")[0]: axes for axes in plot.figure.get_axes()}


def steps(axes: Axes) -> list[list[float]]:
    """The heights of the curves of a panel, without what fills them."""
    return [
        list(patch.get_data()[0]) for patch in axes.patches if isinstance(patch, StepPatch) and not patch.get_fill()
    ]


def lengths(axes: Axes) -> list[float]:
    """Of the bars of a panel."""
    return [patch.get_width() for patch in axes.patches if isinstance(patch, Rectangle)]


def heights(line: Line2D) -> list[float]:
    return list(np.asarray(line.get_ydata()))


def number(size: Size) -> int:
    """A size that has no symbol."""
    assert isinstance(size, int)
    return size


def texts(plot: Plot) -> list[str]:
    drawing = ElementTree.fromstring(plot.render("svg"))
    return ["".join(part.itertext()).strip() for part in drawing.iter(f"{SVG}text")]


@pytest.fixture
def small(network_of: Build) -> archdsl.Network:
    return network_of(SMALL)


# --- the numbers


@pytest.mark.parametrize("conditions", [{}, {"optimizer": "adamw", "dtype": "mixed"}], ids=["fp32", "mixed"])
@pytest.mark.parametrize("name", ONE_A_FILE)
def test_the_highest_moment_is_the_peak_that_is_reported(name: str, conditions: dict[str, Any]) -> None:
    network = archdsl.load(name)
    memory = network.memory(**conditions)
    found = timelines(network.graph, **conditions)
    assert found.keys() == memory.devices.keys()
    for device, own in memory.devices.items():
        for course, peak in (
            (found[device].inference, own.inference_peak),
            (found[device].training, own.training_peak),
        ):
            highest = max(course.moments, key=lambda moment: number(moment.bytes))
            assert (highest.bytes, highest.layer, highest.phase) == (peak.bytes, peak.layer, peak.phase)


def test_activations_are_drawn_without_the_weights(small: archdsl.Network) -> None:
    drawn = steps(panels(of_networks([small.graph]))["activations in inference"])
    assert max(drawn[0]) * 2**10 == small.report().activation_bytes_inference_peak


def test_a_training_step_is_drawn_moment_by_moment(small: archdsl.Network) -> None:
    moments = timelines(small.graph)[ALL].training.moments
    drawn = steps(panels(of_networks([small.graph]))["memory of a training step"])
    assert [height * 2**10 for height in drawn[0]] == [moment.bytes for moment in moments]


def test_forward_and_backward_are_as_wide(small: archdsl.Network) -> None:
    moments = timelines(small.graph)[ALL].training.moments
    bounds = edges(moments)
    forward = sum(moment.phase == "forward" for moment in moments)
    assert (bounds[0], bounds[forward], bounds[-1]) == (0, 1, 2)
    assert bounds == sorted(bounds)


def test_every_device_has_a_curve() -> None:
    network = archdsl.load("alexnet")
    drawn = steps(panels(of_networks([network.graph]))["memory of a training step"])
    peaks = [network.memory().devices[name].training_peak.bytes for name in ("gpu0", "gpu1")]
    assert [max(heights) * 2**20 for heights in drawn] == peaks


def test_a_bar_is_as_long_as_the_stage_costs(small: archdsl.Network) -> None:
    drawn = panels(of_networks([small.graph]))
    report = small.report()
    assert lengths(drawn["parameters by stage"]) == [1168, 4098, 90]
    assert sum(lengths(drawn["parameters by stage"])) == report.params
    in_training_only = 2 * 8 * 16 * 16
    macs = sum(lengths(drawn["MACs by stage"]))
    assert macs == report.macs + in_training_only


def test_many_stages_are_few_bars_that_add_up_to_the_same(network_of: Build) -> None:
    network = network_of("network Net(x: [N, 4]) { x -> repeat 50 { linear(5) -> linear(4) } -> linear(1000) }")
    found = bars.bars([Subject(network.graph)])
    assert len(found) == bars.MOST
    assert found[-1].label == "70 others"
    assert any(bar.params == 5000 for bar in found)
    assert sum(bar.params for bar in found) == network.report().params


def test_fields_grow_along_the_longest_way(network_of: Build) -> None:
    code = "network Net(image: [N, 3, 9, 9]) { a = image -> conv(3, 3, padding = 1)\n"
    network = network_of(code + "    a + (a -> conv(3, [3, 5], padding = [1, 2])) }")
    assert [(level.depth, level.smallest, level.largest) for level in growth(network.report())] == [
        (0, (1, 1), (1, 1)),
        (1, (3, 3), (3, 3)),
        (2, (5, 7), (5, 7)),
        (3, (5, 7), (5, 7)),
    ]
    height, width = steps(panels(of_networks([network.graph]))["receptive field by depth"])
    assert (height, width) == ([1, 3, 5, 5], [1, 3, 7, 7])


def test_the_input_is_a_line(small: archdsl.Network) -> None:
    axes = panels(of_networks([small.graph]))["receptive field by depth"]
    assert [found for line in axes.lines if (found := heights(line))] == [[16, 16]]


def test_a_network_without_positions_has_no_field(network_of: Build) -> None:
    graph = network_of("network Net(x: [N, 4]) { x -> linear(4) }").graph
    assert "receptive field by depth" not in panels(of_networks([graph]))
    with pytest.raises(ValueError, match="Net has nothing to plot for fields"):
        of_networks([graph], panels=["fields"])


# --- several networks, and all of them


def test_networks_stand_side_by_side(small: archdsl.Network) -> None:
    other = archdsl.load("lenet5")
    drawn = panels(small.plot(beside=[other]))
    assert lengths(drawn["parameters"]) == [
        small.report().params,
        other.report().params,
    ]
    assert len(steps(drawn["memory of a training step"])) == len(steps(drawn["receptive field by depth"])) == 2


@pytest.mark.parametrize("name", ONE_A_FILE)
def test_every_network_that_ships_can_be_plotted(name: str) -> None:
    network = archdsl.load(name)
    found = of_networks([network.graph])
    assert len(panels(found)) >= 4
    shown = texts(found)
    assert network.report().name in shown
    assert not any("$" in text for text in shown)


def test_some_panels_can_be_chosen(small: archdsl.Network) -> None:
    assert list(panels(of_networks([small.graph], panels=["fields"]))) == ["receptive field by depth"]
    with pytest.raises(ValueError, match="no panel is called 'field'; known are stages, memory, fields"):
        of_networks([small.graph], panels=["field"])


def test_sizes_left_open_are_refused_with_what_gives_them(network_of: Build) -> None:
    open_network = network_of("network Net(image: [N, 3, H, W]) { image -> conv(3, 3) }")
    with pytest.raises(ValueError, match=r"H, W have no value; .*--at H=224,W=224"):
        open_network.plot()


# --- files


@pytest.mark.parametrize(("format", "begins"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_same_figures_give_the_same_bytes(small: archdsl.Network, format: str, begins: bytes) -> None:
    data = of_networks([small.graph]).render(format)
    assert data.startswith(begins)
    assert data == of_networks([small.graph]).render(format)


def test_a_plot_has_the_same_bytes_wherever_its_parts_lie_in_memory() -> None:
    graph = archdsl.load("lenet5").graph
    parts: list[list[object]] = []
    for _ in range(6):
        parts.append([object() for _ in range(10_000 * len(parts))])
        assert of_networks([graph], panels=["stages"]).render("svg") == of_networks([graph], panels=["stages"]).render(
            "svg"
        )


def test_a_plot_does_not_depend_on_the_process_and_its_settings(tmp_path: Path) -> None:
    for number, before in enumerate(["", "import matplotlib; matplotlib.rcParams['font.size'] = 20\n"]):
        code = f"{before}import archdsl; archdsl.load('lenet5').plot({str(tmp_path / f'{number}.svg')!r})"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    assert (tmp_path / "0.svg").read_bytes() == (tmp_path / "1.svg").read_bytes()


def test_a_file_says_nothing_of_the_time(small: archdsl.Network) -> None:
    found = of_networks([small.graph])
    assert b"<dc:date>" not in found.render("svg")
    assert b"CreationDate" not in found.render("pdf")


def test_letters_stay_letters_of_our_font(small: archdsl.Network) -> None:
    found = of_networks([small.graph])
    assert "parameters by stage" in texts(found)
    assert b"'Liberation Sans', Arial" in found.render("svg")
    assert b"LiberationSans" in found.render("pdf")


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_themes_have_their_colours(small: archdsl.Network, theme: Any) -> None:
    found = of_networks([small.graph, archdsl.load("lenet5").graph], theme=theme).render("svg").decode()
    paper = {"light": "#ffffff", "dark": "#1c1c1c", "print": "#ffffff"}[theme]
    assert f"fill: {paper}" in found
    assert ("#1f5f99" in found) == (theme == "light")


def test_a_notebook_shows_a_plot(small: archdsl.Network) -> None:
    assert "<svg" in small.plot()._repr_svg_()


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("layer1.0.conv", "layer1.0.conv"),
        ("encoder.layers.encoder_layer_11.attention.out.project", "…encoder_layer_11.attention.out.project"),
        ("x" * 50, "x" * 39 + "…"),
    ],
)
def test_a_long_path_is_shown_by_its_last_names(path: str, shown: str) -> None:
    assert path_end(path, 40) == shown


# --- sweeps


def costs(points: list[Point], total: str) -> list[int]:
    return [number(getattr(point.report, total)) for point in points]


DEPTHS, BATCHES = Axis("depth", (8, 10, 12)), Axis("N", (1, 2))


@pytest.fixture(scope="module")
def points() -> list[Point]:
    return sweep(["vit_tiny_16"], [DEPTHS, BATCHES], {}, {}, ("params", "macs"))


def test_a_sweep_has_a_line_for_every_value_of_the_second_name(points: list[Point]) -> None:
    found = series(points)
    assert (found.name, found.values) == ("depth", (8, 10, 12))
    assert [line.label for line in found.lines] == ["N = 1", "N = 2"]
    macs = [line for line in panels(of_sweep(points))["MACs"].lines if len(heights(line)) == 3]
    assert [heights(line) for line in macs[::2]] == [
        [value / 10**9 for value in costs(points[first::2], "macs")] for first in (0, 1)
    ]


def test_the_front_is_drawn_in_its_totals(points: list[Point]) -> None:
    assert "Pareto front in parameters and MACs" not in panels(of_sweep(points))
    shown = texts(plot(points, pareto=("params", "macs")))
    assert "Pareto front in parameters and MACs" in shown
    assert "depth = 8, N = 1" in shown  # the one that nothing beats, by its name
    assert {"on the front", "another is better"} <= set(shown)


def test_networks_are_the_axis_where_nothing_else_varies() -> None:
    found = series(sweep(["lenet5", "resnet18"], [], {}, {}))
    assert (found.title, found.texts, len(found.lines)) == ("network", ["lenet5", "resnet18"], 1)


def test_shapes_are_shown_without_what_they_have_alike() -> None:
    found = series(sweep(["resnet18"], [Axis("image", ((1, 3, 64, 64), (1, 3, 96, 96)))], {}, {}))
    assert (found.title, found.texts) == ("image = 1x3x…", ["64x64", "96x96"])


def test_values_that_grow_by_a_factor_stand_equally_far_apart() -> None:
    points = sweep(["lenet5"], [Axis("N", (1, 8, 64))], {}, {})
    drawn = panels(of_sweep(points))
    assert {axes.get_xscale() for axes in drawn.values()} == {"log"}
    assert drawn["MACs"].get_yscale() == "log"
    assert drawn["parameters"].get_yscale() == "linear"


def test_a_combination_that_cannot_be_is_a_gap(command_line: Run, tmp_path: Path) -> None:
    over = ["--over", "image=1x1x4x4,1x1x32x32", "--over", "N=1"]
    said = command_line("sweep", "lenet5", *over, "--plot", str(tmp_path / "a.svg"))
    assert (said.status, said.out) == (0, f"wrote {tmp_path / 'a.svg'}, without 1 combination that cannot be\n")


def test_more_lines_than_can_be_told_apart_are_refused(points: list[Point]) -> None:
    many = [Point("lenet5", (("a", 1), ("b", n)), points[0].report) for n in range(33)]
    many += [Point("lenet5", (("a", 2), ("b", n)), points[0].report) for n in range(33)]
    with pytest.raises(ValueError, match="33 lines are more than the 32"):
        of_sweep(many)


# --- the command line


def test_a_report_is_plotted_instead_of_printed(command_line: Run, tmp_path: Path) -> None:
    file = tmp_path / "lenet.svg"
    said = command_line("report", "lenet5", "--stages", "--memory", "--optimizer", "adamw", "--plot", str(file))
    assert (said.status, said.out) == (0, f"wrote {file}\n")
    shown = file.read_text(encoding="utf-8")
    assert "parameters by stage" in shown
    assert "weights and states of the optimizer" in shown
    assert "receptive field" not in shown


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["report", "lenet5", "--plot", "a.jpg"], "plots are .pdf, .png, .svg"),
        (["report", "lenet5", "--plot", "a"], "plots are .pdf, .png, .svg"),
        (["report", "lenet5", "--plot", "a.svg", "--json"], "leave out --format, --json and --width"),
        (["report", "lenet5", "--plot", "a.svg", "--by", "operator"], "not with --by"),
        (["report", "lenet5", "--plot", "a.svg", "--depth", "1"], "not with --depth"),
        (["report", "lenet5", "--theme", "dark"], "--theme is of --plot"),
        (["report", "lenet5", "--symbolic", "--plot", "a.svg"], "N has no value"),
        (["sweep", "lenet5", "--over", "N=1,2", "--plot", "a.gif"], "plots are .pdf, .png, .svg"),
        (["sweep", "lenet5", "--over", "N=1,2", "--plot", "a.svg", "--format", "csv"], "leave out --format"),
        (["sweep", "lenet5", "--over", "N=1,2", "--plot", "no/a.svg"], "cannot write"),
    ],
)
def test_wrong_uses_have_status_2(command_line: Run, arguments: list[str], complaint: str) -> None:
    said = command_line(*arguments)
    assert said.status == 2
    assert complaint in " ".join(said.err.split())


def test_without_matplotlib_the_extra_is_named(command_line: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name.partition(".")[0] == "matplotlib" or name.startswith("viz.plots")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = command_line("report", "lenet5", "--plot", "a.svg")
    assert said.status == 2
    assert said.err == "error: archdsl's `viz.plots` needs matplotlib: pip install 'archdsl[plot]'\n"


@pytest.mark.parametrize("arguments", [["draw", "lenet5", "-o", "{}/a.svg"], ["report", "lenet5", "--json"]])
def test_other_commands_do_not_import_matplotlib(arguments: list[str], tmp_path: Path) -> None:
    words = [word.format(tmp_path) for word in arguments]
    code = f"import sys; sys.argv = ['archdsl', *{words}]\nfrom archdsl.cli import main\n"
    code += "try: main()\nexcept SystemExit as stop: assert not stop.code\nassert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)

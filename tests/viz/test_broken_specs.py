"""A spec with errors is drawn up to them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import archdsl
from archdsl.errors import SpecError
from archdsl.graph import Graph
from viz import palette, render, theme
from viz.formats import dot
from viz.graph import scene
from viz.graph.scene import Scene
from viz.look import Look, ViewName

ROOT = Path(__file__).resolve().parent.parent.parent
BROKEN = """
block unit(x, width) {
    y = x -> conv1: conv(width, 3)
    x + y -> relu
}
network Net(image: [N, 3, 32, 32]) {
    body = image -> stem: conv(8, 3)
    left = body -> unit1: unit(8) -> unit2: unit(16)
    right = body -> pool: max_pool(64)
    left + right -> global_avg_pool
}
"""


@pytest.fixture
def broken_scene(graph_of: Callable[..., Graph]) -> Callable[..., Scene]:
    def build(code: str = BROKEN, **options: object) -> Scene:
        with pytest.raises(SpecError) as caught:
            graph_of(code)
        assert caught.value.graph is not None
        return scene.build(caught.value.graph, **options)  # type: ignore[arg-type]

    return build


def test_everything_up_to_the_faults_is_drawn(broken_scene: Callable[..., Scene]) -> None:
    assert [box.key for box in broken_scene().boxes()] == ["image", "stem", "unit1.conv1", "unit1.add", "pool"]


def test_a_step_that_cannot_be_says_what_is_wrong(broken_scene: Callable[..., Scene]) -> None:
    add = next(box for box in broken_scene().boxes() if box.key == "unit1.add")
    assert (add.kind, add.colour, add.title) == ("fault", "fault", "add")
    assert add.fault.startswith("cannot add [N, 8, 30, 30] and [N, 8, 28, 28]")


def test_the_tensors_that_reach_it_are_drawn(broken_scene: Callable[..., Scene]) -> None:
    found = broken_scene()
    keys = {box.id: box.key for box in found.boxes()}
    assert {(keys[e.source], e.shape) for e in found.edges if keys[e.target] == "unit1.add"} == {
        ("stem", "[N, 8, 30, 30]"),
        ("unit1.conv1", "[N, 8, 28, 28]"),
    }


def test_the_legend_names_the_colour_of_faults(broken_scene: Callable[..., Scene]) -> None:
    assert palette.colours((box.colour for box in broken_scene().boxes()), ()).groups["fault"] == theme.GROUPS["fault"]


def test_inference_is_drawn_up_to_the_faults_too(broken_scene: Callable[..., Scene]) -> None:
    assert "pool" in [box.key for box in broken_scene(phase="inference").boxes()]


def test_shapes_in_a_message_are_not_broken_over_lines(broken_scene: Callable[..., Scene]) -> None:
    text = dot.render(broken_scene(), Look("down", True)).decode()
    assert "[N, 8, 28, 28]" in text


def test_the_colour_of_faults_is_read_at_a_glance() -> None:
    assert contrast(theme.GROUPS["fault"].fill, theme.PAPER) > 4.5


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_whole_message_is_the_tip_of_its_box(graph_of: Callable[..., Graph]) -> None:
    with pytest.raises(SpecError) as caught:
        graph_of(BROKEN)
    assert caught.value.graph is not None
    svg = ElementTree.fromstring(render(caught.value.graph, "svg"))
    titles = [title.text for title in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert "pool: the window (64 × 64) is larger than its input (30 × 30)" in titles


@pytest.mark.parametrize("view", ["stages", "volumes"])
def test_other_views_mark_the_faults_too(graph_of: Callable[..., Graph], view: ViewName) -> None:
    with pytest.raises(SpecError) as caught:
        graph_of(BROKEN)
    assert caught.value.graph is not None
    drawing = ElementTree.fromstring(render(caught.value.graph, "svg", view=view))
    said = " ".join(text.text or "" for text in drawing.iter("{http://www.w3.org/2000/svg}text"))
    assert "cannot add [N, 8, 30, 30] and [N, 8, 28, 28]: dimension 2 is 30 and 28" in said
    assert "the window (64 × 64) is larger than its input (30 × 30)" in said
    assert [shape.get("fill") for shape in drawing.iter()].count(theme.GROUPS["fault"].fill) > 2
    assert ("up to the errors" in said) is (view == "stages")  # what the sums are of


def test_python_has_the_graph_of_a_broken_spec(tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(BROKEN, encoding="utf-8")
    with pytest.raises(archdsl.SpecError) as caught:
        archdsl.load(tmp_path / "net.arch")
    assert caught.value.graph is not None
    archdsl.Network(caught.value.graph).draw(tmp_path / "net.dot")
    assert "cannot add" in (tmp_path / "net.dot").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", ["net.dot", "net.svg --view=stages", "net.svg --view=volumes"])
def test_the_command_draws_says_so_and_fails(tmp_path: Path, file: str) -> None:
    (tmp_path / "net.arch").write_text(BROKEN, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", "draw", "net.arch", "-o", *file.split()],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.fspath(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    name = file.split()[0]
    assert (done.returncode, done.stdout) == (1, f"wrote {name}, up to the errors\n")
    assert done.stderr.count("error[") == 2
    assert (tmp_path / name).exists()


def test_a_text_that_cannot_be_read_is_not_drawn(tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text("network Net(", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", "draw", "net.arch", "-o", "net.dot"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.fspath(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert not (tmp_path / "net.dot").exists()

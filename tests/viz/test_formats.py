"""The files that are written."""

from __future__ import annotations

import re
import struct
import sys
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
import wasmtime

import viz
from archdsl.diagnostics import Instance
from archdsl.graph import Graph
from viz import engine, formats, palette, raster, recolour, theme
from viz.dot import text
from viz.engine import DrawingError
from viz.graph import legend as graph_legend
from viz.graph import scene
from viz.look import Look
from viz.recolour import Theme

SVG = "{http://www.w3.org/2000/svg}"

SMALL = "network Net(image: [N, 3, 8, 8]) { image -> conv1: conv(4, 3) -> relu -> flatten -> fc: linear(2) }"

MANY = """
block unit(x, width) { main = x -> conv1: conv(width, 3, padding = 1) -> relu
    main + x }
network Net(image: [N, 8, 16, 16]) {
    device gpu0, gpu1
    body = image -> left: repeat 2 { unit(8) } @gpu0
    output aux = body -> aux: { global_avg_pool -> flatten -> linear(10) } @train @gpu0
    output main = body -> right: { unit(8) -> global_avg_pool -> flatten -> linear(10) } @gpu1
}
"""


def svg(graph: Graph, **options: Any) -> ElementTree.Element:
    return ElementTree.fromstring(viz.render(graph, "svg", **{"fold": False, **options}))


def parts(drawing: ElementTree.Element, kind: str) -> dict[str, ElementTree.Element]:
    """The nodes or edges of a drawing by their titles."""
    found = [g for g in drawing.iter(f"{SVG}g") if g.get("class") == kind]
    return {g.findtext(f"{SVG}title", ""): g for g in found}


def shape(part: ElementTree.Element) -> ElementTree.Element:
    return next(child for child in part if child.tag != f"{SVG}title")


def texts(drawing: ElementTree.Element) -> list[str]:
    return [" ".join((t.text or "").split()) for t in drawing.iter(f"{SVG}text")]


def test_the_known_formats_are_the_files_of_the_package() -> None:
    assert formats.known() == ("dot", "html", "mmd", "pdf", "png", "svg", "tex")


def test_an_unknown_suffix_is_refused_with_the_known(graph_of: Callable[..., Graph], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.dot, \.html, \.mmd, \.pdf, \.png, \.svg"):
        viz.draw(graph_of(SMALL), tmp_path / "net.jpeg")


def test_an_unknown_format_is_refused_with_the_known(graph_of: Callable[..., Graph]) -> None:
    with pytest.raises(ValueError, match="dot, html, mmd, pdf, png, svg, tex"):
        viz.render(graph_of(SMALL), "jpeg")


@pytest.mark.parametrize(
    ("name", "begins"),
    [("a.svg", b"<?xml"), ("a.PNG", b"\x89PNG"), ("a.dot", b"digraph"), ("a.html", b"<!doctype html>")],
)
def test_the_suffix_chooses_the_format(
    graph_of: Callable[..., Graph], tmp_path: Path, name: str, begins: bytes
) -> None:
    viz.draw(graph_of(SMALL), tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_a_failed_drawing_leaves_the_old_file(
    graph_of: Callable[..., Graph], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "net.svg"
    file.write_bytes(b"old")

    def fail(*_: object, **__: object) -> bytes:
        raise DrawingError("too large")

    monkeypatch.setattr(engine, "render", fail)
    with pytest.raises(DrawingError):
        viz.draw(graph_of(SMALL), file)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("format", ["svg", "png", "dot", "html"])
def test_the_same_graph_gives_the_same_bytes(graph_of: Callable[..., Graph], format: str) -> None:
    assert viz.render(graph_of(MANY), format) == viz.render(graph_of(MANY), format)


def test_svg_has_every_layer(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(MANY)
    assert set(parts(svg(graph), "node")) >= set(graph)


def test_svg_shows_operators_names_blocks_and_shapes(graph_of: Callable[..., Graph]) -> None:
    shown = texts(svg(graph_of(MANY)))
    assert {"conv 3×3, 8", "conv1", "left", "unit 8", "[N, 8, 16, 16]", "aux", "main"} <= set(shown)


def test_shapes_can_be_left_out_but_for_those_between_devices(graph_of: Callable[..., Graph]) -> None:
    shown = [t for t in texts(svg(graph_of(MANY), shapes=False)) if t.startswith("[")]
    assert shown == ["[N, 8, 16, 16], 8 KiB"] * 2


def test_all_shapes_can_be_asked_for(graph_of: Callable[..., Graph]) -> None:
    graph = graph_of(SMALL)
    shown = [t for t in texts(svg(graph, shapes="all")) if t.startswith("[") and "→" not in t]
    assert len(shown) == graph.number_of_edges() + 1


def test_groups_are_drawn_around_their_layers(graph_of: Callable[..., Graph]) -> None:
    source = viz.render(graph_of(MANY), "dot", fold=False).decode()
    left = source[source.index('label="left ') :]
    assert left.index('label="left.0 ') < left.index('label="conv 3×3, 8') < left.index('label="left.1 ')
    assert source.count("subgraph") == 7  # one of them the legend


def test_dot_has_a_legend(graph_of: Callable[..., Graph]) -> None:
    source = viz.render(graph_of(MANY), "dot").decode()
    legend = source[source.index("subgraph cluster_legend") :]
    assert all(f"label={word}" in legend for word in ("convolution", "pooling", "gpu0"))
    assert 'label="training only"' in legend


def test_what_only_trains_is_dashed(graph_of: Callable[..., Graph]) -> None:
    nodes = parts(svg(graph_of(MANY)), "node")
    assert shape(nodes["aux.2"]).get("stroke-dasharray")
    assert shape(nodes["aux"]).get("stroke-dasharray")
    assert not shape(nodes["right.3"]).get("stroke-dasharray")


def test_inference_shows_nothing_that_only_trains(graph_of: Callable[..., Graph]) -> None:
    drawing = svg(graph_of(MANY), phase="eval")
    assert not any(name.startswith("aux") for name in parts(drawing, "node"))
    assert "training only" not in texts(drawing)


def test_layers_are_outlined_in_the_colour_of_their_device(graph_of: Callable[..., Graph]) -> None:
    nodes = parts(svg(graph_of(MANY)), "node")
    assert shape(nodes["left.0.conv1"]).get("stroke") == theme.DEVICES[0].line
    assert shape(nodes["right.0.conv1"]).get("stroke") == theme.DEVICES[1].line


def test_edges_between_devices_stand_out(graph_of: Callable[..., Graph]) -> None:
    edges = parts(svg(graph_of(MANY)), "edge")
    (crossing,) = (e for title, e in edges.items() if title.startswith("left.1.add → right.0.conv1"))
    within = edges["left.0.relu → left.0.add: [N, 8, 16, 16]"]
    assert shape(crossing).get("stroke") == theme.CROSSING
    assert float(shape(crossing).get("stroke-width", "1")) > 2
    assert shape(within).get("stroke") == theme.EDGE


def test_the_legend_tells_groups_devices_and_strokes_that_occur(graph_of: Callable[..., Graph]) -> None:
    (legend,) = (g for g in svg(graph_of(MANY)).iter(f"{SVG}g") if g.get("class") == "legend")
    shown = texts(legend)
    assert shown == [
        "convolution", "linear", "activation", "pooling", "reshape", "gpu0", "gpu1",
        "between devices, bytes at N = 1", "training only",
    ]  # fmt: skip


@pytest.mark.parametrize("direction", ["down", "up", "right", "left"])
def test_data_flows_in_the_direction_asked_for(graph_of: Callable[..., Graph], direction: Any) -> None:
    nodes = parts(svg(graph_of(SMALL), direction=direction), "node")

    def place(name: str, axis: str) -> float:
        label = nodes[name].find(f"{SVG}text")
        assert label is not None
        return float(label.get(axis, "0"))

    axis = "y" if direction in ("down", "up") else "x"
    forward = place("image", axis) < place("conv1", axis) < place("fc", axis)
    assert forward == (direction in ("down", "right"))


HOSTILE = [
    "<b>bold</b>",
    '"];n0[label="x',
    "\\N \\G \\\\",
    "ends in \\",
    "&lt; &#65;",
    "]]> <script>alert(1)</script>",
    "<<table>>",
    "f(a → b, 'é')",
]


@pytest.mark.parametrize("call", HOSTILE)
def test_a_call_is_shown_as_it_is_written(graph_of: Callable[..., Graph], call: str) -> None:
    graph = graph_of("block b(x) { x -> relu -> flatten }\nnetwork Net(x: [N, 3, 8, 8]) { x -> it: b() -> linear(2) }")
    for _, node in graph.nodes(data=True):
        node["blocks"] = tuple(Instance(i.path, call, i.span, i.block) for i in node["blocks"])
    drawing = svg(graph)
    assert call in texts(drawing)
    assert not [e for e in drawing.iter() if e.tag.removeprefix(SVG) in ("a", "script", "image", "b", "table")]
    assert len(parts(drawing, "node")) == 5


def test_a_label_is_never_html() -> None:
    assert text("<b>", "</b>").startswith("<")
    assert viz.engine.render(f'digraph {{ a [label="{text("<b>", "</b>")}"] }}').count(b"<text") == 2


def pixels(data: bytes) -> tuple[int, list[bytearray]]:
    """The width and the rows (RGBA) of a PNG file."""
    width, height = struct.unpack(">II", data[16:24])
    assert data[24:26] == b"\x08\x06"
    packed, at = b"", 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        packed += data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += length + 12
    raw = zlib.decompress(packed)
    rows, above = [], bytearray(4 * width)
    for y in range(height):
        start = y * (4 * width + 1)
        row = bytearray(raw[start + 1 : start + 1 + 4 * width])
        for x in range(4 * width):
            left, up = (row[x - 4] if x >= 4 else 0), above[x]
            corner = above[x - 4] if x >= 4 else 0
            nearest = min((left, up, corner), key=lambda c: abs(left + up - corner - c))
            row[x] = (row[x] + (0, left, up, (left + up) // 2, nearest)[raw[start]]) & 255
        rows.append(row)
        above = row
    return width, rows


def dark(data: bytes) -> int:
    """How many pixels are nearly black."""
    _, rows = pixels(data)
    return sum(max(row[x : x + 3]) < 64 for row in rows for x in range(0, len(row), 4))


def test_png_shows_its_text(graph_of: Callable[..., Graph]) -> None:
    picture = viz.render(graph_of("network Net(x: [N, 3, 8, 8]) { x -> relu }"), "svg").decode()
    wordless = re.sub(r"<text.*?</text>", "", picture, flags=re.DOTALL)
    assert dark(raster.rasterise(picture)) > dark(raster.rasterise(wordless)) + 200


def test_png_of_a_huge_drawing_stays_within_what_viewers_open() -> None:
    assert raster.zoom(500, 500) == raster.ZOOM
    assert 60_000 * raster.zoom(500, 60_000) <= raster.LONGEST_SIDE
    assert 20_000 * 20_000 * raster.zoom(20_000, 20_000) ** 2 <= raster.MOST_PIXELS * 1.001


def test_a_layout_that_takes_too_long_is_stopped() -> None:
    edges = ";".join(f"n{i}->n{j}" for i in range(120) for j in range(i + 1, 120))
    with pytest.raises(DrawingError, match=r"longer than 0\.2 seconds"):
        engine.render(f"digraph {{ {edges} }}", time_limit=0.2)


def test_an_engine_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> bytearray:
        raise wasmtime.WasmtimeError("cannot make memory:\n    Cannot allocate memory (os error 12)")

    monkeypatch.setattr(engine, "_compiled", fails)
    with pytest.raises(DrawingError, match=r"cannot start \(Cannot allocate memory \(os error 12\)\)"):
        engine.render("digraph { a -> b }")


def test_a_graph_too_deep_for_the_layout_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "STACK", 1 << 16)
    edges = ";".join(f"n{i}->n{i + 1};n{i}->n{i + 2}" for i in range(3000))
    with pytest.raises(DrawingError, match="too large"):
        engine.render(f"digraph {{ newrank=true; subgraph cluster_a {{ {edges} }} }}", time_limit=20)


def test_dot_that_is_wrong_is_an_error_with_its_reason() -> None:
    with pytest.raises(DrawingError, match="parse"):
        engine.render("digraph { a -> ")


def test_more_layers_than_anyone_can_look_at_are_refused(
    graph_of: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viz.graph.picture.MOST_BOXES", 3)
    with pytest.raises(DrawingError, match="too many"):
        viz.render(graph_of(SMALL), "svg")


def test_a_look_has_defaults() -> None:
    assert Look() == Look(direction="down", shapes=True, theme="light", engine="embedded")


def contrast(a: str, b: str) -> float:
    """The ratio of two colours' luminances, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", get_args(Theme))
def test_text_can_be_read_in_every_theme(name: Theme) -> None:
    groups = (theme.GROUPS | palette.greys(theme.GROUPS) if name == "print" else theme.GROUPS).values()
    known = {*groups, *theme.MORE_GROUPS, *theme.CLUSTER, *theme.DEVICES}
    dark = {theme.GROUPS["output"], theme.GROUPS["fault"]}  # their text is that of the paper
    for fill in [colour.fill for colour in known - dark] + [theme.PAPER]:
        for ink in (theme.INK, theme.MUTED):
            assert contrast(recolour.colour(ink, name), recolour.colour(fill, name)) >= 4.5


def test_dark_changes_colours_and_nothing_else(graph_of: Callable[..., Graph]) -> None:
    light, dark = (viz.render(graph_of(MANY), "svg", theme=name).decode() for name in ("light", "dark"))
    assert light != dark
    assert re.sub(r'"#[0-9a-f]{6}"', "", light) == re.sub(r'"#[0-9a-f]{6}"', "", dark)


def test_print_has_greys_only(graph_of: Callable[..., Graph]) -> None:
    drawing = viz.render(graph_of(MANY), "svg", theme="print").decode()
    greys = set(re.findall(r'"#([0-9a-f]{6})"', drawing))
    assert all(grey[:2] == grey[2:4] == grey[4:] for grey in greys)


KINDS = [kind for kind in theme.WEIGHT if kind != "block"]


@pytest.mark.parametrize("kinds", [KINDS[:3], KINDS[::2], KINDS[1:9], KINDS[-8:], ["convolution", "linear"]])
def test_kinds_that_stand_in_one_drawing_have_greys_that_are_told_apart_at_arms_length(kinds: list[str]) -> None:
    greys = palette.greys([*kinds, "block", "block A"])
    fills = sorted({recolour.colour(grey.fill, "print") for grey in greys.values()})
    assert len(fills) == len(kinds) + 1
    assert all(contrast(a, b) >= 1.14 for a, b in pairwise(fills))
    assert greys["block"].fill == greys["block A"].fill == fills[0]


def test_of_more_kinds_than_there_are_greys_the_slightest_are_alike() -> None:
    greys = palette.greys(theme.WEIGHT)
    fills = sorted({grey.fill for grey in greys.values()})
    assert all(contrast(a, b) >= 1.14 for a, b in pairwise(fills))
    assert greys["reshape"] == greys["regularization"]
    assert len({greys[kind] for kind in ("convolution", "linear", "attention", "normalization", "pooling")}) == 5


def test_a_legend_in_print_has_one_entry_for_each_grey(graph_of: Callable[..., Graph]) -> None:
    found = scene.build(graph_of(SMALL))
    greys, colours = (
        [entry.colour.fill for entry in graph_legend.entries(found, name) if entry.sign == "fill"]
        for name in ("print", "light")
    )
    assert len(set(greys)) == len(greys) == len(colours)


def test_dot_has_the_colours_of_the_theme(graph_of: Callable[..., Graph]) -> None:
    source = viz.render(graph_of(SMALL), "dot", theme="dark").decode()
    assert f'bgcolor="{recolour.colour(theme.PAPER, "dark")}"' in source
    assert theme.PAPER not in source


@pytest.mark.parametrize(("option", "value"), [("view", "cubes"), ("theme", "blue"), ("engine", "steam")])
def test_an_unknown_option_is_refused_with_the_known(graph_of: Callable[..., Graph], option: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"no {option} is called '{value}'; known are"):
        viz.render(graph_of(SMALL), "svg", **{option: value})  # type: ignore[arg-type]


def test_a_view_that_a_format_cannot_write_is_refused(graph_of: Callable[..., Graph]) -> None:
    with pytest.raises(ValueError, match="dot cannot show stages"):
        viz.render(graph_of(SMALL), "dot", view="stages")


@pytest.mark.parametrize("options", [{"focus": "conv1"}, {"depth": 1}])
def test_options_of_the_graph_are_refused_for_other_views(graph_of: Callable[..., Graph], options: Any) -> None:
    with pytest.raises(ValueError, match="options of the graph, not of stages"):
        viz.render(graph_of(SMALL), "svg", view="stages", **options)


def test_the_system_may_lay_out(
    graph_of: Callable[..., Graph], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing = engine.render("digraph { a -> b }")
    program = tmp_path / "dot"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.stdout.buffer.write({drawing!r})\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert engine.render("digraph { other }", system=True) == drawing


def test_a_system_without_dot_is_told_so(graph_of: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DrawingError, match="no `dot` on the PATH"):
        viz.render(graph_of(SMALL), "svg", engine="system")

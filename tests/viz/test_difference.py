"""What differs between two networks, as a picture and as a page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

import archdsl
import viz
from archdsl.diagnostics import Instance
from archdsl.network import Network
from archdsl.presentation.difference import PrintedDifference
from tests.conftest import Said
from viz import fitting, recolour, theme
from viz.difference import condense
from viz.difference.comparison import ARRANGEMENTS, Comparison, DiffBox, DiffGroup, build
from viz.html.themes import READABLE
from viz.recolour import Theme
from viz.theme import CHANGES, contrast

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"

NET = """
block unit(x, width) { main = x -> conv: conv(width, 3, padding = 1) -> relu
    main + x }
network Net(image: [N, 3, 16, 16]) {
    image -> stem: conv(8, 3, padding = 1) -> body: repeat 3 { unit(8) } -> global_avg_pool -> flatten -> fc: linear(2)
}
"""
CHAIN = "network Net(image: [N, 4, 8, 8]) {\n    image" + "\n        -> conv(4, 3, padding = 1) -> relu" * 300 + "\n}\n"

Diff = Callable[[str, str], PrintedDifference]


@pytest.fixture
def diff(network_of: Callable[..., Network]) -> Diff:
    return lambda a, b: network_of(a).diff(network_of(b))


def said(item: DiffBox | DiffGroup) -> list[str]:
    return [line.both for line in item.lines]


def boxes(comparison: Comparison, *statuses: str) -> list[list[str]]:
    return [said(box) for box in comparison.boxes() if box.status in statuses]


def svg(difference: PrintedDifference, **options: Any) -> ElementTree.Element:
    return ElementTree.fromstring(viz.render_difference(difference, "svg", **options))


def parts(drawing: ElementTree.Element, status: str) -> list[list[str]]:
    """The texts of the boxes of a status, signs included."""
    return [
        [text.text or "" for text in part.iter(f"{SVG}text")]
        for part in drawing.iter(f"{SVG}g")
        if part.get("class") == f"part {status}"
    ]


def test_a_changed_layer_tells_both_values_and_both_shapes(diff: Diff) -> None:
    found = build(diff(NET, NET.replace("stem: conv(8, 3, padding = 1)", "stem: conv(8, 5, padding = 1)")))
    assert boxes(found, "changed") == [["conv 5×5, 8", "stem", "kernel_size 3 → 5", "[1, 8, 16, 16] → [1, 8, 14, 14]"]]


def test_an_operator_in_the_place_of_another_is_told_with_it(diff: Diff) -> None:
    found = build(diff(NET, NET.replace("global_avg_pool", "pool: max_pool(16)")))
    assert [lines[0] for lines in boxes(found, "changed")] == ["global_avg_pool → max_pool 16×16"]


def test_an_added_and_a_removed_layer_stand_beside_what_both_have(diff: Diff) -> None:
    found = build(
        diff(NET.replace("-> flatten", "-> gelu -> flatten"), NET.replace("-> body", "-> first: tanh -> body"))
    )
    assert boxes(found, "added") == [["tanh", "first", "[1, 8, 16, 16]"]]
    assert boxes(found, "removed") == [["gelu", "[1, 8, 1, 1]"]]
    sides = {frozenset(link.sides) for link in found.links}
    assert sides == {frozenset("a"), frozenset("b"), frozenset("ab")}


def test_a_renamed_layer_tells_both_names(diff: Diff) -> None:
    found = build(diff(NET, NET.replace("stem:", "first:")))
    assert ["conv 3×3, 8", "stem → first"] in boxes(found, "same")
    assert found.overview.renamed == 1


def test_a_renamed_block_is_one_box_with_both_names(diff: Diff) -> None:
    found = build(diff(NET, NET.replace("body:", "trunk:")))
    assert "body → trunk" in [line for box in found.boxes() for line in said(box)]
    assert not boxes(found, "added", "removed", "changed")


def test_a_moved_layer_says_so(diff: Diff) -> None:
    a = NET.replace("-> flatten", "-> norm: batch_norm -> act: gelu -> flatten")
    b = NET.replace("-> flatten", "-> act: gelu -> norm: batch_norm -> flatten")
    assert [lines for lines in boxes(build(diff(a, b)), "changed") if "moved" in lines]


def test_blocks_without_a_difference_are_closed_and_others_open_down_to_it(diff: Diff) -> None:
    b = NET.replace("repeat 3 { unit(8) }", "{ unit(8) -> unit(8) -> unit(8) -> conv(8, 1) }")
    found = build(diff(NET, b))
    assert [item.lines[0].both for item in found.all() if isinstance(item, DiffGroup)] == ["body"]
    assert [(box.lines[0].both, box.repeats, box.status) for box in found.boxes() if box.kind == "block"] == [
        ("unit 8", "× 3", "same")
    ]


def test_blocks_that_changed_alike_are_drawn_once(diff: Diff) -> None:
    found = build(diff(NET, NET.replace("width, 3, padding = 1", "width, 5, padding = 2")))
    (group,) = [item for item in found.all() if isinstance(item, DiffGroup) and item.repeats]
    assert group.repeats == "× 3"
    assert [lines[0] for lines in boxes(found, "changed")] == ["conv 5×5, 8"]
    order = {box.id: number for number, box in enumerate(found.boxes())}
    assert all(order[link.source] < order[link.target] for link in found.links)


def test_a_run_of_blocks_is_named_after_them(diff: Diff) -> None:
    blocks = " -> ".join(f"u{i}: unit(8, {i % 2 * 2 + 1})" for i in range(40))
    a = NET.replace("x, width", "x, width, k").replace("width, 3, padding = 1", "width, k, padding = k // 2")
    a = a.replace("body: repeat 3 { unit(8) }", blocks)
    found = build(diff(a, a.replace("stem: conv(8, 3, padding = 1)", "stem: conv(8, 5, padding = 2)")))
    assert "u1 … fc" in [lines[1] for lines in boxes(found, "same") if len(lines) > 1]


def test_blocks_that_changed_otherwise_are_not_drawn_as_one(diff: Diff) -> None:
    a = NET.replace("repeat 3 { unit(8) }", "for k in [1, 3] { unit(8, k) }").replace("x, width", "x, width, k = 3")
    b = a.replace("width, 3, padding = 1", "width, 5, padding = 2")
    a = a.replace("width, 3, padding = 1", "width, k, padding = k // 2")
    found = build(diff(a, b))
    assert [line for lines in boxes(found, "changed") for line in lines if line.startswith("kernel")] == [
        "kernel_size 1 → 5",
        "kernel_size 3 → 5",
    ]


def test_one_change_in_a_long_chain_is_shown_with_what_stands_around_it(diff: Diff) -> None:
    before, last = CHAIN.rsplit("conv(4, 3, padding = 1)", 1)
    found = build(diff(CHAIN, f"{before}conv(4, 5, padding = 2){last}"))
    assert [lines[0] for lines in boxes(found, "same", "changed")] == [
        "image", "597 layers", "relu", "conv 5×5, 4", "relu", "output",
    ]  # fmt: skip


def test_a_chain_that_changed_everywhere_fits_on_a_page(diff: Diff) -> None:
    found = build(diff(CHAIN, CHAIN.replace("4, 3, padding = 1", "4, 5, padding = 2")))
    assert len(list(found.boxes())) <= fitting.ENOUGH
    (middle,) = [box for box in found.boxes() if box.kind == "block"]
    assert "kernel_size 3 → 5" in said(middle)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("resnet50", "resnet101"), ("vgg16", "vgg19"), ("googlenet", "googlenet_torchvision"),
        ("alexnet", "alexnet_one_column"), ("densenet121", "densenet169"), ("resnet50", "resnext50_32x4d"),
    ],
)  # fmt: skip
def test_networks_of_the_zoo_fit_on_a_page(a: str, b: str) -> None:
    found = build(archdsl.load(a).diff(archdsl.load(b)))
    assert len(list(found.boxes())) <= fitting.ENOUGH


def test_without_folding_every_layer_is_a_box(diff: Diff) -> None:
    difference = diff(NET, NET.replace("repeat 3", "repeat 4"))
    found = build(difference, fold=False)
    assert len([box for box in found.boxes() if box.kind == "layer"]) == len(difference.layers)


def test_a_network_without_a_difference_says_so(diff: Diff) -> None:
    assert build(diff(NET, NET)).overview.notes == ("both are the same architecture",)


def test_changes_of_devices_and_loss_are_told(diff: Diff) -> None:
    a = NET.replace("    image ->", "    output y = image ->").replace(
        "linear(2)\n", "linear(2)\n    loss l1_loss(y)\n"
    )
    found = build(diff(a, a.replace("l1_loss", "mse_loss")))
    assert found.overview.notes == ("loss: l1_loss(y) → mse_loss(y)",)


def test_the_costs_of_both_are_compared_in_the_picture(diff: Diff) -> None:
    drawing = svg(diff(NET, NET.replace("linear(2)", "linear(20)")))
    texts = [text.text for text in drawing.iter(f"{SVG}text")]
    at = texts.index("parameters")
    assert texts[at : at + 4] == ["parameters", "1.99 k", "2.16 k", "+162 (+8.1%)"]


@pytest.mark.parametrize("arrange", ARRANGEMENTS)
def test_every_difference_has_a_sign_beside_its_colour(diff: Diff, arrange: str) -> None:
    b = NET.replace("-> body", "-> first: tanh -> body").replace("linear(2)", "linear(3)")
    drawing = svg(diff(NET.replace("-> flatten", "-> gelu -> flatten"), b), arrange=arrange)
    for status, sign in (("added", "+"), ("removed", "−"), ("changed", "~")):
        found = parts(drawing, status)
        assert found
        assert all(texts[-1] == sign for texts in found)
    removed = [part for part in drawing.iter(f"{SVG}g") if part.get("class") == "part removed"]
    assert all(part[0].get("stroke-dasharray") for part in removed)


def test_side_by_side_each_network_has_its_own_values_level_with_the_other(diff: Diff) -> None:
    drawing = svg(diff(NET, NET.replace("stem: conv(8, 3", "stem: conv(8, 5")), arrange="side-by-side")
    one, other = [part for part in drawing.iter(f"{SVG}g") if part.get("class") == "part changed"]
    for part, values in ((one, ("kernel_size 3", "[1, 8, 16, 16]")), (other, ("kernel_size 5", "[1, 8, 14, 14]"))):
        assert set(values) <= {text.text for text in part.iter(f"{SVG}text")}
    assert one[0].attrib["y"] == other[0].attrib["y"]


def test_side_by_side_what_one_has_not_is_left_out_of_it(diff: Diff) -> None:
    drawing = svg(diff(NET, NET.replace("-> body", "-> first: tanh -> body")), arrange="side-by-side")
    assert len(parts(drawing, "added")) == 1
    assert len([texts for texts in parts(drawing, "same") if texts[0] == "flatten"]) == 2


def test_the_picture_is_as_it_was(golden: Callable[[Path, str], None]) -> None:
    difference = archdsl.load("lenet5").diff(archdsl.load("lenet5_1998"))
    golden(GOLDEN / "diff_lenet5_lenet5_1998.svg", viz.render_difference(difference, "svg").decode())


@pytest.mark.parametrize("name", get_args(Theme))
def test_what_differs_can_be_read_in_every_theme(name: Theme) -> None:
    ink, muted, paper = (recolour.colour(colour, name) for colour in (theme.INK, theme.MUTED, theme.PAPER))
    for fill, line in (tuple(recolour.colour(part, name) for part in colour) for colour in CHANGES.values()):
        assert contrast(ink, fill) >= READABLE
        assert contrast(muted, fill) >= READABLE
        assert contrast(line, paper) >= 3  # a box's outline, and its sign


@pytest.mark.parametrize("suffix", ["svg", "png", "tex", "html"])
@pytest.mark.parametrize("arrange", ARRANGEMENTS)
def test_the_suffix_chooses_the_format(diff: Diff, suffix: str, arrange: str, tmp_path: Path) -> None:
    file = tmp_path / f"diff.{suffix}"
    diff(NET, NET.replace("linear(2)", "linear(3)")).draw(file, arrange=arrange)
    start = {"svg": b"<?xml", "png": b"\x89PNG", "tex": b"% A drawing", "html": b"<!doctype html>"}
    assert file.read_bytes().startswith(start[suffix])


def test_tikz_has_every_sign(diff: Diff) -> None:
    source = viz.render_difference(diff(NET, NET.replace("stem: conv(8", "stem: conv(9").replace("8)", "9)")), "tex")
    assert rb"$\approx$" in source
    assert b"[U+" not in source


def test_a_format_that_cannot_show_a_difference_is_refused(diff: Diff) -> None:
    with pytest.raises(ValueError, match="dot cannot show difference"):
        viz.render_difference(diff(NET, NET), "dot")


def test_an_unknown_arrangement_is_refused_with_the_known(diff: Diff) -> None:
    with pytest.raises(ValueError, match=r"no arrangement is called 'stacked'; known are overlaid, side-by-side"):
        viz.render_difference(diff(NET, NET), "svg", arrange="stacked")  # type: ignore[arg-type]


def test_layers_that_were_moved_against_each_other_make_no_cycle(diff: Diff) -> None:
    a = NET.replace("-> body: repeat 3 { unit(8) }", "-> body: { c: conv(8, 1) -> d: tanh -> e: gelu }")
    b = NET.replace("-> body: repeat 3 { unit(8) }", "-> body: { e: gelu -> d: tanh -> c: conv(8, 1) }")
    assert parts(svg(diff(a, b)), "changed")


HOSTILE = '</script><script>alert(1)</script><!-- " & ]]> {{data}}'


def hostile(network_of: Callable[..., Network]) -> PrintedDifference:
    a, b = network_of(NET), network_of(NET.replace("repeat 3", "repeat 4"))
    for net in (a, b):
        for _, node in net.graph.nodes(data=True):
            node["blocks"] = tuple(Instance(i.path, HOSTILE, i.span, i.block) for i in node["blocks"])
    return a.diff(b)


def test_whatever_a_spec_says_is_text_in_the_picture(network_of: Callable[..., Network]) -> None:
    drawing = svg(hostile(network_of))
    assert any((text.text or "").startswith("</script><script>") for text in drawing.iter(f"{SVG}text"))
    assert not [part for part in drawing.iter() if part.tag.removeprefix(SVG) in ("script", "a", "image")]


def test_whatever_a_spec_says_is_text_in_the_page(network_of: Callable[..., Network]) -> None:
    page = viz.render_difference(hostile(network_of), "html").decode()
    (data,) = re.findall(r'id="network">(.*)</script>', page)
    assert not re.search("[<>&]", data)
    assert any(item.get("call", "").startswith("</script><script>") for item in json.loads(data)["items"])


def test_the_page_knows_both_values_of_what_changed(diff: Diff) -> None:
    page = viz.render_difference(diff(NET, NET.replace("stem: conv(8, 3", "stem: conv(8, 5")), "html").decode()
    (data,) = re.findall(r'id="network">(.*)</script>', page)
    told = json.loads(data)
    (item,) = [item for item in told["items"] if item["status"] == "changed" and item["kind"] == "layer"]
    sizes = [dict(told["settings"][item[side]["settings"]])["kernel_size"] for side in "ab"]
    assert (sizes, item["a"]["outputs"], item["b"]["outputs"]) == (["3", "5"], ["[N, 8, 16, 16]"], ["[N, 8, 14, 14]"])
    assert item["params"] == item["b"]["params"] - item["a"]["params"] == 384


def test_a_notebook_shows_the_picture(diff: Diff) -> None:
    shown = diff(NET, NET)._repr_svg_()
    assert shown is not None
    assert shown.startswith("<?xml")


def test_the_command_draws_where_a_file_is_named(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    file = tmp_path / "diff.svg"
    done = command_line(
        "diff", "lenet5", "lenet5_1998", "-o", str(file), "--arrange", "side-by-side", "--theme", "dark"
    )
    assert (done.status, done.out) == (0, f"wrote {file}\n")
    assert file.read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--theme", "dark"], "--theme changes nothing without a drawing: name its file with -o"),
        (["--no-fold"], "--fold/--no-fold changes nothing without a drawing: name its file with -o"),
        (["-o", "x.html", "--theme", "dark"], "--theme changes nothing in a file of html"),
        (["-o", "x.html", "--engine", "system"], "--engine changes nothing in a file of html"),
        (["-o", "x.svg", "--time", "h100"], "--time changes nothing in a file of svg"),
        (["-o", "x.svg", "--json"], "--json prints the difference and -o draws it: give one of them"),
        (["-o", "x.abc"], "cannot tell the format of 'x.abc' by its suffix"),
        (["-o", "x.dot"], "dot cannot show difference"),
        (["-o", "x.svg", "--arrange", "besides"], "'besides' is not one of 'overlaid', 'side-by-side'"),
    ],
)
def test_what_does_not_go_together_is_a_wrong_command(
    arguments: list[str], message: str, command_line: Callable[..., Said]
) -> None:
    done = command_line("diff", "lenet5", "lenet5", *arguments)
    assert done.status == 2
    assert message in done.err


def test_a_failed_drawing_leaves_the_old_file(diff: Diff, tmp_path: Path) -> None:
    file = tmp_path / "diff.svg"
    file.write_text("old")
    with pytest.raises(ValueError, match="no theme is called"):
        diff(NET, NET).draw(file, theme="blue")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_limits_of_a_page_fit_each_other() -> None:
    assert condense.ENOUGH < fitting.ENOUGH
    assert 2 * condense.ENDS < fitting.ENOUGH


def test_a_page_takes_the_figures_of_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    difference = archdsl.load("resnet18").diff(archdsl.load("googlenet"))

    def again(*_: object) -> None:
        raise AssertionError("both networks have been analysed")

    monkeypatch.setattr("viz.html.figures.analyse", again)
    assert viz.render_difference(difference, "html").startswith(b"<!")

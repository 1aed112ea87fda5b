"""The interactive page in a real browser. Left out where no Chromium is installed ($CHROMIUM names another one)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import viz
from archdsl.diagnostics import Instance
from archdsl.elaborate import elaborate
from archdsl.errors import SpecError
from archdsl.graph import Graph
from archdsl.network import load
from archdsl.program import parse_string
from tests.tools import BROWSER
from tests.viz.chromium import Chromium
from tests.viz.reader import CONTRASTS, STATUS, choose, panel, paths, save, selected
from viz.html.notebook import frame
from viz.html.themes import READABLE

pytestmark = BROWSER.needed()

LONG = "network Long(x: [N, 8]) { x -> repeat 5000 { linear(8) -> relu } }"
FEW = """
block unit(x) {
    main = x -> linear(8) -> relu
    main + x
}
network Few(x: [N, 8]) { output main = x -> stem: linear(8) -> body: { repeat 3 { unit() } } -> head: linear(2) }
"""
MANY = """
block unit(x) { x -> linear(8) -> relu }
network Many(x: [N, 8]) { output main = x -> repeat 1000 { unit() } }
"""
OPEN = "network Open(x: [N, 3, H, W]) { x -> conv: conv(4, 3, padding = 1) -> pool: global_avg_pool -> relu }"
# Two groups that feed each other both ways, some training only, on two devices.
TWINS = """
network Twins(x: [N, 8]) {
    device gpu0, gpu1
    halves = [x -> twin${i}.first: linear(4) @gpu${i} for i in range(2)]
    both = concat(halves)
    seconds = [both -> twin${i}.second: linear(4) @gpu${i} for i in range(2)]
    output aux = both -> aux: { linear(3) -> relu } @train @gpu0
    output main = concat(seconds) -> head: linear(2)
}
"""


BROKEN = """
block unit(x, width) {
    y = x -> conv1: conv(width, 3)
    x + y -> relu
}
network Net(image: [N, 3, 32, 32]) { image -> body: { unit(8) -> relu } }
"""


def broken(code: str) -> Graph:
    with pytest.raises(SpecError) as caught:
        graph(code)
    assert caught.value.graph is not None
    return caught.value.graph


def graph(code: str) -> Graph:
    program = parse_string(code)
    network, variant = program.find(None)
    return elaborate(network, program.definitions, variant)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    hostile = graph("block b(x) { x -> relu -> flatten }\nnetwork Net(x: [N, 3, 8, 8]) { x -> it: b() -> linear(2) }")
    for _, node in hostile.nodes(data=True):
        node["blocks"] = tuple(
            Instance(i.path, "<img src=x onerror=alert(1)>", i.span, i.block) for i in node["blocks"]
        )
    graphs = {
        "resnet50": load("resnet50").graph, "long": graph(LONG), "open": graph(OPEN), "twins": graph(TWINS),
        "hostile": hostile, "broken": broken(BROKEN), "many": graph(MANY), "few": graph(FEW), "unfolded": graph(FEW),
        "in_stages": load("resnet50").graph, "focused": graph(FEW), "beside": load("resnet18").graph,
        "vit": load("vit_tiny_16").graph,
    }  # fmt: skip
    options: dict[str, dict[str, Any]] = {
        "unfolded": {"fold": False}, "in_stages": {"view": "stages"}, "focused": {"focus": "body"},
        "beside": {"focus": "layer2"},
    }  # fmt: skip
    found = {name: folder / f"{name}.html" for name in graphs}
    for name, path in found.items():
        path.write_bytes(viz.render(graphs[name], "html", **options.get(name, {})))
    found["notebook"] = folder / "notebook.html"
    shown = frame(found["resnet50"].read_bytes(), "resnet50")
    found["notebook"].write_text(f"<!doctype html><html data-ready=true><body>{shown}", encoding="utf-8")
    return found


@pytest.fixture
def opened(browser: Chromium, pages: dict[str, Path]) -> Iterator[Callable[..., Chromium]]:
    """Opens a page. At the end it must have logged nothing and asked for nothing but itself and its layout engine."""

    def open_(name: str, fragment: str = "") -> Chromium:
        browser.prefer("light")
        browser.open(pages[name], fragment)
        return browser

    yield open_
    assert browser.logged == []
    asked, *others = browser.requests
    assert asked.startswith("file:///")
    assert all(url.startswith("blob:null/") for url in others)


def test_a_page_opens_with_its_blocks_closed(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50")
    assert {"image", "conv1", "layer1", "layer4", "fc"} <= set(paths(browser))
    assert paths(browser, "frame") == []


def test_a_click_on_its_sign_opens_a_block_and_another_closes_it(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50")
    browser.until(
        lambda: browser.click("[aria-label^='layer1,'] [data-toggle]"), "document.querySelector('.frame') !== null"
    )
    assert "layer1.0" in paths(browser)
    browser.until(lambda: browser.click(".heading [data-toggle]"), "document.querySelector('.frame') === null")
    assert "layer1" in paths(browser)


def test_enter_opens_the_selected_block_and_closes_it(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "layer2")
    browser.until(lambda: browser.press("Enter"), "document.querySelector('.frame') !== null")
    assert "layer2.1" in paths(browser)
    browser.until(lambda: browser.press("Enter"), "document.querySelector('.frame') === null")


def test_an_address_opens_at_its_layer_with_the_blocks_around_it_open(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "layer1.0.conv2")
    assert paths(browser, "frame") == ["layer1", "layer1.0"]
    assert paths(browser, "selected") == ["layer1.0.conv2"]
    inside = "(([a, b]) => a.top >= b.top && a.bottom <= b.bottom)(['.selected', '#canvas']"
    assert browser.evaluate(f"{inside}.map(s => document.querySelector(s).getBoundingClientRect()))")


def test_the_panel_tells_all_of_a_layer(opened: Callable[..., Chromium]) -> None:
    told = panel(opened("resnet50", "layer1.0.conv2"))
    for said in (
        "conv 3×3, 64",
        "36,864",
        "115,605,504",
        "[N, 64, 56, 56]",
        "kernel size",
        "19",
        "resnet.arch:",
        "bottleneck 64",
    ):
        assert said in told


def test_the_panel_tells_of_the_network_where_nothing_is_selected(opened: Callable[..., Chromium]) -> None:
    assert "25,557,032" in panel(opened("resnet50"))


def test_what_is_not_known_is_a_question_mark_and_what_depends_on_a_symbol_its_formula(
    opened: Callable[..., Chromium],
) -> None:
    assert re.search(r"receptive field\s+\?", panel(opened("open", "pool")))
    assert re.search(r"MACs\s+108\*H\*W", panel(opened("open", "conv")))


def test_search_finds_by_path_and_enter_goes_there(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50")
    browser.press("/")
    browser.type("3.5.conv2")
    assert browser.evaluate("document.querySelector('#hits li').innerText.split('\\n')[0]") == "layer3.5.conv2"
    browser.until(lambda: browser.press("Enter"), "location.hash === '#layer3.5.conv2'")
    assert paths(browser, "frame") == ["layer3", "layer3.5"]


def test_search_finds_by_operator_and_marks_the_blocks_that_hold_it(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50")
    browser.press("/")
    browser.type("add")
    assert set(paths(browser, "found")) == {"layer1", "layer2", "layer3", "layer4"}
    browser.press("Escape")
    assert paths(browser, "found") == []


def test_arrows_walk_along_the_tensors_and_between_branches(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "layer1.0.downsample")
    browser.press("ArrowDown")
    assert selected(browser) == "layer1.0.add"
    browser.press("ArrowUp")
    assert selected(browser) in ("layer1.0.bn3", "layer1.0.downsample")
    browser.press("ArrowDown")
    browser.press("ArrowDown")
    assert selected(browser) == "layer1.0.relu_3"


def test_an_arrow_across_the_flow_goes_to_the_branch_beside(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "layer1.0.downsample")
    beside = "ArrowLeft" if place(browser, "layer1.0.conv3") < place(browser, "layer1.0.downsample") else "ArrowRight"
    browser.press(beside)
    assert selected(browser) == "layer1.0.conv3"


def place(browser: Chromium, path: str) -> float:
    left: float = browser.evaluate(f"document.querySelector('[aria-label^=\"{path},\"]').getBoundingClientRect().left")
    return left


def test_escape_goes_out_to_the_block_around(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "layer1.0.conv2")
    found = []
    for _ in range(3):
        browser.press("Escape")
        found.append(selected(browser))
    assert found == ["layer1.0", "layer1", None]


def test_keys_zoom_and_fit(opened: Callable[..., Chromium]) -> None:
    browser = opened("twins")
    scale = "+document.querySelector('#canvas svg > g').getAttribute('transform').match(/scale\\((.*)\\)/)[1]"
    first = browser.evaluate(scale)
    browser.until(lambda: browser.press("+"), f"{scale} > {first}")
    browser.until(lambda: browser.press("-"), f"Math.abs({scale} - {first}) < 1e-9")
    browser.until(lambda: browser.press("-"), f"{scale} < {first}")
    browser.until(lambda: browser.press("0"), f"{scale} === {first}")


def test_equal_blocks_in_a_row_are_one_with_their_number(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "layer3")
    browser.until(lambda: browser.press("Enter"), "document.querySelector('.frame') !== null")
    assert {"layer3.0", "layer3.1"} <= set(paths(browser))
    assert not {"layer3.2", "layer3.5"} & set(paths(browser))
    assert "× 5" in browser.evaluate("document.querySelector('[aria-label^=\"layer3.1,\"]').textContent")
    assert "5,585,920" in panel(opened("resnet50", "layer3.1"))  # the parameters of all


@pytest.mark.parametrize("at", ["body", "body.0.linear"])
def test_the_number_of_equal_blocks_unfolds_them_and_a_key_folds_them(opened: Callable[..., Chromium], at: str) -> None:
    browser = opened("few", at)
    folded = paths(browser)
    browser.until(lambda: browser.click("[data-fold]"), f"{STATUS}.includes('each')")
    assert {"body.1", "body.2"} <= set(paths(browser))
    browser.until(lambda: browser.press("f"), f"{STATUS}.includes('into one')")
    assert paths(browser) == folded


def test_the_edges_of_what_is_folded_are_those_of_the_first(opened: Callable[..., Chromium]) -> None:
    browser = opened("few", "body.0.linear")
    titles = browser.evaluate("[...document.querySelectorAll('.edge title')].map(e => e.textContent.split(':')[0])")
    assert {"stem → body.0.linear", "stem → body.0.add", "body.0.add → head"} <= set(titles)
    assert "body.0.add → body.0.linear" not in titles


def test_a_heat_map_counts_a_folded_block_as_often_as_it_occurs(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "layer3.1.conv2")
    browser.until(lambda: choose(browser, "heat", "params"), "document.querySelector('#legend .scale') !== null")
    assert "2.95 M" in browser.evaluate("document.querySelector('.selected').textContent")  # 5 × 589,824


def test_many_equal_blocks_unfold_in_pages(opened: Callable[..., Chromium]) -> None:
    browser = opened("many")
    assert paths(browser) == ["x", "unit.linear", "unit.relu", "main"]
    browser.until(lambda: browser.click("[data-fold]"), f"{STATUS}.includes('each')")
    assert "unit_2 … unit_101" in paths(browser)
    browser.open(Path(browser.evaluate("location.pathname")), "unit_500.linear")
    assert paths(browser, "selected") == ["unit_500.linear"]


def test_without_folding_every_block_is_drawn(opened: Callable[..., Chromium]) -> None:
    assert {"body.1", "body.2"} <= set(paths(opened("unfolded", "body.0.linear")))


def test_open_all_opens_all_and_close_all_none(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50")
    browser.until(lambda: browser.click("#open-all"), "document.getElementById('status').innerText.includes('shown')")
    assert len(paths(browser, "frame")) == 4 + 8 + 4  # stages, blocks (equal ones in a row once), shortcuts
    browser.until(lambda: browser.click("#close-all"), "document.querySelector('.frame') === null")


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_every_box_can_be_read_in_every_theme_and_heat(opened: Callable[..., Chromium], theme: str) -> None:
    browser = opened("resnet50")
    choose(browser, "theme", theme)
    for figure, legend in (("", ""), ("params", "parameters"), ("macs", "MACs"), ("bytes", "memory")):
        if figure:
            choose(browser, "heat", figure)
        browser.wait(f"document.getElementById('legend').innerText.includes('{legend}')")
        contrasts = browser.evaluate(CONTRASTS)
        assert len(contrasts) > 10
        assert min(contrasts) >= READABLE


def test_heat_colours_by_a_figure_and_writes_it(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50")
    browser.until(lambda: choose(browser, "heat", "params"), "document.querySelector('#legend .scale') !== null")
    fill = "getComputedStyle(document.querySelector('[aria-label^=\"{}\"] .shape')).fill"
    assert len({browser.evaluate(fill.format(path)) for path in ("relu", "layer1,", "layer3,", "layer4,")}) == 4
    assert "15 M" in browser.evaluate("document.querySelector('[aria-label^=\"layer4,\"]').textContent")
    assert "15 M" in browser.evaluate("document.getElementById('legend').innerText")


def test_the_theme_follows_the_system_until_one_is_chosen(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50")
    theme = "document.documentElement.dataset.theme"
    browser.until(lambda: browser.prefer("dark"), f"{theme} === 'dark'")
    choose(browser, "theme", "print")
    assert browser.evaluate(theme) == "print"


def test_the_view_is_saved_as_svg_with_nothing_but_shapes(opened: Callable[..., Chromium]) -> None:
    browser = opened("twins", "aux")
    root = ElementTree.fromstring(save(browser))
    tags = {element.tag.removeprefix("{http://www.w3.org/2000/svg}") for element in root.iter()}
    assert tags <= {"svg", "g", "rect", "circle", "path", "text", "tspan", "title"}
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"twin0.first", "gpu1", "training only", "between devices"} <= set(texts)
    assert not any(name in element.attrib for element in root.iter() for name in ("class", "style", "id", "onclick"))
    assert browser.evaluate("window.name_") == "Twins.svg"


VIEW = "document.querySelector('#views [aria-pressed=true]').dataset.view"


@pytest.mark.parametrize(
    ("key", "view", "shown"), [("2", "stages", "bottleneck 64"), ("3", "volumes", "max_pool 3×3, /2")]
)
def test_a_key_or_button_shows_another_view(opened: Callable[..., Chromium], key: str, view: str, shown: str) -> None:
    browser = opened("resnet50")
    browser.until(lambda: browser.press(key), f"{VIEW} === '{view}'")
    assert shown in browser.evaluate("document.querySelector('.picture').textContent")
    assert paths(browser) == []
    assert browser.evaluate("location.hash") == f"#{view}:"
    browser.until(lambda: browser.click("[data-view=graph]"), f"{VIEW} === 'graph'")
    assert "layer1" in paths(browser)


def test_an_address_names_a_view_and_a_layer_whose_stage_is_marked(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "stages:layer3.4.conv2")
    assert paths(browser, "part.selected") == ["layer3"]
    assert {"layer3", "7,098,368"} <= set(re.findall(r"[\w.,… ]*\w", panel(browser)))


def test_a_page_opens_in_the_view_that_it_was_made_for(opened: Callable[..., Chromium]) -> None:
    browser = opened("in_stages")
    assert browser.evaluate(VIEW) == "stages"
    browser.until(lambda: browser.press("1"), "location.hash === '#graph:'")
    assert "layer1" in paths(browser)


@pytest.mark.parametrize(
    ("view", "path", "said"), [("stages", "layer2", "1,219,584"), ("volumes", "layer2.0", "bottleneck 128, stride 2")]
)
def test_a_click_on_a_stage_selects_what_it_stands_for_and_a_double_click_goes_there(
    opened: Callable[..., Chromium], view: str, path: str, said: str
) -> None:
    browser = opened("resnet50", f"{view}:")
    browser.press("0")  # all of the picture, which is larger than the window
    stage = f"[aria-label^='{path},'] :is(rect, polygon)"
    browser.until(lambda: browser.click(stage), f"location.hash === '#{view}:{path}'")
    assert said in panel(browser)
    browser.until(lambda: browser.click(stage, times=2), f"location.hash === '#{path}'")
    browser.wait("document.querySelector('.selected') !== null")
    assert paths(browser, "selected") == [path]


def test_arrows_walk_from_stage_to_stage_and_enter_goes_to_the_graph(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "volumes:conv1")
    browser.until(lambda: browser.press("ArrowRight"), "location.hash === '#volumes:maxpool'")
    browser.until(lambda: browser.press("Enter"), "location.hash === '#maxpool'")
    assert paths(browser, "selected") == ["maxpool"]


def test_search_marks_stages_and_goes_to_the_graph_for_what_a_picture_leaves_out(
    opened: Callable[..., Chromium],
) -> None:
    browser = opened("twins", "volumes:")
    browser.press("/")
    browser.type("head")
    assert paths(browser, "part.found") == ["head"]
    browser.press("Escape")
    browser.press("/")
    browser.type("concat_2")
    browser.until(lambda: browser.press("Enter"), f"{VIEW} === 'graph'")
    browser.wait("location.hash === '#concat_2'")


def test_each_view_keeps_its_place(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "stages:")
    moved = "document.querySelector('.picture').getAttribute('transform')"
    browser.wait(f"{moved} !== null")
    first = browser.evaluate(moved)
    browser.until(lambda: browser.press("+"), f"{moved} !== '{first}'")
    second = browser.evaluate(moved)
    browser.until(lambda: browser.press("1"), f"{VIEW} === 'graph' && document.querySelector('.box') !== null")
    browser.until(lambda: browser.press("2"), f"document.querySelector('.picture') !== null && {moved} === '{second}'")
    browser.until(lambda: browser.press("0"), f"{moved} === '{first}'")


def test_blocks_beside_one_in_focus_are_boxes_with_their_costs(opened: Callable[..., Chromium]) -> None:
    browser = opened("beside")
    assert {"layer1", "layer3"} <= set(paths(browser))
    browser.until(lambda: browser.click("[aria-label^='layer1,']"), "location.hash === '#layer1'")
    assert "14 layers" in panel(browser)
    assert "147,968" in panel(browser)  # parameters


@pytest.mark.parametrize("view", ["stages", "volumes"])
def test_a_picture_says_why_there_is_none(opened: Callable[..., Chromium], view: str) -> None:
    browser = opened("focused", f"{view}:")
    assert "a part of a network" in browser.evaluate("document.getElementById('refused').innerText")
    browser.until(lambda: browser.press("1"), "document.querySelector('.box') !== null")
    assert browser.evaluate("document.getElementById('refused').innerText") == ""


PICTURE_CONTRASTS = """[...document.querySelectorAll('.part')].flatMap(part => {
    const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
    const fill = element => light(getComputedStyle(element).fill)
    const back = VIEW === 'stages' ? fill(part.querySelector('rect:last-of-type'))
        : light(getComputedStyle(document.body).backgroundColor)
    return [...part.querySelectorAll('text')].map(text => [fill(text), back].sort((a, b) => b - a))
        .map(([high, low]) => (high + 0.05) / (low + 0.05))
})"""


@pytest.mark.parametrize("view", ["stages", "volumes"])
def test_pictures_follow_the_theme_and_can_be_read_in_each(opened: Callable[..., Chromium], view: str) -> None:
    browser = opened("resnet50", f"{view}:")
    fills = set()
    for theme in ("light", "dark", "print"):
        choose(browser, "theme", theme)
        fills.add(
            browser.evaluate(
                "getComputedStyle(document.querySelector('.part[aria-label^=conv1] :is(rect, polygon)')).fill"
            )
        )
        contrasts = browser.evaluate(PICTURE_CONTRASTS.replace("VIEW", f"'{view}'"))
        assert len(contrasts) > 10
        assert min(contrasts) >= READABLE
    assert len(fills) == 3


FILLS = """Object.fromEntries([...document.querySelectorAll('.part')].map(part => [
    part.getAttribute('aria-label').split(',')[0],
    getComputedStyle(part.querySelector('rect:last-of-type, polygon')).fill,
]))"""


@pytest.mark.parametrize(
    ("view", "third", "last", "most"),
    [("stages", "layer3", "layer4", "15 M"), ("volumes", "layer3.1 … 5", "layer4.1 … 2", "8.93 M")],
)
def test_heat_colours_the_pictures_with_a_legend_in_the_place_of_theirs(
    opened: Callable[..., Chromium], view: str, third: str, last: str, most: str
) -> None:
    browser = opened("resnet50", f"{view}:")
    own = "getComputedStyle(document.querySelector('.picture > .legend')).display !== 'none'"
    before = browser.evaluate(FILLS)
    browser.until(lambda: choose(browser, "heat", "params"), "document.querySelector('#legend .scale') !== null")
    heated = browser.evaluate(FILLS)
    assert heated["image"] == before["image"]  # which costs nothing
    assert len({heated[path] for path in ("conv1", "layer1", third, last)}) == 4
    assert most in browser.evaluate("document.getElementById('legend').innerText")
    assert not browser.evaluate(own)
    assert f"parameters, at most {most}" in save(browser)
    browser.until(lambda: choose(browser, "heat", ""), own)
    assert browser.evaluate(FILLS) == before
    assert browser.evaluate("document.getElementById('legend').hidden")


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_stages_can_be_read_in_every_heat(opened: Callable[..., Chromium], theme: str) -> None:
    browser = opened("resnet50", "stages:")
    choose(browser, "theme", theme)
    choose(browser, "heat", "macs")
    assert min(browser.evaluate(PICTURE_CONTRASTS.replace("VIEW", "'stages'"))) >= READABLE


def test_a_heat_chosen_in_a_picture_holds_in_the_graph(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50")
    browser.until(lambda: browser.press("2"), f"{VIEW} === 'stages'")
    choose(browser, "heat", "params")
    browser.until(lambda: browser.press("1"), f"{VIEW} === 'graph'")
    said = "document.querySelector('.box[aria-label^=\"layer4,\"]')?.textContent.includes('15 M')"
    browser.wait(said)


@pytest.mark.parametrize("view", ["stages", "volumes"])
def test_a_picture_is_saved_as_the_command_draws_it(opened: Callable[..., Chromium], view: str) -> None:
    browser = opened("resnet50", f"{view}:conv1")
    saved = ElementTree.fromstring(save(browser))
    drawn = ElementTree.fromstring(viz.render(load("resnet50").graph, "svg", view=view))  # type: ignore[arg-type]
    texts = [[element.text for element in root.iter("{http://www.w3.org/2000/svg}text")] for root in (saved, drawn)]
    assert texts[0] == texts[1]
    assert "var(" not in ElementTree.tostring(saved, encoding="unicode")
    assert browser.evaluate("window.name_") == f"resnet50-{view}.svg"


def test_groups_that_feed_each_other_are_drawn_without_frames_so_that_data_flows_one_way(
    opened: Callable[..., Chromium],
) -> None:
    browser = opened("twins")
    assert {"twin0.first", "twin1.second"} <= set(paths(browser))
    assert not {"twin0", "twin1"} & set(paths(browser, "frame"))
    top = "document.querySelector('[aria-label^=\"{},\"]').getBoundingClientRect().top"
    assert browser.evaluate(f"{top.format('twin1.first')} < {top.format('twin0.second')}")


def test_what_only_trains_is_dashed_and_what_crosses_devices_thick(opened: Callable[..., Chromium]) -> None:
    browser = opened("twins")
    dashed = "getComputedStyle(document.querySelector('[aria-label^=\"aux\"] .shape')).strokeDasharray"
    assert browser.evaluate(dashed) != "none"
    assert browser.evaluate("document.querySelectorAll('.edge.crossing').length") > 0
    assert "training only" in browser.evaluate("document.getElementById('legend').innerText")


def test_ten_thousand_layers_draw_only_what_is_in_sight(opened: Callable[..., Chromium]) -> None:
    browser = opened("long")
    assert 5 < len(paths(browser)) < 50
    browser.open(Path(browser.evaluate("location.pathname")), "relu_2500")
    assert paths(browser, "selected") == ["relu_2500"]
    assert len(paths(browser)) < 100


def test_a_broken_spec_opens_at_what_is_wrong_and_says_it(opened: Callable[..., Chromium]) -> None:
    browser = opened("broken")
    said = browser.evaluate("[...document.querySelectorAll('.box')].map(box => box.textContent).join()")
    assert "cannot add" in said
    assert "[N, 3, 32, 32]" in said
    assert "there are no totals" in panel(browser)


def test_text_of_a_spec_stays_text(opened: Callable[..., Chromium]) -> None:
    browser = opened("hostile", "it")
    assert "<img src=x onerror=alert(1)>" in panel(browser)
    assert browser.evaluate("document.querySelectorAll('img, iframe, object, a[href]').length") == 0


def test_screen_readers_are_told_what_each_item_is_and_which_is_active(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50", "layer1.0.conv2")
    items: list[dict[str, Any]] = browser.evaluate(
        "[...document.querySelectorAll('#canvas [role=treeitem]')].map(e => ({"
        "label: e.getAttribute('aria-label'), level: +e.getAttribute('aria-level'),"
        "open: e.getAttribute('aria-expanded'), active: e.getAttribute('aria-selected')}))"
    )
    assert all(item["label"] and item["level"] >= 1 for item in items)
    opened_ = {item["label"].split(", ")[0]: item["open"] for item in items if item["open"] is not None}
    assert (opened_["layer1"], opened_["layer1.1"]) == ("true", "false")
    assert [item["label"].split(", ")[0] for item in items if item["active"] == "true"] == ["layer1.0.conv2"]
    active = "document.getElementById(document.getElementById('canvas').getAttribute('aria-activedescendant'))"
    assert browser.evaluate(f"{active}.getAttribute('aria-label')").startswith("layer1.0.conv2, conv 3×3, 64")


def test_every_control_has_a_name_and_can_be_reached_by_the_tab_key(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50")
    names = []
    for _ in range(16):
        browser.press("Tab")
        names.append(
            browser.evaluate(
                "(e => e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText)(document.activeElement)"
            )
        )
    assert all(names)
    assert any("Layers and blocks" in name for name in names)
    assert any("Search" in name for name in names)


def test_the_page_works_where_a_host_allows_no_workers(opened: Callable[..., Chromium], browser: Chromium) -> None:
    refuse = "window.Worker = class { constructor() { throw new Error('no workers here') } }"
    script = browser.call("Page.addScriptToEvaluateOnNewDocument", source=refuse)["identifier"]
    try:
        assert "layer1" in paths(opened("resnet50"))
    finally:
        browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_in_a_notebook_the_page_works_in_its_sandbox(opened: Callable[..., Chromium]) -> None:
    browser = opened("notebook")
    browser.wait_in_frame(
        "document.documentElement.dataset.ready === 'true' && document.querySelectorAll('.box').length > 4"
    )


@pytest.mark.parametrize("name", ["vit", "resnet50", "twins", "few", "broken"])
def test_data_never_flows_upwards(opened: Callable[..., Chromium], name: str) -> None:
    ends = """[...document.querySelectorAll('g.edge')].map(edge => {
        const numbers = edge.querySelector('path').getAttribute('d').match(/-?[\\d.]+/g).map(Number)
        return [edge.textContent, numbers[1], numbers.at(-1)]
    })"""
    edges = opened(name).evaluate(ends)
    assert edges
    assert [said for said, begin, end in edges if end < begin] == []

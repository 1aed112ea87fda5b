"""The page of two networks in a real browser. Left out where no Chromium is installed ($CHROMIUM names another one)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

import archdsl
from archdsl.network import Network
from tests.tools import BROWSER
from tests.viz.chromium import Chromium
from tests.viz.reader import CONTRASTS, STATUS, choose, panel, paths, save, selected
from viz import recolour
from viz.html.themes import READABLE
from viz.recolour import Theme
from viz.theme import CHANGES

pytestmark = BROWSER.needed()

# A kernel and a pooling become others, two blocks and a layer are added, two layers change places, one is renamed.
A = """
block unit(x, width) { main = x -> conv: conv(width, 3, padding = 1) -> relu
    main + x }
network Net(image: [N, 3, 16, 16]) {
    image -> stem: conv(8, 3, padding = 1) -> body: { unit(8) } -> pool: max_pool(2)
        -> tail: { norm: batch_norm -> act: gelu } -> global_avg_pool -> flatten -> fc: linear(2)
}
"""
B = (
    A.replace("{ unit(8) }", "repeat 3 { unit(8) }")
    .replace("stem: conv(8, 3, padding = 1)", "stem: conv(8, 5)")
    .replace("pool: max_pool(2)", "pool: avg_pool(2) -> second: sigmoid")
    .replace("norm: batch_norm -> act: gelu", "act: gelu -> norm: batch_norm")
    .replace("fc: linear(2)", "head: linear(2)")
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for name, code in (("a", A), ("b", B)):
        (folder / f"{name}.arch").write_text(code, encoding="utf-8")
    a, b = (archdsl.load(folder / f"{name}.arch") for name in "ab")
    pairs: dict[str, tuple[Network, Network, dict[str, Any]]] = {
        "vgg": (archdsl.load("vgg16"), archdsl.load("vgg19"), {}),
        "resnet": (archdsl.load("resnet50"), archdsl.load("resnet101"), {}),
        "many": (a, b, {}),
        "beside": (a, b, {"arrange": "side-by-side"}),
        "same": (a, a, {}),
    }
    found = {}
    for name, (one, other, options) in pairs.items():
        found[name] = folder / f"{name}.html"
        one.diff(other).draw(found[name], **options)
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
    assert all(url.startswith(("file:///", "blob:null/")) for url in browser.requests)
    assert sum(url.startswith("file:") for url in browser.requests) == 1


ARRANGEMENT = "document.getElementById('arrangement').value"


def test_it_opens_with_the_costs_of_both(opened: Callable[..., Chromium]) -> None:
    assert "parameters\t138 M\t144 M\t+5.31 M (+3.8%)" in panel(opened("vgg"))


def test_what_differs_is_open_and_what_does_not_closed(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet")
    assert paths(browser, "frame") == ["layer3"]
    assert {"layer1", "layer3.6", "layer4"} <= set(paths(browser))
    assert paths(browser, "box.added") == ["layer3.6"]  # which stands for seventeen


def test_a_block_opens_and_closes(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet", "layer1")
    browser.until(lambda: browser.press("Enter"), "document.querySelectorAll('.frame').length === 2")
    assert "layer1.0" in paths(browser)
    browser.until(lambda: browser.press("Enter"), "document.querySelectorAll('.frame').length === 1")


def test_unchanged_layers_in_a_row_are_one_box_that_opens(opened: Callable[..., Chromium]) -> None:
    browser = opened("vgg")
    run = '[aria-label^="0 … 14"]'
    browser.until(lambda: browser.click(f"{run} [data-toggle]"), f"document.querySelector('.frame{run}') !== null")
    assert {"features.0", "features.14"} <= set(paths(browser))


def test_an_address_opens_at_a_layer_of_either_network(opened: Callable[..., Chromium]) -> None:
    assert paths(opened("resnet", "layer1.1.conv2"), "selected") == ["layer1.1.conv2"]
    assert paths(opened("many", "head"), "selected") == ["head"]
    assert paths(opened("many", "fc"), "selected") == ["head"]  # as it was called


def test_search_finds_by_either_path_and_by_operator(opened: Callable[..., Chromium]) -> None:
    browser = opened("many")
    for text, found in (("fc", ["head"]), ("sigmoid", ["second"]), ("norm", ["tail.norm"])):
        browser.press("/")
        browser.type(text)
        assert set(found) <= set(paths(browser, "box.found"))
        browser.press("Escape")


def test_n_and_p_go_from_difference_to_difference_and_around(opened: Callable[..., Chromium]) -> None:
    browser = opened("vgg")
    seen: list[str] = []
    for number, key in enumerate("nnp"):
        browser.until(lambda key=key: browser.press(key), f"{STATUS} !== {[STATUS, *seen][number]!r}")  # type: ignore[misc]
        seen.append(browser.evaluate(STATUS))
    assert seen[:2] == ["1 of 6: features.16, added", "2 of 6: features.17, added"]
    assert seen[2] == seen[0]
    browser.until(lambda: browser.press("p"), f"{STATUS}.startsWith('6 of 6')")
    assert selected(browser) == "features.35"


def test_the_buttons_do_the_same_and_the_panel_tells_both_sides(opened: Callable[..., Chromium]) -> None:
    browser = opened("many")
    browser.until(lambda: browser.click("#next"), "location.hash !== ''")
    assert selected(browser) == "stem"
    told = panel(browser)
    assert "operator\tconv 3×3, 8\tconv 5×5, 8" in told
    assert "kernel size\t3\t5" in told
    assert "output\t[N, 8, 16, 16]\t[N, 8, 12, 12]" in told
    assert "parameters\t224\t608" in told
    assert "written at a.arch:5 and b.arch:5" in told


def test_the_panel_of_a_block_lists_what_differs_in_it(opened: Callable[..., Chromium]) -> None:
    assert "+ layer3.6" in panel(opened("resnet", "layer3"))


def test_without_a_difference_n_says_so(opened: Callable[..., Chromium]) -> None:
    browser = opened("same")
    assert "both are the same architecture" in panel(browser)
    browser.until(lambda: browser.press("n"), f"{STATUS} === 'there is no difference'")


def test_a_turns_between_the_arrangements_and_keeps_what_is_selected(opened: Callable[..., Chromium]) -> None:
    browser = opened("many", "stem")
    assert paths(browser, "selected") == ["stem"]
    browser.until(lambda: browser.press("a"), "document.querySelectorAll('.selected').length === 2")
    assert browser.evaluate(ARRANGEMENT) == "side-by-side"
    browser.until(lambda: browser.press("a"), "document.querySelectorAll('.selected').length === 1")
    assert selected(browser) == "stem"


def test_side_by_side_each_network_has_what_is_its_own_level_with_the_other(opened: Callable[..., Chromium]) -> None:
    browser = opened("beside", "stem")
    assert browser.evaluate(ARRANGEMENT) == "side-by-side"
    boxes = (
        "[...document.querySelectorAll('.box.selected')].map(box => [box.getBoundingClientRect(), box.textContent])"
        ".map(([{left, top}, text]) => [left, top, text])"
    )
    (left, top, first), (right, level, second) = sorted(browser.evaluate(boxes))
    assert left < right
    assert top == level
    assert first.startswith("conv 3×3, 8stemkernel_size 3padding 1[1, 8, 16, 16]")
    assert second.startswith("conv 5×5, 8stemkernel_size 5padding 0[1, 8, 12, 12]")
    assert paths(browser, "box.added").count("second") == 1


def test_a_heat_map_colours_by_what_became_more_and_less(opened: Callable[..., Chromium]) -> None:
    browser = opened("many")
    browser.until(lambda: choose(browser, "heat", "params"), "document.querySelector('#legend .scale.cool') !== null")
    fill = "getComputedStyle(document.querySelector('[aria-label^=\"{}\"] .shape')).fill"
    paper = "getComputedStyle(document.body).backgroundColor"
    assert browser.evaluate(fill.format("head,")) == browser.evaluate(paper)
    assert browser.evaluate(fill.format("body.1,")) != browser.evaluate(paper)
    assert "+384" in browser.evaluate("document.querySelector('[aria-label^=\"stem,\"]').textContent")


@pytest.mark.parametrize("name", get_args(Theme))
def test_every_box_can_be_read_in_every_theme_and_heat(opened: Callable[..., Chromium], name: Theme) -> None:
    browser = opened("many")
    choose(browser, "theme", name)
    for figure in ("", "params"):
        choose(browser, "heat", figure)
        browser.wait(f"(document.querySelector('#legend .scale') !== null) === {str(bool(figure)).lower()}")
        contrasts = browser.evaluate(CONTRASTS)
        assert len(contrasts) > 5
        assert min(contrasts) >= READABLE


@pytest.mark.parametrize("scheme", get_args(Theme)[:2])
def test_the_colours_are_those_of_the_system(opened: Callable[..., Chromium], scheme: Theme) -> None:
    browser = opened("many")
    browser.prefer(scheme)
    browser.wait(f"document.documentElement.dataset.theme === '{scheme}'")
    fill = browser.evaluate("getComputedStyle(document.querySelector('.box.added .shape')).fill")
    parts = bytes.fromhex(recolour.colour(CHANGES["added"].fill, scheme)[1:])
    assert fill == f"rgb({', '.join(map(str, parts))})"


def test_every_difference_has_a_sign_and_is_spoken_of(opened: Callable[..., Chromium]) -> None:
    browser = opened("many")
    for status, sign in (("added", "+"), ("changed", "~")):
        texts = browser.evaluate(f"[...document.querySelectorAll('.box.{status} .sign')].map(e => e.textContent)")
        assert set(texts) == {sign}
        labels = browser.evaluate(f"[...document.querySelectorAll('.box.{status}')].map(e => e.ariaLabel)")
        assert all(f", {status}, " in label for label in labels)


def test_what_is_shown_is_saved_as_svg(opened: Callable[..., Chromium]) -> None:
    browser = opened("beside")
    root = ElementTree.fromstring(save(browser))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("stem") == 2
    assert {"a.arch:Net → b.arch:Net", "sigmoid", "+"} <= set(texts)
    assert browser.evaluate("window.name_") == "a.arch-Net-b.arch-Net.svg"


def test_what_belongs_to_one_network_alone_is_not_offered(opened: Callable[..., Chromium]) -> None:
    browser = opened("many")
    assert browser.evaluate("document.getElementById('views').hidden")
    assert not browser.evaluate("document.getElementById('differences').hidden")

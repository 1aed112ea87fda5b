"""The page is read as easily on a laptop as on a wide screen: measured in a browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import viz
from archdsl.errors import SpecError
from archdsl.network import load
from archdsl.pipeline import load_graph
from tests.tools import BROWSER
from tests.viz.chromium import Chromium
from tests.viz.reader import STATUS, panel, paths

pytestmark = BROWSER.needed()

WIDTHS = (1280, 1440, 1920)
BROKEN = Path(__file__).parent / "drawn" / "broken.arch"
# Figures and shapes of the panel that stand on more than one line, or reach out of it.
BROKEN_FIGURES = """[...document.querySelectorAll('#panel .figure')].filter(figure => {
    if (!figure.innerText) return false
    const range = document.createRange()
    range.selectNodeContents(figure)
    const lines = [...range.getClientRects()]
    const [inner, outer] = [range.getBoundingClientRect(), document.getElementById('panel').getBoundingClientRect()]
    const broken = lines.some(({ top }) => Math.abs(top - lines[0].top) > 3)
    return broken || inner.left < outer.left || inner.right > outer.right
}).map(figure => figure.innerText)"""
CENTRES = """[...document.querySelectorAll('header > h1, header :is(input, select, button)')]
    .filter(e => e.offsetParent).map(e => e.getBoundingClientRect()).map(({ top, bottom }) => (top + bottom) / 2)"""
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
FIGURES = "document.querySelectorAll('#panel .figure').length"
# What the panel tells: of a network, of a layer with many digits, of equal blocks folded into one, of what a stage is.
ADDRESSES = ("", "layer4.0.conv2", "layer3.1", "stages:layer3")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("widths")
    with pytest.raises(SpecError) as caught:
        load_graph(str(BROKEN))
    assert caught.value.graph is not None
    one, other = load("resnet50"), load("resnet101")
    made: dict[str, bytes] = {
        "resnet50": viz.render(one.graph, "html"),
        "difference": viz.render_difference(one.diff(other), "html"),
        "broken": viz.render(caught.value.graph, "html"),
    }
    for name, data in made.items():
        (folder / f"{name}.html").write_bytes(data)
    return {name: folder / f"{name}.html" for name in made}


@pytest.fixture
def opened(browser: Chromium, pages: dict[str, Path]) -> Callable[..., Chromium]:
    def open_(name: str, address: str = "") -> Chromium:
        browser.open(pages[name], address)
        return browser

    return open_


@pytest.mark.parametrize(
    ("name", "address"), [*(("resnet50", address) for address in ADDRESSES), ("difference", ""), ("difference", "fc")]
)
def test_no_figure_of_the_panel_is_broken_over_lines(opened: Callable[..., Chromium], name: str, address: str) -> None:
    browser = opened(name, address)
    assert browser.evaluate(FIGURES) > 6
    broken = {width: found for width in WIDTHS if (found := at(browser, width, BROKEN_FIGURES))}
    assert broken == {}


@pytest.mark.parametrize("name", ["resnet50", "difference", "broken"])
def test_the_tools_stand_in_one_row(opened: Callable[..., Chromium], name: str) -> None:
    browser = opened(name)
    for width in WIDTHS:
        centres: list[float] = at(browser, width, CENTRES)
        assert len(centres) > 8
        assert max(centres) - min(centres) < 2, width
        assert browser.evaluate(OVERFLOW) <= 0, width


def at(browser: Chromium, width: int, expression: str) -> Any:
    """The value of an expression in a window of a width."""
    browser.resize(width, 800)
    browser.wait(f"innerWidth === {width}")
    return browser.evaluate(expression)


def test_a_broken_spec_opens_at_its_first_fault_with_all_that_is_said_of_it(opened: Callable[..., Chromium]) -> None:
    browser = opened("broken")
    assert paths(browser, "selected") == ["unit1.add"]
    said = panel(browser)
    with pytest.raises(SpecError) as caught:
        load_graph(str(BROKEN))
    first, second = caught.value.diagnostics
    assert first.fix is not None
    assert first.help is not None
    for text in (first.message, first.help, first.fix.title, *(note.text for note in first.notes)):
        assert " ".join(text.split()) in " ".join(said.split())
    assert "3 |     x + y -> relu" in said
    assert "broken.arch:3:5" in said
    assert str(BROKEN.parent) not in said
    browser.until(lambda: browser.click("#panel .fault .link"), "location.hash === '#pool'")
    assert second.message in panel(browser)


SMALLEST = """Math.min(...[...document.querySelectorAll('#canvas svg text')].filter(one => one.textContent).map(text =>
    parseFloat(getComputedStyle(text).fontSize) * Math.hypot(text.getScreenCTM().a, text.getScreenCTM().b)))"""


@pytest.mark.parametrize("address", ["", "stages:", "volumes:"])
def test_letters_have_eleven_pixels_at_least_in_the_view_that_opens(
    opened: Callable[..., Chromium], address: str
) -> None:
    assert opened("resnet50", address).evaluate(SMALLEST) >= 10.99


CUT = """[...document.querySelectorAll('#hits li span')].filter(span => {
    const box = span.getBoundingClientRect()
    return span.scrollWidth > span.clientWidth + 1 && getComputedStyle(span).overflow !== 'visible'
        || box.left < 0 || box.right > innerWidth
}).map(span => span.innerText)"""


def test_results_of_a_search_are_whole_and_all_of_them_are_counted(opened: Callable[..., Chromium]) -> None:
    browser = opened("resnet50")
    browser.press("/")
    browser.until(lambda: browser.type("layer4"), "document.querySelectorAll('#hits li').length > 20")
    shown = browser.evaluate("[...document.querySelectorAll('#hits li')].map(line => line.innerText)")
    (found,) = re.findall(r"(\d+) items found", browser.evaluate(STATUS))
    assert len(shown) == int(found)
    assert any("bottleneck" in line for line in shown)
    assert browser.evaluate(CUT) == []

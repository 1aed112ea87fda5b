"""The page of a comparison in a real browser. Skipped where no Chromium is installed ($CHROMIUM names another one)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import archdsl
from tests.viz.chromium import Chromium, executable
from viz import recolour
from viz.recolour import Theme
from viz.theme import CHANGES

PROGRAM = executable()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")

SELECTED = "document.querySelector('.part.selected')?.textContent ?? ''"
SHOWN = "document.querySelector('#world > g:not([hidden])').dataset"
PANEL = "document.getElementById('panel').textContent"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "diff.html"
    archdsl.load("vgg16").diff(archdsl.load("vgg19")).draw(path)
    return path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    assert PROGRAM is not None
    with Chromium(PROGRAM, tmp_path_factory.mktemp("profile"), size=(1280, 900)) as browser:
        yield browser


@pytest.fixture
def browser(running: Chromium, page: Path) -> Chromium:
    running.open(page)
    return running


def test_the_page_asks_the_network_for_nothing_and_breaks_no_rule_of_its_policy(browser: Chromium, page: Path) -> None:
    browser.press("n")
    assert browser.requests == [page.as_uri()]
    assert browser.logged == []


def test_it_opens_with_the_costs_of_both(browser: Chromium) -> None:
    assert "parameters138 M144 M+5.31 M (+3.8%)" in browser.evaluate(PANEL)


def test_n_and_p_go_from_difference_to_difference_and_around(browser: Chromium) -> None:
    seen = []
    for key in "nnp":
        browser.press(key)
        seen.append(browser.evaluate(SELECTED))
    assert "conv 3×3, 25616" in seen[0]
    assert "relu17" in seen[1]
    assert seen[2] == seen[0]
    browser.press("p")
    assert "relu35" in browser.evaluate(SELECTED)


def test_the_buttons_do_the_same_and_the_panel_tells_of_what_is_selected(browser: Chromium) -> None:
    browser.click("#next")
    assert "pathfeatures.16" in browser.evaluate(PANEL)
    assert "parameters590,080" in browser.evaluate(PANEL)
    browser.press("Escape")
    assert browser.evaluate(SELECTED) == ""


def test_what_is_selected_is_in_sight(browser: Chromium) -> None:
    for _ in range(6):
        browser.press("n")
    inside = (
        "(({top, bottom}, room) => top >= room.top && bottom <= room.bottom)"
        "(document.querySelector('.part.selected').getBoundingClientRect(), canvas.getBoundingClientRect())"
    )
    browser.wait(f"(canvas => {inside})(document.getElementById('canvas'))")


def test_a_turns_between_the_arrangements_and_keeps_what_is_selected(browser: Chromium) -> None:
    browser.press("n")
    browser.press("a")
    assert browser.evaluate(f"{SHOWN}.arrangement") == "side-by-side"
    assert "conv 3×3, 25616" in browser.evaluate(SELECTED)
    browser.press("a")
    assert browser.evaluate(f"{SHOWN}.arrangement") == "overlaid"


def test_every_layer_can_be_shown(browser: Chromium) -> None:
    choose = "(list => {{ list.value = 'whole'; list.dispatchEvent(new Event('change')); }})"
    browser.evaluate(f"{choose.format()}(document.getElementById('detail'))")
    assert browser.evaluate("document.querySelectorAll('#world > g:not([hidden]) .part').length") == 48


def test_a_click_selects_a_box(browser: Chromium) -> None:
    browser.click("#world > g:not([hidden]) .part.added")
    assert "conv 3×3, 25616" in browser.evaluate(SELECTED)


@pytest.mark.parametrize("scheme", get_args(Theme)[:2])
def test_the_colours_are_those_of_the_system(browser: Chromium, scheme: Theme) -> None:
    browser.prefer(scheme)
    browser.wait(f"document.documentElement.dataset.theme === '{scheme}'")
    fill = browser.evaluate("getComputedStyle(document.querySelector('.part.added rect')).fill")
    red, green, blue = (int(part, 16) for part in re.findall("..", recolour.colour(CHANGES["added"].fill, scheme)[1:]))
    assert fill == f"rgb({red}, {green}, {blue})"

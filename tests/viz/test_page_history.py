"""The page keeps a history: the browser's Back undoes what a reader did, and an address brings back what was seen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import viz
from archdsl.network import load
from tests.tools import BROWSER
from tests.viz.chromium import Chromium
from tests.viz.reader import paths, selected

pytestmark = BROWSER.needed()

FRAMES = "document.querySelectorAll('.frame').length"
CAMERA = "document.querySelector('#canvas svg > g').getAttribute('transform')"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("history") / "resnet50.html"
    found.write_bytes(viz.render(load("resnet50").graph, "html"))
    return found


@pytest.fixture
def opened(browser: Chromium, file: Path) -> Callable[..., Chromium]:
    def open_(address: str = "") -> Chromium:
        browser.open(file, address)
        return browser

    return open_


def back(browser: Chromium, condition: str) -> None:
    browser.until(lambda: browser.evaluate("history.back()"), condition)


def test_back_undoes_what_was_done_step_by_step_and_forward_does_it_again(opened: Callable[..., Chromium]) -> None:
    browser = opened()
    browser.until(lambda: browser.click("[aria-label^='layer1,'] [data-toggle]"), f"{FRAMES} === 1")
    browser.until(lambda: browser.click("[aria-label^='layer1.0,'] text"), "location.hash.startsWith('#layer1.0')")
    browser.until(lambda: browser.click("[data-view=stages]"), "location.hash.startsWith('#stages:')")
    back(browser, "document.querySelector('[data-view=graph]').ariaPressed === 'true'")
    assert (selected(browser), browser.evaluate(FRAMES)) == ("layer1.0", 1)
    back(browser, "!location.hash.startsWith('#layer1.0')")
    assert browser.evaluate(FRAMES) == 1
    back(browser, f"{FRAMES} === 0")
    assert browser.evaluate("location.hash") == ""
    browser.until(lambda: browser.evaluate("history.forward()"), f"{FRAMES} === 1")


def test_back_goes_to_where_the_reader_was_looking(browser: Chromium, opened: Callable[..., Chromium]) -> None:
    browser.resize(1280, 500)  # which holds a part of the network
    opened()
    before = browser.evaluate(CAMERA)
    browser.press("/")
    browser.type("layer4.2.conv3")
    browser.until(lambda: browser.press("Enter"), "location.hash === '#layer4.2.conv3'")
    browser.wait(f"{CAMERA} !== {before!r}")
    back(browser, f"{FRAMES} === 0")
    browser.wait(f"{CAMERA} === {before!r}")


def test_steps_along_the_tensors_are_one_step_back(opened: Callable[..., Chromium]) -> None:
    browser = opened("conv1")
    for layer in ("bn1", "relu", "maxpool"):
        browser.until(lambda: browser.press("ArrowDown"), f"location.hash === '#{layer}'")
    back(browser, "location.hash === '#conv1'")


@pytest.mark.parametrize(
    ("address", "frames", "chosen"),
    [
        ("fc;open=layer1,layer3.0", ["layer1"], "fc"),
        ("layer2.0.conv1;open=layer2,layer2.0,layer4", ["layer2", "layer2.0", "layer4"], "layer2.0.conv1"),
        ("layer2;open=", [], "layer2"),
        (";open=layer1;unfold=layer1.1", ["layer1"], None),
    ],
)
def test_an_address_says_what_is_open(
    opened: Callable[..., Chromium], address: str, frames: list[str], chosen: str | None
) -> None:
    browser = opened(address)
    assert paths(browser, "frame") == frames
    assert selected(browser) == chosen


def test_an_address_that_opens_all_is_short(opened: Callable[..., Chromium]) -> None:
    browser = opened()
    browser.until(lambda: browser.click("#open-all"), f"{FRAMES} > 10")
    assert browser.evaluate("location.hash") == "#;open=*"
    frames = paths(browser, "frame")
    assert paths(opened(";open=*"), "frame") == frames

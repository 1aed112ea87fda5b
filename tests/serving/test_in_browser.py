"""`archdsl serve` in a real browser: what a reader has made of the page stays over a save."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from archdsl.serving.followed import FollowedSpec
from archdsl.serving.server import PageServer
from tests.tools import BROWSER
from tests.viz.chromium import Chromium

PROGRAM = BROWSER.find()
pytestmark = BROWSER.needed()
SPEC = """\
block unit(x, width) {
    main = x -> linear(width) -> relu
    main + x
}
network Net(x: [N, 8], width = 8) {
    x -> stem: linear(8) -> a: unit(8) -> mid: linear(width) -> b: unit(width) -> c: linear(8) -> d: linear(4)
        -> e: linear(3) -> f: linear(2) -> g: linear(4) -> h: linear(4) -> i: linear(5) -> j: linear(6) -> k: linear(2)
}
"""
INNER = "document.querySelector('iframe:not(.next)').contentWindow"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    assert PROGRAM is not None
    with Chromium(PROGRAM, tmp_path_factory.mktemp("profile")) as chromium:
        yield chromium


@pytest.fixture
def served(tmp_path: Path, browser: Chromium) -> Iterator[tuple[PageServer, Path]]:
    spec = tmp_path / "net.arch"
    spec.write_text(SPEC, encoding="utf-8")
    server = PageServer(FollowedSpec(str(spec), {}, {}), 0, lambda file, line: None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser.logged.clear()
    browser.call("Page.navigate", url=server.address)
    browser.wait("document.documentElement?.dataset.page === '1'")
    yield server, spec
    browser.call("Page.navigate", url="about:blank")
    server.shutdown()
    server.server_close()


def save(server: PageServer, spec: Path, text: str) -> None:
    spec.write_text(text, encoding="utf-8")
    server.spec.build()


def test_what_is_open_selected_and_coloured_stays_over_a_save(
    served: tuple[PageServer, Path], browser: Chromium
) -> None:
    server, spec = served
    left = {
        "view": "graph", "places": [["graph", {"x": -40, "y": -60, "k": 0.9}]], "open": ["b"], "unfolded": [],
        "selected": "b.linear", "heat": "params", "theme": "dark",
    }  # fmt: skip
    import json

    browser.evaluate(f"{INNER}.archdsl.resume({json.dumps(left)})")
    save(server, spec, SPEC.replace("f: linear(2)", "f: linear(7)"))
    browser.wait("document.documentElement.dataset.page === '2'")
    now = browser.evaluate(f"{INNER}.archdsl.left()")
    assert {key: now[key] for key in ("open", "selected", "heat", "theme", "view")} == {
        key: left[key] for key in ("open", "selected", "heat", "theme", "view")
    }
    assert dict(now["places"])["graph"] == {"x": -40, "y": -60, "k": 0.9}


def test_an_error_greys_the_page_and_is_cleared(served: tuple[PageServer, Path], browser: Chromium) -> None:
    server, spec = served
    save(server, spec, SPEC.replace("relu", "rleu"))
    browser.wait("document.body.classList.contains('broken')")
    assert "did you mean `relu`" in browser.evaluate("document.getElementById('faults').textContent")
    assert browser.evaluate("document.querySelectorAll('iframe').length") == 1
    save(server, spec, SPEC)
    browser.wait("!document.body.classList.contains('broken') && document.documentElement.dataset.page === '2'")
    assert browser.evaluate("document.getElementById('faults').hidden")


def test_a_setting_has_a_slider_that_changes_the_network(served: tuple[PageServer, Path], browser: Chromium) -> None:
    server, _ = served
    browser.evaluate(
        "(() => { const slider = document.querySelector('#settings input[type=range]'); slider.value = 5;"
        " slider.dispatchEvent(new Event('input')) })()"
    )
    browser.wait("document.documentElement.dataset.page === '2'")
    assert server.spec.state.settings[0]["value"] == 5


def test_many_saves_leave_one_page(served: tuple[PageServer, Path], browser: Chromium) -> None:
    server, spec = served
    for width in range(1, 12):
        save(server, spec, SPEC.replace("f: linear(2)", f"f: linear({width})"))
    browser.wait("document.documentElement.dataset.page === '12'")
    assert browser.evaluate("document.querySelectorAll('iframe').length") == 1
    assert browser.logged == []

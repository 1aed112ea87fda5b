"""Networks in a notebook: small outputs, of which one has the layout engine for all, and each works for itself."""

from __future__ import annotations

import base64
import html
import json
import lzma
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

import pytest

import viz
from archdsl.network import Network, load
from tests.tools import BROWSER
from tests.viz.chromium import Chromium
from viz.html import cells
from viz.html.cells import Carriers, NotebookCell
from viz.html.inline import HOME
from viz.html.notebook import frame
from viz.html.packing import packed
from viz.html.page import ENGINE

MOST = 600_000  # bytes of a network in a notebook
READY = "document.documentElement.dataset.ready === 'true' && document.querySelectorAll('.box').length > 4"


@pytest.fixture(scope="module")
def network() -> Network:
    return load("lenet5")


@pytest.fixture
def in_cell(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says which cell of a notebook runs from now on, as the kernel of Jupyter does."""
    monkeypatch.setattr("viz.formats.html.CARRIERS", Carriers())

    def run(request: dict[str, object]) -> None:
        shell = SimpleNamespace(get_parent=lambda: request)
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    return run


def request(run: str, **more: object) -> dict[str, object]:
    return {"header": {"msg_id": run}, **more}


def held(element: str) -> dict[str, str]:
    """What a frame holds, packed, by its purpose."""
    (inner,) = re.findall(r'srcdoc="([^"]*)"', element)
    return dict(re.findall(r'<script type="text/plain" id="(\w+)">(.*?)</script>', html.unescape(inner)))


def text(spelt: str) -> str:
    return lzma.decompress(base64.b64decode(spelt)).decode()


@pytest.mark.parametrize("name", ["resnet50", "swin_t"])
def test_a_network_takes_no_more_than_600_kilobytes(name: str) -> None:
    assert len(json.dumps(load(name)._repr_mimebundle_())) <= MOST


def test_a_frame_holds_the_page_and_its_engine(network: Network) -> None:
    page = viz.render(network.graph, "html")
    found = held(frame(page, "net"))
    before, mark, after = text(found["page"]).partition('id="engine">')
    assert f"{before}{mark}{text(found['engine'])}{after}".encode() == page


def test_the_packed_engine_is_the_published_one() -> None:
    assert lzma.decompress(ENGINE.with_suffix(".js.lzma").read_bytes()) == ENGINE.read_bytes()


def test_only_the_first_output_of_a_notebook_has_the_engine(network: Network, in_cell: Callable[..., None]) -> None:
    sizes = []
    for name in ("one", "two", "three"):
        in_cell(request(name, metadata={"cellId": name}))
        sizes.append(len(network._repr_mimebundle_()["text/html"]))
    assert sizes[0] > 400_000
    assert max(sizes[1:]) < 100_000


def runs(*what: tuple[str, str]) -> list[bool]:
    carriers = Carriers()
    return [carriers.carries(NotebookCell(*one)) for one in what]


@pytest.mark.parametrize(
    ("what", "carry"),
    [
        ([("a", "1"), ("a", "1"), ("b", "2")], [True, False, False]),  # one cell shows two networks
        ([("a", "1"), ("a", "2"), ("b", "3")], [True, True, False]),  # its output is replaced, and the engine with it
        ([("a", "1"), ("b", "2"), ("b", "3")], [True, False, True]),  # what a reader does who misses the engine
    ],
)
def test_a_cell_that_runs_again_brings_the_engine_again(what: Iterable[tuple[str, str]], carry: Iterable[bool]) -> None:
    assert runs(*what) == list(carry)


def test_outside_of_a_notebook_every_output_has_the_engine() -> None:
    assert cells.running() is None
    assert [Carriers().carries(None)] * 2 == [True, True]


@pytest.mark.parametrize("more", [{"metadata": {"cellId": "c7"}}, {"metadata": {}, "content": {"code": "c7"}}])
def test_a_cell_is_known_by_its_name_or_else_by_its_text(in_cell: Callable[..., None], more: dict[str, object]) -> None:
    in_cell(request("r1", **more))
    assert cells.running() == NotebookCell("c7", "r1")


def test_scripts_of_the_frame_read_no_text_as_code() -> None:
    for path in (HOME / "notebook").glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|document\.write|\beval\b|new Function", path.read_text("utf-8")), (
            path
        )


# --- in a browser


@pytest.fixture
def notebook(browser: Chromium, tmp_path: Path) -> Callable[..., Chromium]:
    def open_(*elements: str) -> Chromium:
        file = tmp_path / "notebook.html"
        file.write_text(f"<!doctype html><html data-ready=true><body>{''.join(elements)}", encoding="utf-8")
        browser.open(file)
        return browser

    return open_


@BROWSER.needed()
def test_outputs_without_the_engine_have_it_from_the_one_with_it_wherever_it_stands(
    network: Network, notebook: Callable[..., Chromium]
) -> None:
    page = viz.render(network.graph, "html")
    without = frame(page, "net", engine=False, drawing=network._repr_svg_())
    browser = notebook(without, frame(page, "net"), without)
    for number in range(3):
        browser.wait_in_frame(READY, number)
    assert browser.logged == []


@BROWSER.needed()
def test_an_output_whose_engine_is_gone_shows_the_drawing_and_says_what_to_do(
    network: Network, notebook: Callable[..., Chromium]
) -> None:
    page = viz.render(network.graph, "html")
    browser = notebook(frame(page, "net", engine=False, drawing=network._repr_svg_()))
    browser.wait_in_frame("document.querySelector('img')?.naturalWidth > 100")
    assert "Run this cell again" in browser.evaluate_in_frame("document.body.innerText")


@BROWSER.needed()
def test_another_script_is_not_taken_for_the_engine(
    network: Network, notebook: Callable[..., Chromium], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = viz.render(network.graph, "html")
    honest = frame(page, "net")
    own = held(honest)["engine"]
    false = base64.b64encode(packed(b"self.close()")).decode()
    browser = notebook(honest.replace(own, false), frame(page, "net", engine=False, drawing=network._repr_svg_()))
    browser.wait_in_frame("document.querySelector('img') !== null", 1)


@BROWSER.needed()
@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_a_browser_unpacks_what_python_packs(notebook: Callable[..., Chromium], size: int) -> None:
    said = bytes((i * i >> 7) % 251 for i in range(size))
    browser = notebook()
    unpack = (HOME / "notebook" / "unpack.js").read_text("utf-8").replace("export ", "")
    spelt = base64.b64encode(packed(said)).decode()
    found = browser.evaluate(f"{unpack}; [...unpacked(Uint8Array.from(atob('{spelt}'), c => c.charCodeAt(0)))].join()")
    assert found == ",".join(map(str, said))

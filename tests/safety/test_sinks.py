"""Texts of a spec that try to be something else in what is written: none of them gets out of its place."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

import viz
from archdsl.diagnostics import Instance
from archdsl.graph import Graph
from archdsl.pipeline import convert_source
from archdsl.render.text import printable
from archdsl.source import Source
from archdsl.syntax import forms
from compiler import compile_graph
from tests.tools import BROWSER
from viz import engine

HOSTILE = [
    '<script>document.documentElement.setAttribute("pwned", 1)</script>',
    '</text></svg><svg onload="document.documentElement.setAttribute(\'pwned\', 1)"/>',
    '<<TABLE HREF="javascript:alert(1)"><TR><TD>x</TD></TR></TABLE>>',
    "<image href='http://127.0.0.1:PORT/a.png'/>",
    '"]; evil [label="x", URL="javascript:alert(1)"',
    '", URL="http://127.0.0.1:PORT/b',
    "x\\", "\\N\\G\\E\\T", "a:b:c", "a\\nb", "]]>", "<!--", "-->", "&lt;&#60;&amp;", "<?xml?>", "a\nb", "a\r\nb",
    "\x1b[31m",
    "\x00", "\u202e", "\ufffe", "%s%d{}{0}", "${x}", "@train", "#", "=cmd|' /C calc'!A0", "`id`", "$(id)",
    "'; import os #",
]  # fmt: skip
CODE = "block b(x, s) { x -> conv1: conv(2, 1) -> relu }\nnetwork Net(x: [N, 3, 8, 8]) { x -> b1: b(1) -> flatten }"
# What a spec can really say in a string: it holds no quotes, backslashes or newlines.
SAYABLE = [text for text in HOSTILE if printable(text) == text and not set(text) & set('"\\\n')]


@pytest.fixture
def hostile(graph_of: Callable[..., Graph]) -> Callable[[str], Graph]:
    """A graph in which a text stands wherever free text can: no spec can put all of them there."""

    def build(text: str) -> Graph:
        graph = graph_of(CODE)
        for node in graph.nodes.values():
            node["blocks"] = tuple(Instance(i.path, text, i.span, i.block) for i in node["blocks"])
        graph.graph["settings"] = {"s": text}
        return graph

    return build


@pytest.mark.parametrize("text", HOSTILE)
def test_a_drawing_is_xml_without_scripts_links_and_handlers(text: str, hostile: Callable[[str], Graph]) -> None:
    drawing = ElementTree.fromstring(viz.render(hostile(text), "svg"))
    for element in drawing.iter():
        assert element.tag.rpartition("}")[2] not in ("script", "a", "image", "foreignObject", "iframe", "use", "set")
        assert not [name for name in element.attrib if name.lower().startswith("on") or name.endswith("href")]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_dot_file_has_the_nodes_of_the_network(text: str, hostile: Callable[[str], Graph]) -> None:
    dot = viz.render(hostile(text), "dot").decode()
    harmless = viz.render(hostile("b"), "dot").decode()
    assert engine.render(dot).count(b'class="node"') == engine.render(harmless).count(b'class="node"')


@pytest.mark.parametrize("text", SAYABLE)
def test_both_forms_keep_a_string_a_string(text: str) -> None:
    code = f'block b(x, s) {{ x -> relu }}\nnetwork Net(x: [N, 4]) {{ x -> b("{text}") }}\n'
    there = convert_source(Source("a.arch", code), "yaml")
    back = convert_source(Source("a.yaml", there), "text")
    assert f'b("{text}")' in back
    assert forms.parse(Source("b.arch", back)) is not None


@pytest.mark.parametrize("text", SAYABLE)
def test_generated_code_holds_no_text_of_the_spec(text: str, graph_of: Callable[..., Graph]) -> None:
    code = f'block b(x, s) {{ x -> relu }}\nnetwork Net(x: [N, 4], t = "{text}") {{ x -> b(t) }}'
    assert compile_graph(graph_of(code)).code == compile_graph(graph_of(code.replace(text, "t"))).code


@pytest.mark.parametrize("text", SAYABLE)
def test_json_gives_a_string_back(text: str, graph_of: Callable[..., Graph]) -> None:
    from archdsl.measure.network.analyse import analyse

    report = analyse(graph_of(f'network Net(x: [N, 4], t = "{text}") {{ x -> relu }}'))
    assert json.loads(json.dumps(report.to_dict()))["network"] == "Net"


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_steers_a_terminal(text: str) -> None:
    assert printable(printable(text)).isprintable()


class _Requests(http.server.BaseHTTPRequestHandler):
    def __init__(self, seen: list[str], *rest: object) -> None:
        self.seen = seen
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_error(404)


@pytest.mark.heavy
@BROWSER.needed()
def test_a_browser_runs_and_fetches_nothing(hostile: Callable[[str], Graph], tmp_path: Path) -> None:
    program = BROWSER.find()
    assert program is not None
    seen: list[str] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Requests, seen)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pages = []
        for i, text in enumerate(HOSTILE):
            graph = hostile(text.replace("PORT", str(server.server_port)))
            (tmp_path / f"{i}.svg").write_bytes(viz.render(graph, "svg"))
            inline = viz.render(graph, "svg").decode().partition("?>")[2]
            pages.append(inline)
        (tmp_path / "all.html").write_text(f"<!doctype html><meta charset=utf-8>{''.join(pages)}", encoding="utf-8")
        for page in [tmp_path / "all.html", tmp_path / "0.svg", tmp_path / "1.svg"]:
            done = subprocess.run(
                [program, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
                 "--virtual-time-budget=2000", "--dump-dom", page.as_uri()],
                capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            assert "<svg" in done.stdout
            assert 'pwned="1"' not in done.stdout
            assert "<script" not in done.stdout
        server.shutdown()
    assert seen == []

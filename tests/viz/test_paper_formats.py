"""Formats for papers and pages: TikZ, PDF, Mermaid."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

import archdsl
import viz
from archdsl.diagnostics import Instance
from archdsl.graph import Graph
from tests.tools import TEX
from viz.engine import DrawingError
from viz.formats import mmd, tex
from viz.look import ViewName
from viz.recolour import Theme

GOLDEN = Path(__file__).resolve().parent / "golden"

SMALL = """
block unit(x, width) { main = x -> conv: conv(width, 3, padding = 1) -> relu
    main + x }
network Net(image: [N, 8, 16, 16]) {
    device left, right
    a = image -> body: repeat 3 { unit(8) } @left
    output aux = a -> aux: { flatten -> linear(2) } @train @left
    output main = a -> head: { global_avg_pool -> flatten -> linear(10) } @right
}
"""
HOSTILE = ["a_b^c~d", "\\input{/etc/passwd}", "$x$ % & #", "}{", '"];classDef', "<script>|end|", "`**b**`", "日本 → …"]


def called(graph: Graph, call: str) -> Graph:
    """The graph with all blocks called otherwise."""
    for _, node in graph.nodes(data=True):
        node["blocks"] = tuple(Instance(i.path, call, i.span, i.block) for i in node["blocks"])
    return graph


@pytest.mark.parametrize("name", ["small.tex", "small.mmd"])
def test_the_file_is_the_expected(
    name: str, golden: Callable[[Path, str], None], graph_of: Callable[..., Graph]
) -> None:
    options: dict[str, Any] = {"view": "volumes"} if name.endswith("tex") else {}
    golden(GOLDEN / name, viz.render(graph_of(SMALL), name.partition(".")[2], **options).decode())


@pytest.mark.parametrize("view", get_args(ViewName))
def test_tikz_draws_every_view(graph_of: Callable[..., Graph], view: ViewName) -> None:
    source = viz.render(graph_of(SMALL), "tex", view=view).decode()
    picture = source[source.index("\\begin{tikzpicture}") : source.index("\\end{tikzpicture}")].splitlines()[1:]
    assert all(re.fullmatch(r"\\(path|node)\[.*\] .*;", line) for line in picture)
    assert source.count("{") - source.count("\\{") == source.count("}") - source.count("\\}")
    used = set(re.findall(r"=(archdsl\d+)", source))
    assert used == set(re.findall(r"definecolor\{(archdsl\d+)\}", source))


def test_a_tex_file_says_how_it_is_compiled_and_what_it_needs(graph_of: Callable[..., Graph]) -> None:
    source = viz.render(graph_of(SMALL), "tex").decode()
    says = source.partition("\\documentclass")[0]
    assert all(line.startswith("%") for line in says.splitlines())
    assert "pdflatex" in says
    assert all(name in says for name in re.findall(r"\\documentclass\[\w+\]\{(\w+)\}", source))


def test_tex_does_without_the_fonts_that_small_installations_have_not(graph_of: Callable[..., Graph]) -> None:
    head = viz.render(graph_of(SMALL), "tex").decode().partition("\\begin{document}")[0]
    assert set(re.findall(r"^\\usepackage\{(.*)\}", head, re.M)) == {"fix-cm", "textcomp"}  # parts of LaTeX itself
    assert re.search(r"\\IfFileExists\{tgheros.sty\}\{[^{}]*\\usepackage\[T1\]\{fontenc\}", head)


@pytest.mark.parametrize("said", HOSTILE)
def test_tex_shows_what_a_spec_says(said: str) -> None:
    shown = tex.text(said)
    assert shown.isascii()
    left = re.sub(r"\\text\w+\{\}|\$\\(to|approx)\$|\\[{}$&#_%]|\{-\}|\[U\+\w+\]", "", shown)
    assert not set(left) & set("\\{}$&#_%^~")


@pytest.mark.parametrize("view", get_args(ViewName))
def test_letters_before_lines_are_so_in_tex(graph_of: Callable[..., Graph], view: ViewName) -> None:
    drawing = ElementTree.fromstring(viz.render(graph_of(SMALL), "svg", view=view))
    rims = [text for text in drawing.iter("{http://www.w3.org/2000/svg}text") if text.get("paint-order") == "stroke"]
    nodes = re.findall(r"\\node\[.*\]", viz.render(graph_of(SMALL), "tex", view=view).decode())
    assert len([node for node in nodes if "text opacity=1" in node]) == len(rims)


def compiled(source: bytes, folder: Path) -> Path:
    """The PDF that TeX makes of a file, without a word about a letter or a font that it misses."""
    program = TEX.find()
    assert program is not None
    (folder / "net.tex").write_bytes(source)
    command = [program, *(["-interaction=nonstopmode", "-halt-on-error"] if "latex" in program else []), "net.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:].decode(errors="replace")
    assert b"Missing character" not in done.stdout
    return folder / "net.pdf"


@TEX.needed()
@pytest.mark.parametrize("theme", get_args(Theme))
@pytest.mark.parametrize("view", get_args(ViewName))
def test_tikz_compiles_whatever_is_said_in_it(
    graph_of: Callable[..., Graph], tmp_path: Path, view: ViewName, theme: Theme
) -> None:
    graph = called(graph_of(SMALL), f"{''.join(HOSTILE)} é ß − ÷ · ≈")
    assert compiled(viz.render(graph, "tex", view=view, theme=theme), tmp_path).stat().st_size > 1000


@TEX.needed()
@pytest.mark.parametrize(("name", "view"), [("alexnet", "volumes"), ("siamese", "stages"), ("googlenet", "graph")])
def test_networks_of_the_zoo_compile(tmp_path: Path, name: str, view: ViewName) -> None:
    pdf = compiled(viz.render(archdsl.load(name).graph, "tex", view=view), tmp_path)
    assert pdf.stat().st_size > 10_000


@pytest.mark.parametrize("said", HOSTILE)
def test_mermaid_texts_hold_no_syntax(said: str) -> None:
    inner = mmd.text(said)[1:-1]
    left = re.sub(r"#\d+;", "", inner)
    assert not set(left) & set('"#;<>&|`*{}\\')


def test_mermaid_closes_what_it_opens(graph_of: Callable[..., Graph]) -> None:
    lines = [line.strip() for line in viz.render(graph_of(SMALL), "mmd").decode().splitlines()]
    assert sum(line.startswith("subgraph ") for line in lines) == lines.count("end") > 0
    assert any(line.startswith("title:") for line in lines)


def test_mermaid_shows_devices_training_and_repeats(graph_of: Callable[..., Graph]) -> None:
    source = viz.render(graph_of(SMALL), "mmd").decode()
    assert "==>" in source
    assert "-.->" in source
    assert "stroke-dasharray" in source
    assert "× 3" in source


def test_pdf_is_vectors_with_letters(graph_of: Callable[..., Graph]) -> None:
    pytest.importorskip("svglib")
    page = viz.render(graph_of(SMALL), "pdf")
    assert page.startswith(b"%PDF")
    assert b"LiberationSans" in page
    assert page == viz.render(graph_of(SMALL), "pdf")


@TEX.needed()
@pytest.mark.parametrize("view", get_args(ViewName))
def test_a_pdf_has_all_its_fonts_in_it_and_texts_that_a_reader_finds(
    graph_of: Callable[..., Graph], tmp_path: Path, view: ViewName
) -> None:
    pytest.importorskip("svglib")
    reader = shutil.which("texlua")
    if reader is None:
        pytest.skip("needs texlua")
    graph = graph_of(SMALL)
    (tmp_path / "net.pdf").write_bytes(viz.render(graph, "pdf", view=view))
    command = [reader, os.fspath(Path(__file__).parent / "read_pdf.lua"), os.fspath(tmp_path / "net.pdf")]
    said = [line.split("\t") for line in subprocess.check_output(command, text=True).splitlines()]
    assert {line[2] for line in said if line[0] == "font"} == {"embedded"}
    picture = ElementTree.fromstring(viz.render(graph, "svg", view=view))
    drawn = [" ".join(e.text.split()) for e in picture.iter() if e.tag.endswith("text") and e.text]
    assert sorted(" ".join(text.split()) for what, text, *_ in said if what == "text") == sorted(drawn)


def test_pdf_without_its_library_names_the_extra(
    graph_of: Callable[..., Graph], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "reportlab", None)
    monkeypatch.setitem(sys.modules, "reportlab.graphics", None)
    with pytest.raises(DrawingError, match=r"pip install 'archdsl\[pdf\]'"):
        viz.render(graph_of(SMALL), "pdf")

"""The example notebook, executed cell by cell as a notebook does, without Jupyter."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "examples" / "first_network.ipynb"


def run(cell: str, names: dict[str, Any]) -> Any:
    """Execute a cell; its value is that of its last line, if that is an expression."""
    body = ast.parse(cell).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None


def test_every_cell_of_the_example_runs_and_shows_what_it_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {}
    shown = [run("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"]
    network, report, shape = shown[1], shown[2], shown[4]
    assert network._repr_mimebundle_().keys() == {"text/plain", "text/html", "image/svg+xml"}
    assert "body.1.conv2" in report._repr_html_()
    assert "stem" in capsys.readouterr().out
    assert tuple(shape) == (1, 10)
    assert (tmp_path / "first.html").read_bytes().startswith(b"<!doctype html>")


def test_the_example_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)

"""Who may import whom, and what the command line costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(p for package in ("archdsl", "compiler", "viz") for p in (ROOT / package).rglob("*.py"))


def modules_after(code: str) -> set[str]:
    """The modules that a fresh Python has imported after running some code."""
    code += "\nimport sys; sys.stdout.write('\\n' + ' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.rsplit("\n", 1)[1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "specs/resnet.arch"],
        ["report", "resnet152"],
        ["report", "alexnet", "--json"],
        ["lint", "lenet5"],
        ["zoo"],
    ],
)
def test_commands_about_specs_import_no_torch(arguments: list[str]) -> None:
    code = f"import sys; sys.argv = ['archdsl', *{arguments}]\nfrom archdsl.cli import main\n"
    code += "try: main()\nexcept SystemExit as stop: assert not stop.code, stop.code"
    assert not modules_after(code) & {"torch", "numpy", "compiler", "viz"}


@pytest.mark.parametrize("spec", ["specs/lenet.arch", "resnet18"])
def test_checking_a_right_spec_imports_nothing_that_it_does_not_need(spec: str) -> None:
    code = f"import sys; sys.argv = ['archdsl', 'check', {spec!r}]\nfrom archdsl.cli import main\n"
    code += "try: main()\nexcept SystemExit as stop: assert not stop.code, stop.code"
    others = {"networkx.algorithms", "networkx.generators", "difflib", "lark", "yaml", "rich", "torch", "numpy"}
    ours = {"cli.changes", "cli.view", "lint", "measure", "network", "presentation", "published", "remedies", "repair"}
    ours |= {"render.sarif", "render.github", "sheet", "syntax.layout", "syntax.yaml", "sweep", "write", "zoo"}
    assert modules_after(code) & (others | {f"archdsl.{name}" for name in ours}) == set()


def test_drawing_imports_no_torch(tmp_path: Path) -> None:
    code = f"import archdsl; archdsl.load('lenet5').draw({str(tmp_path / 'lenet.svg')!r})"
    assert not modules_after(code) & {"torch", "compiler"}


def test_importing_archdsl_imports_hardly_anything() -> None:
    assert not modules_after("import archdsl") & {"torch", "networkx", "lark", "click"}


@pytest.mark.parametrize("path", SOURCES, ids=[str(p.relative_to(ROOT)) for p in SOURCES])
def test_no_module_evaluates_code_or_unpickles(path: Path) -> None:
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec", "compile", "__import__"}
    imported = {
        alias.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert not imported & {"pickle", "marshal", "shelve", "yaml.load"}


def test_a_package_that_hides_a_back_end_is_named(tmp_path: Path) -> None:
    (tmp_path / "compiler").mkdir()
    (tmp_path / "compiler" / "__init__.py").write_text("", encoding="utf-8")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import archdsl
try:
    archdsl.load('lenet5').compile()
except ImportError as error:
    assert {str(tmp_path / "compiler")!r} in str(error), error
else:
    raise AssertionError('the wrong package was used')
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Nor do they for their types: what two of them know stands in a third."""
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in SOURCES}
    imports: nx.DiGraph[str] = nx.DiGraph()
    for name, path in names.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found: list[str] = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                parts = [f"{node.module}.{alias.name}" for alias in node.names]
                found = [part if part in names else node.module for part in parts]
            imports.add_edges_from((name, other) for other in found if other in names and other != name)
    circles = [sorted(circle) for circle in nx.strongly_connected_components(imports) if len(circle) > 1]
    assert circles == []

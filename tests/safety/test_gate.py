"""No package evaluates text, unpickles, starts processes or opens connections; a few named places import by name."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.safety.confined import ROOT

SOURCES = sorted(path for package in ("archdsl", "compiler", "viz") for path in (ROOT / package).rglob("*.py"))
CALLS = {"eval", "exec", "compile", "__import__", "execfile", "breakpoint", "input"}
MODULES = {
    "pickle", "marshal", "shelve", "dill", "cloudpickle", "ctypes", "cffi", "runpy", "code", "codeop", "pty",
    "subprocess", "multiprocessing", "socket", "ssl", "http", "urllib", "urllib3", "requests", "ftplib", "smtplib",
}  # fmt: skip
HARMLESS = {"urllib.parse"}  # which quotes
ATTRIBUTES = (
    {
        ("os", name)
        for name in "system popen fork execv execve execvp spawnv posix_spawn remove rmdir removedirs startfile".split()
    }
    | {
        ("yaml", name)
        for name in "load load_all full_load unsafe_load safe_load Loader FullLoader UnsafeLoader".split()
    }
    | {("torch", "load"), ("torch", "save"), ("shutil", "rmtree"), ("pathlib", "rmtree")}
)
# Who may import by a computed name: each takes the name from a table, from operators, or from who runs archdsl.
IMPORTERS = {
    "archdsl/__init__.py", "archdsl/backends.py", "archdsl/cli/__init__.py", "archdsl/own_operators.py",
    "compiler/targets.py", "viz/formats/__init__.py",
}  # fmt: skip


def dynamic_imports(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in ("import_module", "exec_module", "spec_from_file_location")
        for node in ast.walk(tree)
    )


def forbidden(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            found.append(f"line {node.lineno}: {node.func.id}()")
        elif isinstance(node, ast.Import):
            found += [f"import {a.name}" for a in node.names if a.name.split(".")[0] in MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names = {(node.module, alias.name) for alias in node.names}
            if (node.module.split(".")[0] in MODULES and node.module not in HARMLESS) or names & ATTRIBUTES:
                found.append(f"from {node.module} import …")
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and (node.value.id, node.attr) in ATTRIBUTES
        ):
            found.append(f"line {node.lineno}: {node.value.id}.{node.attr}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_no_module_can_run_what_a_spec_says(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert forbidden(tree) == []
    if str(path.relative_to(ROOT)) not in IMPORTERS:
        assert not dynamic_imports(tree)


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')", "exec('1')", "__import__('os')", "import pickle", "from pickle import loads",
        "import os\nos.system('')",
        "import yaml\nyaml.safe_load('')", "from yaml import load", "import torch\ntorch.load('')",
        "import http.client",
    ],
)  # fmt: skip
def test_the_gate_sees_what_it_is_for(code: str) -> None:
    assert forbidden(ast.parse(code))


def test_every_importer_still_is_one() -> None:
    for name in IMPORTERS:
        assert dynamic_imports(ast.parse((ROOT / name).read_text(encoding="utf-8"))), name

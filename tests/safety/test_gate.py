"""No package evaluates text, unpickles, starts processes or opens connections; a few named places import by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.safety.confined import ROOT

SOURCES = sorted(path for package in ("archdsl", "compiler", "viz") for path in (ROOT / package).rglob("*.py"))
# What the packages import. A new one is added here by who has looked at what it can do.
MODULES = {
    "__future__", "ast", "asyncio", "base64", "bisect", "collections", "colorsys", "contextlib", "contextvars",
    "copy", "csv",
    "dataclasses", "datetime", "difflib", "errno", "fnmatch", "fractions", "functools", "gc", "hashlib", "html",
    "http", "secrets", "shlex",
    "importlib", "inspect", "io", "itertools", "json", "keyword", "logging", "math", "numbers", "operator", "os",
    "pathlib", "pkgutil", "platform", "re", "runpy", "shutil", "signal", "stat", "statistics", "struct", "subprocess",
    "sys", "tempfile", "tomllib",
    "textwrap", "threading", "time", "traceback", "types", "typing", "unicodedata", "urllib", "warnings", "xml",
    "lzma", "zipfile",
    "archdsl", "compiler", "viz",
    "click", "graphviz", "huggingface_hub", "lark", "lsprotocol", "matplotlib", "networkx", "onnx",
    "onnxruntime", "onnxscript", "openvino", "pygls", "pygments", "reportlab", "resvg_py", "rich", "safetensors",
    "sklearn",
    "svglib", "torch", "wasmtime", "yaml",
}  # fmt: skip
# Of these, some parts alone.
PARTS = {
    "asyncio": {"TimerHandle", "ensure_future", "get_running_loop", "to_thread"},
    "http": {"HTTPStatus", "server"},
    "urllib": {"parse"},
    "xml": {"sax", "etree"},
}
BUILTINS = {"eval", "exec", "compile", "__import__", "breakpoint", "__builtins__", "__loader__"}
ATTRIBUTES = {"__builtins__", "__import__", "__globals__", "unlink", "rmdir", "rmtree"}  # of anything
CALLS = {"input"}  # a good name for a tensor, too
# Full names, aliases resolved.
NAMES = re.compile(
    r"os\.(system|popen|fork\w*|exec\w*|spawn\w*|posix_spawn\w*|startfile|remove|unlink|rmdir|removedirs|kill\w*)"
    r"|yaml\.((unsafe_|full_|safe_)?load(_all)?|(C|C?Full|C?Unsafe)?Loader|(cyaml|loader|constructor)\b.*)"
    r"|subprocess\b.*|runpy\..*|torch\.(load|save|package|hub|utils\.cpp_extension)\b.*|shutil\.rmtree|importlib\.__import__"
)
IMPORTS = re.compile(
    r"importlib\.(import_module|reload|machinery|util\.(spec_from|module_from)\w*)\b.*|pkgutil\.resolve_name"
)
# Who may all the same: on its own temporary file; on a checkpoint that it began and did not finish; with the `dot` of
# the system, or the user's editor, where the user asks for it; to run a script of the user's in the processes of a
# plan, and to watch them.
ALLOWED = {
    "archdsl/write.py": ["os.unlink", ".unlink"],
    "archdsl/launch.py": ["subprocess", "subprocess.DEVNULL", "subprocess.Popen"],
    "archdsl/serving/editor.py": ["subprocess", "subprocess.Popen"],
    "compiler/export/hub.py": ["shutil.rmtree", ".rmtree"],
    "compiler/weights.py": ["torch.load"],  # of tensors and plain data alone
    "compiler/distributed/checkpoint.py": ["shutil.rmtree", ".rmtree"],
    "compiler/distributed/worker.py": ["runpy.__file__", "runpy.run_path"],
    "viz/engine.py": ["subprocess", "subprocess.run", "subprocess.TimeoutExpired"],
}
# Who may import by a computed name: each takes the name from a table, from operators, or from who runs archdsl.
IMPORTERS = {
    "archdsl/__init__.py", "archdsl/backends.py", "archdsl/cli/__init__.py", "archdsl/graph_classes.py",
    "archdsl/own_operators.py",
    "archdsl/sheet/formats.py", "compiler/__init__.py", "compiler/engines/table.py", "compiler/export/formats.py",
    "compiler/importing/factory.py",
    "compiler/fx/targets.py", "viz/formats/__init__.py",
}  # fmt: skip


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What a module imports: the name it has there, and its full name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, alias.name  # as a whole
                yield alias.asname or alias.name.split(".")[0], alias.name if alias.asname else alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def used(tree: ast.AST) -> Iterator[str]:
    """The full names of all that a module imports, and of what it reaches through that."""
    aliases = {}
    for name, full in imported(tree):
        aliases[name] = full
        yield full
    for node in ast.walk(tree):  # `o = os`
        if isinstance(node, ast.Assign) and (value := full_name(node.value, aliases)) is not None:
            aliases |= {target.id: value for target in node.targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Call)) and (reached := full_name(node, aliases)) is not None:
            yield reached


def full_name(node: ast.AST, aliases: dict[str, str]) -> str | None:
    """The full name of an expression that is an imported name, an attribute of one, or `getattr` of one by a text."""
    match node:
        case ast.Name(id=name):
            return aliases.get(name)
        case ast.Attribute(value=value, attr=name):
            pass
        case ast.Call(func=ast.Name(id="getattr"), args=[value, ast.Constant(value=str(name)), *_]):
            pass
        case _:
            return None
    root = full_name(value, aliases)
    return f"{root}.{name}" if root is not None else None


def dynamic_imports(tree: ast.AST) -> bool:
    return any(IMPORTS.fullmatch(name) for name in used(tree)) or any(
        isinstance(node, ast.Attribute) and node.attr in ("exec_module", "load_module") for node in ast.walk(tree)
    )


def forbidden(tree: ast.AST) -> list[str]:
    found = [name for name in used(tree) if NAMES.fullmatch(name) or name.endswith(".*")]
    for name in used(tree):
        module, *parts = name.split(".")
        if module not in MODULES or (module in PARTS and parts and parts[0] not in PARTS[module]):
            found.append(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in BUILTINS:
            found.append(f"line {node.lineno}: {node.id}")
        elif isinstance(node, ast.Attribute) and node.attr in ATTRIBUTES:
            found.append(f".{node.attr}")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
            found.append(f"line {node.lineno}: {node.func.id}()")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_no_module_can_run_what_a_spec_says(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = path.relative_to(ROOT).as_posix()
    assert set(forbidden(tree)) == set(ALLOWED.get(name, []))
    if name not in IMPORTERS:
        assert not dynamic_imports(tree)


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')", "e = eval\ne('1')", "list(map(exec, texts))", "__import__('os')", "__builtins__['eval']",
        "input()", "import builtins\nbuiltins.eval('1')", "import importlib\nimportlib.__import__('os')",
        "import pickle", "from pickle import loads", "import _pickle", "import joblib", "import webbrowser",
        "import http.client", "import urllib.request", "from urllib import request", "import urllib\nurllib.request",
        "import asyncio\nasyncio.create_subprocess_shell('')",
        "import os\nos.system('')", "import os as o\no.system('')", "import os\no = os\no.system('')",
        "import os\ngetattr(os, 'system')('')", "from os import system as s", "from os import *",
        "import os\nos.execl('', '')", "import os\nos.spawnl(0, '')", "import os\nos.posix_spawnp('', [], {})",
        "import os\nos.unlink('')", "path.unlink()", "import shutil as s\ns.rmtree('')",
        "import yaml\nyaml.safe_load('')", "from yaml import load", "from yaml import CLoader",
        "import torch\ntorch.load('')", "import torch as t\nt.hub.load('', '')",
    ],
)  # fmt: skip
def test_the_gate_sees_what_it_is_for(code: str) -> None:
    assert forbidden(ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        "import re\nre.compile('')", "model.eval()", "import torch.nn as nn\nnn.Linear(1, 1)",
        "input = 1\nprint(input)", "from urllib.parse import quote", "import os\nos.path.join('', '')",
        "import yaml\nyaml.parse('')",
    ],
)  # fmt: skip
def test_the_gate_lets_pass_what_is_harmless(code: str) -> None:
    assert forbidden(ast.parse(code)) == []


@pytest.mark.parametrize(
    "code",
    [
        "import importlib\nimportlib.import_module(name)", "from importlib import import_module as load",
        "import importlib as i\ni.util.spec_from_file_location('', '')", "loader.exec_module(module)",
    ],
)  # fmt: skip
def test_the_gate_sees_imports_by_a_computed_name(code: str) -> None:
    assert dynamic_imports(ast.parse(code))


def test_every_importer_still_is_one() -> None:
    for name in IMPORTERS:
        assert dynamic_imports(ast.parse((ROOT / name).read_text(encoding="utf-8"))), name


def test_every_module_that_may_be_imported_is() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES]
    assert {name.split(".")[0] for tree in trees for name in used(tree)} == MODULES


def test_torch_loads_nothing_but_tensors_and_plain_data() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert "weights_only=True" in ast.unparse(node)

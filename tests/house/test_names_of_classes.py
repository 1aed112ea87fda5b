"""A public class name stands for one thing, wherever it is read."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def places() -> dict[str, list[str]]:
    """The packages in which each public name is defined, once for each definition."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for package in ("archdsl", "compiler", "viz"):
        for file in (ROOT / package).rglob("*.py"):
            for name in defined(file.read_text(encoding="utf-8")):
                found[name].append(package)
    return found


def test_a_name_of_a_diagram_stands_for_nothing_else() -> None:
    assert [name for name, packages in places().items() if "viz" in packages and len(packages) > 1] == []


def test_a_public_name_stands_for_one_class() -> None:
    several = {name: packages for name, packages in places().items() if len(packages) > 1}
    assert not several, "these names stand for several things: give them more exact words"


def test_classes_and_type_aliases_are_found() -> None:
    text = "class A: ...\nclass _B: ...\nC: TypeAlias = int\nD: Final = 1\ndef f():\n    class E: ...\n"
    assert defined(text) == ["A", "C"]


def defined(text: str) -> list[str]:
    """The public classes and type aliases of a module."""
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).rpartition(".")[2] == "TypeAlias":
            found.append(ast.unparse(node.target))
    return [name for name in found if not name.startswith("_")]

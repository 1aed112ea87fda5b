"""What archdsl has and torch has not, as source: copied from where it stands in the compiler, with what it needs.

A function that only returns an expression is written in place; others, and classes, are copied into the file.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

OURS: Final = "compiler."
IMPORTED: Final = {
    "checkpoint": "from torch.utils.checkpoint import checkpoint",
    "Sequence": "", "Callable": "", "Iterator": "", "Any": "", "Final": "", "Tensor": "",
}  # fmt: skip


@cache
def _module(name: str) -> ast.Module:
    found = importlib.util.find_spec(name)
    assert found is not None and found.origin is not None
    return ast.parse(Path(found.origin).read_text(encoding="utf-8"))


@cache
def _definitions(module: str) -> Mapping[str, ast.stmt]:
    """What a module of the compiler defines, by name."""
    found: dict[str, ast.stmt] = {}
    for node in _module(module).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return found


def is_ours(name: str) -> bool:
    """Whether a target's name is that of something in the compiler."""
    return name.startswith(OURS)


def in_place(
    name: str, tensors: Sequence[str], args: Sequence[str], kwargs: Mapping[str, str], pack: bool
) -> str | None:
    """A call of a function of ours as the expression that it returns; None for one that does more."""
    module, _, function = name.rpartition(".")
    node = _definitions(module)[function]
    if not isinstance(node, ast.FunctionDef):
        return None
    body = [one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
        return None
    names = [argument.arg for argument in node.args.args]
    given = [f"[{', '.join(tensors)}]"] if pack else list(tensors)
    values = {**dict(zip(names, [*given, *args], strict=False)), **kwargs}
    if node.args.kwarg is not None or values.keys() != set(names):
        return None
    filled = _Filled(values).visit(ast.parse(ast.unparse(body[0].value), mode="eval").body)
    return written(ast.fix_missing_locations(filled))


class _Filled(ast.NodeTransformer):
    """An expression with others in the place of names."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> Any:
        return ast.parse(self.values[node.id], mode="eval").body if node.id in self.values else node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "getattr" and isinstance(node.args[1], ast.Constant):
            return ast.Attribute(node.args[0], str(node.args[1].value), ast.Load())
        if isinstance(node.func, ast.Name) and node.func.id == "tuple" and isinstance(node.args[0], ast.Tuple):
            return node.args[0]
        if isinstance(node.func, ast.Name) and node.func.id == "_type":
            like, dtype = node.args
            kind = str(dtype.value) if isinstance(dtype, ast.Constant) else ""
            floating = kind == "float32"
            return ast.Attribute(like if floating else ast.Name("torch"), "dtype" if floating else kind)
        args: list[ast.expr] = []
        for argument in node.args:
            inner = argument.value if isinstance(argument, ast.Starred) else None
            args += inner.elts if isinstance(inner, ast.List) else [argument]
        node.args = args
        return node


def written(node: ast.AST) -> str:
    """An expression with double quotes and without what Python puts around it."""
    text = ast.unparse(node)
    text = re.sub(r"'([^'\"\\]*)'", r'"\1"', text)
    text = re.sub(r"\b(?:(?:torch\.)?nn\.)?functional\.", "F.", text)
    return re.sub(r"torch\.arange\(0, ([^(),]+|[^(),]*\[[^]]*\]), 1, ", r"torch.arange(\1, ", text)


class Library:
    """The definitions that a file needs, with the imports that these need."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = {}
        self.imports: set[str] = set()

    def add(self, name: str) -> str:
        """Copy a definition; what it is called in the file."""
        module, _, own = name.rpartition(".")
        if own not in self.lines:
            self.lines[own] = []
            node = _definitions(module)[own]
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name) and inner.id in _definitions(module) and inner.id != own:
                    self.add(f"{module}.{inner.id}")
                if isinstance(inner, ast.Name) and IMPORTED.get(inner.id):
                    self.imports.add(IMPORTED[inner.id])
            del self.lines[own]
            self.lines[own] = _plain(node)
        return own


def _plain(node: ast.stmt) -> list[str]:
    """A definition without annotations and remarks, a statement a line."""
    copy = ast.parse(ast.unparse(node)).body[0]
    for inner in ast.walk(copy):
        if isinstance(inner, ast.FunctionDef):
            inner.returns = None
            for argument in [*inner.args.args, *inner.args.kwonlyargs, inner.args.vararg, inner.args.kwarg]:
                if argument is not None:
                    argument.annotation = None
        if isinstance(inner, (ast.FunctionDef, ast.ClassDef)):
            kept: list[ast.stmt] = []
            for one in inner.body:
                if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant):
                    one = ast.Expr(ast.Constant(_first_sentence(str(one.value.value))))
                if isinstance(one, ast.AnnAssign) and one.value is None:
                    continue
                if isinstance(one, ast.FunctionDef) and one.name == "extra_repr":
                    continue
                kept.append(_without_annotation(one))
            inner.body = kept
        for field in ("body", "orelse"):
            block = getattr(inner, field, None)
            if isinstance(block, list) and not isinstance(inner, (ast.FunctionDef, ast.ClassDef)):
                setattr(inner, field, [_without_annotation(one) for one in block])
    text = written(ast.fix_missing_locations(_without_annotation(copy)))
    return _spaced(text.split("\n"))


def _spaced(lines: list[str]) -> list[str]:
    """Lines of a definition with the blank lines that formatters put between methods, and around inner functions."""
    found: list[str] = []
    inner: int | None = None  # where a function in a function stands
    for line in lines:
        if not line:
            continue
        depth, before = len(line) - len(line.lstrip()), found[-1] if found else ""
        starts = line.lstrip().startswith("def ")
        after_doc = before.lstrip().startswith('"""') and len(found) > 1 and found[-2].startswith("class ")
        ended = inner is not None and depth <= inner
        if found and (ended or after_doc or (starts and depth and not before.lstrip().startswith(("class ", "@")))):
            found.append("")
        inner = None if ended else inner
        if starts and depth and not lines[0].startswith("class "):
            inner = depth
        found.append(line)
    return found


def _without_annotation(node: ast.stmt) -> ast.stmt:
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        return ast.Assign([node.target], node.value, lineno=0)
    return node


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).split(". ")[0].rstrip(".").replace("`", "") + "."

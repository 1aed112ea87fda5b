"""What each name that a spec uses stands for, as an editor asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from archdsl.address import open_spec
from archdsl.definitions import Definition
from archdsl.program import Program, parse_string
from archdsl.source import Span
from archdsl.syntax import tree

SPECS = sorted(p for p in (Path(__file__).parent.parent / "specs").rglob("*") if p.suffix in (".arch", ".yaml"))


def used_names(part: Any) -> Iterator[tree.Name]:
    """The names that are used in a part of a tree: values and callees, not what is bound."""
    if isinstance(part, tuple):
        for one in part:
            yield from used_names(one)
    elif isinstance(part, tree.Param):  # its type is a word of the language, its sizes are bound by it
        yield from used_names(part.default)
    elif isinstance(part, tree.Name):
        yield part
    elif isinstance(part, (tree.Node, tree.Spec)):
        yield from used_names(tuple(getattr(part, f.name) for f in fields(part) if f.name not in ("span", "source")))


def program_of(path: Path) -> Program:
    return open_spec(str(path))[0]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_every_name_in_a_shipped_spec_has_a_definition_where_it_is_written(path: Path) -> None:
    program = program_of(path)
    used = list(used_names(program.spec))
    assert used
    for name in used:
        found = program.uses[name.span]
        assert found.name == name.id
        if found.span is not None and (found.kind, found.name) != ("output", "output"):
            assert found.span.text.strip("\"'") == name.id


def test_what_is_built_in_is_defined_in_no_spec() -> None:
    kinds = {found.kind for path in SPECS for found in program_of(path).uses.values() if found.span is None}
    assert kinds <= {"operator", "function", "initialiser", "word", "parameter"}


CODE = """
block pair(x: [N, C, H, W], width, act = 1) {
    inner = x -> conv(width, 1)
    inner + (x -> conv(C, 1)) if width == act else inner
}
network Net(image: [N, 3, S, S], classes = 2) {
    device gpu0
    shared = module linear(classes)
    parts = [image -> pair(width = i, act = 2) @gpu0 for i in range(1, 3)]
    output out = concat(parts) -> repeat S // S { conv(3, 1) } -> flatten -> shared
    loss cross_entropy(out, label_smoothing = 0.1)
}
variant small = Net(classes = 3)
"""


def used_at(program: Program, text: str, nth: int = 0) -> Definition:
    """What stands at the nth place of a text, its first name."""
    start = -1
    for _ in range(nth + 1):
        start = CODE.index(text, start + 1)
    return next(found for span, found in program.uses.items() if span.start == start)


@pytest.mark.parametrize(
    ("text", "nth", "kind", "bound"),
    [
        ("inner +", 0, "value", "inner = x"),
        ("x -> conv(width", 0, "parameter", "x: [N, C"),
        ("C, 1)", 0, "size", "C, H, W"),
        ("pair(width", 0, "block", "pair(x"),
        ("width = i", 0, "parameter", "width, act"),
        ("i, act", 0, "item", "i in range"),
        ("range", 0, "function", None),
        ("conv", 0, "operator", None),
        ("@gpu0", 0, "device", "gpu0"),
        ("shared\n", 0, "module", "shared = "),
        ("S //", 0, "size", "S, S]"),
        ("classes)\n    parts", 0, "setting", "classes = 2"),
        ("out, label", 0, "output", "out = "),
        ("label_smoothing", 0, "parameter", None),
        ("Net(classes", 0, "network", "Net(image"),
        ("classes = 3", 0, "setting", "classes = 2"),
    ],
)
def test_a_name_stands_for_what_it_was_bound_to(text: str, nth: int, kind: str, bound: str | None) -> None:
    program = parse_string(CODE)
    found = used_at(program, text, nth)
    start = CODE.index(bound) if bound is not None else None
    assert (found.kind, found.span.start if found.span is not None else None) == (kind, start)


def test_an_imported_block_is_defined_in_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "parts.arch").write_text("block double(x) { x -> conv(8, 1) }\n")
    (tmp_path / "net.arch").write_text(
        'import "parts.arch" (double)\nnetwork Net(x: [N, 4, 8, 8]) { x -> double -> relu }\n'
    )
    program = program_of(tmp_path / "net.arch")
    uses: dict[Span, Definition] = {s: d for s, d in program.uses.items() if d.name == "double"}
    assert len(uses) == 2  # the import and the call
    for found in uses.values():
        assert found.span is not None
        assert (Path(found.span.source.name).name, found.span.text) == ("parts.arch", "double")

"""A comparison of two networks as tables: what was said otherwise first, then what follows from it, then the costs."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, Literal, TypeAlias

from archdsl.compare.difference import Change, Difference, LayerDiff, change
from archdsl.dims import Size, show
from archdsl.measure.network.report import TOTALS, Row
from archdsl.ops.kinds import literal
from archdsl.sheet.formats import render_all
from archdsl.sheet.sheet import CellValue, Column, Line, Sheet
from archdsl.sheet.units import size

COLUMNS: Final = (Column("difference", group=True), Column("layers", wrap=True), Column("what", wrap=True))
Said: TypeAlias = tuple[str, str]  # layers, and what is said of them

NAMED = 4  # layers named where many changed alike
LINES = 30  # of one section; the JSON document has all


def text(difference: Difference, width: int | None = None) -> str:
    """Ends with a newline."""
    return render_all(sheets(difference), "text", width)


def sheets(difference: Difference) -> list[Sheet]:
    """What differs, and what both cost; of networks that are the same only that they are."""
    name_a, name_b = difference.a.name, difference.b.name
    if difference.same:
        title = f"{name_a} and {name_b} are the same architecture"
        return [Sheet(title, COLUMNS, (), document=difference.to_dict, listing=True)]
    layers = difference.layers
    groups = {
        "interface": ((c.what, sentence(c)) for c in difference.interface),
        "changed": _changed(layers),
        "removed": _lone(layers, "a"),
        "added": _lone(layers, "b"),
        "renamed": _renamed(layers),
        "follows from these": _follows(layers),
    }
    lines = tuple(Line((group, *said)) for group, found in groups.items() for said in found)
    listing = Sheet(
        title=f"{name_a} → {name_b}",
        columns=COLUMNS,
        lines=lines or (Line(("the layers are the same", None, None)),),
        document=difference.to_dict,
        listing=True,
        most=LINES,
    )
    return [listing, _costs(difference)]


def _changed(layers: Iterable[LayerDiff]) -> Iterator[Said]:
    """One line for layers that changed alike."""

    def said(layer: LayerDiff) -> str:
        found = [arrow(c) if c.what == "operator" else f"{c.what} {arrow(c)}" for c in layer.changes]
        if layer.moved:
            found.append("moved")
        if layer.inputs is not None:
            found.append(f"reads {arrow(layer.inputs)}")
        replaced = any(c.what == "operator" for c in layer.changes)
        return ("" if replaced or layer.b is None else f"{layer.b.op} ") + ", ".join(found)

    for what, alike in _grouped([layer for layer in layers if layer.status == "changed"], said):
        yield _names(alike), what


def _follows(layers: Iterable[LayerDiff]) -> Iterator[Said]:
    """One line for layers of which nothing was said otherwise, but whose shapes are others."""

    def said(layer: LayerDiff) -> str:
        found = [_shapes(c) for c in (layer.shape,) if c is not None]
        found += [f"{c.what} {_shapes(c, '×')}" for c in layer.weights if c.what not in ("running_mean", "running_var")]
        return ", ".join(found)

    for what, alike in _grouped([layer for layer in layers if layer.status == "follows"], said):
        yield _names(alike), what


def _lone(layers: Iterable[LayerDiff], side: Literal["a", "b"]) -> Iterator[Said]:
    """Layers that only one network has: equal blocks in a row on one line, and equal operators on one."""
    sign, other = ("-", "b") if side == "a" else ("+", "a")
    rows: dict[str, Row] = {row.path: row for layer in layers if (row := getattr(layer, side)) is not None}
    alone = {getattr(layer, side).path: layer for layer in layers if getattr(layer, other) is None}
    whole = _whole_blocks(rows, alone)

    def block(path: str) -> str:
        return next((prefix for prefix in _prefixes(path) if prefix in whole), path)

    singles: dict[str, list[Row]] = {}
    blocks = []
    for name, paths in groupby(alone, block):
        inside = [rows[path] for path in paths]
        if len(inside) > 1:
            blocks.append((name, inside))
        else:
            singles.setdefault(getattr(alone[inside[0].path], f"step_{side}"), []).append(inside[0])
    for _, alike in groupby(blocks, lambda found: _outline(*found)):
        run = list(alike)
        cost = _parameters(row for _, inside in run for row in inside)
        names = run[0][0] if len(run) == 1 else f"{run[0][0]} … {run[-1][0]}"
        times = "" if len(run) == 1 else f"{len(run)} × "
        yield f"{sign} {names}", f"{times}{len(run[0][1])} layers{cost}"
    for step, found in singles.items():
        if len(found) == 1:
            yield f"{sign} {found[0].path}", f"{step} {show(found[0].shape)}{_parameters(found)}"
        else:
            yield f"{sign} {_listed([row.path for row in found])}", f"{len(found)} × {step}{_parameters(found)}"


def _parameters(rows: Iterable[Row]) -> str:
    total = sum(row.params for row in rows)
    return f", {total:,} parameters" if total else ""


def _whole_blocks(paths: Iterable[str], alone: Collection[str]) -> set[str]:
    """The prefixes of paths all of whose layers are alone."""
    mixed = {prefix for path in paths if path not in alone for prefix in _prefixes(path)}
    return {prefix for path in alone for prefix in _prefixes(path)} - mixed


def _outline(path: str, inside: Sequence[Row]) -> Hashable:
    """What blocks in a row have in common: where they stand, and the layers in them."""
    parent, _, label = path.rpartition(".")
    return (
        parent,
        _numberless(label),
        tuple((row.path.removeprefix(path), row.op, row.shape, row.params) for row in inside),
    )


def _numberless(name: str) -> str:
    return re.sub(r"\d+$", "#", name)


def _prefixes(path: str) -> Iterator[str]:
    """`a.b.c` is inside `a` and `a.b`; the widest first."""
    parts = path.split(".")
    return (".".join(parts[:i]) for i in range(1, len(parts)))


def _renamed(layers: Iterable[LayerDiff]) -> Iterator[Said]:
    """Other names of the same layers: one line for a block that was renamed, and for steps that were renumbered."""

    def stems(layer: LayerDiff) -> tuple[str, str]:
        assert layer.a is not None and layer.b is not None
        a, b = layer.a.path.split("."), layer.b.path.split(".")
        while len(a) > 1 and len(b) > 1 and a[-1] == b[-1] and not _within(a[:-1], b[:-1]):
            a.pop()
            b.pop()
        return ".".join(a), ".".join(b)

    def family(pair: tuple[str, str]) -> tuple[str, ...]:
        return tuple(map(_numberless, pair))

    renamed = [(stem, len(found)) for stem, found in _grouped([layer for layer in layers if layer.renamed], stems)]
    for _, group in groupby(renamed, lambda found: family(found[0])):
        run = list(group)
        count = sum(number for _, number in run)
        (first_a, first_b), (last_a, last_b) = run[0][0], run[-1][0]
        names = f"{first_a} → {first_b}" if len(run) == 1 else f"{first_a} … {last_a} → {first_b} … {last_b}"
        yield names + (f" ({count} layers)" if count > 1 else ""), ""


def _within(a: Sequence[str], b: Sequence[str]) -> bool:
    """Whether one block lies in the other: then it is not that one under another name."""
    shorter = min(len(a), len(b))
    return len(a) != len(b) and a[:shorter] == b[:shorter]


def _costs(difference: Difference) -> Sheet:
    names = (difference.a.name, difference.b.name)
    columns = (Column("", wrap=True), *(Column(name, "count") for name in names), Column("change", "figure"))
    texts = costs(difference, _number)
    figures = [*((a, b, name.startswith("activation_bytes")) for name, a, b in difference.figures)]
    lines = [
        Line((title, _value(a, first), _value(b, second), by), kind="bytes" if of_bytes else None)
        for (title, first, second, by), (a, b, of_bytes) in zip(texts, figures, strict=False)
    ]
    lines += [Line(texts[i]) for i in range(len(lines), len(texts))]
    return Sheet("costs", columns, tuple(lines))


def _value(value: Size | None, shown: str) -> CellValue:
    return shown if value is None else value


def costs(difference: Difference, number: Callable[[Size | None], str]) -> list[tuple[str, str, str, str]]:
    """What both cost: what is counted, in the first, in the second, and by how much it differs."""
    rows: list[tuple[str, str, str, str]] = []
    for name, a, b in difference.figures:
        shown = size if name.startswith("activation_bytes") else _number if name == "layers" else number
        rows.append((TOTALS[name], shown(a), shown(b), _by(a, b, shown)))
    fields = difference.a.receptive_field, difference.b.receptive_field
    if fields[0] is not None or fields[1] is not None:
        wider = fields[1][0] - fields[0][0] if fields[0] and fields[1] else 0
        rows.append(
            ("receptive field of the last window", _field(fields[0]), _field(fields[1]), _by(0, wider, _number))
        )
    return rows


def _by(a: Size | None, b: Size | None, shown: Callable[[Size | None], str]) -> str:
    difference = change(a, b)
    if difference is None or difference == 0:
        return ""
    if not isinstance(difference, int) or not isinstance(a, int):
        return str(difference)
    share = f" ({difference / a:+.1%})".replace("-", "−") if a else ""
    return ("+" if difference > 0 else "−") + shown(abs(difference)) + share


def _number(value: Size | None) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _field(sizes: tuple[int, ...] | None) -> str:
    if sizes is None:
        return "none"
    return " × ".join(map(str, sizes if len(set(sizes)) > 1 else sizes[:1]))


def values(found: Change) -> tuple[str, str]:
    """What was, and what is, as a spec writes it."""
    if found.what == "inputs" and isinstance(found.a, tuple):
        return _listed(found.a), _listed(found.b)
    return literal(found.a), literal(found.b)


def arrow(found: Change) -> str:
    return " → ".join(values(found))


def sentence(found: Change) -> str:
    """What was, and what is, of a change of the interface, which is said in words."""
    return f"{found.a or 'none'} → {found.b or 'none'}"


def _shapes(found: Change, sign: str = "") -> str:
    if sign:
        return " → ".join((sign.join(map(str, s)) or "scalar") if s is not None else "none" for s in (found.a, found.b))
    return f"{show(found.a)} → {show(found.b)}"


def _names(layers: Sequence[LayerDiff]) -> str:
    return _listed([layer.b.path for layer in layers if layer.b is not None])


def _listed(names: Sequence[str]) -> str:
    if len(names) <= NAMED + 1:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def _grouped(layers: Sequence[LayerDiff], by: Callable[[LayerDiff], Any]) -> Iterator[tuple[Any, list[LayerDiff]]]:
    """Layers of which the same is said, in the order of the first of each."""
    found: dict[Any, list[LayerDiff]] = {}
    for layer in layers:
        found.setdefault(by(layer), []).append(layer)
    return iter(found.items())

"""Figures of one's own for the layers of a network, from a file of comma-separated values: latencies, norms, errors."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple

from archdsl.diagnostics import Diagnostic, did_you_mean
from archdsl.errors import SpecError
from archdsl.graph import Graph, header
from archdsl.read import read
from archdsl.source import Source, Span

MOST_FAULTS: Final = 10
PATTERN: Final = re.compile(r"[*?[]")
UNNAMED: Final = "the first line does not name the columns `layer` and `value`"
NAMES: Final = "the first line is `layer,value`, or `layer,latency (ms)`, say"
TITLE: Final = re.compile(r"(.*?)\s*\(([^()]*)\)")  # `latency (ms)`


@dataclass(frozen=True, slots=True)
class OwnFigure:
    """What is known of layers, by their keys in the graph; layers without a value are not in it."""

    title: str
    unit: str
    values: Mapping[str, float]


class _Cell(NamedTuple):
    text: str
    span: Span


def read_figures(path: Path, graph: Graph) -> OwnFigure:
    """The figures of a file for the layers of a graph. Raises `SpecError`, which points at what is wrong.

    The first line names the columns: `layer`, a path or a pattern of the shell (`layer1.*.conv2`), and `value`, or
    what the figure is called, with its unit in parentheses: `latency (ms)`. Columns `unit` and `title` say these too.
    Lines of one layer add up. A pattern gives its value to each layer that it fits and that no other line names.
    """
    source = _read(path)
    rows = _rows(source)
    heads = [cell.text for cell in next(rows, [])]
    column = next((i for i, head in enumerate(heads) if i and head not in ("unit", "title")), None)
    if not heads or heads[0] != "layer" or column is None:
        raise SpecError([_fault(UNNAMED, Span(source, 0, max(len(source.line(1)), 1)), NAMES)])
    lines = [line for line in rows if any(cell.text for cell in line)]
    titled = TITLE.fullmatch(heads[column])
    title = titled[1] if titled else "" if heads[column] == "value" else heads[column]
    own = {head: _first(lines, heads.index(head)) for head in ("title", "unit") if head in heads}
    title = own.get("title") or title or path.stem
    return OwnFigure(title, own.get("unit") or (titled[2] if titled else ""), _values(lines, column, graph))


def _read(path: Path) -> Source:
    try:
        return read(path)
    except SpecError as error:
        if error.diagnostics[0].code != "empty-spec":
            raise
        raise SpecError([Diagnostic("bad-figures", UNNAMED, place=str(path), help=NAMES)]) from None


def _values(lines: Sequence[Sequence[_Cell]], column: int, graph: Graph) -> dict[str, float]:
    known = [key for key in graph if key not in header(graph)["inputs"]]
    named: dict[str, float] = {}
    fitting: list[tuple[str, float]] = []
    faults: list[Diagnostic] = []
    for line in lines:
        layer, value = line[0], line[column] if column < len(line) else line[-1]
        number = _number(value.text) if column < len(line) else None
        if number is None:
            faults.append(_fault(f"`{value.text}` is not a number", value.span, "write one, such as `0.25` or `1e-3`"))
        elif PATTERN.search(layer.text):
            if not any(fnmatchcase(key, layer.text) for key in known):
                faults.append(_fault(f"no layer fits `{layer.text}`", layer.span, "`*` stands for any letters"))
            fitting.append((layer.text, number))
        elif layer.text in graph:
            named[layer.text] = named.get(layer.text, 0.0) + number
        else:
            faults.append(_unknown(layer, known))
    if faults:
        raise SpecError(faults[:MOST_FAULTS])
    for key in known:
        value_of = next((number for pattern, number in fitting if fnmatchcase(key, pattern)), None)
        if key not in named and value_of is not None:
            named[key] = value_of
    return named


def _unknown(layer: _Cell, known: Sequence[str]) -> Diagnostic:
    """What to do about a path that no layer has: it may be misspelt, or that of a block."""
    if any(key.startswith(f"{layer.text}.") for key in known):
        help = f"write a line for each of its layers, or `{layer.text}.*` to give all of them the same"
        return _fault(f"`{layer.text}` is a block, not a layer", layer.span, help)
    help = did_you_mean(layer.text, known) or "the report names the layers"
    return _fault(f"no layer is called `{layer.text}`", layer.span, help)


def _rows(source: Source) -> Iterator[list[_Cell]]:
    """The cells of each line, with their places."""
    for number, start in enumerate(source.line_starts, start=1):
        text = source.line(number)
        if not text.strip():
            continue
        cells, at = [], 0
        for cell in next(csv.reader([text]), []):
            found = max(text.find(cell, at), at)
            at = found + len(cell)
            cells.append(_Cell(cell.strip(), Span(source, start + found, start + max(at, found + 1))))
        yield cells


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _first(lines: Sequence[Sequence[_Cell]], column: int) -> str:
    return next((line[column].text for line in lines if column < len(line) and line[column].text), "")


def _fault(message: str, span: Span, help: str) -> Diagnostic:
    return Diagnostic("bad-figures", message, span, help=help)

"""What the page tells of a layer: what it is, what it needs, and where it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import PurePath
from typing import Any, Final

from archdsl.graph import Graph, Layer, layer, typed
from archdsl.outline.wording import clip, plain
from archdsl.source import Span
from viz.html.figures import FIGURES, Amount, Cost, Figures

EXACT: Final = 2**53 - 1  # the largest integer that a browser reads without rounding
LONGEST_VALUE: Final = 200  # characters of a parameter's value, or of a line of the spec


@dataclass(slots=True)
class Notes:
    """What several layers share, written once: their parameters, and the lines that they are written on."""

    _settings: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)
    _files: dict[str, int] = field(default_factory=dict)  # by the names of files
    _lines: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def data(self) -> dict[str, Any]:
        return {
            "settings": [[list(pair) for pair in pairs] for pairs in self._settings],
            "sources": [{"file": file, "lines": lines} for file, lines in self._lines],
        }

    def settings(self, node: Layer) -> int:
        """The place of a layer's parameters."""
        pairs = tuple((name, _value(value)) for name, value in node["params"].items())
        return self._settings.setdefault(pairs, len(self._settings))

    def line(self, span: Span) -> list[int]:
        """The place of a file, and the number of a line in it."""
        place = self._files.setdefault(span.source.name, len(self._files))
        if place == len(self._lines):
            # The file's name alone: where it lies is nobody's business, and would change the page from machine to
            # machine.
            self._lines.append((plain(PurePath(span.source.name).name), {}))
        lines = self._lines[place][1]
        if str(span.line) not in lines:
            lines[str(span.line)] = clip(span.source.line(span.line).strip(), LONGEST_VALUE)
        return [place, span.line]


def facts(graph: Graph, key: str, known: Figures, notes: Notes) -> dict[str, Any]:
    """All that is known of a layer or input."""
    node = layer(graph, key)
    said: dict[str, Any] = {
        "op": node["op"], "line": notes.line(node["span"]), "outputs": list(map(typed, node["outputs"], node["dtypes"]))
    }  # fmt: skip
    if node["op"] == "input":
        return said
    said |= {"dtype": node["dtype"], "settings": notes.settings(node), **amounts(known.cost(key)), **_seen(known, key)}
    marks = [name for name in ("frozen", "checkpoint") if node.get(name)]
    return said | ({"notes": marks} if marks else {})


def amounts(cost: Cost) -> dict[str, Any]:
    """The figures of a layer or group, by their keys."""
    return {figure.key: amount(known) for figure, known in zip(FIGURES, cost, strict=True)}


def amount(known: Amount) -> int | float | str | None:
    exact = isinstance(known, float) or (isinstance(known, int) and abs(known) <= EXACT)
    return known if known is None or exact else str(known)  # type: ignore[return-value]


def _seen(known: Figures, key: str) -> dict[str, Any]:
    """The receptive field; an empty list where there are no positions."""
    fields = known.field(key)
    if fields is None:
        return {"field": None}
    jumps = [f.jump for f in fields if f.jump is not None]
    sizes = [f.size if f.smallest == f.size else f"{f.smallest}–{f.size}" for f in fields]
    found: dict[str, Any] = {"field": sizes}
    return found | ({"jump": [_number(jump) for jump in jumps]} if len(jumps) == len(fields) else {})


def _number(jump: int | Fraction) -> int | str:
    return jump if isinstance(jump, int) else str(jump)


def _value(value: Any) -> str:
    """A parameter's value as a spec would say it."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return clip(f"[{', '.join(map(_value, value))}]", LONGEST_VALUE)
    return clip(str(value), LONGEST_VALUE)

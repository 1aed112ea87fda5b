"""Which parts of a network are the same, whatever they are called.

A part is a set of layers: a block instance, say. It is written down from its ends backwards, each layer after what it
reads, in the order of the inputs; layers get numbers as they come, and so does what the part reads from outside. That
text holds operators, parameters, shapes, marks and wiring but no path, so equal parts have equal texts, and SHA-256 of
it is a name for the structure. Every layer is visited once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from typing import Any, NamedTuple

from archdsl.graph import Graph, header, layer, operands, plain


class Structure(NamedTuple):
    """What a part of a network is, and which of its layers is which."""

    digest: str  # SHA-256, in hexadecimal; equal for equal parts
    order: tuple[str, ...]  # its layers: those at one place in two equal parts correspond
    entries: tuple[tuple[str, int], ...]  # what it reads from outside: producer, and which of its outputs


def structure(graph: Graph, part: Collection[str]) -> Structure:
    """The structure of some layers, which stand in the order of the graph."""
    return _structure(graph, part, exact=True)


def form(graph: Graph, part: Collection[str]) -> Structure:
    """The structure of some layers but for numbers and sizes, and where and how they run: equal for parts that are
    drawn alike."""
    return _structure(graph, part, exact=False)


def _structure(graph: Graph, part: Collection[str], *, exact: bool) -> Structure:
    def sizes(source: str, output: int) -> list[Any]:
        return [_shape(graph, source, output)] if exact else []

    within = frozenset(part)
    numbers: dict[str, int] = {}
    entries: dict[tuple[str, int], int] = {}
    written: list[Any] = []

    def number(root: str) -> None:
        stack = [root]
        while stack:
            key = stack[-1]
            if key in numbers:
                stack.pop()
                continue
            reads = operands(graph, key)
            waiting = [source for source, _ in reads if source in within and source not in numbers]
            if waiting:
                stack.extend(reversed(waiting))
                continue
            stack.pop()
            wires = [
                ["layer", numbers[source], output]
                if source in within
                else ["entry", entries.setdefault((source, output), len(entries)), *sizes(source, output)]
                for source, output in reads
            ]
            written.append([*(_said if exact else _outlined)(graph, key, numbers), wires])
            numbers[key] = len(numbers)

    exits = [key for key in part if _is_read_outside(graph, key, within)]
    for key in exits:
        number(key)
    for key in part:  # what nothing outside depends on
        number(key)
    text = json.dumps([written, [numbers[key] for key in exits]], separators=(",", ":"))
    return Structure(hashlib.sha256(text.encode()).hexdigest(), tuple(numbers), tuple(entries))


def _said(graph: Graph, key: str, numbers: dict[str, int]) -> list[Any]:
    """A layer without its name. A shared layer says whose weights it has, by number where that is within the part."""
    node = layer(graph, key)
    first = node["path"]
    return [
        node["op"],
        {name: plain(value) for name, value in sorted(node["params"].items())},
        [[plain(size) for size in shape] for shape in node["outputs"]],
        list(node["dtypes"]),
        node["device"],
        node["phase"],
        node["frozen"],
        node["checkpoint"] is not None,
        None if key == first else numbers.get(first, first),
    ]


def _outlined(graph: Graph, key: str, numbers: dict[str, int]) -> list[Any]:
    """A layer without its name and numbers."""
    node = layer(graph, key)
    words = {name: value for name, value in sorted(node["params"].items()) if isinstance(value, (bool, str))}
    first = node["path"]  # whose weights it has, where that is within the part
    return [node["op"], words, len(node["outputs"]), None if key == first else numbers.get(first)]


def _is_read_outside(graph: Graph, key: str, within: frozenset[str]) -> bool:
    return any(reader not in within for reader in graph.succ[key]) or any(
        output["node"] == key for output in header(graph)["outputs"]
    )


def _shape(graph: Graph, source: str, output: int) -> list[Any]:
    return [plain(size) for size in layer(graph, source)["outputs"][output]]

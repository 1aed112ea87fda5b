"""Where a size comes from: back through the graph, over the layers that set it, with the arithmetic of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Final

from archdsl.diagnostics import Diagnostic, Note
from archdsl.dims import Size
from archdsl.graph import Broken, Graph, Place, header, input_shapes, layer, operands
from archdsl.ops.arithmetic import Derivation, derive, say

MAX_NOTES: Final = 6  # of one diagnostic


def explained(graph: Graph, diagnostic: Diagnostic, broken: Broken) -> Diagnostic:
    """The diagnostic of a broken step, with notes on where the sizes at fault come from."""
    told: dict[Note, None] = {}
    ways: list[list[Note]] = []
    for place in broken["sizes"]:
        if layer(graph, place.node)["op"] != "input":  # its shape is shown already
            ways.append([step for step in dict.fromkeys(_steps(graph, place)) if step not in told])
            told |= dict.fromkeys(ways[-1])
    if len(told) > MAX_NOTES:
        told = dict.fromkeys(step for way in ways for step in _shortened(way, MAX_NOTES // len(ways)))
    inputs = {layer(graph, key)["span"] for key in header(graph)["inputs"]}
    notes = sorted(told, key=lambda note: note.span in inputs)  # they are where the ways back meet
    return replace(diagnostic, notes=(*diagnostic.notes, *notes))


def _shortened(steps: list[Note], most: int) -> list[Note]:
    """The steps nearest to the fault, and the last one, where all began."""
    if len(steps) <= most:
        return steps
    left_out = len(steps) - most + 1
    return [*steps[: most - 2], Note(f"… {left_out} steps before that"), steps[-1]]


def _steps(graph: Graph, start: Place) -> Iterator[Note]:
    """What is to be said about a size: for each layer that sets it, or a size that it is made from, how."""
    for place, found in way_back(graph, start):
        span = layer(graph, place.node)["span"]
        size = say(size_at(graph, place))
        if found is None:
            yield Note(f"{size} comes from the input `{place.node}`", span)
            continue
        how = f"{found.parameter} = {size}" if found.parameter else f"{found.arithmetic} = {size}"
        made = found.parameter is not None or found.places
        yield Note(f"{size} comes from {called(graph, place.node)}" + (f": {how}" if made else ""), span)


def way_back(graph: Graph, start: Place, *, passing: bool = False) -> Iterator[tuple[Place, Derivation | None]]:
    """Where a size, and each that it is made from, is set: by a layer, and how, or in an input.

    Layers that it only passes, or comes out of as it went in, are named too with `passing`.
    """
    pending, seen = deque([start]), set[Place]()
    derived = cache(lambda key: _derivations(graph, key))
    while pending:
        place = pending.popleft()
        if place in seen:
            continue
        seen.add(place)
        if layer(graph, place.node)["op"] == "input":
            yield place, None
            continue
        found = derived(place.node)[place.output][place.dim]
        feeds = operands(graph, place.node)
        sources = [Place(*feeds[source.input], source.dim) for source in found.places]
        through = found.passed or [size_at(graph, source) for source in sources] == [size_at(graph, place)]
        if passing or not through:
            yield place, found
        if through:
            pending.appendleft(sources[0])
        else:
            pending.extend(sources)


def size_at(graph: Graph, place: Place) -> Size:
    return layer(graph, place.node)["outputs"][place.output][place.dim]


def _derivations(graph: Graph, key: str) -> tuple[tuple[Derivation, ...], ...]:
    return derive(layer(graph, key)["operator"], tuple(input_shapes(graph, key)))


def called(graph: Graph, key: str) -> str:
    """A layer's path, and its operator where the path does not say it."""
    op = layer(graph, key)["op"]
    return f"`{key}`" if op in key.rpartition(".")[2] else f"`{key}` ({op})"

"""Where the titles of groups stand: beside the edges that enter, so that none strikes a title out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias
from xml.etree.ElementTree import Element

from viz import lettering

Point: TypeAlias = tuple[float, float]

STEPS: Final = 12  # in which a curve is followed
AIR: Final = 3.0  # between an edge and a letter
INDENT: Final = 8.0  # from the frame


def settle(clusters: Iterable[Element], edges: Iterable[Element]) -> None:
    """Move the title of each group to the first gap between edges that is wide enough, if there is one."""
    curves = [list(_followed(path.get("d", ""))) for edge in edges for path in edge.findall("path")]
    for cluster in clusters:
        lines = cluster.findall("text")
        for line in lines:
            line.text = (line.text or "").strip()  # of the blanks that make room
            line.set("text-anchor", "start")
        if lines:
            left = _gap(lines, _frame(cluster), curves)
            for line in lines:
                line.set("x", f"{left:.2f}")


def _gap(lines: Sequence[Element], frame: tuple[float, float], curves: Sequence[Sequence[Point]]) -> float:
    """Where the lines of a title begin."""
    size = float(lines[0].get("font-size", "10"))
    top, bottom = (float(line.get("y", "0")) for line in (lines[0], lines[-1]))
    width = max(lettering.width(line.text or "", size) for line in lines)
    left, right = frame[0] + INDENT, frame[1] - INDENT
    start = left
    for low, high in [*sorted(_crossings(curves, top - size, bottom + size * 0.3)), (right + AIR, right + AIR)]:
        if low - AIR - start >= width:
            return start
        start = max(start, high + AIR)
    return left


def _crossings(curves: Iterable[Sequence[Point]], top: float, bottom: float) -> Iterator[tuple[float, float]]:
    """From where to where each curve runs between two heights."""
    for curve in curves:
        inside = [
            x for a, b in pairwise(curve) if min(a[1], b[1]) <= bottom and max(a[1], b[1]) >= top for x in (a[0], b[0])
        ]
        if inside:
            yield min(inside), max(inside)


def _followed(path: str) -> Iterator[Point]:
    """Points along the Bézier curves of one of Graphviz's edges."""
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", path)]
    points = list(zip(numbers[::2], numbers[1::2], strict=False))
    yield from points[:1]
    for i in range(0, len(points) - 3, 3):
        a, b, c, d = points[i : i + 4]
        for step in range(1, STEPS + 1):
            t = step / STEPS
            u = 1 - t
            weights = (u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t)
            x, y = (sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))
            yield x, y


def _frame(cluster: Element) -> tuple[float, float]:
    """The left and the right side of a group."""
    outline = next(shape.get("d") or shape.get("points") or "" for shape in cluster if shape.tag in ("path", "polygon"))
    across = [float(x) for x, _ in re.findall(r"(-?[\d.]+)[, ](-?[\d.]+)", outline)]
    return min(across), max(across)

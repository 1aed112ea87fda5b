"""What a device can do: how fast it multiplies, moves bytes and begins a kernel. Rates are per second."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, TypeAlias

VERSION: Final = 1  # of a profile as JSON
ANY: Final = "*"  # every operator that has no rate of its own


class ProfileError(ValueError):
    """A profile that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A rate by a size: straight lines between points on logarithmic scales, and level beyond the ends."""

    points: tuple[tuple[float, float], ...]  # by size, the smallest first

    def at(self, size: float) -> float:
        if len(self.points) == 1:
            return self.points[0][1]
        above = bisect(self.points, size, key=_size)
        if above in (0, len(self.points)):
            return self.points[min(above, len(self.points) - 1)][1]
        (x0, y0), (x1, y1) = self.points[above - 1 : above + 1]
        return y0 * math.exp(math.log(y1 / y0) * math.log(size / x0) / math.log(x1 / x0))


def _size(point: tuple[float, float]) -> float:
    return point[0]


def level(rate: float) -> Curve:
    """One rate for every size."""
    return Curve(((1.0, rate),))


Rates: TypeAlias = Mapping[str, Curve]  # by the name of an operator, or ANY


def rate_of(rates: Rates, operator: str) -> Curve | None:
    return rates.get(operator, rates.get(ANY))


@dataclass(frozen=True)
class Pass:
    """What layers reach in one direction, forward or backward.

    arithmetic: by precision ("fp32", "bf16"), FLOP/s of multiply-adds by their number for each value of the output.
    operations: all other operations a second, by how many bytes a layer moves.
    """

    arithmetic: Mapping[str, Rates]
    operations: Rates = field(default_factory=dict)


@dataclass(frozen=True)
class DeviceProfile:
    """A device.

    reading, writing: bytes a second, by the bytes that a layer reads or makes (small ones stay in a cache; new memory
        costs time of its own).
    weights: bytes of weights a second that a layer with few rows reads, by those of the whole network.
    launch: seconds before a layer's work begins.
    memory: bytes, where known.
    peaks: whether the rates are those of a data sheet, which bound what real kernels reach.
    source: where the figures come from.
    """

    name: str
    title: str
    hardware: str  # "cuda" or "cpu"
    source: str
    reading: Curve
    writing: Curve
    weights: Curve
    launch: float
    forward: Pass
    backward: Pass
    memory: int | None = None
    peaks: bool = False

    def precisions(self) -> list[str]:
        return [name for name in self.forward.arithmetic if name in self.backward.arithmetic]

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `from_dict` reads again."""
        return {
            "archdsl_profile": VERSION,
            "name": self.name,
            "title": self.title,
            "hardware": self.hardware,
            "source": self.source,
            "memory": self.memory,
            "peaks": self.peaks,
            "launch": self.launch,
            "reading": _points(self.reading),
            "writing": _points(self.writing),
            "weights": _points(self.weights),
            "forward": _pass_to_dict(self.forward),
            "backward": _pass_to_dict(self.backward),
        }


def _points(curve: Curve) -> list[list[float]]:
    return [list(point) for point in curve.points]


def _pass_to_dict(one: Pass) -> dict[str, Any]:
    return {
        "arithmetic": {p: {op: _points(c) for op, c in rates.items()} for p, rates in one.arithmetic.items()},
        "operations": {op: _points(curve) for op, curve in one.operations.items()},
    }


def from_dict(document: Any) -> DeviceProfile:
    """A profile from plain data. Raises `ProfileError`."""
    if not isinstance(document, dict) or document.get("archdsl_profile") != VERSION:
        raise ProfileError(f'it has no `"archdsl_profile": {VERSION}`, so it is no profile that this archdsl can read')
    memory = document.get("memory")
    if memory is not None and (isinstance(memory, bool) or not isinstance(memory, int) or memory <= 0):
        raise ProfileError("`memory` is no number of bytes")
    if document.get("hardware") not in ("cuda", "cpu"):
        raise ProfileError("`hardware` is neither `cuda` nor `cpu`")
    return DeviceProfile(
        **{key: _text(document, key) for key in ("name", "title", "hardware", "source")},
        reading=_curve(document.get("reading"), "reading"),
        writing=_curve(document.get("writing"), "writing"),
        weights=_curve(document.get("weights"), "weights"),
        launch=_number(document.get("launch"), "launch", least=0.0),
        forward=_pass(document.get("forward"), "forward"),
        backward=_pass(document.get("backward"), "backward"),
        memory=memory,
        peaks=document.get("peaks") is True,
    )


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value or len(value) > 1000 or not value.isprintable():
        raise ProfileError(f"`{key}` is no line of text")
    return value


def _number(value: Any, what: str, least: float = 1e-30) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= 1e30:
        raise ProfileError(f"`{what}` holds {value!r}, which is no positive number")
    return float(value)


def _curve(points: Any, what: str) -> Curve:
    if not isinstance(points, list) or not points or not all(isinstance(p, list) and len(p) == 2 for p in points):
        raise ProfileError(f"`{what}` is no list of [size, rate]")
    found = tuple((_number(size, what), _number(rate, what)) for size, rate in points)
    if any(a >= b for (a, _), (b, _) in pairwise(found)):
        raise ProfileError(f"the sizes of `{what}` do not grow")
    return Curve(found)


def _rates(document: Any, what: str) -> Rates:
    if not isinstance(document, dict):
        raise ProfileError(f"`{what}` is no object")
    return {operator: _curve(points, f"{what}.{operator}") for operator, points in document.items()}


def _pass(document: Any, what: str) -> Pass:
    if not isinstance(document, dict) or not isinstance(document.get("arithmetic"), dict):
        raise ProfileError(f"`{what}.arithmetic` is missing")
    arithmetic = {
        precision: _rates(rates, f"{what}.arithmetic.{precision}")
        for precision, rates in document["arithmetic"].items()
    }
    if not arithmetic or any(ANY not in rates for rates in arithmetic.values()):
        raise ProfileError(f'`{what}.arithmetic` has no rate for all operators, `"{ANY}"`')
    return Pass(arithmetic, _rates(document.get("operations", {}), f"{what}.operations"))

"""A receptive field in words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from archdsl.dims import Size
from archdsl.measure.network.field import Fields


@lru_cache(1024)  # most layers see as those around them
def field(fields: Fields) -> str:
    """The sizes of a receptive field: `427`, `7 × 9` where sides differ, `188–204` where elements do."""
    if fields is None:
        return "?"
    return _each([str(f.size) if f.smallest == f.size else f"{f.smallest}–{f.size}" for f in fields])


def beside_input(fields: Fields, extents: Sequence[Size]) -> str:
    """A receptive field, and how much of the input that is: `427 (191 % of 224)`; without it where the input's size is
    left open."""
    if not fields or len(fields) != len(extents) or not all(isinstance(extent, int) for extent in extents):
        return field(fields)
    shares = [percent(f.size, extent) for f, extent in zip(fields, extents, strict=True)]  # type: ignore[arg-type]
    return f"{field(fields)} ({_each(shares)} of {_each([str(extent) for extent in extents])})"


def percent(part: int, whole: int) -> str:
    """A share in three digits: `191 %`, `2.23 %`."""
    share = 100 * part / whole
    return f"{share:,.0f} %" if share >= 100 else f"{share:.3g} %"


def stride(fields: Fields) -> str:
    """How far apart in the input neighbours see: `32`; `none` where all see the same."""
    if fields is None:
        return "?"
    return _each(["?" if f.jump is None else str(f.jump) if f.jump else "none" for f in fields])


def offset(fields: Fields) -> str:
    """The first input position that the first one sees; negative in the border."""
    return _each(["?" if f.offset is None else str(f.offset) for f in fields]) if fields is not None else "?"


def _each(texts: list[str]) -> str:
    """One text for each spatial dimension, or one for all."""
    return " × ".join(texts if len(set(texts)) > 1 else texts[:1])

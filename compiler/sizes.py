"""Sizes that are known when a network runs: how symbols are read from inputs, and whether inputs fit. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archdsl.dims import Dim, Shape, show, symbols, value
from archdsl.needs import fitting, nearest, unmet
from archdsl.needs import needs as in_words
from compiler.program import Feed, Reading


def readings(shapes: Iterable[tuple[str, Shape]]) -> tuple[Reading, ...]:
    """How symbols are read from the sizes of inputs; each but those that no input tells alone.

    A size tells the only symbol in it that no other has told, if that is not inside a floor division: the H of `H`,
    of `32*H`, and of `H + W` where W is known.
    """
    sizes = [(name, dim, size) for name, shape in shapes for dim, size in enumerate(shape) if isinstance(size, Dim)]
    found: dict[str, Reading] = {}
    while True:
        # What is written alone is read first, as people would.
        candidates = (_reading(name, dim, size, found) for name, dim, size in sizes)
        new = [reading for reading in candidates if reading is not None and reading.symbol not in found]
        if not new:
            return tuple(found.values())
        best = min(new, key=lambda reading: reading.factor != 1 or reading.offset != 0)
        found[best.symbol] = best


def _reading(name: str, dim: int, size: Dim, known: Mapping[str, Reading]) -> Reading | None:
    unknown = symbols(size) - known.keys()
    if len(unknown) != 1:
        return None
    (wanted,) = unknown
    factor = dict(size.terms).get((wanted,), 0)
    rest = size - Dim({(wanted,): factor}) if factor else size
    if factor <= 0 or wanted in symbols(rest):
        return None
    return Reading(wanted, name, dim, factor, rest)


def unfit(
    feeds: Sequence[Feed], read: Sequence[Reading], needs: Sequence[Dim], sizes: Sequence[Sequence[int]]
) -> str | None:
    """What is wrong with the sizes of inputs, in words that name the input and the dimension; None where they fit.

    Sizes may be integers that torch keeps symbolic: nothing is done with them but arithmetic and comparison.
    """
    for feed, given in zip(feeds, sizes, strict=True):
        if len(given) != len(feed.shape):
            return f"input `{feed.name}` has {len(given)} dimensions, but the network takes {show(feed.shape)}"
        for dim, (size, wanted) in enumerate(zip(given, feed.shape, strict=True)):
            if isinstance(wanted, int) and size != wanted:
                return f"{_differs(feed, dim, size, wanted)}; a capital name in the spec would leave it open"
            if size < 1:
                return _differs(feed, dim, size, "at least 1")
    values: dict[str, int] = {}
    where = {feed.name: (feed, given) for feed, given in zip(feeds, sizes, strict=True)}
    for reading in read:
        feed, given = where[reading.feed]
        rest = given[reading.dim] - value(reading.offset, values)
        if reading.factor != 1 and rest % reading.factor != 0:
            below = given[reading.dim] - rest % reading.factor
            near = [size for size in (below, below + reading.factor) if size > value(reading.offset, values)]
            said = f"; {fitting(near)}" if type(below) is int else ""
            return _differs(feed, reading.dim, given[reading.dim], f"a whole {reading.symbol}") + said
        found = rest // reading.factor
        if found < 1:
            return _differs(feed, reading.dim, given[reading.dim], f"{reading.symbol} at least 1")
        values[reading.symbol] = found
    alike: dict[Dim, int] = {}  # sizes that no symbol tells: `H // 2` twice is the same all the same
    for feed, given in zip(feeds, sizes, strict=True):
        for dim, (size, wanted) in enumerate(zip(given, feed.shape, strict=True)):
            if isinstance(wanted, int):
                continue
            if not symbols(wanted) <= values.keys():
                if alike.setdefault(wanted, size) != size:
                    return _differs(feed, dim, size, f"{alike[wanted]}, as before")
            elif value(wanted, values) != size:
                return _differs(feed, dim, size, f"{value(wanted, values)}, since {_told(wanted, read, values)}")
    for need in unmet(needs, values):
        wrong = f"{_places(need, read)}: {_told(need, read, values)}, but the network needs {_words(need)}"
        return wrong + _way_out(need, needs, read, values)
    return None


def _way_out(need: Dim, needs: Sequence[Dim], read: Sequence[Reading], values: Mapping[str, int]) -> str:
    """The sizes next to one that does not fit, where one alone is to blame and it is a plain number."""
    told = [reading for reading in read if reading.symbol in symbols(need)]
    if len(told) != 1 or any(type(found) is not int for found in values.values()):
        return ""
    ((symbol, _, _, factor, offset),) = told
    sizes = [factor * number + value(offset, values) for number in nearest(needs, symbol, values)]
    return f"; {fitting(sizes)}" if sizes else ""


def _words(need: Dim) -> str:
    return next(in_words([need]), f"{need} >= 0")


def _differs(feed: Feed, dim: int, found: int, wanted: str | int) -> str:
    return f"input `{feed.name}`: dimension {dim} is {found}, but the network takes {show(feed.shape)}, so {wanted}"


def _told(size: Dim, read: Sequence[Reading], values: Mapping[str, int]) -> str:
    """The values of the symbols in a size, and where they come from."""
    found = [reading for reading in read if reading.symbol in symbols(size)]
    return " and ".join(
        f"{reading.symbol} is {values[reading.symbol]} (dimension {reading.dim} of `{reading.feed}`)"
        for reading in found
    )


def _places(size: Dim, read: Sequence[Reading]) -> str:
    names = dict.fromkeys(reading.feed for reading in read if reading.symbol in symbols(size))
    return f"input{'s' if len(names) > 1 else ''} {' and '.join(f'`{name}`' for name in names)}"

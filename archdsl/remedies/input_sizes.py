"""Which sizes of an input a network fits, where the one it was given is at fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from archdsl.diagnostics import Diagnostic
from archdsl.dims import Dim, Shape, Undecided, symbol
from archdsl.elaborate.origins import size_at, way_back
from archdsl.graph import Broken, Graph, Place, broken, fault, header, layer, operands
from archdsl.ops import ShapeError
from archdsl.ops.source import Unresolved
from archdsl.remedies.trial import Trial

BY_SIZE: Final = frozenset({"kernel-too-large", "shape-mismatch", "shape-pattern", "empty-output"})
SMALLER: Final = 4  # times, at most, is a size that fits
FARTHEST: Final = 512  # from the size that was given
ENOUGH: Final = 16  # sizes one after the other that fit, before larger ones are only sampled


def fitting(graph: Graph, trial: Trial, known: Sequence[Diagnostic]) -> tuple[set[Diagnostic], str | None]:
    """The faults that the size of an input is to blame for, and the sizes that fit about the nearest one, in words.

    None where no size of the input helps, or none is found.
    """
    blamed = {
        node["fault"]: at
        for key, node in broken(graph)
        if node["fault"].code in BY_SIZE and (at := _blamed(graph, node)) is not None and _may_fit(graph, key, at)
    }
    at = next((blamed[one] for one in known if one in blamed), None)
    if at is None:
        return set(), None
    too_small = all(one.code in ("kernel-too-large", "empty-output") for one in blamed)
    return set(blamed), _range(graph, trial, at, [one for one in known if one not in blamed], too_small)


def _range(graph: Graph, trial: Trial, at: Place, others: Sequence[Diagnostic], too_small: bool) -> str | None:
    wrong = size_at(graph, at)
    assert isinstance(wrong, int)
    shapes = {name: layer(graph, name)["shape"] for name in header(graph)["inputs"]}
    shape = shapes[at.node]

    def fits(size: int) -> bool:
        tried = tuple(size if dim > 0 and _alike(shape, at, dim) else old for dim, old in enumerate(shape))
        inputs = {name: _numbers(tried if name == at.node else other) for name, other in shapes.items()}
        return trial.fits(inputs, others)

    nearest = _least(wrong, fits) if too_small else None
    nearest = nearest or next((size for size in _outwards(wrong) if fits(size)), None)
    if nearest is None:
        return None
    low, high = _end(nearest, -1, FARTHEST, fits), _end(nearest, 1, ENOUGH, fits)
    if high - nearest == ENOUGH and all(map(fits, (2 * high, 3 * high + 1, 4 * high + 3))):
        sizes = f"inputs of {low} and more"
    else:
        high = _end(high, 1, FARTHEST, fits)
        sizes = f"inputs of {low} … {high}" if low < high else f"an input of {low}"
    if trial.left <= 0:  # the range may go on
        sizes = f"an input of {nearest}"
    return f"this network fits {sizes}" + (f" (`{at.node}`)" if len(shapes) > 1 else "")


def _blamed(graph: Graph, step: Broken) -> Place | None:
    """The size of an input, neither of its batch nor its channels, that a size at fault begins with."""
    for start in step["sizes"]:
        for place, found in way_back(graph, start):
            if found is None and place.dim > 1 and isinstance(size_at(graph, place), int):
                return place
    return None


def _may_fit(graph: Graph, key: str, at: Place) -> bool:
    """Whether the step may fit for some size: it is asked with a symbol in the place of the size."""
    shapes: dict[str, tuple[Shape, ...]] = {}
    unknown = symbol("S")
    try:
        for name, node in graph.nodes(data=True):
            if node["op"] == "input":
                shape = tuple(unknown if name == at.node and _alike(node["shape"], at, i) else size
                              for i, size in enumerate(node["shape"]))  # fmt: skip
                shapes[name] = (shape,)
            elif isinstance(node["operator"], Unresolved):
                if name == key:  # a block, which asks for a shape
                    return True
            elif name == key or fault(graph, name) is None:
                inputs = [shapes[source][output] for source, output in operands(graph, name)]
                shapes[name] = node["operator"].infer_all(*inputs)
    except ShapeError:
        return False
    except Undecided:
        return True
    return True


def _alike(shape: Shape, at: Place, dim: int) -> bool:
    """Whether a dimension changes with the one to blame: an image stays square."""
    return dim > 1 and shape[dim] == shape[at.dim]


def _numbers(shape: Shape) -> tuple[int, ...]:
    return tuple(1 if isinstance(size, Dim) else size for size in shape)


def _least(wrong: int, fits: Callable[[int], bool]) -> int | None:
    """The least size that fits, where all larger ones do; None where none is found at once."""
    high = next((wrong * factor for factor in (2, 4, 8, 16, 32, 64) if fits(wrong * factor)), None)
    if high is None:
        return None
    low = wrong
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high


def _outwards(middle: int) -> Iterator[int]:
    """Sizes from the nearest on. Much smaller ones, of which nothing is left on the way, fit anything."""
    for distance in range(1, FARTHEST + 1):
        yield middle + distance
        if middle - distance > middle // SMALLER:
            yield middle - distance


def _end(start: int, step: int, most: int, fits: Callable[[int], bool]) -> int:
    """The last size in a direction that fits, with all before it, some steps away at most."""
    size = start
    while size + step >= 1 and abs(size - start) < most and fits(size + step):
        size += step
    return size

"""Which sizes of an exported program are open, and how: their ranges and multiples, and the values to trace with."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from torch.export import Dim as TorchSize

from archdsl.diagnostics import Diagnostic
from archdsl.dims import Dim, Shape, classes_in, symbols, value
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layer, layers
from archdsl.symbolic import interval
from compiler.program import Routine
from compiler.sizes import unfit

MOST: Final = 4096  # of a size that is looked for


@dataclass(frozen=True, slots=True)
class OpenSize:
    """What a symbol may be in an exported program: least, least + step, …, up to `most` where there is an end."""

    symbol: str
    step: int
    start: int  # the remainder that all leave
    least: int
    most: int | None
    sample: int  # to trace with

    @property
    def second(self) -> int:
        """The least but one, where there is one: of a least of 1 more things are alike than of others."""
        return self.least + self.step if self.most is None or self.least < self.most else self.least

    def values(self, count: int) -> Iterator[int]:
        """The first of them."""
        end = self.least + count * self.step
        return iter(range(self.least, end if self.most is None else min(end, self.most + 1), self.step))

    def torch(self) -> Any:
        """The same, as torch says it: of a symbol that needs multiples of 16, the sixteenth part is what is open."""
        least, most = -(-(self.least - self.start) // self.step), None
        if self.most is not None:
            most = (self.most - self.start) // self.step
        if self.step == 1:
            return TorchSize(self.symbol, min=least, max=most)
        part = self.step * TorchSize(f"{self.symbol}_{self.step}", min=least, max=most)
        return part + self.start if self.start else part


def open_sizes(graph: Graph, routine: Routine) -> dict[str, OpenSize]:
    """The symbols of a routine's inputs.

    torch takes a size of 1 for a constant, so that all begin where none is 1 on the way; batches begin at 1, of which
    no network makes a case. Raises `SpecError` where no sizes were found that fit.
    """
    shapes = [layer(graph, name)["outputs"][0] for name in header(graph)["inputs"]]
    classes = {name: found for shape in shapes for size in shape for name, found in classes_in(size).items()}
    steps = {name: (found.step, found.start) for name, found in classes.items()}
    batch = _batch(routine)
    made = [shape for _, node in layers(graph) for shape in node["outputs"]]
    numbers = {size for shape in made for size in shape if isinstance(size, int)}
    samples = _samples(routine, steps, batch, numbers)
    between = [size for shape in made for size in shape[1:] if isinstance(size, Dim)]

    def least(name: str, step: int, start: int) -> int:
        """The least value that fits, where the others have their samples, and with which no size on the way is 1; its
        own sample, where one is 1 whatever it is."""
        on_the_way = [] if name in batch else [size for size in between if name in symbols(size)]
        for found in range(start or step, MOST, step):
            known = {**samples, name: found}
            if fits(routine, known) and all(value(size, known) > 1 for size in on_the_way):
                return found
        return samples[name]

    found = {}
    for name, sample in samples.items():
        step, start = steps.get(name, (1, 0))
        ends = (interval(need)[1] for need in routine.needs if symbols(need) == {name})
        most = min((end for end in ends if end is not None), default=None)
        begins = least(name, step, start)
        if sample < begins:  # it fits, but sizes on the way are 1
            larger = (n for n in range(begins, MOST, step) if n not in numbers and fits(routine, {**samples, name: n}))
            sample = samples[name] = next(larger, begins)
        found[name] = OpenSize(name, step, start, begins, most, sample)
    return found


def dynamic(shape: Shape, found: Mapping[str, OpenSize]) -> dict[int, Any]:
    """What of an input's shape is open: symbols, and what torch can say of them, `a * H + b`."""
    return {i: _dynamic(size, found) for i, size in enumerate(shape) if isinstance(size, Dim)}


def _dynamic(size: Dim, found: Mapping[str, OpenSize]) -> Any:
    names = symbols(size)
    if len(names) != 1:
        return TorchSize.AUTO
    (name,) = names
    factor = dict(size.terms).get((name,), 0)
    rest = size - Dim({(name,): factor}) if factor else size
    if factor < 1 or not isinstance(rest, int):
        return TorchSize.AUTO
    whole = found[name].torch() if factor == 1 else factor * found[name].torch()
    return whole + rest if rest else whole


def _samples(
    routine: Routine, steps: Mapping[str, tuple[int, int]], batch: Container[str], numbers: Container[int]
) -> dict[str, int]:
    """A value for each open size, with which the inputs fit: not the least, where sizes could become 1 on the way, and
    if that may be no two alike and no number of the network, for which torch could take them."""
    names = dict.fromkeys(name for feed in routine.feeds for size in feed.shape for name in sorted(symbols(size)))
    few = next(n for n in range(2, MOST) if n not in numbers)

    def all_from(size: int, apart: int) -> dict[str, int]:
        found = {}
        for i, name in enumerate(names):
            step, start = steps.get(name, (1, 0))
            wanted = max(few, 2 * step) if name in batch else size + i * apart * step
            found[name] = wanted + (start - wanted) % step
        return found

    def fitting(sizes: range, apart: int) -> Iterator[dict[str, int]]:
        return (found for size in sizes if fits(routine, found := all_from(size, apart)))

    least = next((size for size in range(1, MOST) if fits(routine, all_from(size, 0))), None)
    if least is None:
        message = f"no sizes were found that `{routine.name}` takes"
        raise SpecError([Diagnostic("not-exportable", message, help="give the sizes: --at, --input")])
    roomy = range(max(3 * least, 4), max(6 * least, 64))
    distinct = (found for found in fitting(roomy, 1) if not any(size in numbers for size in found.values()))
    others = (next(fitting(roomy, apart), None) for apart in (1, -1, 0))
    return next(distinct, None) or next(filter(None, others), None) or all_from(least, 0)


def _batch(routine: Routine) -> frozenset[str]:
    """The symbols that are whole first dimensions and nothing else."""
    first = {feed.shape[0] for feed in routine.feeds if feed.shape}
    rest = {name for feed in routine.feeds for size in feed.shape[1:] for name in symbols(size)}
    found = {name for size in first for name in symbols(size) if size == Dim({(name,): 1})}
    return frozenset(found - rest)


def fits(routine: Routine, values: Mapping[str, int]) -> bool:
    """Whether a routine takes inputs of these sizes."""
    given = [[value(size, values) for size in feed.shape] for feed in routine.feeds]
    return unfit(routine.feeds, routine.readings, routine.needs, given) is None

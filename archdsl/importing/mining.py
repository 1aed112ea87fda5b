"""Blocks in a graph without the names of modules: chains that occur again and again, and parts with one way in and out.

What is found gets modules of its own, named after what they do, so that recovery goes on from there as with any other
program: first the most profitable chains of operators, longer ones of these, then whatever branches between two values
that everything passes through.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from archdsl.importing.program import ModuleScope
from archdsl.importing.reading import Placed, ReadProgram
from archdsl.ops import OPERATORS
from archdsl.ops.foreign import ForeignOperand, ForeignTensor, Made

LONGEST: Final = 5  # steps of a chain that is looked for
LEAST: Final = 3  # occurrences of a chain that make a block
ACTIVATION: Final = "activation"
POOLING: Final = "pooling"


@dataclass(eq=False)
class MinedUnit:
    """An operator, or a module of several units that was found: its name, what it reads, and the value it makes."""

    name: str
    reads: list[str]
    makes: str
    placed: Placed | None = None
    inner: list[MinedUnit] = field(default_factory=list)

    @property
    def weighted(self) -> bool:
        return any(unit.weighted for unit in self.inner) or (self.placed is not None and bool(self.placed.made.weights))

    @property
    def size(self) -> int:
        return sum(unit.size for unit in self.inner) or 1


def mined(reading: ReadProgram) -> tuple[ReadProgram, dict[str, str]]:
    """The program with modules found in it, and for each weight's new name the one that it had."""
    units = [MinedUnit(one.made.operator, list(_reads(one.made)), one.value.name, one) for one in reading.placed]
    outputs = {value.name for value in reading.outputs if isinstance(value, ForeignTensor)}
    while (found := _chain(units, outputs)) is not None:
        units = _joined(units, *found)
    units = _parted(units, outputs)
    while (found := _chain(units, outputs)) is not None:
        units = _joined(units, *found)
    return _named(reading, units)


def _reads(made: ForeignOperand) -> Iterator[str]:
    """The values that an operator takes which others make."""
    if isinstance(made, ForeignTensor):
        if made.state is None and made.content is None:
            yield made.name
        return
    for one in made.inputs:
        yield from _reads(one)


def _readers(units: Sequence[MinedUnit]) -> dict[str, list[MinedUnit]]:
    found: defaultdict[str, list[MinedUnit]] = defaultdict(list)
    for unit in units:
        for name in unit.reads:
            found[name].append(unit)
    return found


# --- chains


def _chain(units: Sequence[MinedUnit], outputs: set[str]) -> tuple[str, list[list[MinedUnit]]] | None:
    """The chain whose occurrences as blocks save the most."""
    readers = _readers(units)

    def after(unit: MinedUnit) -> MinedUnit | None:
        found = readers.get(unit.makes, [])
        return found[0] if len(found) == 1 and len(found[0].reads) == 1 and unit.makes not in outputs else None

    best: tuple[int, str, list[list[MinedUnit]]] | None = None
    for length in range(2, LONGEST + 1):
        occurrences: defaultdict[tuple[str, ...], list[list[MinedUnit]]] = defaultdict(list)
        for unit in units:
            chain = [unit]
            while len(chain) < length and (following := after(chain[-1])) is not None and len(unit.reads) == 1:
                chain.append(following)
            if len(chain) == length:
                occurrences[tuple(one.name for one in chain)].append(chain)
        for names, chains in occurrences.items():
            free = _free(chains)
            repeats = any(
                names == names[:part] * (length // part) for part in (1, 2) if length % part == 0 and part < length
            )
            if len(free) < LEAST or repeats or _begins_badly(names[0]) or not any(one.weighted for one in free[0]):
                continue
            gain = (length - 1) * len(free) - length - 3 - _differences(free)
            if gain > 0 and (best is None or gain > best[0]):
                best = (gain, _name(names), free)
    return best[1:] if best is not None else None


def _begins_badly(name: str) -> bool:
    """Whether a step ends what is before it, rather than beginning a block: nobody writes a block that pools first."""
    return name in OPERATORS and OPERATORS[name].group == POOLING


def _free(chains: Sequence[list[MinedUnit]]) -> list[list[MinedUnit]]:
    """Chains that share no unit."""
    used: set[int] = set()
    found = []
    for chain in chains:
        if not used & set(map(id, chain)):
            found.append(chain)
            used |= set(map(id, chain))
    return found


def _differences(chains: Sequence[list[MinedUnit]]) -> int:
    """How many arguments differ among chains, which would be parameters."""
    count = 0
    for units in zip(*chains, strict=True):
        arguments = [unit.placed.made.parameters for unit in units if unit.placed is not None]
        keys = {key for one in arguments for key in one}
        count += sum(len({str(one.get(key)) for one in arguments}) > 1 for key in keys)
    return count


def _name(names: Sequence[str]) -> str:
    """A short name for a chain: `conv_norm_relu`."""
    short = ["norm" if name.endswith("_norm") else name for name in names]
    found = "_".join(short)
    return found if len(found) < 32 else f"{short[0]}_{len(names)}_{short[-1]}"


def _joined(units: Sequence[MinedUnit], name: str, chains: Sequence[list[MinedUnit]]) -> list[MinedUnit]:
    """The units with each chain as one."""
    taken = {id(unit) for chain in chains for unit in chain}
    last = {id(chain[-1]): MinedUnit(name, chain[0].reads, chain[-1].makes, inner=list(chain)) for chain in chains}
    return [last.get(id(unit), unit) for unit in units if id(unit) not in taken or id(unit) in last]


# --- parts with branches


def _parted(units: Sequence[MinedUnit], outputs: set[str]) -> list[MinedUnit]:
    """The units with parts that branch as one, where there are several alike."""
    segments = _segments(units, outputs)
    kinds: defaultdict[str, list[int]] = defaultdict(list)
    for i, segment in enumerate(segments):
        if len(segment) > 1:
            kinds[_kind(segment)].append(i)
    found: list[MinedUnit] = []
    skip = -1
    tails = {kind: _tail(segments, numbers) for kind, numbers in kinds.items()}
    for i, segment in enumerate(segments):
        if i == skip:
            continue
        kind = _kind(segment)
        if len(segment) == 1 or len(kinds[kind]) < 2:
            found += segment
            continue
        inner = [*segment]
        if tails[kind]:
            inner += segments[i + 1]
            skip = i + 1
        made = {unit.makes for unit in inner}
        entry = [name for unit in inner for name in unit.reads if name not in made]
        found.append(MinedUnit(kind, entry[:1], inner[-1].makes, inner=inner))
    return found


def _tail(segments: Sequence[list[MinedUnit]], numbers: Sequence[int]) -> bool:
    """Whether all parts of a kind are followed by the same activation, which belongs to them then."""
    following = [segments[i + 1] if i + 1 < len(segments) else [] for i in numbers]
    names = {one[0].name for one in following if len(one) == 1} if all(len(one) == 1 for one in following) else set()
    return (
        len(names) == 1 and OPERATORS[names.pop()].group == ACTIVATION if names and names <= OPERATORS.keys() else False
    )


def _segments(units: Sequence[MinedUnit], outputs: set[str]) -> list[list[MinedUnit]]:
    """The units in a chain of parts, between values that all that follows depends on."""
    places = {unit.makes: i for i, unit in enumerate(units)}
    reach: dict[str, int] = {}
    for i, unit in enumerate(units):
        for name in unit.reads:
            reach[name] = i
    found: list[list[MinedUnit]] = []
    current: list[MinedUnit] = []
    live = max((end for name, end in reach.items() if name not in places), default=0)
    for i, unit in enumerate(units):
        current.append(unit)
        far = len(units) if unit.makes in outputs else reach.get(unit.makes, i)
        if live <= i:  # nothing but its own value is read later
            found.append(current)
            current = []
            live = far
        else:
            live = max(live, far)
    return [*found, current] if current else found


def _kind(segment: Sequence[MinedUnit]) -> str:
    """What a part is called: after how its branches come together."""
    last = segment[-1].name
    return {"add": "residual", "concat": "mixed" if len(segment) > 3 else "grown", "mul": "gated"}.get(last, "part")


# --- names


def _named(reading: ReadProgram, units: Sequence[MinedUnit]) -> tuple[ReadProgram, dict[str, str]]:
    naming = _Naming()
    placed = list(naming.visit(_in_rows(units), "", ()))
    return replace(reading, placed=placed), naming.old


def _in_rows(units: Sequence[MinedUnit]) -> list[tuple[MinedUnit, str | None]]:
    """Units with the label that they have where several of a name follow one another."""
    found: list[tuple[MinedUnit, str | None]] = []
    rows: Counter[str] = Counter()
    i = 0
    while i < len(units):
        end = i + 1
        while end < len(units) and units[end].name == units[i].name and units[end].reads == [units[end - 1].makes]:
            end += 1
        if end - i > 1 and units[i].inner:
            name = units[i].name
            rows[name] += 1
            row = f"{name}s" if rows[name] == 1 else f"{name}s_{rows[name]}"
            found += [(unit, f"{row}.{k}") for k, unit in enumerate(units[i:end])]
        else:
            found += [(unit, None) for unit in units[i:end]]
        i = end
    return found


class _Naming:
    """Gives units paths, and weights the names that follow from these."""

    def __init__(self) -> None:
        self.old: dict[str, str] = {}

    def visit(
        self, units: Sequence[tuple[MinedUnit, str | None]], base: str, scopes: tuple[ModuleScope, ...]
    ) -> Iterator[Placed]:
        total = Counter(unit.name for unit, label in units if label is None)
        seen: Counter[str] = Counter()
        for unit, row in units:
            seen[unit.name] += row is None
            label = row or (unit.name if total[unit.name] == 1 else f"{unit.name}_{seen[unit.name]}")
            path = f"{base}.{label}" if base else label
            if unit.placed is not None:
                yield replace(unit.placed, scopes=scopes, made=self._made(unit.placed.made, path, base))
            else:
                inner = (*scopes, ModuleScope(path, f"mined.{unit.name}"))
                yield from self.visit([(one, None) for one in unit.inner], path, inner)

    def _made(self, made: Made, path: str, base: str) -> Made:
        weights = {}
        for name, value in made.weights.items():
            weights[name] = self._renamed(value, f"{path}.{name}")
        return replace(made, weights=weights, inputs=tuple(self._operand(one, path, base) for one in made.inputs))

    def _operand(self, one: ForeignOperand, path: str, base: str) -> ForeignOperand:
        if isinstance(one, Made):
            return self._made(one, path, base)
        return self._renamed(one, f"{path}_weight") if one.state is not None else one

    def _renamed(self, value: ForeignTensor, name: str) -> ForeignTensor:
        if value.state is None:
            return value
        self.old[name] = value.state
        return replace(value, state=name)


def has_names(reading: ReadProgram) -> bool:
    """Whether the program says in which modules its calls are made."""
    return any(len(one.scopes) > 1 for one in reading.placed)

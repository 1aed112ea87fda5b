"""A body of several instances as a block: columns become constants, formulas or parameters; presence, conditions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, Final

from archdsl.columns import ABSENT, constant, equal, same, there, whole
from archdsl.dims import Dim
from archdsl.recovery.columns import Constant, Explained, Formula, Known, explained, shifted
from archdsl.recovery.conditions import condition
from archdsl.recovery.lists import counted, items_used, renamed
from archdsl.recovery.parts import NEEDED, BlockParameter, BodyPart, RecoveredBlock, RecoveredBody

SIZES: Final = {2: ("N", "C"), 3: ("N", "L", "C"), 4: ("N", "C", "H", "W"), 5: ("N", "C", "D", "H", "W")}
LAST: Final = {4: ("N", "H", "W", "C"), 5: ("N", "D", "H", "W", "C")}  # channels behind
EXTENTS: Final = ("shape", "sizes", "size")  # arguments that are sizes of tensors
Default = Callable[[str, str], Any]  # of an operator's parameter, NEEDED where it has none
Idle = Callable[[str], tuple[str, Any] | None]


def snake(name: str) -> str:
    """A name in small letters: BasicBlock becomes basic_block."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"_+", "_", re.sub(r"\W", "_", parted)).lower().strip("_")


def parameterised(
    body: RecoveredBody, name: str, default: Default, taken: Collection[str], idle: Idle = lambda operator: None
) -> RecoveredBlock:
    """The body as a block of this name. `taken` are words that no parameter may be called; `idle` says with which
    argument an operator does nothing, which is the same as where it is absent."""
    for part in body.every_part():
        argument = idle(part.name) if part.kind == "operator" and not part.always else None
        if argument is not None:
            key, value = argument
            part.columns[key] = [
                given if there_ else value for given, there_ in zip(part.columns[key], part.present, strict=True)
            ]
            part.columns |= {
                other: [there(column)[0]] * len(column)
                for other, column in part.columns.items()
                if other != key and constant(column)
            }
            part.present = [True] * len(part.present)
            part.times = [max(1, times) for times in part.times]
    return _Parameterising(body, default, set(taken)).block(name)


class _Parameterising:
    def __init__(self, body: RecoveredBody, default: Default, taken: set[str]) -> None:
        self.body = body
        self.default = default
        self.taken = taken
        self.parameters: dict[str, list[Any]] = {}
        self.defaults: dict[str, Any] = {}
        self.varying = Counter(
            key for part in body.every_part() for key, column in part.columns.items() if not constant(column)
        )
        self.seeds = {
            snake(key): column
            for key, column in body.seeds.items()
            if not constant(column) and snake(key) not in taken and snake(key)
        }
        self.names: tuple[str, ...] = ()
        self.extents: dict[str, list[Any]] = {}
        self.sizes = self._sizes()
        self.seeds = {
            name: column
            for name, column in self.seeds.items()
            if not any(equal(column, size) for size in self.sizes.values())
        }
        self.used: set[str] = set()
        self.used_items: set[str] = set()

    def block(self, name: str) -> RecoveredBlock:
        self._visit(self.body, [], [True] * self.body.instances)
        self._conditions(self.body, [True] * self.body.instances)
        self._lists()
        found = [self._parameter(key, values) for key, values in self.parameters.items()]
        ordered = sorted(found, key=lambda one: one.default is not NEEDED)
        sizes = self.names if self.used & (self.sizes.keys() | self.extents.keys()) else ()
        if not sizes and any(_is_open(said) for part in self.body.every_part() for said in part.said.values()):
            sizes = ("N", "...")
        return RecoveredBlock(name, self.body, ordered, sizes)

    def _sizes(self) -> dict[str, list[Any]]:
        """The sizes of the first tensor by name, where they are numbers in each instance."""
        if not self.body.shapes:
            return {}
        shapes = self.body.shapes[0]
        ranks = {len(shape) for shape in shapes}
        if len(ranks) != 1 or next(iter(ranks)) not in SIZES:
            return {}
        rank = ranks.pop()
        columns = [
            column for part in self.body.every_part() for column in part.columns.values() if not constant(column)
        ]

        items = [[value[i] for value in column] for column in columns for i in range(_length(column))]

        def reasons(names: tuple[str, ...]) -> int:
            width = [shape[names.index("C")] for shape in shapes]
            return sum(equal(column, width) for column in (*columns, *items))

        names = SIZES[rank]
        if rank in LAST and reasons(LAST[rank]) > reasons(names):
            names = LAST[rank]
        self.names = names
        found = {name: [shape[i] for shape in shapes] for i, name in enumerate(names)}
        numbers = {name: column for name, column in found.items() if all(map(whole, column)) and not constant(column)}
        self.extents = {name: column for name, column in numbers.items() if name != "C"}
        return {name: column for name, column in numbers.items() if name == "C"}

    # --- columns

    def known(self) -> list[Known]:
        rest = {key: column for key, column in self.seeds.items() if key not in self.parameters}
        whole = {**self.sizes, **self.parameters, **rest}
        items = {
            f"{name}[{i}]": [value if value is ABSENT else value[i] for value in values]
            for name, values in whole.items()
            if all(isinstance(value, (list, tuple)) for value in there(values))
            and len({len(v) for v in there(values)}) == 1
            for i in range(len(there(values)[0]))
        }
        return [Known(name, values) for name, values in {**whole, **items}.items()]

    def _visit(self, body: RecoveredBody, prefix: list[str], outer: list[bool]) -> None:
        for part in body.parts:
            present = [a and b for a, b in zip(part.present, outer, strict=True)]
            for key, column in part.columns.items():
                self._say(part, key, _where(column, present), prefix)
            self._say_times(part, present, outer, prefix)
            if part.body is not None:
                self._visit(part.body, [*prefix, part.label or ""], present)

    def _say_times(self, part: BodyPart, present: list[bool], outer: list[bool], prefix: list[str]) -> None:
        """How often a part is there one after the other: not at all where it is absent and others have several."""
        times = _where(part.times, present)
        counts = [t if p else 0 for t, p in zip(part.times, outer, strict=True)]
        some = part.kind == "block" and max(part.times) > 1 and not constant(_where(counts, outer))
        said = self._count(counts) if some else None
        if said is None and constant(times):
            part.repeats = Constant(there(times)[0] if there(times) else 1)
            return
        part.repeats = said or self._new(part, "depth", counts, prefix, 1)
        part.present = [True] * len(part.present)

    def _count(self, counts: list[Any]) -> Explained | None:
        """How often something is repeated: an item of a list that none before was, one less than such, or anything."""
        known = self.known()
        items = [one for one in known if "[" in one.name and one.name not in self.used_items]
        exact = next((Formula(one.name, frozenset([one.name])) for one in items if equal(counts, one.values)), None)
        said = exact or shifted(counts, items) or self._explained("times", counts) or shifted(counts, known)
        if isinstance(said, Formula):
            self.used_items |= said.names
            self._uses(said)
        return said

    def _say(self, part: BodyPart, key: str, column: list[Any], prefix: list[str]) -> None:
        said = self._explained(key, column)
        if (
            isinstance(said, Constant)
            and key in self.parameters
            and ABSENT in column
            and equal(column, self.parameters[key])
        ):
            said = Formula(key, frozenset([key]))  # the same parameter as of the part before it
        if said is None:
            said = self._new(part, key, column, prefix, self._default_of(part, key))
        if isinstance(said, Formula):
            self._uses(said)
            if said.text in self.parameters and said.text not in self.defaults:
                self.defaults[said.text] = self._default_of(part, key)
        part.said[key] = said

    def _explained(self, key: str, column: list[Any]) -> Explained | None:
        extents = [Known(name, values) for name, values in self.extents.items()] if key in EXTENTS else []
        said = explained(column, self.known(), halves="padding" in key, extents=extents)
        if isinstance(said, Formula):
            self._uses(said)
        return said

    def _uses(self, said: Formula) -> None:
        for name in sorted(one.partition("[")[0] for one in said.names):
            self.used.add(name)
            if name in self.seeds and name not in self.parameters and name not in self.sizes:
                self.parameters[name] = self.seeds[name]

    def _default_of(self, part: BodyPart, key: str) -> Any:
        return part.block.default(key) if part.block is not None else self.default(part.name, key)

    def _new(self, part: BodyPart, key: str, column: list[Any], prefix: list[str], default: Any) -> Formula:
        name = self._name(part, key, prefix)
        self.parameters[name] = column
        self.defaults[name] = default
        self.used.add(name)
        return Formula(name, frozenset([name]))

    def _name(self, part: BodyPart, key: str, prefix: list[str]) -> str:
        words = [word for word in (*prefix, part.label or "") if word and not word.isdigit()]
        label = snake("_".join([*words, *([part.label] if words and part.label and part.label.isdigit() else [])]))
        own = sum(not constant(column) for column in part.columns.values())
        wanted = key
        if own == 1 and self.varying[key] > 1 and label and not label.replace("_", "").isdigit():
            wanted = label
        if wanted in self.parameters or wanted in self.taken:
            wanted = f"{label or part.name}_{key}"
        return self._free(snake(wanted) or key)

    def _free(self, name: str) -> str:
        found, number = name, 2
        while found in self.parameters or found in self.taken or found in self.seeds or not found[0].isalpha():
            found, number = (f"{name}_{number}", number + 1) if found[:1].isalpha() else (f"p_{name}", number)
        return found

    def _lists(self) -> None:
        """Offer no list of which an item says nothing: the items apart that say something, instead."""
        for name, values in list(self.parameters.items()):
            lengths = {len(one) if isinstance(one, (list, tuple)) else 0 for one in there(values)}
            if len(lengths) != 1 or 0 in lengths:
                continue
            count = lengths.pop()
            used = items_used(self.body, name, count)
            if len(used) == count or counted(self.body, name, values):
                continue
            del self.parameters[name]
            for item in sorted(used):
                own = self._free(f"{name}_{item}")
                self.parameters[own] = [value if value is ABSENT else value[item] for value in values]
                self.used.add(own)
                renamed(self.body, f"{name}[{item}]", own)

    # --- conditions

    def _conditions(self, body: RecoveredBody, outer: list[bool]) -> None:
        for part in body.parts:
            present = [a and b for a, b in zip(part.present, outer, strict=True)]
            wanted = [p if o else ABSENT for p, o in zip(part.present, outer, strict=True)]
            if not constant(wanted):
                part.condition = condition(wanted, self._atoms(), frozenset(self.sizes)) or self._flag(part, wanted)
                self._uses(part.condition)
            if part.body is not None:
                self._conditions(part.body, present)

    def _atoms(self) -> list[Known]:
        """What is known, and the multiples of it that arguments are."""
        found = self.known()
        by_name = {one.name: one for one in found}
        texts = {
            said.text: said
            for part in self.body.every_part()
            for said in part.said.values()
            if isinstance(said, Formula)
        }
        for text in texts:
            match = re.fullmatch(r"(\d+) \* (\w+)", text)
            if match and match[2] in by_name:
                values = [v if v is ABSENT else int(match[1]) * v for v in by_name[match[2]].values]
                found.append(Known(text, values))
        return found

    def _flag(self, part: BodyPart, presence: list[Any]) -> Formula:
        label = part.label if part.label is not None and not part.label.isdigit() else None
        wanted = snake(label or ("residual" if len(part.operands) == 2 else part.name.rpartition(".")[2]))
        name = self._free(f"with_{wanted}" if wanted in self.taken else wanted)
        self.parameters[name] = [value is True for value in presence]
        self.defaults[name] = False
        return Formula(name, frozenset([name]))

    def _parameter(self, name: str, values: list[Any]) -> BlockParameter:
        default = self.defaults.get(name, NEEDED)
        if default is None or not any(same(value, default) for value in there(values)):
            default = NEEDED
        fill = there(values)[0] if default is NEEDED else default
        return BlockParameter(name, default, [fill if value is ABSENT else value for value in values])


def _length(column: list[Any]) -> int:
    """How many items each entry has; none where they have not as many, or are no lists."""
    lengths = {len(value) if isinstance(value, (list, tuple)) else 0 for value in column}
    return lengths.pop() if len(lengths) == 1 else 0


def _is_open(said: Explained) -> bool:
    """Whether something is said by a size that is open."""
    values = said.value if isinstance(said, Constant) else None
    return any(isinstance(one, Dim) for one in (values if isinstance(values, (list, tuple)) else [values]))


def _where(column: list[Any], present: list[bool]) -> list[Any]:
    return [value if there_ else ABSENT for value, there_ in zip(column, present, strict=True)]

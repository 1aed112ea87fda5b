"""Steps of a chain as they are written: calls with arguments, braces, loops. What is alike in a row is rolled up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from archdsl.recovery.columns import Constant, Explained, Formula, written


@dataclass(frozen=True)
class StepArgument:
    """An argument of a step. `bare`: it may stand without its name."""

    name: str
    said: Explained
    bare: bool


@dataclass(frozen=True)
class ChainStep:
    """A call, or braces around steps (`inner`), with a label, a condition, and how often it is repeated.

    `tensors` are its operands after the first, as written. `major`: it is worth a line of its own.
    """

    name: str
    label: str | None = None
    arguments: tuple[StepArgument, ...] = ()
    tensors: tuple[str, ...] = ()
    inner: tuple[ChainStep, ...] | None = None
    times: Explained = field(default=Constant(1))
    loop: tuple[tuple[str, str], ...] = ()  # variables of a `for`, and what they run through
    condition: str | None = None
    marks: str = ""
    major: bool = False

    @property
    def text(self) -> str:
        """The step in one line."""
        inside = self._inside()
        if self.loop:
            names = ", ".join(name for name, _ in self.loop)
            lists = [values for _, values in self.loop]
            over = lists[0] if len(lists) == 1 else f"zip({', '.join(lists)})"
            inside = f"for {names} in {over} {{ {inside} }}"
        elif self.times != Constant(1):
            inside = f"repeat {written(self.times)} {{ {inside} }}"
        elif self.condition is not None:
            inside = f"if {self.condition} {{ {inside} }}"
        return inside

    def _inside(self) -> str:
        if self.inner is not None:
            if self.splices or self.condition is not None:
                return " -> ".join(step.text for step in self.inner)
            alone = len(self.inner) == 1 and self.label is not None and self.inner[0].splices
            inner = " -> ".join(step.text for step in self.inner)
            return self._label() + (inner if alone else f"{{ {inner} }}") + self.marks
        return self._label() + self.name + self.call + self.marks

    @property
    def splices(self) -> bool:
        """Whether it is a loop, which needs no braces around it where they bear a label."""
        return bool(self.loop) or self.times != Constant(1)

    def _label(self) -> str:
        if self.label is None:
            return ""
        plain = self.label.replace("${", "").replace("}", "").replace(" + ", "")
        return f"{self.label}: " if plain.replace("_", "").replace(".", "").isalnum() else f'"{self.label}": '

    @property
    def call(self) -> str:
        found = [*self.tensors]
        bare = True
        for argument in self.arguments:
            bare = bare and argument.bare
            said = written(argument.said)
            found.append(said if bare else f"{argument.name} = {said}")
        return f"({', '.join(found)})" if found else ""

    def every(self) -> Iterator[ChainStep]:
        """Itself and all steps inside it, in order."""
        yield self
        for step in self.inner or ():
            yield from step.every()


LONGEST_PERIOD: Final = 4


def rolled(steps: Sequence[ChainStep]) -> list[ChainStep]:
    """Steps with runs of like ones as loops, wherever that is shorter."""
    found: list[ChainStep] = []
    i = 0
    while i < len(steps):
        best, saves = None, 0
        for period in range(1, min(LONGEST_PERIOD, (len(steps) - i) // 2) + 1):
            for count in range(2, (len(steps) - i) // period + 1):
                rounds = [steps[i + k * period : i + (k + 1) * period] for k in range(count)]
                loop = unified(rounds)
                if loop is None:
                    break
                plain = sum(len(step.text) + 4 for one in rounds for step in one)
                if plain - len(loop.text) > saves and _worth(loop, count, period):
                    best, saves = (loop, count * period), plain - len(loop.text)
        if best is None:
            found.append(steps[i])
            i += 1
        else:
            found.append(best[0])
            i += best[1]
    return found


MOST_VARIABLES: Final = 3


def _worth(loop: ChainStep, count: int, period: int) -> bool:
    """Whether a loop says more clearly what its rounds would: not for two rounds that differ, nor with many lists."""
    if not loop.loop:
        return period * count > 2 or any(step.major for step in loop.inner or ())
    lists = [values for name, values in loop.loop if not values.startswith("range(")]
    return count > 2 and (len(lists) <= MOST_VARIABLES or count > 8)


def unified(rounds: Sequence[Sequence[ChainStep]]) -> ChainStep | None:
    """One loop for rounds of steps that differ in numbers only; None where there is none."""
    columns: dict[tuple[str, ...], str] = {}
    starts: set[int] = set()
    made: list[ChainStep] = []
    for row in zip(*rounds, strict=True):
        one = _unify(row, columns, starts)
        if one is None:
            return None
        made.append(one)
    count = len(rounds)
    major = any(step.major for step in made)
    if not columns and not starts:
        return ChainStep("", inner=tuple(made), times=Constant(count), major=major)
    loop: list[tuple[str, str]] = []
    if starts:
        start = min(starts)
        made = [_numbered(step, start) for step in made]
        loop.append(("i", f"range({count})" if start == 0 else f"range({start}, {start + count})"))
    loop += [(name, f"[{', '.join(values)}]") for values, name in columns.items()]
    return ChainStep("", inner=tuple(made), loop=tuple(loop), major=major)


COUNTER: Final = "\0"  # stands in a label for the number of the round, until it is known where they begin


def _unify(
    steps: Sequence[ChainStep], columns: dict[tuple[str, ...], str], starts: set[int], nested: bool = False
) -> ChainStep | None:
    """One step for several; what differs gets a variable, a column a name."""
    first = steps[0]
    alike = {(s.name, s.condition, s.tensors, s.marks, s.loop, s.times, tuple(a.name for a in s.arguments),
              None if s.inner is None else len(s.inner)) for s in steps}  # fmt: skip
    if len(alike) > 1:
        return None
    label = _label([step.label for step in steps], starts, nested)
    if label is None and first.label is not None:
        return None
    arguments = []
    for place, argument in enumerate(first.arguments):
        saids = [step.arguments[place].said for step in steps]
        if all(said == saids[0] for said in saids):
            arguments.append(argument)
            continue
        if not all(isinstance(said, Constant) for said in saids):
            return None
        values = tuple(map(written, saids))
        name = columns.get(values) or _variable(argument.name, set(columns.values()))
        columns[values] = name
        arguments.append(replace(argument, said=Formula(name, frozenset([name]))))
    inner = None
    if first.inner is not None:
        rows = zip(*(step.inner or () for step in steps), strict=True)
        made = [_unify(row, columns, starts, nested=True) for row in rows]
        if None in made:
            return None
        inner = tuple(step for step in made if step is not None)
    return replace(first, label=label, arguments=tuple(arguments), inner=inner)


def _variable(wanted: str, taken: set[str]) -> str:
    wanted = "number" if wanted == "i" else wanted
    found, number = wanted, 2
    while found in taken:
        found, number = f"{wanted}_{number}", number + 1
    return found


def _label(labels: Sequence[str | None], starts: set[int], nested: bool) -> str | None:
    """The label of a round, with the place of its number, where labels count; None where they do not agree."""
    first = labels[0]
    if first is None or "$" in first or COUNTER in first:
        return first if all(label == first for label in labels) else None
    if all(label == first for label in labels):
        return first if nested else None  # two layers would have one path
    head = first.rstrip("0123456789")
    numbers = []
    for label in labels:
        if label is None or label.rstrip("0123456789") != head or label == head:
            return None
        numbers.append(int(label[len(head) :]))
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))) or str(numbers[0]) != first[len(head) :]:
        return None
    starts.add(numbers[0])
    return f"{head}{COUNTER}{numbers[0]}{COUNTER}"


def _numbered(step: ChainStep, start: int) -> ChainStep:
    label = step.label
    if label is not None and COUNTER in label:
        head, number, _ = label.split(COUNTER)
        offset = int(number) - start
        label = f"{head}${{i}}" if offset == 0 else f"{head}${{i + {offset}}}"
    inner = None if step.inner is None else tuple(_numbered(one, start) for one in step.inner)
    return replace(step, label=label, inner=inner)

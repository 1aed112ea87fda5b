"""The statements of a body: its values in chains, and a name for each that is read more than once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

from archdsl.importing.chains import chain_lines, grouped, prefixes, step_of
from archdsl.importing.wording import KEYWORDS
from archdsl.ops import OPERATORS, parameter_table
from archdsl.ops.kinds import Choice
from archdsl.recovery.columns import Formula
from archdsl.recovery.parameters import snake
from archdsl.recovery.parts import BodyPart, GivenTensor, OneOf, PartRef, RecoveredBody, Several, within
from archdsl.recovery.steps import ChainStep, StepArgument

LONG: Final = 96  # of an argument, which may have a line of its own
INFIX: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
UNLABELLED: Final = ("parameter", "buffer")


@cache
def worded() -> frozenset[str]:
    """Operators that take words. No value is called so: where one is, `mode = bilinear` would name another value."""
    return frozenset(
        name for name, operator in OPERATORS.items()
        if any(isinstance(one.kind, Choice) for one in parameter_table(operator).values())
    )  # fmt: skip


@dataclass
class Written:
    """A value as written so far: what it begins with, the steps that follow, and how tightly the beginning binds."""

    head: str
    steps: list[ChainStep] = field(default_factory=list)
    infix: bool = False
    labelled: bool = False

    @property
    def plain(self) -> bool:
        return not self.steps and not self.infix


class BodyWriter:
    """Writes a body: its values in chains, and a name for each that is read more than once."""

    def __init__(self, body: RecoveredBody, inputs: Sequence[str], taken: Iterable[str]) -> None:
        self.body = body
        self.inputs = list(inputs)
        self.names = {*inputs, *taken, *KEYWORDS, *worded()}
        self.prefixes = prefixes(body)
        self.bound: dict[int, str] = {}
        self.lines: list[str] = []
        self.uses: Counter[int | GivenTensor] = Counter()
        for part in body.parts:
            for ref in (
                *part.operands,
                *part.named.values(),
                *([part.passes] if _branches(part) and part.passes is not None else []),
            ):
                self.uses.update(within(ref))
        for ref in body.outputs:
            self.uses.update(within(ref))

    def lines_of(self, outputs: Sequence[str] = (), named: bool = False) -> list[str]:
        """The statements of the body, the last its value, or one for each output with a name; `named` even a single
        one."""
        named = bool(outputs) and (named or len(outputs) > 1)
        results = []
        for number, ref in enumerate(self.body.outputs):
            value = self.value(ref)
            if len(self.body.outputs) > 1 and not outputs and value.steps:
                name = self.free(self.hint(ref))
                self.bind(name, value)
                value = Written(name)
            results.append(value)
            if named:
                self.say(f"output {outputs[number]} = ", value)
        if named:
            return self.lines
        if len(results) == 1:
            self.say("", results[0])
        else:
            self.lines.append(f"[{', '.join(self.flat(one) for one in results)}]")
        return self.lines

    def hint(self, ref: PartRef) -> str:
        number = next(iter(within(ref)))
        return self._wanted(self.body.parts[number]) if isinstance(number, int) else "y"

    # --- values

    def value(self, ref: PartRef) -> Written:
        """A value: by its name, or as the chain that makes it."""
        match ref:
            case GivenTensor(number):
                return Written(self.inputs[number])
            case Several((one,)) if not isinstance(one, Several):
                return Written(f"[{self.flat(self.value(one))}]")
            case Several(values):
                return Written(f"[{', '.join(map(self.item, values))}]")
            case OneOf(whole, number):
                return Written(f"{self.name_of(whole)}[{number}]")
        if ref in self.bound:
            return Written(self.bound[ref])
        part = self.body.parts[ref]
        if self.uses[ref] > 1 or (part.name in UNLABELLED and part.condition is None):
            return Written(self.name_of(ref))
        return self.made(ref)

    def item(self, ref: PartRef) -> str:
        """A value in a list: with a label it is named first."""
        value = self.value(ref)
        labelled = value.labelled or any(step.label is not None for step in value.steps)
        return self._named(ref, value) if labelled else self.flat(value)

    def name_of(self, ref: int | GivenTensor) -> str:
        if isinstance(ref, GivenTensor):
            return self.inputs[ref.number]
        if ref not in self.bound:
            value = self.made(ref)
            name = self.free(self._wanted(self.body.parts[ref]))
            self.bind(name, value)
            self.bound[ref] = name
        return self.bound[ref]

    def _wanted(self, part: BodyPart) -> str:
        label = part.label if part.label is not None and not part.label.isdigit() else None
        labelled = label.rpartition(".")[2] if label is not None else None
        if labelled is not None and labelled.isdigit() and label is not None:
            labelled = label.replace(".", "_")
        return part.hint or labelled or part.name.rpartition(".")[2]

    def free(self, wanted: str) -> str:
        base = snake(wanted) or "y"
        base = base if base[0].isalpha() else f"v_{base}"
        found, number = base, 2
        while found in self.names:
            found, number = f"{base}_{number}", number + 1
        self.names.add(found)
        return found

    def made(self, number: int) -> Written:
        """What a part makes, of the values that it takes."""
        part = self.body.parts[number]
        if not part.operands:
            step = self._with_named(replace(part, condition=None), ChainStep(""))  # what it goes into has that, too
            return Written(step.text if step.call else f"{step.text}()")
        if part.kind == "operator" and not part.name:  # one of several outputs
            return Written(f"{self.flat(self.value(part.operands[0]))}")
        if _branches(part):
            return self._branch(part)
        if part.name in INFIX and len(part.operands) > 1 and not part.columns.keys() - {"scalar"}:
            sides = [
                self.operand(ref, tight=i > 0 or part.name in ("mul", "div")) for i, ref in enumerate(part.operands)
            ]
            return Written(f" {INFIX[part.name]} ".join(sides), infix=True)
        joins = len(part.operands) > 1 or isinstance(part.operands[0], Several)
        if joins and part.kind == "operator":
            first = self.value(part.operands[0])
            listed = part.name in ("concat", "stack")
            if listed or not first.steps:
                operands = [self.flat(first), *(self.flat(self.value(ref)) for ref in part.operands[1:])]
                step = self._with_named(part, ChainStep("", tensors=tuple(operands)))
                return Written(step.text, labelled=step.label is not None)
            return self._chained(first, part)
        return self._chained(self.value(part.operands[0]), part)

    def _chained(self, first: Written, part: BodyPart) -> Written:
        others = tuple(self.flat(self.value(ref)) for ref in part.operands[1:])
        step = self._with_named(part, ChainStep("", tensors=others))
        return Written(first.head, [*first.steps, step], first.infix and not first.steps)

    def _branch(self, part: BodyPart) -> Written:
        """What joins values under a condition, and is one of them otherwise."""
        assert part.condition is not None and part.passes is not None
        before = len(self.lines)
        plain = replace(part, condition=None)
        value = self._joined(plain)
        mine, self.lines = self.lines[before:], self.lines[:before]
        keep = [line for line in mine if not line.startswith("\0")]
        self.lines += keep
        other = self.flat(self.value(part.passes))
        return Written(f"if {part.condition.text} {{ {self.flat(value)} }} else {{ {other} }}", infix=True)

    def _joined(self, part: BodyPart) -> Written:
        if part.name in INFIX:
            sides = [self.operand(ref, tight=True) for ref in part.operands]
            return Written(f" {INFIX[part.name]} ".join(sides), infix=True)
        operands = tuple(self.flat(self.value(ref)) for ref in part.operands)
        return Written(self._with_named(part, ChainStep("", tensors=operands)).text)

    def _with_named(self, part: BodyPart, step: ChainStep) -> ChainStep:
        named = tuple(
            StepArgument(name, Formula(self.flat(self.value(ref)), frozenset()), False)
            for name, ref in part.named.items()
        )
        made = step_of(part)
        return replace(made, tensors=step.tensors, arguments=(*made.arguments, *named))

    def operand(self, ref: PartRef, tight: bool) -> str:
        value = self.value(ref)
        if value.labelled and not value.steps:
            return self._named(ref, value)
        if value.steps:
            short = len(value.steps) == 1 and not value.steps[0].inner and len(one_line(value)) < 40
            return f"({one_line(value)})" if short else self._named(ref, value)
        return f"({value.head})" if value.infix and (tight or "if " in value.head) else value.head

    def _named(self, ref: PartRef, value: Written) -> str:
        name = self.free(self.hint(ref))
        self.bind(name, value)
        if isinstance(ref, int):
            self.bound[ref] = name
        return name

    def flat(self, value: Written) -> str:
        """A value in one line, or the name that it is given where it is too long for that."""
        text = one_line(value)
        if value.head.startswith("if ") and value.steps:
            name = self.free("y")
            self.bind(name, Written(value.head, infix=True))
            return self.flat(Written(name, value.steps))
        if len(value.steps) > 2 or (len(text) > LONG and value.steps):
            name = self.free(value.steps[-1].label or value.steps[-1].name or "y")
            self.bind(name, value)
            return name
        return text

    # --- lines

    def bind(self, name: str, value: Written) -> None:
        self.say(f"{name} = ", value)

    def say(self, prefix: str, value: Written) -> None:
        if value.head.startswith("if ") and value.steps:
            name = self.free("y")
            self.lines.append(f"{name} = {value.head}")
            value = Written(name, value.steps)
        self.lines += chain_lines(prefix + value.head, grouped(value.steps, self.prefixes))


def one_line(value: Written) -> str:
    return " -> ".join([value.head, *(step.text for step in value.steps)])


def _branches(part: BodyPart) -> bool:
    """Whether it joins values under a condition, so that it is no step of a chain."""
    return part.condition is not None and len(part.operands) > 1

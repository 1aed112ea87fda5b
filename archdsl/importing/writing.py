"""Recovered blocks as the text of a spec. Line breaks between steps are chosen here, all else by the formatter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from archdsl.columns import same
from archdsl.ops import OPERATORS, parameter_table
from archdsl.ops.kinds import Choice
from archdsl.recovery.columns import Constant, Explained, Formula, literal, written
from archdsl.recovery.parameters import snake
from archdsl.recovery.parts import (
    NEEDED,
    BodyPart,
    GivenTensor,
    Growth,
    OneOf,
    PartRef,
    RecoveredBlock,
    RecoveredBody,
    Several,
    within,
)
from archdsl.recovery.steps import ChainStep, StepArgument, rolled

WIDTH: Final = 112
LONG: Final = 96  # of an argument, which may have a line of its own
KEYWORDS: Final = frozenset(
    "block network variant import module repeat for if else in output loss device target init assert inline true false"
    " and or not int float bool str list abs min max round ceil floor sqrt log2 len range sum zip enumerate reversed"
    " i x y z N C H W L D".split()
)
INFIX: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
UNLABELLED: Final = ("parameter", "buffer")


@dataclass(frozen=True)
class InputLine:
    """An input of a network: its name, its sizes as written, and what it holds where that must be said."""

    name: str
    sizes: tuple[str, ...]
    dtype: str | None = None


@dataclass(frozen=True)
class NetworkText:
    """What a network is written from, beside its body."""

    name: str
    inputs: Sequence[InputLine]
    outputs: Sequence[str]
    comment: str = ""


@cache
def worded() -> frozenset[str]:
    """Operators that take words. No value is called so: where one is, `mode = bilinear` would name another value."""
    return frozenset(
        name for name, operator in OPERATORS.items()
        if any(isinstance(one.kind, Choice) for one in parameter_table(operator).values())
    )  # fmt: skip


def default_of(operator: str, parameter: str) -> Any:
    """The default of an operator's parameter; NEEDED where it has none."""
    found = parameter_table(OPERATORS[operator]).get(parameter) if operator in OPERATORS else None
    return NEEDED if found is None or found.required else _single(found.default)


def _single(value: Any) -> Any:
    """A list of one as the one, which is how it is written."""
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def block_text(block: RecoveredBlock, comment: str) -> str:
    """A block's definition."""
    if block.growth is not None:
        return growth_text(block, block.growth)
    names = given_names(len(block.body.shapes))
    params = []
    for number, name in enumerate(names):
        params.append(f"{name}: [{', '.join(block.sizes)}]" if number == 0 and block.sizes else name)
    for one in block.parameters:
        params.append(one.name if one.default is NEEDED else f"{one.name} = {quoted(one.default)}")
    writer = BodyWriter(block.body, names, {one.name for one in block.parameters})
    lines = writer.lines_of()
    head = f"block {block.name}({', '.join(params)}) {{"
    return "\n".join([*_comment(comment), head, *(f"    {line}" for line in lines), "}"])


def growth_text(block: RecoveredBlock, growth: Growth) -> str:
    """The definition of a block that adds to a list."""
    names = [one.name for one in block.parameters]
    given = [one.name if one.default is NEEDED else f"{one.name} = {quoted(one.default)}" for one in block.parameters]
    arguments = [f"{name} = {name}" for name in names]
    call = growth.layer.name + (f"({', '.join(arguments)})" if arguments else "")
    head = f"inline block {block.name}({', '.join(['features', 'i', *given])}) {{"
    return f"{head}\n    features + [features -> {growth.prefix}${{i}}: {call}]\n}}"


def network_text(block: RecoveredBlock, network: NetworkText) -> str:
    """A network's definition."""
    params = [f"{one.name}: [{', '.join(one.sizes)}]{f' {one.dtype}' if one.dtype else ''}" for one in network.inputs]
    params += [f"{one.name} = {quoted(one.values[0])}" for one in block.parameters]
    writer = BodyWriter(block.body, [one.name for one in network.inputs], {one.name for one in block.parameters})
    lines = writer.lines_of(network.outputs)
    head = f"network {network.name}({', '.join(params)}) {{"
    return "\n".join([*_comment(network.comment), head, *(f"    {line}" for line in lines), "}"])


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in text.splitlines()]


def quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else literal(value)


def given_names(count: int) -> list[str]:
    """What a block's tensors are called."""
    return ["x", "y", "z"][:count] + [f"x{number}" for number in range(4, count + 1)]


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

    def lines_of(self, outputs: Sequence[str] = ()) -> list[str]:
        """The statements of the body, the last its value, or one for each output with a name."""
        results = []
        for number, ref in enumerate(self.body.outputs):
            value = self.value(ref)
            if len(self.body.outputs) > 1 and not outputs and value.steps:
                name = self.free(self.hint(ref))
                self.bind(name, value)
                value = Written(name)
            results.append(value)
            if outputs and len(outputs) > 1:
                self.say(f"output {outputs[number]} = ", value)
        if outputs and len(outputs) > 1:
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


def chain_lines(head: str, steps: Sequence[ChainStep]) -> list[str]:
    """A chain in one line, or with a line for each step that is worth one and what goes with it."""
    whole = rolled(steps)
    one = " -> ".join([head, *(step.text for step in whole)])
    if len(one) <= WIDTH:
        return [one]
    lines = [head]
    for step in whole:
        text = f"-> {step.text}"
        joins = len(lines) > 1 and not step.major and len(lines[-1]) + len(text) + 1 <= WIDTH
        joins = joins and not lines[-1].endswith("}")
        if joins:
            lines[-1] += f" {text}"
        elif len(text) <= WIDTH:
            lines.append(f"    {text}")
        else:
            lines += [f"    {line}" for line in _broken(step)]
    return lines


def _broken(step: ChainStep) -> list[str]:
    """A step over several lines: the steps inside its braces."""
    if step.inner is None:
        return [f"-> {step.text}"]
    marker = "\1"
    outside = replace(step, inner=(ChainStep(marker),)).text
    opening, closing = outside.split(marker)
    inner = rolled(step.inner)
    if not opening.rstrip().endswith("{"):  # a loop alone behind a label
        opening, closing = f"{opening}{{", "}"
    first, *rest = inner
    lines = [f"-> {opening.rstrip()}", f"    {first.text}" if len(first.text) <= WIDTH else ""]
    if not lines[-1]:
        lines[-1:] = [f"    {line}" for line in [_broken(first)[0][3:], *_broken(first)[1:]]]
    for one in rest:
        text = f"-> {one.text}"
        if not one.major and len(lines[-1]) + len(text) <= WIDTH and len(lines) > 1:
            lines[-1] += f" {text}"
        elif len(text) <= WIDTH - 4:
            lines.append(f"    {text}")
        else:
            lines += [f"    {line}" for line in _broken(one)]
    return [*lines, closing.strip()]


def step_of(part: BodyPart, labelled: bool = True) -> ChainStep:
    """A part as a step. Its tensors beside the first are not among it yet."""
    label = part.label if part.weighted and labelled else None
    condition = part.condition.text if part.condition is not None and len(part.operands) < 2 else None
    marks = " @train" if part.trains else ""
    if part.kind == "sequence":
        assert part.body is not None
        inner = tuple(rolled(grouped(sequence_steps(part.body), prefixes(part.body))))
        return conditional(ChainStep("", label, inner=inner, marks=marks, major=part.weighted), condition)
    arguments = tuple(_arguments(part))
    major = part.weighted and (part.kind == "block" or OPERATORS[part.name].group != "normalization")
    return conditional(repeated(ChainStep(part.name, label, arguments, marks=marks, major=major), part), condition)


def conditional(step: ChainStep, condition: str | None) -> ChainStep:
    return step if condition is None else ChainStep("", inner=(step,), condition=condition, major=step.major)


def repeated(step: ChainStep, part: BodyPart) -> ChainStep:
    """The step, so often one after the other as the part is."""
    if part.counts_from is not None:
        start, times = part.counts_from, part.repeats
        end = str(start + times.value) if isinstance(times, Constant) else _sum(start, written(times))
        over = f"range({end})" if start == 0 else f"range({start}, {end})"
        counter = StepArgument("i", Formula("i", frozenset(["i"])), True)
        inner = replace(step, label=None, arguments=(counter, *step.arguments))
        return ChainStep("", inner=(inner,), loop=(("i", over),), major=True)
    if part.repeats == Constant(1):
        return step
    if step.label is not None and step.label.isdigit():
        start = int(step.label)
        times = part.repeats
        end = str(start + times.value) if isinstance(times, Constant) else _sum(start, written(times))
        over = f"range({end})" if start == 0 else f"range({start}, {end})"
        return ChainStep("", inner=(replace(step, label="${i}"),), loop=(("i", over),), major=True)
    return ChainStep("", inner=(step,), times=part.repeats, major=True)


def _sum(start: int, times: str) -> str:
    return f"{times} + {start}" if start else times


def sequence_steps(body: RecoveredBody) -> list[ChainStep]:
    """The steps in braces. Labels that only count are left out; where others are needed, all steps have one."""
    if _counted(body):
        return [step_of(part, labelled=False) for part in body.parts]
    steps = [step_of(part) for part in body.parts]
    names: Counter[str] = Counter()
    found = []
    for step in steps:
        if step.label is None and not step.splices and step.condition is None:
            name = step.name or "seq"
            names[name] += 1
            step = replace(step, label=name if names[name] == 1 else f"{name}_{names[name]}")
        found.append(step)
    return found


def _counted(body: RecoveredBody) -> bool:
    """Whether each step's label is the number that it has without one, in all instances."""
    for instance in range(body.instances):
        place = 0
        for part in body.parts:
            if not part.present[instance]:
                continue
            label = part.labels[instance]
            if part.weighted and label is not None and label != str(place):
                return False
            place += part.times[instance]
    return True


def _arguments(part: BodyPart) -> Iterable[StepArgument]:
    """The arguments that must be said: what is no default."""
    if part.block is not None:
        for one in part.block.parameters:
            given = part.said.get(one.name, Constant(one.default))
            if not _is(given, one.default):
                yield StepArgument(one.name, given, one.default is NEEDED)
        return
    table = parameter_table(OPERATORS[part.name])
    bare = True
    for name, parameter in table.items():
        said = part.said.get(name)
        default = NEEDED if parameter.required else parameter.default
        if said is None or (isinstance(said, Constant) and said.value is None) or _is(said, default):
            bare = False
            continue
        yield StepArgument(name, _as_text(said) if _is_text(said) else said, bare and parameter.positional)


def _is(said: Explained, value: Any) -> bool:
    return isinstance(said, Constant) and value is not NEEDED and same(said.value, _single(value))


def _is_text(said: Explained) -> bool:
    return isinstance(said, Constant) and isinstance(said.value, str)


def _as_text(said: Explained) -> Explained:
    """A text in quotes, where it is no word."""
    assert isinstance(said, Constant)
    return said if re.fullmatch(r"[a-z][a-z_]*", said.value) else Constant(f'"{said.value}"')


def prefixes(body: RecoveredBody) -> Counter[str]:
    """How many parts have labels that begin so, up to a dot."""
    labels = [part.label for part in body.parts if part.weighted and part.label is not None]
    return Counter(label.partition(".")[0] for label in labels if "." in label)


def grouped(steps: Sequence[ChainStep], whole: Mapping[str, int] | None = None) -> list[ChainStep]:
    """Steps in a row whose labels begin alike (`blocks.0`, `blocks.1`) as braces with that label. `whole` says how many
    there are of each beginning, of which braces must have all."""
    found: list[ChainStep] = []
    i = 0
    while i < len(steps):
        prefix = _prefix(steps[i])
        end = i + 1
        last = i
        while prefix is not None and end < len(steps):
            if _prefix(steps[end]) == prefix:
                last = end
            elif _labelled(steps[end]):
                break
            end += 1
        count = sum(_prefix(step) == prefix for step in steps[i : last + 1])
        if prefix is None or last == i or (whole is not None and count != whole.get(prefix)):
            found.append(steps[i])
            i += 1
            continue
        inner = [_shortened(step, prefix) for step in steps[i : last + 1]]
        inner = grouped(inner, Counter(one for one in map(_prefix, inner) if one is not None))
        if [step.label for step in inner] == [str(k) for k in range(len(inner))]:
            inner = [replace(step, label=None) for step in inner]
        elif any(step.label is None for step in inner):
            names: Counter[str] = Counter()
            for k, step in enumerate(inner):
                if step.label is None and not step.splices:
                    names[step.name] += 1
                    inner[k] = replace(step, label=f"{step.name}_{names[step.name]}")
        found.append(ChainStep("", prefix, inner=tuple(rolled(inner)), major=True))
        i = last + 1
    return found


def _prefix(step: ChainStep) -> str | None:
    """What a label with a dot begins with; of a loop, the label inside it."""
    if step.condition is not None or step.label is None or "." not in step.label:
        return None
    return step.label.partition(".")[0]


def _labelled(step: ChainStep) -> bool:
    return any(one.label is not None for one in step.every())


def _shortened(step: ChainStep, prefix: str) -> ChainStep:
    if step.label is not None and step.label.startswith(f"{prefix}."):
        return replace(step, label=step.label[len(prefix) + 1 :])
    return step

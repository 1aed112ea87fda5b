"""Parts of a body as steps of a chain, and chains as lines: where they break is decided here, all else is formatted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from archdsl.columns import same
from archdsl.ops import OPERATORS, parameter_table
from archdsl.recovery.columns import Constant, Explained, Formula, written
from archdsl.recovery.parts import NEEDED, BodyPart, RecoveredBody
from archdsl.recovery.steps import ChainStep, StepArgument, rolled

WIDTH: Final = 112


def single(value: Any) -> Any:
    """A list of one as the one, which is how it is written."""
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


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
    return isinstance(said, Constant) and value is not NEEDED and same(said.value, single(value))


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

"""From a program to the text of a spec: read, planted in its modules, recovered, written, formatted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from archdsl.columns import same
from archdsl.diagnostics import Diagnostic
from archdsl.dims import Size
from archdsl.errors import SpecError
from archdsl.importing.program import ForeignProgram
from archdsl.importing.reading import ReadProgram, read_program
from archdsl.importing.scopes import body_of
from archdsl.importing.wording import KEYWORDS, free_name
from archdsl.importing.writing import InputLine, NetworkText, block_text, default_of, network_text, quoted
from archdsl.job import one_job
from archdsl.ops import OPERATORS
from archdsl.recovery.blocks import recovered
from archdsl.recovery.parameters import snake
from archdsl.recovery.parts import RecoveredBlock, RecoveredBody
from archdsl.source import Source
from archdsl.syntax.forms import format_spec

MADE: Final = "imported.arch"  # the file that a text has before it has one


@dataclass(frozen=True)
class Imported:
    """A spec that was made: its text, the network's name in it, and the variants, where there are several models."""

    text: str
    network: str
    variants: tuple[str, ...] = ()


def spec_of(*programs: ForeignProgram, cls: str = "", literally: bool = False) -> Imported:
    """The spec of a program, or of several with a variant for each: one network, if they are alike. `cls` is what that
    is called; `literally`: each call is said as it is. Raises `NotImported`."""
    return spec_of_read(*(read_program(program, literally) for program in programs), cls=cls)


@one_job
def spec_of_read(*readings: ReadProgram, cls: str = "") -> Imported:
    """The same of programs that were read."""
    bodies = [body_of(reading) for reading in readings]
    found = recovered(bodies, default_of, OPERATORS.keys() | KEYWORDS, joins, idle)
    texts = [block_text(block, provenance(block)) for block in found.blocks]
    rest = [reading.program for reading in readings]
    variants: list[str] = []
    names: set[str] = set()
    for whole in found.wholes:
        programs, rest = rest[: whole.body.instances], rest[whole.body.instances :]
        name = network_name(cls if len(programs) > 1 and cls else programs[0].name)
        name = name if name not in names else f"{name}_{len(names) + 1}"
        names.add(name)
        texts.append(network_text(whole, network_of(programs[0], name)))
        if len(readings) > 1:
            own = [variant_name(program.name, names) for program in programs]
            lines = [variant_text(variant, name, whole, i) for i, variant in enumerate(own)]
            texts.append("\n".join(lines))
            variants += own
    return Imported(formatted("\n\n".join(texts) + "\n"), name, tuple(variants))


def network_of(program: ForeignProgram, name: str) -> NetworkText:
    inputs = [InputLine(free_name(one.name), _sizes(one.shape), _said(one.dtype)) for one in program.inputs]
    outputs = program.output_names or [f"output{i}" for i in range(len(program.outputs))]
    return NetworkText(name, inputs, [*map(free_name, outputs)], program.comment, program.endings)


def variant_name(name: str, taken: set[str]) -> str:
    """A variant's name, which is taken then."""
    base = snake(network_name(name)) or "net"
    found, number = base, 2
    while found in taken:
        found, number = f"{base}_{number}", number + 1
    taken.add(found)
    return found


def variant_text(variant: str, network: str, whole: RecoveredBlock, number: int) -> str:
    """A variant with the settings that are no defaults, which are those of the first."""
    given = [
        f"{one.name} = {quoted(one.values[number])}"
        for one in whole.parameters
        if not same(one.values[number], one.values[0])
    ]
    return f"variant {variant} = {network}({', '.join(given)})"


def joins(operator: str) -> bool:
    """Whether an operator takes any number of tensors, or a list of them."""
    found = OPERATORS.get(operator)
    return found is not None and found.variadic is not None and not found.elementwise


def idle(operator: str) -> tuple[str, Any] | None:
    """The argument with which an operator does nothing."""
    drops = operator in OPERATORS and OPERATORS[operator].group == "regularization"
    return ("p", 0.0) if drops else None


def formatted(text: str) -> str:
    """The text as it is formatted. Raises `SpecError` where names or numbers of the original made it none."""
    return format_spec(Source(MADE, text))


def refused(error: SpecError, place: str) -> SpecError:
    """What the language refuses of a text that was made, as what cannot be imported: nobody has written that text."""

    def said(fault: Diagnostic) -> str:
        line = fault.span.source.text.splitlines()[fault.span.line - 1].strip() if fault.span is not None else ""
        return f"the language does not say this: {fault.message}" + (f", in `{line[:120]}`" if line else "")

    return SpecError(Diagnostic("not-imported", said(one), place=place) for one in error.diagnostics)


def network_name(name: str) -> str:
    """A class's name as a network's."""
    last = re.sub(r"\W", "_", name.rpartition(".")[2]).strip("_") or "Net"
    return last if last[0].isalpha() and last not in KEYWORDS else f"Net{last}"


def _sizes(shape: Sequence[Size]) -> tuple[str, ...]:
    return tuple(str(size) for size in shape)


def _said(dtype: str) -> str | None:
    return None if dtype == "float32" else dtype


def provenance(block: RecoveredBlock) -> str:
    """Where a block came from, and from how many instances its parameters were found."""
    body: RecoveredBody = block.body
    kinds = len(Counter(tuple(map(str, (one.values[i] for one in block.parameters))) for i in range(body.instances)))
    number = f"{body.instances} instances" if body.instances > 1 else "1 instance"
    few = f", {kinds} kinds" if kinds > 1 and block.parameters else ""
    return f"{body.cls}: {number}{few}" if body.cls else ""

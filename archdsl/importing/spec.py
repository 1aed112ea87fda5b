"""From a program to the text of a spec: read, planted in its modules, recovered, written, formatted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from archdsl.dims import Size
from archdsl.importing.program import ForeignProgram, Missing, NotImported
from archdsl.importing.reading import read_program
from archdsl.importing.scopes import body_of
from archdsl.importing.writing import KEYWORDS, InputLine, NetworkText, block_text, default_of, network_text
from archdsl.ops import OPERATORS
from archdsl.recovery.blocks import Entangled, recovered
from archdsl.recovery.parameters import snake
from archdsl.recovery.parts import RecoveredBlock, RecoveredBody
from archdsl.source import Source
from archdsl.syntax.forms import format_spec


@dataclass(frozen=True)
class Imported:
    """A spec that was made: its text, the network's name in it, and the variants, where there are several models."""

    text: str
    network: str
    variants: tuple[str, ...] = ()


def spec_of(program: ForeignProgram) -> Imported:
    """The spec of a program. Raises `NotImported`."""
    body = body_of(read_program(program))
    try:
        found = recovered(body, default_of, OPERATORS.keys() | KEYWORDS, joins)
    except Entangled as error:
        raise NotImported([Missing("classes", "each contains the other", str(error), 1)]) from None
    name = network_name(program.name)
    inputs = [InputLine(_input_name(one.name), _sizes(one.shape), _said(one.dtype)) for one in program.inputs]
    texts = [block_text(block, provenance(block)) for block in found.blocks]
    outputs = program.output_names or [f"output{i}" for i in range(len(program.outputs))]
    texts.append(network_text(found.whole, NetworkText(name, inputs, outputs)))
    return Imported(formatted("\n\n".join(texts) + "\n"), name)


def joins(operator: str) -> bool:
    """Whether an operator takes any number of tensors, or a list of them."""
    found = OPERATORS.get(operator)
    return found is not None and found.variadic is not None and not found.elementwise


def formatted(text: str) -> str:
    return format_spec(Source("imported.arch", text))


def network_name(name: str) -> str:
    """A class's name as a network's."""
    last = re.sub(r"\W", "_", name.rpartition(".")[2]).strip("_") or "Net"
    return last if last[0].isalpha() and last not in KEYWORDS else f"Net{last}"


def _input_name(name: str) -> str:
    found = snake(name) or "x"
    return f"{found}_" if found in KEYWORDS - {"x", "y", "z"} else found


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

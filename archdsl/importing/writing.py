"""Recovered blocks and networks as definitions of a spec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from archdsl.importing.chains import single
from archdsl.importing.statements import BodyWriter
from archdsl.ops import OPERATORS, parameter_table
from archdsl.recovery.columns import literal
from archdsl.recovery.parts import NEEDED, Growth, RecoveredBlock


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
    endings: Sequence[str] = ()  # statements about the outputs: targets and the loss


def default_of(operator: str, parameter: str) -> Any:
    """The default of an operator's parameter; NEEDED where it has none."""
    found = parameter_table(OPERATORS[operator]).get(parameter) if operator in OPERATORS else None
    return NEEDED if found is None or found.required else single(found.default)


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
    lines = [*writer.lines_of(network.outputs, named=bool(network.endings)), *network.endings]
    head = f"network {network.name}({', '.join(params)}) {{"
    return "\n".join([*_comment(network.comment), head, *(f"    {line}" for line in lines), "}"])


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in text.splitlines()]


def quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else literal(value)


def given_names(count: int) -> list[str]:
    """What a block's tensors are called."""
    return ["x", "y", "z"][:count] + [f"x{number}" for number in range(4, count + 1)]

"""Settings that are lists: each item says something, or the list is none.

Of ResNet-50 and ResNet-101 the third of four numbers of blocks differs. The others are found where they are numbers, in
their order; where one is not found, the setting is the one item that differs, since nobody can know of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from archdsl.columns import ABSENT, constant, same, there
from archdsl.recovery.columns import Constant, Explained, Formula
from archdsl.recovery.parts import BodyPart, RecoveredBody


def items_used(body: RecoveredBody, name: str, count: int) -> set[int]:
    """The items of a list that a body names; all, where it names the list itself."""
    names = {one for part in body.every_part() for said in _said(part) for one in said.names}
    return set(range(count)) if name in names else {i for i in range(count) if f"{name}[{i}]" in names}


def counted(body: RecoveredBody, name: str, values: Sequence[Any]) -> bool:
    """Say the numbers of rounds in a body by the items of a list, where these are all found, one after the other."""
    columns = [[value if value is ABSENT else value[i] for value in values] for i in range(len(there(values)[0]))]
    found: list[tuple[BodyPart, Formula]] = []
    item = 0
    for part, follows in _rounds(body):
        if isinstance(part.repeats, Formula):
            used = [i for i in range(len(columns)) if f"{name}[{i}]" in part.repeats.names]
            if used and used != [item]:
                return False
            item += len(used)
        elif item < len(columns) and _counts(part.repeats, follows, columns[item]):
            text = f"{name}[{item}]"
            found.append((part, Formula(f"{text} - 1" if follows else text, frozenset([text]))))
            item += 1
    if item < len(columns):
        return False
    for part, said in found:
        part.repeats = said
    return True


def _rounds(body: RecoveredBody) -> Iterator[tuple[BodyPart, bool]]:
    """The blocks of a body, and whether one that is alike stands directly before it, which is a round as well."""
    before: BodyPart | None = None
    for part in body.parts:
        if part.body is not None:
            yield from _rounds(part.body)
        elif part.kind == "block":
            yield part, before is not None and before.block is part.block and before.repeats == Constant(1)
        before = part


def _counts(said: Explained, follows: bool, column: Sequence[Any]) -> bool:
    """Whether a number of rounds is what all instances have in a column."""
    if not constant(column) or not isinstance(said, Constant) or (said.value == 1 and not follows):
        return False
    return same(said.value + follows, there(column)[0])


def renamed(body: RecoveredBody, name: str, other: str) -> None:
    """Call something in a body by another name."""

    def change(said: Explained) -> Explained:
        if not isinstance(said, Formula) or name not in said.names:
            return said
        items = tuple(map(change, said.items))
        return Formula(said.text.replace(name, other), said.names - {name} | {other}, items)

    for part in body.every_part():
        part.repeats = change(part.repeats)
        part.said = {key: change(said) for key, said in part.said.items()}
        condition = part.condition and change(part.condition)
        part.condition = condition if isinstance(condition, Formula) else None


def _said(part: BodyPart) -> Iterator[Formula]:
    everything = (part.repeats, part.condition, *part.said.values())
    yield from (said for said in everything if isinstance(said, Formula))

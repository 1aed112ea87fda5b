"""Which calls of a program are read: those that an output depends on, of constants those that say them shorter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from archdsl.importing.constants import constant
from archdsl.importing.program import ForeignProgram, PlacedCall
from archdsl.ops.foreign import ForeignCall, ForeignTensor, Unreadable

FEW: Final = 8  # numbers that are written down whatever made them
WORTH: Final = 2  # numbers that a call is shorter than


def live(program: ForeignProgram, readable: Callable[[ForeignCall], bool]) -> list[PlacedCall]:
    """The calls that an output depends on, in order. What depends on no input is a constant, unless it is shorter to
    say how it is made, of calls that are readable."""
    makers = {call.foreign.output.name: call for call in program.calls}
    wanted: set[str] = set()
    pending = list(program.outputs)
    while pending:
        value = pending.pop()
        if value.name in wanted or value.name not in makers:
            continue
        if value.content is not None and not _said_by_calls(value, makers, readable):
            continue
        wanted.add(value.name)
        pending += makers[value.name].foreign.tensors
    return [call for call in program.calls if call.foreign.output.name in wanted]


def _said_by_calls(
    value: ForeignTensor, makers: Mapping[str, PlacedCall], readable: Callable[[ForeignCall], bool]
) -> bool:
    """Whether a constant is long, and the calls that make it of short ones are fewer than its numbers."""
    if _short(value):
        return False
    found = dict[str, ForeignCall]()
    pending = [value]
    while pending:
        one = pending.pop()
        if one.name in found or (one is not value and _short(one)):
            continue
        if one.name not in makers or not readable(makers[one.name].foreign):
            return False
        found[one.name] = makers[one.name].foreign
        pending += found[one.name].tensors
        if WORTH * len(found) > _count(value):
            return False
    return True


def _short(value: ForeignTensor) -> bool:
    """Whether a constant is said in few words: few numbers, or a rule for them."""
    if value.content is None:
        return False
    try:
        made = constant(value)
    except Unreadable:
        return False
    if made.operator != "tensor":
        return True
    return _count(value) <= FEW


def _count(value: ForeignTensor) -> int:
    """How many numbers a constant has."""
    return math.prod(size for size in value.shape if isinstance(size, int))

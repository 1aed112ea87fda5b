"""A program's calls as operators: what each call is read as, by what the operators' classes say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from archdsl.importing.constants import content_of
from archdsl.importing.live import live
from archdsl.importing.program import ForeignProgram, Missing, ModuleScope, NotImported, PlacedCall
from archdsl.ops import OPERATORS, ShapeError, Weighted, parameter_table
from archdsl.ops.foreign import (
    ForeignCall,
    ForeignOperand,
    ForeignTensor,
    Made,
    Reads,
    Unreadable,
    Whole,
    read,
    tensors_of,
)


@dataclass(frozen=True, eq=False)
class Placed:
    """An operator at work, the value it makes, and the modules it is in."""

    made: Made
    value: ForeignTensor
    scopes: tuple[ModuleScope, ...]
    hint: str | None = None


@dataclass(frozen=True, eq=False)
class ReadProgram:
    """A program that was read: operators in order, and the tensors that go out of it."""

    program: ForeignProgram
    placed: list[Placed]
    outputs: list[ForeignOperand]


@cache
def readings() -> dict[str, list[tuple[str, Reads]]]:
    """What the operators' classes say of single calls, by the call's name."""
    found: dict[str, list[tuple[str, Reads]]] = {}
    for name, operator in OPERATORS.items():
        for said in operator.reads:
            reads = Reads(said) if isinstance(said, str) else said
            if isinstance(reads, Reads):
                for call in reads.names.split():
                    found.setdefault(call, []).append((name, reads))
    return found


@cache
def wholes() -> list[tuple[str, Whole]]:
    """What they say of whole modules."""
    return [(name, said) for name, op in OPERATORS.items() for said in op.reads if isinstance(said, Whole)]


def read_program(program: ForeignProgram, literally: bool = False) -> ReadProgram:
    """A program's live calls as operators, and these as the simplest that compute the same, unless `literally`: last
    bits may depend even on how a tensor lies in memory. Raises `NotImported` with all that no operator reads."""
    calls = live(program, readable)
    groups = _groups(calls)
    stands: dict[str, ForeignTensor] = {}  # for a value that is another one
    placed: list[Placed] = []
    faults: Counter[tuple[str, str]] = Counter()
    places: dict[tuple[str, str], str] = {}
    done: set[int] = set()
    known = list(program.inputs)

    def resolved(made: ForeignOperand) -> ForeignOperand:
        if isinstance(made, ForeignTensor):
            return stands.get(made.name, made)
        weights = {name: stands.get(value.name, value) for name, value in made.weights.items()}
        return replace(made, inputs=tuple(map(resolved, made.inputs)), weights=weights)

    for call in calls:
        group = groups.get(id(call))
        if group is not None and id(group) in done:
            continue
        try:
            if group is not None:
                done.add(id(group))
                whole, value = group.read()
                made: ForeignOperand = whole
                scopes = group.outside
            else:
                made, value, scopes = _read(replace(call.foreign, known=known)), call.foreign.output, call.scopes
        except Unreadable as error:
            fault = (call.foreign.name, str(error))
            faults[fault] += 1
            places.setdefault(fault, call.scopes[-1].path if call.scopes else "")
            continue
        known.append(value)
        found = resolved(made)
        if isinstance(found, Made) and not literally:
            found = resolved(OPERATORS[found.operator].simpler(found) if found.operator else found)
        if isinstance(found, Made) and _nothing(found):
            found = found.inputs[0]
        if isinstance(found, ForeignTensor):
            stands[value.name] = found
            continue
        placed.append(Placed(found, value, scopes, call.hint))
        if value.content is not None:
            stands[value.name] = replace(value, content=None)  # its calls say what it holds
    missing = [Missing(name, why, places[name, why], count) for (name, why), count in faults.items()]
    if missing or program.faults:
        raise NotImported([*program.faults, *missing])
    outputs = [resolved(value) for value in program.outputs]
    return ReadProgram(program, _used(placed, outputs), outputs)


def _used(placed: list[Placed], outputs: list[ForeignOperand]) -> list[Placed]:
    """What outputs depend on still."""
    wanted = {one.name for output in outputs for one in tensors_of(output)}
    kept: list[Placed] = []
    for one in reversed(placed):
        if one.value.name in wanted:
            kept.append(one)
            wanted.update(value.name for value in tensors_of(one.made))
    return kept[::-1]


def _nothing(made: Made) -> bool:
    """Whether an operator does nothing: a dropout of nothing."""
    return (
        made.parameters.get("p") == 0
        and made.operator in OPERATORS
        and OPERATORS[made.operator].group == "regularization"
    )


def readable(call: ForeignCall) -> bool:
    """Whether an operator says the same as a call."""
    try:
        _read(call)
    except Unreadable:
        return False
    return True


def _read(call: ForeignCall) -> ForeignOperand:
    """What a call is read as. Raises `Unreadable`."""
    found = readings().get(call.name)
    if found is None:
        raise Unreadable("changes a weight or buffer" if call.name.endswith("_") else "")
    call = replace(call, arguments=_with_numbers(call.arguments))
    reasons = []
    for name, reads in found:
        operator = OPERATORS[name]
        told = operator.told_by if issubclass(operator, Weighted) else dict
        try:
            return read(name, parameter_table(operator), told, reads, call)
        except Unreadable as error:
            reasons.append(str(error))
        except ShapeError as error:
            reasons.append(str(error))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            reasons.append(f"arguments of another form ({type(error).__name__})")
    raise Unreadable(reasons[0])


def _with_numbers(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments in which a constant of no dimensions is the number that it holds, but for the first tensor."""
    first = next((name for name, value in arguments.items() if isinstance(value, ForeignTensor)), None)
    return {
        name: content_of(value) if name != first and isinstance(value, ForeignTensor) and _is_number(value) else value
        for name, value in arguments.items()
    }


def _is_number(value: ForeignTensor) -> bool:
    return value.content is not None and not value.shape


class _Group:
    """The calls of a module that is one operator as a whole."""

    def __init__(self, whole: Whole, depth: int) -> None:
        self.whole = whole
        self.depth = depth
        self.calls: list[PlacedCall] = []

    @property
    def outside(self) -> tuple[ModuleScope, ...]:
        return self.calls[0].scopes[: self.depth + 1]

    def read(self) -> tuple[Made, ForeignTensor]:
        inside = {call.foreign.output.name for call in self.calls}
        taken: dict[str, ForeignTensor] = {}
        for call in self.calls:
            for value in call.foreign.tensors:
                if value.state is None and value.name not in inside:
                    taken.setdefault(value.name, value)
        read_inside = {value.name for call in self.calls for value in call.foreign.tensors}
        results = [call.foreign.output for call in self.calls if call.foreign.output.name not in read_inside]
        if len(results) != 1:
            raise Unreadable(f"`{self.outside[-1].cls}` with several outputs")
        return self.whole.how([call.foreign for call in self.calls], list(taken.values())), results[0]


def _groups(calls: list[PlacedCall]) -> dict[int, _Group]:
    """The group of each call that is made in a module which is one operator."""
    by_class = {whole.cls: whole for _, whole in wholes() if whole.cls}
    by_call = {whole.contains: whole for _, whole in wholes() if whole.contains}
    marked: dict[tuple[str, str], tuple[Whole, int]] = {}
    for call in calls:
        for depth, scope in enumerate(call.scopes):
            if scope.cls in by_class:
                marked[scope.path, scope.call] = (by_class[scope.cls], depth)
                break
        if call.foreign.name in by_call and call.scopes:
            scope = call.scopes[-1]
            marked[scope.path, scope.call] = (by_call[call.foreign.name], len(call.scopes) - 1)
    groups: dict[tuple[str, str], _Group] = {}
    found: dict[int, _Group] = {}
    for call in calls:
        for scope in call.scopes:
            key = (scope.path, scope.call)
            if key in marked:
                group = groups.setdefault(key, _Group(*marked[key]))
                group.calls.append(call)
                found[id(call)] = group
                break
    return found

"""A program's calls as operators: what each call is read as, by what the operators' classes say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from archdsl.importing.constants import content_of, is_long
from archdsl.importing.program import ForeignProgram, Missing, ModuleScope, NotImported, PlacedCall
from archdsl.ops import OPERATORS, Weighted, parameter_table
from archdsl.ops.foreign import ForeignCall, ForeignOperand, ForeignTensor, Made, Reads, Unreadable, Whole, read


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


LAYOUT: Final = "contiguous"  # the operator that changes no value, but where it lies


def read_program(program: ForeignProgram, layout: bool = False) -> ReadProgram:
    """A program's live calls as operators. Raises `NotImported` with all that no operator reads. `layout`: also those
    that change only how a tensor lies in memory, on which last bits may depend."""
    worked_out = long_constants(program)
    calls = live(program, worked_out)
    groups = _groups(calls)
    stands: dict[str, ForeignOperand] = {}  # for a value that is another one
    placed: list[Placed] = []
    faults: Counter[tuple[str, str]] = Counter()
    places: dict[tuple[str, str], str] = {}
    done: set[int] = set()

    def resolved(made: ForeignOperand) -> ForeignOperand:
        if isinstance(made, ForeignTensor):
            found = stands.get(made.name, made)
            known = isinstance(found, ForeignTensor) and found.name in worked_out
            return replace(found, content=None) if known else found  # type: ignore[arg-type]
        return replace(made, inputs=tuple(map(resolved, made.inputs)))

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
                made, value, scopes = _read(call.foreign), call.foreign.output, call.scopes
        except Unreadable as error:
            fault = (call.foreign.name, str(error))
            faults[fault] += 1
            places.setdefault(fault, call.scopes[-1].path if call.scopes else "")
            continue
        found = resolved(made)
        if isinstance(found, ForeignTensor) or _nothing(found) or (found.operator == LAYOUT and not layout):
            stands[value.name] = found if isinstance(found, ForeignTensor) else found.inputs[0]
        else:
            placed.append(Placed(found, value, scopes, call.hint))
    if faults:
        raise NotImported([Missing(name, why, places[name, why], count) for (name, why), count in faults.items()])
    return ReadProgram(program, placed, [resolved(value) for value in program.outputs])


def _nothing(made: Made) -> bool:
    """Whether an operator does nothing: a dropout of nothing."""
    return (
        made.parameters.get("p") == 0
        and made.operator in OPERATORS
        and OPERATORS[made.operator].group == "regularization"
    )


def live(program: ForeignProgram, worked_out: Set[str] = frozenset()) -> list[PlacedCall]:
    """The calls that an output depends on; constants are none, but for those that are worked out."""
    makers = {call.foreign.output.name: call for call in program.calls}
    wanted: set[str] = set()
    pending = list(program.outputs)
    while pending:
        value = pending.pop()
        constant = value.content is not None and value.name not in worked_out
        if value.name in wanted or value.name not in makers or constant:
            continue
        wanted.add(value.name)
        pending += makers[value.name].foreign.tensors
    return [call for call in program.calls if call.foreign.output.name in wanted]


def long_constants(program: ForeignProgram) -> set[str]:
    """The constants that are many numbers, and are said as they were worked out, step by step, instead."""
    makers = {call.foreign.output.name: call.foreign for call in program.calls}
    known: dict[str, bool] = {}  # whether operators say how a constant was worked out

    def said(value: ForeignTensor) -> bool:
        if value.content is None or value.name not in makers:
            return value.content is not None and not is_long(value)
        if value.name not in known:
            call = makers[value.name]
            try:
                _read(call)
                known[value.name] = all(said(one) or not is_long(one) for one in call.tensors)
            except Unreadable:
                known[value.name] = False
        return known[value.name]

    found: set[str] = set()
    pending = [one for call in live(program) for one in call.foreign.tensors] + program.outputs
    while pending:
        value = pending.pop()
        if value.content is None or value.name in found or value.name not in makers or not is_long(value):
            continue
        if said(value):
            found.add(value.name)
            pending += makers[value.name].tensors
    return found


def _read(call: ForeignCall) -> ForeignOperand:
    """What a call is read as. Raises `Unreadable`."""
    found = readings().get(call.name)
    if found is None:
        raise Unreadable("")
    call = replace(call, arguments=_with_numbers(call.arguments))
    reasons = []
    for name, reads in found:
        operator = OPERATORS[name]
        told = operator.told_by if issubclass(operator, Weighted) else dict
        try:
            return read(name, parameter_table(operator), told, reads, call)
        except Unreadable as error:
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

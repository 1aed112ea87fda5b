"""The parts of instances side by side, by where they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from archdsl.instances.written import WrittenValues
from compiler.program import Routine
from compiler.source.class_parts import AlignedRow, Canonical, ScopeItem, Template, Unlike
from compiler.source.hierarchy import CalledScope, Forest, LayerLeaf, TensorRef
from compiler.source.rounds import LoopedRow


class Alignment:
    """Aligns the instances of a block. `of` has the class of each scope, and which of its instances that is."""

    def __init__(self, forest: Forest) -> None:
        self.forest = forest
        self.frozen, self.regions = forest.frozen, forest.regions
        self.templates: list[Template] = []
        self.of: dict[int, tuple[Template, int]] = {}  # by scope: its class, and which instance it is
        self.routines: dict[int, Any] = {}
        self.inner: dict[int, WrittenValues] = {}  # what is said in blocks, by what these were made from

    def _aligned(
        self, lists: Sequence[Sequence[ScopeItem] | None], bases: Sequence[str], inner: bool
    ) -> list[AlignedRow]:
        """Items of all instances side by side, in an order that is that of each, with their names."""
        keyed: list[dict[Any, ScopeItem]] = []
        for items, base in zip(lists, bases, strict=True):
            count: Counter[Any] = Counter()
            found: dict[Any, ScopeItem] = {}
            for item in items or ():
                key = self._key(item, base, inner)
                count[key] += 1
                found[key, count[key]] = item
            keyed.append(found)
        order: list[Any] = []
        for found in keyed:
            at = 0
            for key in found:
                if key in order:
                    if order.index(key) < at:
                        raise Unlike
                    at = order.index(key) + 1
                else:
                    order.insert(at, key)
                    at += 1
        result = []
        for key in order:
            row = tuple(found.get(key) for found in keyed)
            first, base = next((item, base) for item, base in zip(row, bases, strict=True) if item is not None)
            result.append((row, _name(first, base)))
        return result

    def _key(self, item: ScopeItem, base: str, inner: bool) -> Any:
        """What an item is, and where it is written."""
        name: str | None = _name(item, base)
        if isinstance(item, LayerLeaf):
            invoke, holder = item.invoke, item.holder
            target = invoke.target if invoke is not None else holder.target if holder is not None else None
            span = item.node["span"]
            held = (
                tuple((held.weight.name, self._start(held.start)) for held in holder.held) if holder is not None else ()
            )
            if (inner and str(name).isdigit()) or not (item.named or held):
                name = None
            where = (span.start, span.end, item.use, len(item.reads))
            marks = self._marks(item, base)
            rank = (
                len(holder.held[0].weight.shape)
                if holder is not None and holder.target.kind != "module" and holder.held
                else 0
            )
            return ("leaf", name, where, target and (target.name, target.kind, tuple(target.kwargs)), held, marks, rank)
        marks = self._marks(item, base)
        if inner and str(name).isdigit():
            name = None
        if item.instance is None:
            return ("sequence", name, item.use, marks)
        found = self.of.get(id(item))
        span = item.instance.span
        return ("call", name, (span.start, span.end), item.use, id(found[0]) if found else item.instance.block, marks)

    def _marks(self, item: ScopeItem, base: str) -> Any:
        """How an item is marked. What stands in a network itself may train only, or be on a device."""
        node = next(item.leaves()).node
        own = (node["phase"], node["device"]) if not base else None
        return id(item) in self.regions, id(item) in self.frozen, own

    def _start(self, start: Any) -> Any:
        """What tells starts apart."""
        return self.routines.setdefault(id(start), _steps_of(start)) if isinstance(start, Routine) else start

    def _canonical(self, scope: CalledScope, i: int, rows: Sequence[LoopedRow]) -> dict[TensorRef, Canonical]:
        found: dict[TensorRef, Canonical] = {}
        for a, argument in enumerate(scope.arguments):
            for j, ref in enumerate(argument.refs):
                found[ref] = ("in", a, j if argument.listed else None)
        for number, row in enumerate(rows):
            made = [item.results for items, _ in row.rows if (item := items[i]) is not None]
            over = row.rounds is not None and row.rounds.over is not None
            results = [refs[0] for refs in made] if over else made[-1] if made else ()
            for k, ref in enumerate(results):
                found[ref] = ("part", number, k)
        return found

    def _structure(self, scope: CalledScope) -> Any:
        """What instances of one class have in common where no condition is allowed."""
        numbers = {ref: number for number, ref in enumerate(_refs(scope))}

        def said(item: ScopeItem, inner: bool) -> Any:
            key = self._key(item, scope.path, inner)
            if isinstance(item, LayerLeaf):
                return key, tuple(numbers.get(ref, ref) for ref in item.reads) if not inner else ()
            reads = tuple(tuple(numbers.get(ref, ref) for ref in a.refs) for a in item.arguments) if not inner else ()
            parts = tuple(said(one, True) for one in item.items) if item.instance is None else ()
            return key, reads, parts

        return tuple(said(item, False) for item in scope.items), tuple(numbers.get(ref, ref) for ref in scope.results)


def _steps_of(routine: Routine) -> Any:
    """What a routine does, whatever its layers are called."""
    numbers: dict[Any, int] = {}
    found = []
    for step in routine.invoked():
        read = tuple(numbers.get(ref, -1) for ref in step.operands)
        found.append((step.target.name, step.target.kind, repr((step.target.args, step.target.kwargs)), read))
        for ref in step.results:
            numbers[ref] = len(numbers)
    return tuple(found), tuple(numbers.get(result.ref, -1) for result in routine.results)


def _name(item: ScopeItem, base: str) -> str:
    return item.path.removeprefix(f"{base}.") if base else item.path


def _refs(scope: CalledScope) -> Iterable[TensorRef]:
    for argument in scope.arguments:
        yield from argument.refs
    for item in scope.items:
        yield from item.results

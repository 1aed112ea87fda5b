"""The shapes of a network's inputs: as written, with symbols, or as chosen by the user."""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple

from archdsl.definitions import capitals
from archdsl.diagnostics import Diagnostic, did_you_mean
from archdsl.dims import Dim, Shape, Size, symbol, symbols
from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.faults import Poisoned
from archdsl.elaborate.inference import MAX_ELEMENTS
from archdsl.elaborate.values import Context, Scope, describe
from archdsl.needs import fitting
from archdsl.ops.kinds import MAX_INT
from archdsl.residues import Residues
from archdsl.symbolic import at_least, solutions
from archdsl.syntax import tree
from archdsl.syntax.unparse import shown

MOST_NAMED: Final = 3  # values of a symbol that give a size
FARTHEST: Final = 256  # from a size that is none
COUNTED: Final = ("int64", "bool")  # what tokens, classes and masks are


def is_free(position: int, param: tree.Param, free: Collection[int]) -> bool:
    """Whether a dimension of an input is among the free ones. The second one is that of channels, which stay, but for
    integers and truth values, which have none: theirs is a length."""
    return position in free and (position != 1 or (param.type is not None and param.type.id in COUNTED))


class Given(NamedTuple):
    """A dimension as it is written, with the size that was chosen for it."""

    input: str
    position: int
    dim: tree.Expr
    size: int


class InputShapes:
    """Works out the shapes of inputs; `faults` are those of the user's choices, which have no place in the text."""

    def __init__(
        self,
        evaluator: Evaluator,
        context: Context,
        chosen: Mapping[str, Sequence[int | None]],
        values: Mapping[str, int],
        free: Collection[int] = (),
        classes: Mapping[str, Residues] = MappingProxyType({}),
    ) -> None:
        self._evaluator = evaluator
        self._context = context
        self._chosen = chosen
        self._values = values
        self._free = free
        self._classes = classes
        self._freed: dict[tuple[int, int], Dim] = {}  # by dimension and the number that is written or chosen
        self._numbers: dict[tuple[int, int], set[Size]] = {}  # what the numbers in inputs became, by dimension
        self.faults: list[Diagnostic] = []

    def read(self, params: Sequence[tree.Param]) -> list[Shape]:
        """The shape of each input; none where a choice is at fault. Raises `Fault`."""
        try:
            given = self._given(params)
            self._bind_symbols(params, given)
            return [self._input_shape(param, given.get(param.name.id)) for param in params]
        except Poisoned:
            return []

    def _given(self, params: Sequence[tree.Param]) -> dict[str, tuple[int | None, ...]]:
        """The shapes chosen for inputs, checked for their form; None is a size that stays as it is written."""
        found: dict[str, tuple[int | None, ...]] = {}
        for param in params:
            name = param.name.id
            if name not in self._chosen:
                continue
            sizes = self._chosen[name]
            dims = param.shape.dims if param.shape is not None else ()
            if len(sizes) != len(dims):
                self._refuse(
                    f"input `{name}` has {len(dims)} dimensions,"
                    f" {shown(param.shape) if param.shape else ''},"
                    f" found {described(sizes)}",
                )
                continue
            for size in sizes:
                if size is None:
                    continue
                if isinstance(size, bool) or not isinstance(size, numbers.Integral) or not 1 <= size <= MAX_INT:
                    self._refuse(f"input `{name}`: a size is from 1 to {MAX_INT}, found {size!r:.40}")
            found[name] = tuple(int(size) if isinstance(size, numbers.Integral) else None for size in sizes)
        if self.faults:
            raise Poisoned
        return found

    # --- symbols

    def _bind_symbols(self, params: Sequence[tree.Param], given: Mapping[str, tuple[int | None, ...]]) -> None:
        """Bind the capital names in the inputs' shapes: to the sizes given for them, to values chosen for them, to what
        sizes that are computed from them say, else to symbols."""
        scope = self._context.scope
        dims = [
            Given(param.name.id, i, dim, size)
            for param in params
            if param.shape is not None and param.name.id in given
            for i, (dim, size) in enumerate(zip(param.shape.dims, given[param.name.id], strict=True))
            if not isinstance(dim, tree.AnyDims) and size is not None
            if isinstance(dim, tree.Literal) or not is_free(i, param, self._free)
        ]
        for one in dims:  # the sizes of all inputs first, so that their order does not matter
            if isinstance(one.dim, tree.Name) and one.dim.id[0].isupper() and not scope.find(one.dim.id):
                scope.bind(one.dim.id, one.size, one.dim.span)
        names = {
            name.id: name
            for param in params
            if param.shape is not None
            for dim in param.shape.dims
            for name in capitals(dim)
        }
        self._bind_values(names)
        self._solve(dims)
        if self.faults:
            raise Poisoned
        for name in names.values():
            if scope.find(name.id) is None:
                scope.bind(name.id, symbol(name.id, self._classes.get(name.id)), name.span)

    def _bind_values(self, names: Mapping[str, tree.Name]) -> None:
        """Bind symbols to the values that the user chose for them."""
        for chosen, value in self._values.items():
            bound = names.get(chosen)
            if bound is None:
                help = did_you_mean(chosen, names) or (f"its symbols are {', '.join(names)}" if names else None)
                self._refuse(f"no input has a size called `{chosen}`", "--at, --over", help)
            elif not 1 <= value <= MAX_INT:
                self._refuse(f"a size is from 1 to {MAX_INT}, found {chosen} = {value!s:.40}", "--at, --over")
            elif self._context.scope.find(chosen) is None:
                self._context.scope.bind(chosen, value, bound.span)
            elif (other := self._evaluator.value(bound, self._context)) != value:
                self._refuse(f"`{chosen}` is {other}, not {value}", "--at, --over")
        if self.faults:
            raise Poisoned

    def _solve(self, dims: Sequence[Given]) -> None:
        """Bind the symbols that given sizes determine: one at a time, since one may make others plain."""
        pending = [one for one in dims if self._open(one)]
        while pending:
            one = min(pending, key=lambda one: len(self._open(one)))
            name, *others = self._open(one)
            if others:
                ways = " ".join(f"--at {name.id}=…" for name in self._open(one))
                self._refuse(
                    f"input `{one.input}`: dimension {one.position} is `{shown(one.dim)}`, so that {one.size} leaves"
                    f" {' and '.join(f'`{name.id}`' for name in self._open(one))} open",
                    help=f"say what they are, with {ways}",
                )
                return
            self._solve_for(name, one)
            if self.faults:
                return
            pending = [one for one in pending if self._open(one)]

    def _open(self, one: Given) -> list[tree.Name]:
        """The symbols in a dimension that have no value yet."""
        names = {name.id: name for name in capitals(one.dim)}
        return [name for name in names.values() if self._context.scope.find(name.id) is None]

    def _solve_for(self, name: tree.Name, one: Given) -> None:
        inner = Scope(self._context.scope)
        inner.bind(name.id, symbol(name.id), name.span)
        size = self._evaluator.value(one.dim, replace(self._context, scope=inner))
        found = solutions(size, one.size) if isinstance(size, Dim) else []
        if len(found) == 1:
            self._context.scope.bind(name.id, found[0], name.span)
            return
        where = f"input `{one.input}`: dimension {one.position} is `{shown(one.dim)}`, which is"
        if not found:
            near = _nearest(size, one.size) if isinstance(size, Dim) else []
            way = f"{fitting(near)}; or " if near else ""
            help = f"{way}give `{name.id}` itself a value, with --at {name.id}=…, and leave --input out"
            self._refuse(f"{where} {one.size} for no `{name.id}`", help=help)
        else:
            some = ", ".join(map(str, found[:MOST_NAMED])) + (" and others" if len(found) > MOST_NAMED else "")
            help = f"say which, with --at {name.id}={found[0]}"
            self._refuse(f"{where} {one.size} for several `{name.id}`: {some}", help=help)

    # --- shapes

    def _input_shape(self, param: tree.Param, given: tuple[int | None, ...] | None) -> Shape:
        assert param.shape is not None
        dims = param.shape.dims
        if not dims:
            raise self._context.fault("wrong-rank", "an input has at least one dimension", param.shape.span)
        shape: list[Size] = []
        for i, dim in enumerate(dims):
            if isinstance(dim, tree.AnyDims):
                raise self._context.fault("shape-pattern", "an input's dimensions are all written out", dim.span)
            shape.append(self._input_size(dim, None if given is None else given[i], i, param))
        if math.prod(s for s in shape if isinstance(s, int)) > MAX_ELEMENTS:
            message = f"input `{param.name.id}` has more than 2^48 elements"
            raise self._context.fault("too-large", message, param.span)
        return tuple(shape)

    def of_target(self, pattern: tree.ShapePattern) -> Shape:
        """The shape of a target, in which a number is what it is in the inputs; a size that no input has is a symbol of
        its own. Raises `Fault` or `Poisoned`."""
        context = replace(self._context, scope=Scope(self._context.scope))
        shape: list[Size] = []
        for i, dim in enumerate(pattern.dims):
            if isinstance(dim, tree.AnyDims):
                raise context.fault("shape-pattern", "a target's dimensions are all written out", dim.span)
            for name in capitals(dim):
                if context.scope.find(name.id) is None:
                    context.scope.bind(name.id, symbol(name.id), name.span)
            size = self._size(dim, context)
            became = self._numbers.get((i, size), set()) if isinstance(dim, tree.Literal) and type(size) is int else ()
            shape.append(next(iter(became)) if len(became) == 1 else size)
        return tuple(shape)

    def _input_size(self, dim: tree.Expr, given: int | None, position: int, param: tree.Param) -> Size:
        value = self._size(dim, self._context)
        free = is_free(position, param, self._free)
        if isinstance(dim, tree.Literal) and isinstance(value, int):  # a literal is a default
            number = value if given is None else given
            size = self._freed_size(position, number) if free else number
            self._numbers.setdefault((position, value), set()).add(size)
            return size
        if given is None or free:
            return value
        if value != given:
            written = shown(dim)
            self._refuse(f"input `{param.name.id}`: dimension {position} is `{written}`, {value}, not {given}")
            raise Poisoned
        return given

    def _size(self, dim: tree.Expr, context: Context) -> Size:
        """A size as it is written."""
        value = self._evaluator.value(dim, context)
        if not isinstance(value, Dim) and type(value) is not int:
            raise self._context.fault("wrong-type", f"a size is an integer, found {describe(value)}", dim.span)
        if isinstance(value, Dim) and at_least(value, 1) is False:
            raise self._context.fault("bad-parameter", f"a size is at least 1, and {value} never is", dim.span)
        if isinstance(value, int) and not 1 <= value <= MAX_INT:
            code = "bad-parameter" if value < 1 else "number-too-large"
            raise self._context.fault(code, f"a size is from 1 to {MAX_INT}, found {value}", dim.span)
        return value

    def _freed_size(self, position: int, size: int) -> Size:
        """A symbol for a number whose dimension is free: one for all inputs in which it is the same. A 1 that is no
        batch stays, since it stretches."""
        if size == 1 and position > 0:
            return size
        if (position, size) not in self._freed:
            name = f"D{position}"
            while self._context.scope.find(name) is not None or any(name in symbols(s) for s in self._freed.values()):
                name += "_"
            self._freed[position, size] = symbol(name, self._classes.get(name))
        return self._freed[position, size]

    def _refuse(self, message: str, option: str = "--input", help: str | None = None) -> None:
        self.faults.append(Diagnostic("bad-setting", message, place=option, help=help))


def _nearest(size: Dim, wanted: int) -> list[int]:
    """The numbers below and above one that a size of one symbol can be."""
    below = next((n for n in range(wanted - 1, max(0, wanted - FARTHEST), -1) if solutions(size, n)), None)
    above = next((n for n in range(wanted + 1, wanted + FARTHEST) if solutions(size, n)), None)
    return [n for n in (below, above) if n is not None]


def described(sizes: object) -> str:
    """What was chosen for a shape: `[3, 224]`, or of what kind it is."""
    return f"[{', '.join(map(str, sizes))}]" if isinstance(sizes, Sequence) else describe(sizes)

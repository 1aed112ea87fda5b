"""The shapes of a network's inputs: as written, with symbols, or as chosen by the user."""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Iterator, Mapping, Sequence

from archdsl.diagnostics import Diagnostic, did_you_mean
from archdsl.dims import Dim, Shape, Size, show, symbol
from archdsl.elaborate.builder import MAX_ELEMENTS
from archdsl.elaborate.interpreter import Interpreter
from archdsl.elaborate.values import Context, Fault, Poisoned, describe
from archdsl.ops.kinds import MAX_INT
from archdsl.syntax import tree
from archdsl.syntax.unparse import shown


class InputShapes:
    """Works out the shapes of inputs; `faults` are those of the user's choices, which have no place in the text."""

    def __init__(
        self,
        interpreter: Interpreter,
        context: Context,
        chosen: Mapping[str, Sequence[int]],
        values: Mapping[str, int],
        free: Collection[int] = (),
    ) -> None:
        self.interpreter = interpreter
        self.context = context
        self.chosen = chosen
        self.values = values
        self.free = free
        self._freed: dict[tuple[int, int], Dim] = {}  # by dimension and the number that is written or chosen
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
            if name not in self.chosen:
                continue
            sizes = self.chosen[name]
            dims = param.shape.dims if param.shape is not None else ()
            if not isinstance(sizes, Sequence) or len(sizes) != len(dims):
                self._refuse(
                    f"input `{name}` has {len(dims)} dimensions,"
                    f" {shown(param.shape) if param.shape else ''},"
                    f" found {show(sizes) if isinstance(sizes, Sequence) else describe(sizes)}",
                )
                continue
            for size in sizes:
                if isinstance(size, bool) or not isinstance(size, numbers.Integral) or not 1 <= size <= MAX_INT:
                    self._refuse(f"input `{name}`: a size is from 1 to {MAX_INT}, found {size!s:.40}")
            found[name] = tuple(int(size) if isinstance(size, numbers.Integral) else 1 for size in sizes)
            found[name] = tuple(
                None if i in self.free and not isinstance(dim, tree.Literal) else size
                for i, (dim, size) in enumerate(zip(dims, found[name], strict=True))
            )
        if self.faults:
            raise Poisoned
        return found

    def _bind_symbols(self, params: Sequence[tree.Param], given: Mapping[str, tuple[int | None, ...]]) -> None:
        """Bind the capital names in the inputs' shapes: to the sizes given for them, else to symbols."""
        scope = self.context.scope
        dims = [
            (dim, given[param.name.id][i] if param.name.id in given else None)
            for param in params
            if param.shape is not None
            for i, dim in enumerate(param.shape.dims)
        ]
        for dim, size in dims:  # the sizes of all inputs first, so that their order does not matter
            if isinstance(dim, tree.Name) and dim.id[0].isupper() and size is not None and not scope.find(dim.id):
                scope.bind(dim.id, size, dim.span)
        names = {name.id: name for dim, _ in dims for name in capitals(dim)}
        for chosen, value in self.values.items():
            bound = names.get(chosen)
            if bound is None:
                help = did_you_mean(chosen, names) or (f"its symbols are {', '.join(names)}" if names else None)
                self._refuse(f"no input has a size called `{chosen}`", "--at, --over", help)
            elif not 1 <= value <= MAX_INT:
                self._refuse(f"a size is from 1 to {MAX_INT}, found {chosen} = {value!s:.40}", "--at, --over")
            elif scope.find(chosen) is None:
                scope.bind(chosen, value, bound.span)
            elif self.interpreter.value(bound, self.context) != value:
                self._refuse(
                    f"`{chosen}` is {self.interpreter.value(bound, self.context)}, not {value}", "--at, --over"
                )
        if self.faults:
            raise Poisoned
        for name in names.values():
            if scope.find(name.id) is None:
                scope.bind(name.id, symbol(name.id), name.span)

    def _input_shape(self, param: tree.Param, given: tuple[int | None, ...] | None) -> Shape:
        assert param.shape is not None
        dims = param.shape.dims
        if not dims:
            raise Fault(Diagnostic("wrong-rank", "an input has at least one dimension", param.shape.span))
        shape: list[Size] = []
        for i, dim in enumerate(dims):
            if isinstance(dim, tree.AnyDims):
                raise Fault(Diagnostic("shape-pattern", "an input's dimensions are all written out", dim.span))
            shape.append(self._input_size(dim, None if given is None else given[i], i, param.name.id))
        if math.prod(s for s in shape if isinstance(s, int)) > MAX_ELEMENTS:
            raise Fault(Diagnostic("too-large", f"input `{param.name.id}` has more than 2^48 elements", param.span))
        return tuple(shape)

    def _input_size(self, dim: tree.Expr, given: int | None, position: int, name: str) -> Size:
        value = self.interpreter.value(dim, self.context)
        if not isinstance(value, Dim) and type(value) is not int:
            raise Fault(Diagnostic("wrong-type", f"a size is an integer, found {describe(value)}", dim.span))
        if isinstance(value, int) and not 1 <= value <= MAX_INT:
            code = "bad-parameter" if value < 1 else "number-too-large"
            raise Fault(Diagnostic(code, f"a size is from 1 to {MAX_INT}, found {value}", dim.span))
        if given is None or isinstance(dim, tree.Literal):  # a literal is a default
            size = value if given is None else given
            return self._free(position, size) if isinstance(dim, tree.Literal) else size
        if value != given:
            written = shown(dim)
            self._refuse(f"input `{name}`: dimension {position} is `{written}`, {value}, not {given}")
            raise Poisoned
        return given

    def _free(self, position: int, size: Size) -> Size:
        """A number that is written, or a symbol for it where its dimension is free: one for all inputs in which it is
        the same. A 1 that is no batch stays, since it stretches."""
        if position not in self.free or not isinstance(size, int) or (size == 1 and position > 0):
            return size
        if (position, size) not in self._freed:
            name = f"D{position}"
            while self.context.scope.find(name) is not None or symbol(name) in self._freed.values():
                name += "_"
            self._freed[position, size] = symbol(name)
        return self._freed[position, size]

    def _refuse(self, message: str, option: str = "--input", help: str | None = None) -> None:
        self.faults.append(Diagnostic("bad-setting", message, place=option, help=help))


def capitals(dim: tree.Expr | tree.AnyDims) -> Iterator[tree.Name]:
    """The capital names in a dimension of an input."""
    if isinstance(dim, tree.Name) and dim.id[0].isupper():
        yield dim
    elif isinstance(dim, tree.Binary):
        yield from capitals(dim.left)
        yield from capitals(dim.right)
    elif isinstance(dim, tree.Unary):
        yield from capitals(dim.operand)

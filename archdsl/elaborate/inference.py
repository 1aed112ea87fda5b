"""What operators make of their inputs: shapes, types and weights, worked out once for all layers that are alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from archdsl.diagnostics import Label
from archdsl.dims import Dim, Shape, Size, Undecided, product, show, symbols
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import Context
from archdsl.limits import Work
from archdsl.ops import Operator, ShapeError, Weight
from archdsl.ops.assumptions import Assumed, assumptions, fits
from archdsl.ops.kinds import ParamError
from archdsl.source import Span

MAX_ELEMENTS: Final = 2**48
MAX_TERMS: Final = 256  # of a tensor's number of elements, floor divisions opened up
MAX_OPEN: Final = 2  # sizes whose origin is told where an answer depends on symbols


class LayerKind(NamedTuple):
    """What layers have in common that are `given` the same operator, and inputs of the same shapes and types."""

    given: Operator
    operator: Operator  # as it is for these types
    dtypes: tuple[str, ...]
    outputs: tuple[Shape, ...]
    weights: tuple[Weight, ...]
    steps: int  # of work


class Inference:
    """The kinds of layers that a network has. `narrowed` has by symbol the last layer for which it is taken to be in
    fewer residue classes."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.narrowed: dict[str, str] = {}
        # Operators go by their identity: one with 1 and one with 1.0 are equal, and not the same.
        self._kinds: dict[tuple[int, tuple[str, ...], tuple[Shape, ...]], LayerKind] = {}

    def kind(
        self,
        key: str,
        operator: Operator,
        types: tuple[str, ...],
        tensors: Sequence[TensorValue],
        span: Span,
        context: Context,
    ) -> LayerKind:
        """What an operator makes of inputs of these types, which it takes. Raises `Fault`."""
        alike = (id(operator), types, tuple([tensor.shape for tensor in tensors]))
        found = self._kinds.get(alike)
        if found is not None:
            self.work.spend(found.steps)
            return found
        before = self.work.spent
        try:
            typed = operator.typed(types)
        except ShapeError as error:
            raise context.fault(error.code, error.message, span, help=error.help) from None
        outputs, taken = self._outputs(key, typed, tensors, span, context)
        weights = typed.weights(*alike[2])
        for weight in weights:
            self._bound(weight.shape, f"the {weight.role} of `{typed.name}`", span, context)
        dtypes = typed.dtypes(types)
        dtypes += dtypes[-1:] * (len(outputs) - len(dtypes))
        found = LayerKind(operator, typed, dtypes, outputs, weights, self.work.spent - before)
        if not taken.asked:  # else it hangs on what was taken for granted before
            self._kinds[alike] = found
        return found

    def _outputs(
        self, key: str, operator: Operator, tensors: Sequence[TensorValue], span: Span, context: Context
    ) -> tuple[tuple[Shape, ...], Assumed]:
        shapes = [tensor.shape for tensor in tensors]
        try:
            with assumptions() as taken:
                before = dict(taken.classes)
                outputs = operator.infer_all(*shapes)
                for size in dict.fromkeys(size for shape in outputs for size in shape if isinstance(size, Dim)):
                    if not fits(size):
                        raise ShapeError(
                            f"the output would have the size {size}, which is never 1", code="empty-output"
                        )
        except ShapeError as error:
            culprits = [tensors[i] for i in error.culprits if i < len(tensors)]
            labels = tuple(Label(t.origin, show(t.shape)) for t in culprits if t.origin != span)
            sizes = [(tensors[i], dim) for i, dim in error.sizes]
            raise context.fault(
                error.code, error.message, span, labels, help=error.help, sizes=sizes, instead=error.instead
            ) from None
        except Undecided as error:
            open_sizes = [(t, dim) for t in tensors for dim, size in enumerate(t.shape) if _asked(size, error)]
            raise context.undecided(error, span, open_sizes[:MAX_OPEN]) from None
        except ParamError as error:
            raise context.fault("bad-parameter", str(error), span) from None
        self.work.spend(Work.EDGE * (len(outputs) + len(outputs[0]) // 8))
        for shape in outputs:
            self._bound(shape, f"the output of `{operator.name}`", span, context)
        self.work.spend(Work.REMAINDERS * taken.looked_at)
        self.narrowed |= {name: key for name, found in taken.classes.items() if before.get(name) != found}
        return outputs, taken

    def _bound(self, shape: Shape, what: str, span: Span, context: Context) -> None:
        """Refuse tensors that no machine holds, and sizes that no reader follows."""
        if math.prod(size for size in shape if isinstance(size, int)) > MAX_ELEMENTS:
            message = f"{what}, {show(shape)}, has more than 2^48 elements"
            raise context.fault("too-large", message, span)
        symbolic = [size for size in shape if isinstance(size, Dim)]
        if not symbolic:
            return
        self.work.spend(Work.TERM * sum(size.weight - 1 for size in symbolic))  # a symbol alone costs nothing
        question = f"{what} has a size of more than {MAX_TERMS} terms, which"
        try:
            elements = product(symbolic)
        except Undecided as error:
            raise context.undecided(Undecided(question, error.symbols), span) from None
        if isinstance(elements, Dim) and elements.weight > MAX_TERMS:
            raise context.undecided(Undecided(question, symbols(elements)), span)


def _asked(size: Size, error: Undecided) -> bool:
    """Whether a question is about a size that a layer has made."""
    return isinstance(size, Dim) and not str(size).isidentifier() and not symbols(size).isdisjoint(error.symbols)

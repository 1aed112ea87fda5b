"""Reductions, comparisons, and what masks make."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.ops.drawing import Values, along, broadcastable, dims_of, extended, flag, shapes
from tests.ops.oracle import Case, Numbers
from tests.ops.refusal import IMAGE, LINE, Refused, dimension, no, odd, over_dimensions

COMPARISONS = "eq ne lt le gt ge".split()


@st.composite
def over(draw: DrawFn, /, operator: str, **optional: Values) -> Case:
    """Over some dimensions, or all."""
    shape = draw(shapes(1, 5))
    dims = dims_of(shape) | st.lists(dims_of(shape), min_size=1, max_size=3)
    params: dict[str, Any] = draw(st.fixed_dictionaries({}, optional={"dim": dims, "keepdim": flag, **optional}))
    return Case(operator, params, (shape,))


@st.composite
def comparison(draw: DrawFn, operator: str) -> Case:
    alone: bool = draw(flag)
    params: dict[str, Any] = {"scalar": draw(extended)} if alone else {}
    count: int = 1 if alone else draw(st.sampled_from([2, 2, 2, 1, 3]))
    return Case(operator, params, tuple(broadcastable(draw, count, 1, 4)))


@st.composite
def where(draw: DrawFn) -> Case:
    given: list[str] = draw(st.sampled_from([[], [], ["other"], ["input"], ["input", "other"]]))
    params: dict[str, Any] = draw(st.fixed_dictionaries(dict.fromkeys(given, extended)))
    count: int = 3 - len(given) if draw(st.integers(0, 9)) else draw(st.integers(1, 3))
    return Case("where", params, tuple(broadcastable(draw, count, 1, 4)))


@st.composite
def masked_fill(draw: DrawFn) -> Case:
    found: list[Numbers] = broadcastable(draw, 2, 0, 4)
    return Case("masked_fill", {"value": draw(extended)}, tuple(found))


CASES: dict[str, SearchStrategy[Case]] = {
    **{name: over(name) for name in ("mean", "sum", "max", "min")},
    "var": over("var", correction=st.sampled_from([0, 1, 0.5])),
    "std": over("std", correction=st.sampled_from([0, 1, 2])),
    "norm": over("norm", p=extended),
    "logsumexp": over("logsumexp").filter(lambda case: "dim" in case.params),
    "prod": along("prod", default=True, keepdim=flag).filter(
        lambda case: "dim" in case.params or "keepdim" not in case.params
    ),
    "argmax": along("argmax", default=True, keepdim=flag),
    "argmin": along("argmin", default=True, keepdim=flag),
    **{name: comparison(name) for name in COMPARISONS},
    "where": where(),
    "masked_fill": masked_fill(),
}


def along_one() -> list[Refused]:
    return [*dimension(), no("bad-parameter", LINE, dim=1, keepdim=1), no("bad-parameter", LINE, dim=[1])]


REFUSED: dict[str, list[Refused]] = {
    **{name: over_dimensions() for name in ("mean", "sum", "max", "min", "logsumexp")},
    **{
        name: [*over_dimensions(), no("bad-parameter", LINE, correction=-1), *odd("number", "correction", LINE)]
        for name in ("var", "std")
    },
    "norm": [*over_dimensions(), *odd("number or infinity", "p", LINE)],
    **{name: along_one() for name in ("prod", "argmax", "argmin")},
    **{
        name: [
            *odd("number or infinity", "scalar", IMAGE),
            no("wrong-arity", IMAGE),
            no("wrong-arity", IMAGE, IMAGE, IMAGE),
            no("wrong-arity", IMAGE, IMAGE, scalar=1),
            no("shape-mismatch", IMAGE, (2, 6, 8, 4)),
        ]
        for name in COMPARISONS
    },
    "where": [
        *odd("number or infinity", "other", LINE, LINE),
        no("wrong-arity", LINE),
        no("wrong-arity", LINE, LINE),
        no("wrong-arity", LINE, LINE, LINE, other=1),
        no("wrong-arity", LINE, LINE, other=1, input=1),
        no("shape-mismatch", LINE, LINE, (2, 6, 7)),
    ],
    "masked_fill": [*odd("number or infinity", "value", LINE, LINE), no("shape-mismatch", LINE, (2, 6, 7), value=0)],
}

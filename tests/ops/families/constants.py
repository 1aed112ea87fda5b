"""Tensors that depend on no other."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from archdsl.ops.dtypes import WIDTHS
from tests.ops.drawing import Named, extended, number, small
from tests.ops.oracle import Case
from tests.ops.refusal import INF, NAN, Refused, no, odd

dtype = st.sampled_from(list(WIDTHS))
sizes = small | st.lists(small, min_size=1, max_size=4)


def alone(operator: str, required: Named, **optional: SearchStrategy[Any]) -> SearchStrategy[Case]:
    """An operator that reads nothing."""
    params = st.fixed_dictionaries(required, optional=optional)
    return st.builds(lambda chosen: Case(operator, chosen, ()), params)


@st.composite
def written(draw: DrawFn) -> Case:
    """Values in lists of lists, now and then of different lengths."""
    kinds: list[list[Any]] = [[True, False], [0, -3, 7], [0.5, 2, -1.25, -INF], [1, True]]
    value = st.sampled_from(draw(st.sampled_from(kinds)))
    inner = st.integers(1, 3).flatmap(lambda n: st.lists(value, min_size=n, max_size=n))
    length: int = draw(small)
    rows = st.lists(value, min_size=length, max_size=length)
    values = draw(inner | st.lists(rows, min_size=1, max_size=3) | st.lists(inner, min_size=1, max_size=2))
    return Case("tensor", draw(st.fixed_dictionaries({"values": st.just(values)}, optional={"dtype": dtype})), ())


position = st.integers(-9, 20)
CASES: dict[str, SearchStrategy[Case]] = {
    "arange": alone(
        "arange",
        {"end": position},
        start=position,
        step=st.integers(-4, 4),
        dtype=st.sampled_from(["int64", "float32"]),
    ),
    "linspace": alone("linspace", {"start": number, "end": number, "steps": st.integers(0, 6)}),
    "eye": alone("eye", {"n": small}, m=small, dtype=dtype),
    "zeros": alone("zeros", {"sizes": sizes}, dtype=dtype),
    "ones": alone("ones", {"sizes": sizes}, dtype=dtype),
    "full": alone("full", {"sizes": sizes, "value": st.booleans() | st.integers(-3, 3) | extended}, dtype=dtype),
    "tensor": written(),
}


BAD: list[Any] = [1, True, [], [[]], [1, [2]], [[1, 2], [3]], "1", ["1"], [NAN], [2**63], [None]]


def filled(**more: Any) -> list[Refused]:
    return [no("bad-parameter", sizes=bad, **more) for bad in (0, [], [2, 0], [True], "2", [[2]], [2.0], 2**31)]


REFUSED: dict[str, list[Refused]] = {
    "arange": [
        *odd("integer", "end"),
        *odd("integer", "step", end=4),
        no("bad-parameter", end=4, step=0),
        no("empty-output", end=0),
        no("empty-output", end=4, start=4),
        no("empty-output", end=4, step=-1),
        no("bad-parameter", end=4, dtype="bool"),
    ],
    "linspace": [
        *odd("number", "start", end=1, steps=2),
        *odd("number", "end", start=1, steps=2),
        no("bad-parameter", start=0, end=1, steps=0),
        no("bad-parameter", start=0, end=1, steps=2.0),
    ],
    "eye": [*odd("integer", "n"), no("bad-parameter", n=0), no("bad-parameter", n=2, m=0)],
    "zeros": filled(),
    "ones": filled(),
    "full": [
        *filled(value=1),
        no("bad-parameter", sizes=2, value=INF, dtype="int64"),
        *(no("bad-parameter", sizes=2, value=value) for value in (NAN, "1", [1], 10**400)),
    ],
    "tensor": [
        *(no("bad-parameter", values=values) for values in BAD),
        no("bad-parameter", values=[[0, -INF]], dtype="int64"),
    ],
}

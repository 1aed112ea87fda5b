"""Functions of single values, activations, and normalisation by a norm."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.ops.drawing import (
    along,
    broadcastable,
    dims_of,
    extended,
    flag,
    fraction,
    images,
    number,
    pointwise,
    positive,
    shapes,
)
from tests.ops.oracle import Case
from tests.ops.refusal import IMAGE, INF, LINE, NAN, ROW, VECTOR, Refused, dimension, no, odd, probability, statistics
from tests.ops.refusal import pointwise as numbers

UNARY = "exp log sqrt rsqrt abs sin cos sign floor mish selu logsigmoid".split()


@st.composite
def power(draw: DrawFn) -> Case:
    given: list[str] = draw(st.sampled_from([[], [], ["exponent"], ["base"], ["exponent", "base"]]))
    params: dict[str, Any] = draw(st.fixed_dictionaries(dict.fromkeys(given, number)))
    several: int = draw(st.sampled_from([2, 2, 2, 1, 3]))
    alone = bool(params) and draw(st.integers(0, 9)) > 0
    count = 1 if alone else several
    return Case("pow", params, tuple(broadcastable(draw, count, 1, 4)))


@st.composite
def normalize(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 5))
    dims = dims_of(shape) | st.lists(dims_of(shape), min_size=1, max_size=3)
    optional = {"p": extended, "dim": dims, "eps": positive}
    return Case("normalize", draw(st.fixed_dictionaries({}, optional=optional)), (shape,))


@st.composite
def rms_norm(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 5))
    params: dict[str, Any] = draw(st.fixed_dictionaries({}, optional={"elementwise_affine": flag, "eps": positive}))
    if draw(flag):
        sizes = list(shape[-draw(st.integers(1, len(shape))) :])
        sizes[0] += draw(st.sampled_from([0, 0, 0, 1]))
        params["normalized_shape"] = sizes if draw(st.integers(0, 5)) else [1, *sizes]
    return Case("rms_norm", params, (shape,))


CASES: dict[str, SearchStrategy[Case]] = {
    **{name: pointwise(name) for name in [*UNARY, "randn", "rand"]},
    "round": pointwise("round", decimals=st.integers(-2, 3)),
    "clamp": pointwise("clamp", min=extended, max=extended),
    "pow": power(),
    "tril": pointwise("tril", diagonal=st.integers(-3, 3)),
    "triu": pointwise("triu", diagonal=st.integers(-3, 3)),
    "celu": pointwise("celu", alpha=number),
    "hardtanh": pointwise("hardtanh", min_val=number, max_val=number),
    "glu": along("glu", default=True),
    "softmin": along("softmin"),
    "dropout2d": st.builds(lambda shape, p: Case("dropout2d", {"p": p}, (shape,)), images(), fraction),
    "normalize": normalize(),
    "rms_norm": rms_norm(),
}


def infinite(name: str) -> list[Refused]:
    return odd("number or infinity", name, IMAGE)


REFUSED: dict[str, list[Refused]] = {
    "round": odd("integer", "decimals", IMAGE),
    "clamp": [*infinite("min"), *infinite("max"), no("bad-parameter", IMAGE)],
    "pow": [
        *numbers("exponent"),
        *numbers("base"),
        no("bad-parameter", IMAGE, exponent=2, base=2),
        no("wrong-arity", IMAGE),
        no("wrong-arity", IMAGE, IMAGE, IMAGE),
        no("wrong-arity", IMAGE, IMAGE, exponent=2),
        no("shape-mismatch", IMAGE, (2, 6, 8, 4)),
    ],
    "tril": [*odd("integer", "diagonal", IMAGE), no("wrong-rank", VECTOR)],
    "triu": [*odd("integer", "diagonal", IMAGE), no("wrong-rank", VECTOR)],
    "celu": [*numbers("alpha"), no("bad-parameter", IMAGE, alpha=0)],
    "hardtanh": [
        *numbers("min_val"),
        no("bad-parameter", IMAGE, max_val=-1),
        no("bad-parameter", IMAGE, min_val=2, max_val=1.5),
    ],
    "glu": [*odd("integer", "dim", IMAGE), no("bad-parameter", LINE, dim=3), no("groups", (2, 3), dim=-1)],
    "softmin": dimension(),
    "dropout2d": [*probability("p", IMAGE), no("wrong-rank", ROW), no("wrong-rank", LINE)],
    "normalize": [
        *odd("number or infinity", "p", IMAGE),
        no("bad-parameter", ROW, dim=2),
        no("bad-parameter", ROW, dim=[]),
        no("bad-parameter", ROW, dim=[1, -1]),
        no("bad-parameter", ROW, eps=-1),
        no("bad-parameter", ROW, eps=INF),
        no("bad-parameter", ROW, eps=NAN),
    ],
    "rms_norm": [
        *statistics(LINE),
        no("bad-parameter", LINE, normalized_shape=[]),
        no("bad-parameter", LINE, normalized_shape=[0]),
        no("shape-mismatch", LINE, normalized_shape=6),
        no("shape-mismatch", LINE, normalized_shape=[1, 2, 6, 8]),
        no("bad-parameter", LINE, elementwise_affine=1),
    ],
}

"""Configurations that operators refuse, each with the code of the fault."""

from typing import Any, NamedTuple

from archdsl.dims import Shape

NAN, INF = float("nan"), float("inf")
IMAGE = (2, 6, 8, 8)
LINE = (2, 6, 8)
VOLUME = (2, 6, 4, 4, 4)
ROW = (2, 6)
VECTOR = (6,)


class Refused(NamedTuple):
    code: str
    shapes: tuple[Shape, ...]
    params: dict[str, Any]


def no(code: str, *shapes: Shape, **params: Any) -> Refused:
    """A configuration that is refused with this code."""
    return Refused(code, shapes, params)


def odd(kind: str, name: str, *shapes: Shape, **params: Any) -> list[Refused]:
    """A parameter that is no number (or no integer, no flag): refused before any shape is looked at."""
    values = {
        "number": ["1", True, NAN, INF, -INF, [1.0], 10**400],
        "number or infinity": ["1", True, NAN, [1.0], 10**400],
        "integer": ["1", True, 1.0, NAN, 2**31, -(2**31), 10**30],
        "flag": ["true", 1, 0, 1.0, [True]],
    }
    return [no("bad-parameter", *shapes, **params, **{name: value}) for value in values[kind]]


def probability(name: str, *shapes: Shape) -> list[Refused]:
    return [no("bad-parameter", *shapes, **{name: value}) for value in (-0.1, 1.1, NAN, True, "0.5")]


def statistics(*shapes: Shape, **params: Any) -> list[Refused]:
    return [
        no("bad-parameter", *shapes, **params, eps=0),
        no("bad-parameter", *shapes, **params, eps=-1e-5),
        no("bad-parameter", *shapes, **params, eps=NAN),
    ]


def pointwise(name: str, **params: Any) -> list[Refused]:
    return odd("number", name, IMAGE, **params)


def scalar() -> list[Refused]:
    return [
        *odd("number", "scalar", IMAGE),
        no("wrong-arity", IMAGE),
        no("wrong-arity", IMAGE, IMAGE, scalar=1),
        no("shape-mismatch", IMAGE, (2, 6, 8, 4)),
        no("shape-mismatch", (2, 1, 8), (3, 6, 8)),
    ]


def one_of_two() -> list[Refused]:
    return [*scalar(), *odd("flag", "scalar_first", IMAGE, scalar=1), no("wrong-arity", IMAGE, IMAGE, IMAGE)]


def dimension() -> list[Refused]:
    return [*odd("integer", "dim", LINE), no("bad-parameter", LINE, dim=3), no("bad-parameter", LINE, dim=-4)]


def over_dimensions() -> list[Refused]:
    return [
        *dimension(),
        no("bad-parameter", LINE, dim=[]),
        no("bad-parameter", LINE, dim=[1, 1]),
        no("bad-parameter", LINE, dim=[1, -2]),
        no("bad-parameter", LINE, dim=[0, 3]),
        no("bad-parameter", LINE, dim=1, keepdim=1),
    ]

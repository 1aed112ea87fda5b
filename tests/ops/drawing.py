"""What configurations of operators are drawn from: shapes, parameters, and what somebody might write by mistake."""

from typing import Any, TypeAlias, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from archdsl.ops.dtypes import WIDTHS
from tests.ops.oracle import Case, Numbers

T = TypeVar("T")
Values: TypeAlias = SearchStrategy[Any]  # of a parameter
Named: TypeAlias = dict[str, Values]
Params: TypeAlias = dict[str, Any]

# What somebody might write where a number, a flag, a word or a list is meant.
ODD_VALUES: list[object] = [0, -1, -2, 1, 7, True, False, 0.5, 1.0, 2.5, -0.25, float("nan"), float("inf"), "same", "x"]
ODD_VALUES += [[], [0], [1], [2], [-1], [True], [1, 1], [2, 3], [0, 1], [1, 2, 1], [1, 1, 1, 1]]

small = st.integers(1, 3)
flag = st.booleans()
fraction = st.sampled_from([0.0, 0.1, 0.5, 1.0])
number = st.sampled_from([-2.0, -0.5, 0.0, 0.01, 1, 2.5])
extended = number | st.sampled_from([float("inf"), -float("inf")])
positive = st.sampled_from([1e-5, 0.5, 1, 2.0])


def spatial(rank: int, values: SearchStrategy[T]) -> SearchStrategy[T | list[T]]:
    """One value for all spatial dimensions, or a list with one for each."""
    return st.one_of(values, st.lists(values, min_size=rank, max_size=rank))


def shapes(low: int, high: int, sizes: SearchStrategy[int] = small) -> SearchStrategy[Numbers]:
    return st.lists(sizes, min_size=low, max_size=high).map(tuple)


some_channels = st.integers(1, 6)


@st.composite
def images(draw: DrawFn, channels: SearchStrategy[int] = some_channels, longest: int = 9) -> Numbers:
    """[N, C, L], [N, C, H, W] or [N, C, D, H, W]; now and then something else."""
    rank = draw(st.sampled_from([1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 0, -1, 4]))
    if rank < 0:
        return (draw(small),)
    lengths = st.integers(1, longest if rank < 3 else min(longest, 6))
    return (draw(st.integers(1, 2)), draw(channels), *(draw(lengths) for _ in range(rank)))


def rank_of(shape: Numbers) -> int:
    return min(max(len(shape) - 2, 1), 3)


@st.composite
def spoilt(draw: DrawFn, cases: SearchStrategy[Case]) -> Case:
    """A case, or one of every six times the same with an odd value for one parameter."""
    case = draw(cases)
    if not case.params or draw(st.integers(0, 5)):
        return case
    name = draw(st.sampled_from(sorted(case.params)))
    return case._replace(params=case.params | {name: draw(st.sampled_from(ODD_VALUES))})


@st.composite
def typed(draw: DrawFn, cases: SearchStrategy[Case]) -> Case:
    """A case, or one of every four times the same on tensors of other types."""
    case = draw(cases)
    if not case.shapes or draw(st.integers(0, 3)):
        return case
    return case._replace(dtypes=tuple(draw(st.sampled_from(list(WIDTHS))) for _ in case.shapes))


def simple(
    operator: str, inputs: SearchStrategy[Numbers], required: Named | None = None, **optional: Values
) -> SearchStrategy[Case]:
    """An operator whose parameters do not depend on its one input, nor on each other."""
    params = st.fixed_dictionaries(required or {}, optional=optional)
    return st.builds(lambda shape, chosen: Case(operator, chosen, (shape,)), inputs, params)


def broadcastable(draw: DrawFn, count: int, low: int, high: int) -> list[Numbers]:
    """Shapes that mostly broadcast: one shape, cut, with ones, and now and then a size of its own."""
    whole = draw(shapes(low, high))
    found = []
    for _ in range(count):
        shape = list(whole[draw(st.sampled_from([0, 0, 0, *range(len(whole) + 1 - low)])) :])
        for i in range(len(shape)):
            shape[i] = draw(st.sampled_from([shape[i]] * 8 + [1, 1, 1, shape[i] + 1]))
        found.append(tuple(shape))
    return found


def dims_of(shape: Numbers) -> SearchStrategy[int]:
    """Dimensions from either end, and a little beyond."""
    return st.integers(-len(shape) - 1, len(shape))


@st.composite
def along(
    draw: DrawFn,
    /,
    operator: str,
    required: Named | None = None,
    low: int = 1,
    default: bool = False,
    **optional: Values,
) -> Case:
    """An operator with a `dim`."""
    shape = draw(shapes(low, 5, st.integers(1, 4)))
    required = dict(required or {})
    (optional if default else required)["dim"] = dims_of(shape)
    return Case(operator, draw(st.fixed_dictionaries(required, optional=optional)), (shape,))


def pointwise(operator: str, **optional: Values) -> SearchStrategy[Case]:
    return simple(operator, shapes(0, 5), None, **optional)


anything = shapes(1, 6)

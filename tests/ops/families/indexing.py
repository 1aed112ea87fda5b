"""Values chosen by place or size, moved, or put into other windows."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.ops.drawing import along, dims_of, flag, images, rank_of, shapes, simple, small, spatial
from tests.ops.oracle import Case
from tests.ops.refusal import IMAGE, LINE, ROW, VECTOR, Refused, dimension, no, odd


@st.composite
def gather(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 4))
    index = [draw(st.sampled_from([size, size, 1, size + 1])) for size in shape]
    dim: int = draw(dims_of(shape))
    index[dim % len(shape)] = draw(small)
    if not draw(st.integers(0, 9)):
        index.append(1)
    return Case("gather", {"dim": dim}, (shape, tuple(index)))


@st.composite
def index_select(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 4))
    params: dict[str, Any] = draw(st.fixed_dictionaries({}, optional={"dim": dims_of(shape)}))
    return Case("index_select", params, (shape, draw(st.sampled_from([(1,), (2,), (5,), (2, 2)]))))


@st.composite
def moved(draw: DrawFn, operator: str) -> Case:
    shape = draw(shapes(1, 4))
    dims: list[int] = draw(st.lists(dims_of(shape), min_size=1, max_size=3))
    params: dict[str, Any] = {"dims": dims}
    if operator == "roll":
        count = len(dims) + draw(st.sampled_from([0] * 6 + [1]))
        params["shifts"] = draw(st.lists(st.integers(-4, 4), min_size=count, max_size=count))
    return Case(operator, params, (shape,))


@st.composite
def unfold(draw: DrawFn, operator: str) -> Case:
    """Windows over an image; for `fold` mostly as many columns as there are windows."""
    kernel, dilation = draw(spatial(2, small)), draw(spatial(2, st.integers(1, 2)))
    padding, stride = draw(spatial(2, st.integers(0, 2))), draw(spatial(2, small))
    params: dict[str, Any] = {"kernel_size": kernel, "dilation": dilation, "padding": padding, "stride": stride}
    if operator == "unfold":
        return Case(operator, params, (draw(images(longest=6)),))
    size = draw(spatial(2, st.integers(1, 6)))
    count, window = 1, 1
    for axis in (0, 1):
        k, d, p, s, n = (v[axis] if isinstance(v, list) else v for v in (kernel, dilation, padding, stride, size))
        count *= max((n + 2 * p - d * (k - 1) - 1) // s + 1, 1)
        window *= k
    rows = window * draw(small) + draw(st.sampled_from([0] * 6 + [1]))
    columns = count + draw(st.sampled_from([0] * 6 + [1]))
    return Case(operator, params | {"output_size": size}, ((draw(small), rows, columns),))


@st.composite
def grid_sample(draw: DrawFn) -> Case:
    shape = draw(images(longest=5))
    rank = draw(st.sampled_from([rank_of(shape)] * 6 + [2]))
    batch = draw(st.sampled_from([shape[0]] * 6 + [shape[0] + 1]))
    grid = (batch, *(draw(small) for _ in range(rank)), draw(st.sampled_from([rank] * 6 + [3])))
    optional = {
        "mode": st.sampled_from(["bilinear", "nearest", "bicubic"]),
        "padding_mode": st.sampled_from(["zeros", "border", "reflection"]),
        "align_corners": flag,
    }
    params: dict[str, Any] = draw(st.fixed_dictionaries({}, optional=optional))
    return Case("grid_sample", params, (shape, grid))


@st.composite
def max_unpool(draw: DrawFn) -> Case:
    shape = draw(images(longest=4))
    rank = rank_of(shape)
    kernel = spatial(rank, st.integers(1, 3))
    optional = {"stride": kernel, "padding": spatial(rank, st.integers(0, 1))}
    params: dict[str, Any] = draw(st.fixed_dictionaries({"kernel_size": kernel}, optional=optional))
    other = shape if draw(st.integers(0, 6)) else (*shape[:-1], shape[-1] + 1)
    return Case("max_unpool", params, (shape, other))


EQUATIONS = [
    "ij,jk->ik",
    "bhid,bhjd->bhij",
    "bij,bkj->bik",
    "ij->ji",
    "ij->i",
    "i,j->ij",
    "ij,ij->ij",
    "ij,jk",
    "ab,bc,cd->ad",
]
EQUATIONS += ["ij,jk->iik", "ii->i", "i j , j k -> k i", "ij;jk->ik", "ij,jk->il", "bi,b->i", "nchw,c->nhw"]
EQUATIONS += ["...ij,...jk->...ik", "...id,...jd", "i...->...i", "...i,...i->...", "i...,ij", "...j->j", "...,...->..."]
EQUATIONS += ["b...i,...ij,...->...b", "..i->i", "...i...->i", "...ij->i...j", "ij->...ij"]


@st.composite
def einsum(draw: DrawFn) -> Case:
    """Tensors that mostly have the dimensions of an equation."""
    equation: str = draw(st.sampled_from(EQUATIONS))
    rest: list[int] = draw(st.lists(st.integers(1, 3), max_size=2))
    sizes: dict[str, int] = {x: draw(st.integers(2, 4)) for x in "abcdhijklnqwxy"}
    found = []
    for term in equation.replace(" ", "").partition("->")[0].split(","):
        shape = [sizes.get(x, 2) for x in term.replace(".", "")]
        if shape and not draw(st.integers(0, 9)):
            shape[draw(st.integers(0, len(shape) - 1))] += 1
        if "..." in term:  # which broadcasts
            start: int = draw(st.integers(0, len(rest)))
            more = [draw(st.sampled_from([size, size, 1])) for size in rest[start:]]
            at = term.index("...")
            shape[at:at] = more
        found.append(tuple(shape))
    if not draw(st.integers(0, 9)):
        found.append((2,))
    return Case("einsum", {"equation": equation}, tuple(found))


CASES: dict[str, SearchStrategy[Case]] = {
    "einsum": einsum(),
    "gather": gather(),
    "index_select": index_select(),
    "roll": moved("roll"),
    "flip": moved("flip"),
    "tile": simple("tile", shapes(0, 3), {"dims": st.lists(small, min_size=1, max_size=4)}),
    "topk": along("topk", {"k": st.integers(1, 4)}, default=True, largest=flag, sorted=flag),
    "sort": along("sort", default=True, descending=flag, stable=flag),
    "cumsum": along("cumsum"),
    "unfold": unfold("unfold"),
    "fold": unfold("fold"),
    "pixel_unshuffle": simple(
        "pixel_unshuffle", shapes(1, 6, st.sampled_from([1, 2, 4, 6])), {"downscale_factor": small}
    ),
    "grid_sample": grid_sample(),
    "max_unpool": max_unpool(),
}

COLUMNS = (2, 12, 9)
REFUSED: dict[str, list[Refused]] = {
    "einsum": [
        no("bad-parameter", ROW, equation=2),
        no("bad-parameter", ROW, equation="i.->i"),
        no("bad-parameter", ROW, equation="ij->k"),
        no("bad-parameter", ROW, equation="..j->j"),
        no("bad-parameter", LINE, equation="...j...->j"),
        no("wrong-rank", ROW, equation="...ijk->ijk"),
        no("shape-mismatch", ROW, (3, 6), equation="...i,...i"),
        no("bad-parameter", ROW, equation="ii->i"),
        no("wrong-rank", LINE, equation="ij->i"),
        no("wrong-arity", ROW, ROW, equation="ij->i"),
        no("shape-mismatch", ROW, ROW, equation="ij,jk->ik"),
    ],
    "gather": [
        *odd("integer", "dim", LINE, LINE),
        no("bad-parameter", LINE, LINE, dim=3),
        no("shape-mismatch", LINE, ROW, dim=1),
        no("shape-mismatch", LINE, (3, 6, 8), dim=1),
    ],
    "index_select": [
        *odd("integer", "dim", LINE, VECTOR),
        no("bad-parameter", LINE, VECTOR, dim=3),
        no("wrong-rank", LINE, ROW),
    ],
    "roll": [
        no("bad-parameter", LINE, shifts=1, dims=[1, 2]),
        no("bad-parameter", LINE, shifts=1, dims=3),
        no("bad-parameter", LINE, shifts=[1, 1], dims=[1, -2]),
        no("bad-parameter", LINE, shifts=0.5, dims=1),
        no("bad-parameter", LINE, shifts=[], dims=[]),
    ],
    "flip": [
        no("bad-parameter", LINE, dims=3),
        no("bad-parameter", LINE, dims=[]),
        no("bad-parameter", LINE, dims=[1, 1]),
        no("bad-parameter", LINE, dims=True),
        no("bad-parameter", LINE, dims=1.0),
    ],
    "tile": [
        no("bad-parameter", LINE, dims=0),
        no("bad-parameter", LINE, dims=[]),
        no("bad-parameter", LINE, dims=[2, -1]),
        no("bad-parameter", LINE, dims=2.0),
        no("bad-parameter", LINE, dims=2**31),
    ],
    "topk": [
        *odd("integer", "k", LINE),
        no("bad-parameter", LINE, k=0),
        no("bad-parameter", LINE, k=9),
        no("bad-parameter", LINE, k=1, dim=3),
        no("bad-parameter", LINE, k=1, largest=1),
    ],
    "sort": [*dimension(), no("bad-parameter", LINE, descending=1)],
    "cumsum": dimension(),
    "unfold": [
        no("wrong-rank", LINE, kernel_size=2),
        no("bad-parameter", IMAGE, kernel_size=0),
        no("bad-parameter", IMAGE, kernel_size=[2]),
        no("bad-parameter", IMAGE, kernel_size=2, stride=0),
        no("bad-parameter", IMAGE, kernel_size=2, padding=-1),
        no("kernel-too-large", IMAGE, kernel_size=9),
    ],
    "fold": [
        no("wrong-rank", IMAGE, output_size=4, kernel_size=2),
        no("bad-parameter", COLUMNS, output_size=0, kernel_size=2),
        no("groups", COLUMNS, output_size=8, kernel_size=[5, 1]),
        no("shape-mismatch", COLUMNS, output_size=5, kernel_size=2),
        no("kernel-too-large", COLUMNS, output_size=1, kernel_size=2),
    ],
    "pixel_unshuffle": [
        no("wrong-rank", LINE, downscale_factor=2),
        no("bad-parameter", IMAGE, downscale_factor=0),
        no("bad-parameter", IMAGE, downscale_factor=2.0),
        no("bad-parameter", IMAGE, downscale_factor=-2),
        no("groups", IMAGE, downscale_factor=3),
    ],
    "grid_sample": [
        no("wrong-rank", LINE, LINE),
        no("shape-mismatch", IMAGE, (2, 3, 4, 3)),
        no("shape-mismatch", IMAGE, (2, 3, 2)),
        no("shape-mismatch", IMAGE, (3, 3, 4, 2)),
        no("bad-parameter", IMAGE, (2, 3, 4, 2), mode="linear"),
        no("bad-parameter", (2, 6, 4, 4, 4), (2, 3, 4, 4, 3), mode="bicubic"),
    ],
    "max_unpool": [
        no("wrong-rank", ROW, ROW, kernel_size=2),
        no("shape-mismatch", IMAGE, LINE, kernel_size=2),
        no("bad-parameter", IMAGE, IMAGE, kernel_size=0),
        no("bad-parameter", IMAGE, IMAGE, kernel_size=2, stride=0),
        no("empty-output", (1, 6, 1), (1, 6, 1), kernel_size=1, padding=1),
    ],
}

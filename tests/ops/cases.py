"""Configurations of every operator, valid and invalid: hypothesis strategies, one an operator."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from archdsl.ops.dtypes import WIDTHS
from tests.ops import families
from tests.ops.drawing import (
    Named,
    Params,
    Values,
    along,
    anything,
    broadcastable,
    dims_of,
    extended,
    flag,
    fraction,
    images,
    number,
    pointwise,
    positive,
    rank_of,
    shapes,
    simple,
    small,
    spatial,
    spoilt,
    typed,
)
from tests.ops.oracle import Case, Numbers

__all__ = ["CASES", "spoilt", "typed"]

# --- convolution and pooling


@st.composite
def conv(draw: DrawFn) -> Case:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    multiple = st.sampled_from([groups, groups, 2 * groups, groups + 1])
    shape = draw(images(multiple))
    rank = rank_of(shape)
    required = {"out_channels": multiple, "kernel_size": spatial(rank, st.integers(1, 5))}
    optional = {
        "padding": st.one_of(spatial(rank, st.integers(0, 4)), st.sampled_from(["same", "valid"])),
        "dilation": spatial(rank, small),
        "groups": st.just(groups),
        "bias": flag,
        "padding_mode": st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
    }
    params = draw(st.fixed_dictionaries(required, optional=optional))
    if params.get("padding") != "same" or not draw(st.integers(0, 3)):
        params |= draw(st.fixed_dictionaries({}, optional={"stride": spatial(rank, small)}))
    return Case("conv", params, (shape,))


@st.composite
def conv_transpose(draw: DrawFn) -> Case:
    groups = draw(st.sampled_from([1, 1, 1, 2, 3]))
    multiple = st.sampled_from([groups, groups, 2 * groups, groups + 1])
    shape = draw(images(multiple, longest=5))
    rank = rank_of(shape)
    required = {"out_channels": multiple, "kernel_size": spatial(rank, st.integers(1, 4))}
    optional = {
        "stride": spatial(rank, small),
        "padding": spatial(rank, st.integers(0, 3)),
        "output_padding": spatial(rank, st.integers(0, 2)),
        "dilation": spatial(rank, small),
        "groups": st.just(groups),
        "bias": flag,
    }
    return Case("conv_transpose", draw(st.fixed_dictionaries(required, optional=optional)), (shape,))


@st.composite
def pool(
    draw: DrawFn,
    /,
    operator: str,
    required: Named | None = None,
    **more: Values | Callable[[int], Values],
) -> Case:
    shape = draw(images(longest=12))
    rank = rank_of(shape)
    found = {name: values(rank) if callable(values) else values for name, values in more.items()}
    optional = {"stride": spatial(rank, st.integers(1, 5)), "ceil_mode": flag, **found}
    required = {"kernel_size": spatial(rank, st.integers(1, 5)), **(required or {})}
    return Case(operator, draw(st.fixed_dictionaries(required, optional=optional)), (shape,))


def padding(rank: int) -> Values:
    return spatial(rank, st.sampled_from([0, 0, 1, 1, 2, 3]))


def dilation(rank: int) -> Values:
    return spatial(rank, st.sampled_from([1, 1, 2, 3]))


@st.composite
def adaptive(draw: DrawFn, operator: str) -> Case:
    shape = draw(images())
    return Case(operator, {"output_size": draw(spatial(rank_of(shape), st.integers(1, 8)))}, (shape,))


@st.composite
def interpolate(draw: DrawFn) -> Case:
    shape = draw(images(longest=30))
    rank = rank_of(shape)
    fitting = [["linear"], ["bilinear", "bicubic"], ["trilinear"]][rank - 1]
    modes = ["nearest", "nearest-exact", "area", "linear", "bilinear", "bicubic", "trilinear", *fitting * 3]
    factors = st.sampled_from([0.1, 0.29, 0.3, 0.5, 1 / 3, 0.7, 1, 1.0, 1.1, 1.15, 1.5, 2, 2.0, 2.3, 1 / 49])
    any_factor = factors | st.floats(0.01, 3)
    optional = {"mode": st.sampled_from(modes), "align_corners": flag, "antialias": flag}
    given = draw(st.sampled_from(["size", "scale_factor", "scale_factor", "both or neither"]))
    params: Params
    if given == "size":
        params = {"size": draw(spatial(rank, st.integers(1, 9)))}
    elif given == "scale_factor":
        params = {"scale_factor": draw(spatial(rank, any_factor))}
    else:
        params = draw(st.sampled_from([{}, {"size": 3, "scale_factor": 2}]))
    return Case("interpolate", params | draw(st.fixed_dictionaries({}, optional=optional)), (shape,))


@st.composite
def pad(draw: DrawFn) -> Case:
    shape = draw(images(channels=small, longest=5) | shapes(1, 4))
    mode = draw(st.sampled_from(["constant", "constant", "reflect", "replicate", "circular"]))
    count = 2 * max(len(shape) - 2, 1) if mode != "constant" or draw(flag) else draw(st.integers(1, 2 * len(shape)))
    count = max(count + draw(st.sampled_from([0] * 9 + [1, 2, -1])), 1)
    params: Params = {"pad": draw(st.lists(st.integers(-4, 6), min_size=count, max_size=count)), "mode": mode}
    value: Named = {"value": extended} if mode == "constant" else {}
    params |= draw(st.fixed_dictionaries({}, optional=value))
    if mode == "constant" and draw(flag):
        del params["mode"]
    return Case("pad", params, (shape,))


# --- linear, attention, normalization


@st.composite
def matmul(draw: DrawFn) -> Case:
    """Leading dimensions that mostly broadcast, inner sizes that mostly agree."""
    a, b = broadcastable(draw, 2, 0, 2)
    inner = draw(small)
    other = draw(st.sampled_from([inner] * 5 + [inner + 1]))
    left, right = (*a, draw(small), inner), (*b, other, draw(small))
    if not draw(st.integers(0, 7)):
        left, right = draw(st.sampled_from([(left[-1:], right), (left, right[-2:-1])]))
    return Case("matmul", {}, (left, right))


@st.composite
def layer_norm(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 5))
    optional: Named = {"elementwise_affine": flag, "bias": flag, "eps": positive}
    params: Params = draw(st.fixed_dictionaries({}, optional=optional))
    if draw(flag):
        taken = draw(st.integers(1, len(shape)))
        params["normalized_shape"] = list(shape[-taken:])
        if not draw(st.integers(0, 3)):
            params["normalized_shape"][draw(st.integers(0, taken - 1))] += 1
        if not draw(st.integers(0, 5)):
            params["normalized_shape"].insert(0, 1)
    return Case("layer_norm", params, (shape,))


def norm(
    operator: str, shape: SearchStrategy[Numbers], required: Named | None = None, **more: Values
) -> SearchStrategy[Case]:
    return simple(operator, shape, required, eps=positive, affine=flag, bias=flag, **more)


# --- joining


@st.composite
def arithmetic(draw: DrawFn, /, operator: str, ordered: bool = False, **optional: Values) -> Case:
    params: Params = draw(st.fixed_dictionaries({}, optional=optional))
    if draw(st.integers(0, 3)) == 0:
        params |= {"scalar": draw(number)}
        if ordered:
            params |= draw(st.fixed_dictionaries({}, optional={"scalar_first": flag}))
        return Case(operator, params, (draw(shapes(0, 4)),))
    count = 2 if ordered else draw(st.integers(2, 3))
    return Case(operator, params, tuple(broadcastable(draw, count, 1, 4)))


@st.composite
def alike(draw: DrawFn, operator: str, free: bool) -> Case:
    """Tensors that mostly differ along one dimension only (`free`) or not at all."""
    shape = draw(shapes(1, 4))
    along = draw(st.integers(0, len(shape) - 1))
    tensors = []
    for _ in range(draw(st.integers(1, 3))):
        tensor = list(shape)
        if free:
            tensor[along] = draw(small)
        if not draw(st.integers(0, 9)):
            tensor[draw(st.integers(0, len(shape) - 1))] += 1
        if not draw(st.integers(0, 14)):
            tensor.append(1)
        tensors.append(tuple(tensor))
    dims = st.sampled_from([along, along, along - len(shape), 0, 1, -1, len(shape), -len(shape) - 1, -len(shape) - 2])
    return Case(operator, draw(st.fixed_dictionaries({}, optional={"dim": dims})), tuple(tensors))


# --- reshaping, reduction


@st.composite
def expand(draw: DrawFn) -> Case:
    """A tensor and one to expand it to, which mostly fit."""
    like = draw(shapes(1, 4, st.integers(1, 3)))
    shape = tuple(draw(st.sampled_from([1, 1, size])) for size in like) if draw(st.booleans()) else draw(shapes(1, 4))
    dims = dims_of(like) | st.lists(dims_of(like), min_size=1, max_size=3)
    return Case("expand", draw(st.fixed_dictionaries({}, optional={"dim": dims})), (shape, like))


@st.composite
def flatten(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 5))
    optional = {"start_dim": dims_of(shape), "end_dim": dims_of(shape)}
    return Case("flatten", draw(st.fixed_dictionaries({}, optional=optional)), (shape,))


def factors(draw: DrawFn, total: int) -> list[int]:
    """Sizes whose product is mostly the total; one may be -1."""
    found: list[int] = []
    rest = total
    while rest > 1 and len(found) < 3:
        found.append(draw(st.sampled_from([d for d in range(1, rest + 1) if rest % d == 0])))
        rest //= found[-1]
    sizes = draw(st.permutations([*found, rest]))
    for i in range(len(sizes)):
        sizes[i] = draw(st.sampled_from([sizes[i]] * 8 + [-1, -1, sizes[i] + 1]))
    return sizes


@st.composite
def unflatten(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 4, st.sampled_from([1, 2, 4, 6, 12])))
    dim = draw(dims_of(shape))
    return Case("unflatten", {"dim": dim, "sizes": factors(draw, shape[dim % len(shape)])}, (shape,))


@st.composite
def reshape(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 4, st.sampled_from([1, 2, 3, 4])))
    total = 1
    for size in shape:
        total *= size
    return Case("reshape", {"shape": factors(draw, total)}, (shape,))


@st.composite
def permute(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 5))
    dims = draw(st.permutations(range(len(shape))))
    dims = [draw(st.sampled_from([dim] * 6 + [dim - len(shape)] * 3 + [0])) for dim in dims]
    return Case("permute", {"dims": dims[: None if draw(st.integers(0, 9)) else -1]}, (shape,))


@st.composite
def split(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 4, st.integers(1, 6)))
    dim = draw(dims_of(shape))
    left = shape[dim % len(shape)]
    sizes: list[int] = []
    while left > 0 and len(sizes) < 4:
        sizes.append(draw(st.integers(1, left)))
        left -= sizes[-1]
    sizes[-1] += max(left, 0) + draw(st.sampled_from([0] * 5 + [1, -1]))
    return Case("split", {"sizes": sizes, "dim": dim}, (shape,))


@st.composite
def slice_(draw: DrawFn) -> Case:
    shape = draw(shapes(1, 4, st.integers(1, 7)))
    bound = st.integers(-8, 8)
    optional = {"start": bound, "end": bound, "dim": dims_of(shape), "step": st.integers(1, 4)}
    return Case("slice", draw(st.fixed_dictionaries({}, optional=optional)), (shape,))


CASES: dict[str, SearchStrategy[Case]] = {
    "to": simple("to", anything, {"dtype": st.sampled_from(list(WIDTHS))}),
    "conv": conv(),
    "conv_transpose": conv_transpose(),
    "max_pool": pool("max_pool", padding=padding, dilation=dilation, return_indices=flag),
    "avg_pool": pool("avg_pool", padding=padding, count_include_pad=flag, divisor_override=small),
    "lp_pool": pool("lp_pool", required={"norm_type": positive}),
    "adaptive_avg_pool": adaptive("adaptive_avg_pool"),
    "adaptive_max_pool": adaptive("adaptive_max_pool"),
    "global_avg_pool": simple("global_avg_pool", images()),
    "interpolate": interpolate(),
    "pad": pad(),
    "pixel_shuffle": simple("pixel_shuffle", shapes(1, 6, st.sampled_from([1, 2, 4, 9])), {"upscale_factor": small}),
    "channel_shuffle": simple("channel_shuffle", shapes(1, 6, st.sampled_from([1, 2, 4, 6])), {"groups": small}),
    "linear": simple("linear", anything, {"out_features": small}, bias=flag),
    "embedding": simple(
        "embedding", anything, {"num_embeddings": small, "embedding_dim": small}, padding_idx=st.integers(-3, 3)
    ),
    "matmul": matmul(),
    "batch_norm": norm("batch_norm", images(), momentum=fraction, track_running_stats=flag),
    "instance_norm": norm("instance_norm", images(longest=3), momentum=fraction, track_running_stats=flag),
    "group_norm": norm("group_norm", images(longest=2), {"num_groups": small}),
    "layer_norm": layer_norm(),
    "local_response_norm": simple(
        "local_response_norm", images(), {"size": st.integers(1, 9)}, alpha=number, beta=number, k=number
    ),
    "relu": pointwise("relu"),
    "relu6": pointwise("relu6"),
    "leaky_relu": pointwise("leaky_relu", negative_slope=number),
    "prelu": pointwise("prelu", num_parameters=small),
    "elu": pointwise("elu", alpha=number),
    "gelu": pointwise("gelu", approximate=st.sampled_from(["none", "tanh"])),
    "silu": pointwise("silu"),
    "hardswish": pointwise("hardswish"),
    "hardsigmoid": pointwise("hardsigmoid"),
    "sigmoid": pointwise("sigmoid"),
    "tanh": pointwise("tanh"),
    "softplus": pointwise("softplus", beta=positive, threshold=number),
    "softmax": along("softmax"),
    "log_softmax": along("log_softmax"),
    "dropout": pointwise("dropout", p=fraction),
    "drop_path": simple("drop_path", anything, {"p": fraction}),
    "identity": pointwise("identity"),
    "contiguous": pointwise("contiguous"),
    "add": arithmetic("add"),
    "mul": arithmetic("mul"),
    "sub": arithmetic("sub", ordered=True),
    "div": arithmetic("div", ordered=True, rounding_mode=st.sampled_from(["floor", "trunc"])),
    "maximum": arithmetic("maximum").filter(lambda case: not case.params),
    "concat": alike("concat", free=True),
    "stack": alike("stack", free=False),
    "chunk": along("chunk", {"chunks": st.integers(1, 5)}, default=True),
    "split": split(),
    "slice": slice_(),
    "flatten": flatten(),
    "unflatten": unflatten(),
    "reshape": reshape(),
    "permute": permute(),
    "expand": expand(),
    "squeeze": along("squeeze"),
    "unsqueeze": along("unsqueeze", low=0),
    "parameter": st.builds(lambda shape: Case("parameter", {"shape": shape}, ()), st.lists(small, min_size=1)),
    "buffer": st.builds(lambda shape: Case("buffer", {"shape": shape}, ()), st.lists(small, min_size=1)),
} | families.CASES

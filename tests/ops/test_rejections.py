"""What operators refuse, and as what: at least five configurations of each operator that has parameters."""

from typing import Any

import pytest

from archdsl.ops import OPERATORS, Operator, OperatorParameter, ShapeError, Weighted, build, parameters
from archdsl.ops.kinds import Boolean, Factors, Integer, Integers, Number, ParamError, Sides, Sizes
from tests.ops import families
from tests.ops.refusal import (
    IMAGE,
    INF,
    LINE,
    NAN,
    ROW,
    VECTOR,
    VOLUME,
    Refused,
    dimension,
    no,
    odd,
    one_of_two,
    pointwise,
    probability,
    scalar,
    statistics,
)


def convolution() -> list[Refused]:
    """What both convolutions refuse."""
    return [
        no("wrong-rank", ROW, out_channels=4, kernel_size=3),
        no("wrong-rank", (*VOLUME, 4), out_channels=4, kernel_size=3),
        no("bad-parameter", IMAGE, out_channels=0, kernel_size=3),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=0),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=True),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=[3]),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=[3, 3, 3]),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, stride=0),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, dilation=0),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, dilation=2**62),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, padding=-1),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, padding=2**61),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, padding="SAME"),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, groups=0),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, init="glorot"),
        no("groups", IMAGE, out_channels=8, kernel_size=3, groups=4),
        no("groups", IMAGE, out_channels=4, kernel_size=3, groups=3),
    ]


def window(**more: Any) -> list[Refused]:
    """What all pools with a window refuse."""
    return [
        no("wrong-rank", ROW, kernel_size=2, **more),
        no("bad-parameter", IMAGE, kernel_size=0, **more),
        no("bad-parameter", IMAGE, kernel_size=[2], **more),
        no("bad-parameter", IMAGE, kernel_size=2, stride=0, **more),
        no("bad-parameter", IMAGE, kernel_size=2, stride=[2, 2, 2], **more),
        no("bad-parameter", IMAGE, kernel_size=2, ceil_mode=1, **more),
        no("kernel-too-large", IMAGE, kernel_size=9, **more),
        no("kernel-too-large", (1, 6, 8, 1), kernel_size=2, **more),
    ]


def adaptive() -> list[Refused]:
    return [
        no("wrong-rank", ROW, output_size=1),
        no("bad-parameter", IMAGE, output_size=0),
        no("bad-parameter", IMAGE, output_size=-1),
        no("bad-parameter", IMAGE, output_size=[1]),
        no("bad-parameter", IMAGE, output_size=[1, 1, 1]),
        no("bad-parameter", IMAGE, output_size=2.0),
    ]


def own_tensor() -> list[Refused]:
    return [
        no("bad-parameter", shape=[0]),
        no("bad-parameter", shape=[1, -1]),
        no("bad-parameter", shape=[1.0]),
        no("bad-parameter", shape=[2**31]),
        no("bad-parameter", shape=[2], init="normally"),
    ]


ATTENTION = ((2, 5, 6),) * 3

REFUSED = {
    "conv": [
        *convolution(),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, padding="same", stride=2),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, padding_mode="mirror"),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, padding=8, padding_mode="reflect"),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, padding=9, padding_mode="circular"),
        no("kernel-too-large", IMAGE, out_channels=4, kernel_size=9),
        no("kernel-too-large", IMAGE, out_channels=4, kernel_size=[1, 11], padding=1),
        no("kernel-too-large", IMAGE, out_channels=4, kernel_size=3, dilation=4),
    ],
    "conv_transpose": [
        *convolution(),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, padding="same"),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, output_padding=1),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, stride=[1, 2], output_padding=1),
        no("bad-parameter", IMAGE, out_channels=4, kernel_size=3, output_padding=-1),
        no("empty-output", (1, 6, 1, 8), out_channels=4, kernel_size=2, padding=1),
    ],
    "max_pool": [
        *window(),
        no("bad-parameter", IMAGE, kernel_size=3, padding=2),
        no("bad-parameter", IMAGE, kernel_size=3, padding=2, dilation=2),
        no("bad-parameter", IMAGE, kernel_size=3, dilation=0),
        no("kernel-too-large", IMAGE, kernel_size=3, dilation=4),
    ],
    "avg_pool": [
        *window(),
        no("bad-parameter", IMAGE, kernel_size=3, padding=2),
        no("bad-parameter", IMAGE, kernel_size=2, divisor_override=0),
        no("bad-parameter", IMAGE, kernel_size=2, divisor_override=-1),
        no("bad-parameter", LINE, kernel_size=2, divisor_override=1),
        no("kernel-too-large", VOLUME, kernel_size=5, padding=2),
    ],
    "lp_pool": [
        *window(norm_type=2),
        no("bad-parameter", IMAGE, kernel_size=2, norm_type=0),
        no("bad-parameter", IMAGE, kernel_size=2, norm_type=-1),
        no("bad-parameter", IMAGE, kernel_size=2, norm_type=INF),
        no("kernel-too-large", VOLUME, kernel_size=5, norm_type=2, ceil_mode=True),
    ],
    "adaptive_avg_pool": adaptive(),
    "adaptive_max_pool": adaptive(),
    "interpolate": [
        no("wrong-rank", ROW, scale_factor=2),
        no("bad-parameter", IMAGE),
        no("bad-parameter", IMAGE, size=4, scale_factor=2),
        no("bad-parameter", IMAGE, size=0),
        no("bad-parameter", IMAGE, size=[4]),
        no("bad-parameter", IMAGE, scale_factor=0),
        no("bad-parameter", IMAGE, scale_factor=NAN),
        no("bad-parameter", IMAGE, scale_factor=INF),
        no("bad-parameter", IMAGE, scale_factor=[2.0]),
        no("bad-parameter", IMAGE, scale_factor=2, mode="cubic"),
        no("bad-parameter", LINE, scale_factor=2, mode="bilinear"),
        no("bad-parameter", IMAGE, scale_factor=2, mode="nearest", align_corners=False),
        no("empty-output", IMAGE, scale_factor=0.1),
        no("empty-output", IMAGE, scale_factor=1e12),
    ],
    "pad": [
        no("bad-parameter", IMAGE, pad=[1]),
        no("bad-parameter", ROW, pad=[1, 1, 1, 1, 1, 1]),
        no("bad-parameter", IMAGE, pad=[1, 1], mode="reflect"),
        no("bad-parameter", LINE, pad=[8, 0], mode="reflect"),
        no("bad-parameter", LINE, pad=[0, 9], mode="circular"),
        no("bad-parameter", LINE, pad=[-4, 5], mode="circular"),
        no("bad-parameter", LINE, pad=[1, 1], mode="replicate", value=1),
        no("bad-parameter", LINE, pad=[1, 1], mode="mirror"),
        no("bad-parameter", LINE, pad=[1.0, 1]),
        no("wrong-rank", (*VOLUME, 4), pad=[1] * 8, mode="replicate"),
        no("empty-output", LINE, pad=[-4, -4]),
        no("empty-output", LINE, pad=[-8, 9]),
    ],
    "pixel_shuffle": [
        no("wrong-rank", LINE, upscale_factor=2),
        no("bad-parameter", IMAGE, upscale_factor=0),
        no("bad-parameter", IMAGE, upscale_factor=-2),
        no("bad-parameter", IMAGE, upscale_factor=2.0),
        no("groups", IMAGE, upscale_factor=2),
        no("groups", IMAGE, upscale_factor=3),
    ],
    "channel_shuffle": [
        no("wrong-rank", ROW, groups=2),
        no("bad-parameter", IMAGE, groups=0),
        no("bad-parameter", IMAGE, groups=-2),
        no("bad-parameter", IMAGE, groups=True),
        no("groups", IMAGE, groups=4),
        no("groups", IMAGE, groups=12),
    ],
    "linear": [
        no("wrong-rank", VECTOR, out_features=4),
        no("bad-parameter", ROW, out_features=0),
        no("bad-parameter", ROW, out_features=-1),
        no("bad-parameter", ROW, out_features=True),
        no("bad-parameter", ROW, out_features=2**31),
        no("bad-parameter", ROW, out_features=4, bias=0),
    ],
    "embedding": [
        no("bad-parameter", ROW, num_embeddings=0, embedding_dim=4),
        no("bad-parameter", ROW, num_embeddings=4, embedding_dim=0),
        no("bad-parameter", ROW, num_embeddings=-1, embedding_dim=4),
        no("bad-parameter", ROW, num_embeddings=4, embedding_dim=4.0),
        no("bad-parameter", ROW, num_embeddings=10**30, embedding_dim=4),
    ],
    "scaled_dot_product_attention": [
        *probability("dropout_p", *ATTENTION),
        no("bad-parameter", *ATTENTION, is_causal=1),
        no("wrong-rank", ROW, ROW, ROW),
        no("shape-mismatch", (2, 5, 6), (2, 5, 4), (2, 5, 6)),
        no("shape-mismatch", (2, 5, 6), (2, 5, 6), (2, 7, 6)),
        no("shape-mismatch", (2, 5, 6), (1, 5, 6), (1, 5, 6)),
        no("shape-mismatch", (2, 1, 5, 6), (2, 5, 6), (2, 5, 6)),
        *families.attention.MORE_REFUSED["scaled_dot_product_attention"],
    ],
    "multihead_attention": [
        no("bad-parameter", *ATTENTION, num_heads=0),
        no("bad-parameter", *ATTENTION, num_heads=2, dropout=1.5),
        no("groups", *ATTENTION, num_heads=4),
        no("wrong-rank", (5, 6), (5, 6), (5, 6), num_heads=2),
        no("wrong-rank", *[(2, 2, 5, 6)] * 3, num_heads=2),
        no("shape-mismatch", (2, 5, 6), (3, 5, 6), (3, 5, 6), num_heads=2),
        no("shape-mismatch", (2, 5, 6), (2, 5, 6), (2, 7, 6), num_heads=2),
        *families.attention.MORE_REFUSED["multihead_attention"],
    ],
    "batch_norm": [
        *statistics(IMAGE),
        *probability("momentum", IMAGE),
        no("wrong-rank", VECTOR),
        no("wrong-rank", (*VOLUME, 4)),
        no("single-value-norm", (1, 6, 1, 1), track_running_stats=False),
        *odd("flag", "bias", IMAGE),
    ],
    "instance_norm": [
        *statistics(IMAGE),
        *probability("momentum", IMAGE),
        no("wrong-rank", ROW),
        no("single-value-norm", (2, 6, 1, 1)),
        no("single-value-norm", (2, 6, 1), track_running_stats=True),
        *odd("flag", "bias", IMAGE),
    ],
    "group_norm": [
        *statistics(IMAGE, num_groups=2),
        no("wrong-rank", VECTOR, num_groups=2),
        no("bad-parameter", IMAGE, num_groups=0),
        no("groups", IMAGE, num_groups=4),
        no("single-value-norm", (1, 6, 1, 1), num_groups=6),
        *odd("flag", "bias", IMAGE, num_groups=2),
    ],
    "layer_norm": [
        *statistics(LINE),
        no("bad-parameter", LINE, normalized_shape=[]),
        no("bad-parameter", LINE, normalized_shape=[0]),
        no("shape-mismatch", LINE, normalized_shape=6),
        no("shape-mismatch", LINE, normalized_shape=[8, 6]),
        no("shape-mismatch", LINE, normalized_shape=[1, 2, 6, 8]),
    ],
    "local_response_norm": [
        no("wrong-rank", ROW, size=5),
        no("bad-parameter", IMAGE, size=0),
        no("bad-parameter", IMAGE, size=-5),
        no("bad-parameter", IMAGE, size=5, alpha=NAN),
        no("bad-parameter", IMAGE, size=5, beta="1"),
        no("bad-parameter", IMAGE, size=5, k=INF),
    ],
    "leaky_relu": pointwise("negative_slope"),
    "elu": pointwise("alpha"),
    "prelu": [
        no("bad-parameter", IMAGE, num_parameters=0),
        no("bad-parameter", IMAGE, num_parameters=8),
        no("bad-parameter", VECTOR, num_parameters=6),
        no("bad-parameter", IMAGE, num_parameters=6.0),
        no("bad-parameter", IMAGE, num_parameters=2**31),
    ],
    "gelu": [no("bad-parameter", IMAGE, approximate=value) for value in ("TANH", "erf", True, 0, ["tanh"])],
    "to": [no("bad-parameter", IMAGE, dtype=value) for value in ("float16", "Int64", "int32", True, 0, ["bool"], None)],
    "softplus": [
        *pointwise("beta"),
        *pointwise("threshold"),
        no("bad-parameter", IMAGE, beta=0),
        no("bad-parameter", IMAGE, beta=-1),
    ],
    "softmax": dimension(),
    "log_softmax": dimension(),
    "dropout": probability("p", IMAGE),
    "drop_path": probability("p", IMAGE),
    "add": scalar(),
    "mul": scalar(),
    "sub": one_of_two(),
    "div": one_of_two(),
    "concat": [
        *dimension(),
        no("shape-mismatch", LINE, IMAGE),
        no("shape-mismatch", LINE, (2, 6, 7)),
        no("shape-mismatch", LINE, LINE, (3, 6, 8)),
    ],
    "stack": [
        *odd("integer", "dim", LINE),
        no("bad-parameter", LINE, dim=4),
        no("bad-parameter", LINE, dim=-5),
        no("shape-mismatch", LINE, (2, 6, 7)),
        no("shape-mismatch", LINE, ROW),
    ],
    "chunk": [
        no("bad-parameter", LINE, chunks=0),
        no("bad-parameter", LINE, chunks=-2),
        no("bad-parameter", LINE, chunks=2, dim=3),
        no("groups", LINE, chunks=4),
        no("groups", LINE, chunks=12),
    ],
    "split": [
        no("bad-parameter", LINE, sizes=[]),
        no("bad-parameter", LINE, sizes=[0, 6]),
        no("bad-parameter", LINE, sizes=[2, 4], dim=3),
        no("shape-mismatch", LINE, sizes=[2, 3]),
        no("shape-mismatch", LINE, sizes=[4, 4]),
        no("shape-mismatch", LINE, sizes=2),
    ],
    "slice": [
        no("bad-parameter", LINE, dim=3),
        no("bad-parameter", LINE, step=0),
        no("bad-parameter", LINE, step=-1),
        no("bad-parameter", LINE, start=-7),
        no("bad-parameter", LINE, start=7),
        no("bad-parameter", LINE, end=7),
        no("empty-output", LINE, start=6),
        no("empty-output", LINE, start=4, end=2),
    ],
    "flatten": [
        no("bad-parameter", LINE, start_dim=0),
        no("bad-parameter", LINE, start_dim=-3),
        no("bad-parameter", LINE, start_dim=2, end_dim=1),
        no("bad-parameter", LINE, start_dim=3),
        no("bad-parameter", LINE, end_dim=-4),
        no("bad-parameter", VECTOR),
    ],
    "unflatten": [
        no("bad-parameter", LINE, dim=3, sizes=[2, 3]),
        no("bad-parameter", LINE, dim=1, sizes=[-1, -1]),
        no("bad-parameter", LINE, dim=1, sizes=[-2, 3]),
        no("bad-parameter", LINE, dim=1, sizes=[0, -1]),
        no("bad-parameter", LINE, dim=1, sizes=[]),
        no("bad-parameter", LINE, dim=1, sizes=6),
        no("shape-mismatch", LINE, dim=1, sizes=[2, 2]),
        no("shape-mismatch", LINE, dim=1, sizes=[4, -1]),
    ],
    "reshape": [
        no("bad-parameter", LINE, shape=[-1, -1]),
        no("bad-parameter", LINE, shape=[-2, 48]),
        no("bad-parameter", LINE, shape=[0, -1]),
        no("bad-parameter", LINE, shape=96),
        no("bad-parameter", LINE, shape=[96.0]),
        no("shape-mismatch", LINE, shape=[2, 47]),
        no("shape-mismatch", LINE, shape=[5, -1]),
    ],
    "permute": [
        no("bad-parameter", LINE, dims=[0, 2]),
        no("bad-parameter", LINE, dims=[0, 1, 1]),
        no("bad-parameter", LINE, dims=[0, 2, -1]),
        no("bad-parameter", LINE, dims=[0, 1, 3]),
        no("bad-parameter", LINE, dims=[0, 1, 2, 3]),
        no("bad-parameter", LINE, dims=[]),
    ],
    "expand": [
        no("bad-parameter", LINE, LINE, dim=[3]),
        no("bad-parameter", LINE, LINE, dim=[-4]),
        no("bad-parameter", LINE, LINE, dim=[]),
        no("bad-parameter", LINE, LINE, dim=[0.5]),
        no("bad-parameter", LINE, LINE, dim=[True]),
        no("shape-mismatch", (2, 1), (3, 1), dim=[0]),
    ],
    "squeeze": [
        *odd("integer", "dim", LINE),
        no("bad-parameter", LINE, dim=3),
        no("shape-mismatch", LINE, dim=0),
        no("shape-mismatch", LINE, dim=-1),
    ],
    "unsqueeze": [
        *odd("integer", "dim", LINE),
        no("bad-parameter", LINE, dim=4),
        no("bad-parameter", LINE, dim=-5),
    ],
    "parameter": own_tensor(),
    "buffer": own_tensor(),
    # Without parameters there is less to get wrong.
    "matmul": [
        no("shape-mismatch", LINE, LINE),
        no("shape-mismatch", (2, 3, 4), (3, 4, 5)),
        no("wrong-rank", VECTOR, (6, 4)),
        no("wrong-rank", ROW, VECTOR),
    ],
    "maximum": [no("shape-mismatch", LINE, IMAGE), no("shape-mismatch", LINE, (2, 6, 7))],
    "global_avg_pool": [no("wrong-rank", ROW), no("wrong-rank", (*VOLUME, 4))],
} | families.REFUSED


def settable(operator: type[Operator]) -> list[OperatorParameter]:
    """The parameters of its own."""
    return [
        p for p in parameters(operator) if p.name not in ("init", "bias_init") or not issubclass(operator, Weighted)
    ]


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        pytest.param(name, refused, id=f"{name}-{i}-{refused.code}")
        for name, table in REFUSED.items()
        for i, refused in enumerate(table)
    ],
)
def test_refused_with_its_code(name: str, refused: Refused) -> None:
    with pytest.raises((ParamError, ShapeError)) as caught:
        build(OPERATORS[name], refused.params).infer_all(*refused.shapes)
    assert getattr(caught.value, "code", "bad-parameter") == refused.code
    assert str(caught.value)


@pytest.mark.parametrize("name", [name for name, operator in OPERATORS.items() if settable(operator)])
def test_five_configurations_of_every_operator_with_parameters_are_refused(name: str) -> None:
    assert len(REFUSED.get(name, ())) >= 5


HOSTILE: dict[tuple[type, ...], list[object]] = {
    (Integer, Integers, Sizes, Sides): [10**30, -(10**30), 2**61, 2**62, 2**31, True, False, 1.0, NAN, INF, "1", None],
    (Number, Factors): [NAN, INF, -INF, 10**400, -(10**400), True, "1", None],
    (Boolean,): [0, 1, "true", None, NAN],
}


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        pytest.param(name, parameter.name, value, id=f"{name}-{parameter.name}-{str(value)[:12]}")
        for name, operator in OPERATORS.items()
        for parameter in settable(operator)
        for kinds, values in HOSTILE.items()
        if isinstance(parameter.kind, kinds)
        for value in values
        if value not in (INF, -INF) or not getattr(parameter.kind, "infinite", False)
    ],
)
def test_a_hostile_value_is_refused_by_name(name: str, parameter: str, value: object) -> None:
    """Alone and in a list: huge integers, true as a number, NaN, infinity, texts."""
    for given in (value, [value], [1, value]):
        with pytest.raises(ParamError, match=f"^`{parameter}` "):
            build(OPERATORS[name], {parameter: given})

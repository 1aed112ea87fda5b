"""Losses: outputs against targets, and against one another."""

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.ops.drawing import Values, flag, fraction, positive, shapes
from tests.ops.oracle import Case
from tests.ops.refusal import INF, LINE, NAN, ROW, Refused, no, odd, probability

reductions = st.sampled_from(["mean", "sum", "none"])
ignored = st.integers(-2, 3)


@st.composite
def loss(draw: DrawFn, /, operator: str, classes: bool = False, **optional: Values) -> Case:
    output = draw(shapes(1, 6))
    target = list((output[0], *output[2:]) if classes else output)
    if target and not draw(st.integers(0, 4)):
        target[draw(st.integers(0, len(target) - 1))] += draw(st.sampled_from([1, 2]))
    if not draw(st.integers(0, 9)):
        target = target[1:] if draw(flag) else [*target, 1]
    if not draw(st.integers(0, 9)):
        target = [1 if draw(flag) else size for size in target]
    params = draw(st.fixed_dictionaries({}, optional=optional))
    for name in ("weight", "pos_weight"):
        if name in params:  # as many as there are, or one more
            count = output[1 if classes else -1] if len(output) > 1 else 1
            params[name] = [1.5] * (count + draw(st.sampled_from([0, 0, 0, 1])))
    return Case(operator, params, (output, tuple(target)))


@st.composite
def probabilities(draw: DrawFn) -> Case:
    """Cross entropy with a target of probabilities, or of the wrong type."""
    output = draw(shapes(1, 5))
    target = draw(st.sampled_from([output, (output[0], *output[2:])]))
    optional: dict[str, Values] = {"label_smoothing": fraction, "reduction": reductions, "ignore_index": st.just(0)}
    params = draw(st.fixed_dictionaries({}, optional=optional))
    return Case("cross_entropy", params, (output, target), ("float32", draw(st.sampled_from(["float32", "int64"]))))


@st.composite
def distances(draw: DrawFn, /, operator: str, **optional: Values) -> Case:
    first = draw(shapes(1, 3))
    others = [first, first[:1] if operator == "cosine_embedding_loss" else first]
    if not draw(st.integers(0, 4)):
        at = draw(st.integers(0, 1))
        others[at] = (*others[at][:-1], others[at][-1] + 1)
    return Case(operator, draw(st.fixed_dictionaries({}, optional=optional)), (first, *others))


@st.composite
def sequences(draw: DrawFn) -> Case:
    steps, batch, classes, length = (draw(st.integers(1, 4)) for _ in range(4))
    lengths = [batch + draw(st.sampled_from([0, 0, 0, 1])) for _ in range(2)]
    optional: dict[str, Values] = {"blank": st.integers(0, 4), "zero_infinity": flag, "reduction": reductions}
    params = draw(st.fixed_dictionaries({}, optional=optional))
    shapes_ = ((steps + 1, batch, classes), (batch, length), *((found,) for found in lengths))
    return Case("ctc_loss", params, shapes_)


CASES = {
    "cross_entropy": probabilities()
    | loss(
        "cross_entropy",
        classes=True,
        label_smoothing=fraction,
        reduction=reductions,
        weight=st.none(),
        ignore_index=ignored,
    ),
    "nll_loss": loss("nll_loss", classes=True, reduction=reductions, weight=st.none(), ignore_index=ignored),
    "binary_cross_entropy": loss("binary_cross_entropy", reduction=reductions, weight=st.none()),
    "binary_cross_entropy_with_logits": loss(
        "binary_cross_entropy_with_logits", reduction=reductions, weight=st.none(), pos_weight=st.none()
    ),
    "kl_div": loss("kl_div", reduction=reductions | st.just("batchmean"), log_target=flag),
    "mse_loss": loss("mse_loss", reduction=reductions),
    "l1_loss": loss("l1_loss", reduction=reductions),
    "smooth_l1_loss": loss("smooth_l1_loss", beta=positive, reduction=reductions),
    "huber_loss": loss("huber_loss", delta=positive, reduction=reductions),
    "triplet_margin_loss": distances(
        "triplet_margin_loss", margin=positive, p=positive, swap=flag, reduction=reductions
    ),
    "cosine_embedding_loss": distances("cosine_embedding_loss", margin=fraction, reduction=reductions),
    "ctc_loss": sequences(),
}

VECTORS = (ROW, ROW, ROW)
OF_CLASSES = [
    no("wrong-rank", (6,), ()),
    no("shape-mismatch", ROW, (3,)),
    no("shape-mismatch", ROW, ROW),
    no("shape-mismatch", LINE, (2,)),
    no("bad-parameter", ROW, (2,), weight=[1, 2]),
    no("bad-parameter", ROW, (2,), weight=[1]),
    no("bad-parameter", ROW, (2,), weight=3),
    no("bad-parameter", ROW, (2,), weight=[-1, 1, 1, 1, 1, 1]),
    no("bad-parameter", ROW, (2,), weight=[]),
    no("bad-parameter", ROW, (2,), reduction="average"),
    *odd("integer", "ignore_index", ROW, (2,))[:4],
]
OF_VALUES = [
    no("shape-mismatch", ROW, (2, 1)),
    no("shape-mismatch", ROW, (2,)),
    no("shape-mismatch", (4, 1), (4,)),
    no("bad-parameter", ROW, ROW, reduction="batch"),
    no("bad-parameter", ROW, ROW, reduction=True),
]
WEIGHTS_OF_PLACES = [
    no("bad-parameter", ROW, ROW, weight=[1, 2]),
    no("bad-parameter", ROW, ROW, weight=2),
    no("bad-parameter", ROW, ROW, weight=["1"]),
]
REFUSED: dict[str, list[Refused]] = {
    "cross_entropy": [*probability("label_smoothing", ROW, (2,)), *OF_CLASSES],
    "nll_loss": OF_CLASSES,
    "binary_cross_entropy": [*OF_VALUES, *WEIGHTS_OF_PLACES],
    "binary_cross_entropy_with_logits": [
        *OF_VALUES,
        *WEIGHTS_OF_PLACES,
        no("bad-parameter", ROW, ROW, pos_weight=[1, 2]),
        no("bad-parameter", ROW, ROW, pos_weight=[-1]),
    ],
    "mse_loss": OF_VALUES,
    "l1_loss": OF_VALUES,
    "smooth_l1_loss": [
        no("bad-parameter", ROW, ROW, beta=-1),
        no("bad-parameter", ROW, ROW, beta=NAN),
        no("bad-parameter", ROW, ROW, beta=INF),
        no("bad-parameter", ROW, ROW, beta="1"),
        *OF_VALUES,
    ],
    "huber_loss": [*odd("number", "delta", ROW, ROW), no("bad-parameter", ROW, ROW, delta=0), *OF_VALUES],
    "kl_div": [*odd("flag", "log_target", ROW, ROW), *OF_VALUES],
    "triplet_margin_loss": [
        *odd("number", "margin", *VECTORS),
        *odd("flag", "swap", *VECTORS),
        no("bad-parameter", *VECTORS, p=-1),
        no("wrong-rank", (6,), (6,), (6,)),
        no("shape-mismatch", ROW, ROW, (2, 5)),
        no("shape-mismatch", ROW, (1, 6), ROW),
    ],
    "cosine_embedding_loss": [
        *odd("number", "margin", ROW, ROW, (2,)),
        no("bad-parameter", ROW, ROW, (2,), margin=2),
        no("wrong-rank", (6,), (6,), ()),
        no("shape-mismatch", ROW, (2, 5), (2,)),
        no("shape-mismatch", ROW, ROW, (3,)),
    ],
    "ctc_loss": [
        *odd("integer", "blank", (5, 2, 6), (2, 3), (2,), (2,))[:4],
        no("bad-parameter", (5, 2, 6), (2, 3), (2,), (2,), blank=6),
        no("wrong-rank", (5, 6), (2, 3), (2,), (2,)),
        no("shape-mismatch", (5, 2, 6), (3, 3), (2,), (2,)),
        no("shape-mismatch", (5, 2, 6), (6,), (2,), (2,)),
        no("shape-mismatch", (5, 2, 6), (2, 3), (3,), (2,)),
        no("shape-mismatch", (5, 2, 6), (2, 3), (2,), (2, 1)),
    ],
}

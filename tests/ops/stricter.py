"""Where archdsl refuses on purpose what torch accepts: each rule with its reason and an example.

There is no rule for the other direction: what torch refuses, archdsl refuses.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from archdsl.ops import OPERATORS, parameter_table
from archdsl.ops.dtypes import TAKEN
from archdsl.ops.kinds import MAX_INT, Boolean, Choice, Factors, Init, Integer, Integers, Number, Sides, Sizes, Values
from tests.ops.oracle import Answer, Case

Applies: TypeAlias = Callable[[Case, Answer], bool]  # to a case that torch accepted


class Rule(NamedTuple):
    reason: str
    applies: Applies
    example: Case


RANKS = {  # least and greatest number of dimensions of the first input, where torch takes others too
    "conv": (3, 5),
    "conv_transpose": (3, 5),
    "max_pool": (3, 5),
    "avg_pool": (3, 5),
    "lp_pool": (3, 5),
    "adaptive_avg_pool": (3, 5),
    "adaptive_max_pool": (3, 5),
    "global_avg_pool": (3, 5),
    "instance_norm": (3, 5),
    "group_norm": (2, 5),
    "local_response_norm": (3, 5),
    "pixel_shuffle": (4, 4),
    "channel_shuffle": (3, 5),
    "linear": (2, 8),
    "scaled_dot_product_attention": (3, 6),
    "multihead_attention": (3, 3),
    "tril": (2, 8),
    "triu": (2, 8),
    "dropout2d": (4, 4),
    "lstm": (3, 3),
    "gru": (3, 3),
    "rnn": (3, 3),
    "unfold": (4, 4),
    "fold": (3, 3),
    "pixel_unshuffle": (4, 4),
    "grid_sample": (4, 5),
    "max_unpool": (3, 5),
    "cross_entropy": (2, 5),
    "nll_loss": (2, 5),
    "triplet_margin_loss": (2, 2),
    "cosine_embedding_loss": (2, 2),
    "ctc_loss": (3, 3),
}

NUMBERS = {  # ranges outside which a number makes no sense; torch looks at few of them
    ("batch_norm", "eps"): (1e-300, math.inf),
    ("instance_norm", "eps"): (1e-300, math.inf),
    ("group_norm", "eps"): (1e-300, math.inf),
    ("layer_norm", "eps"): (1e-300, math.inf),
    ("batch_norm", "momentum"): (0, 1),
    ("instance_norm", "momentum"): (0, 1),
    ("softplus", "beta"): (1e-300, math.inf),
    ("lp_pool", "norm_type"): (1e-300, math.inf),
    ("avg_pool", "divisor_override"): (1, math.inf),
    ("scaled_dot_product_attention", "dropout_p"): (0, 1),
    ("multihead_attention", "dropout"): (0, 1),
    ("drop_path", "p"): (0, 1),
    ("lstm", "dropout"): (0, 1),
    ("gru", "dropout"): (0, 1),
    ("rnn", "dropout"): (0, 1),
    ("rms_norm", "eps"): (1e-300, math.inf),
    ("normalize", "eps"): (0, math.inf),
    ("round", "decimals"): (-30, 30),
    ("var", "correction"): (0, math.inf),
    ("std", "correction"): (0, math.inf),
    ("cross_entropy", "label_smoothing"): (0, 1),
}


def values(case: Case, *kinds: type) -> Iterator[Any]:
    """The single values of the parameters of these kinds."""
    table = parameter_table(OPERATORS[case.operator])
    for name, value in case.params.items():
        if isinstance(table[name].kind, kinds):
            yield from value if isinstance(value, list) else [value]


def lists(case: Case, *kinds: type) -> list[list[Any]]:
    table = parameter_table(OPERATORS[case.operator])
    return [v for name, v in case.params.items() if isinstance(v, list) and isinstance(table[name].kind, kinds)]


def another_type(case: Case, answer: Answer) -> bool:
    whole = any(
        type(value) is not int and not isinstance(value, str) for value in values(case, Integer, Integers, Sizes, Sides)
    )
    numeric = any(type(value) not in (int, float) for value in values(case, Number, Factors))
    logical = any(type(value) is not bool for value in values(case, Boolean))
    return whole or numeric or logical or any(lists(case, Integer, Number, Boolean, Choice, Init))


def another_number_of_values(case: Case, answer: Answer) -> bool:
    rank = 2 if case.operator == "fold" else len(case.shapes[0]) - 2 if case.shapes else 0
    return any(len(value) != rank for value in lists(case, Sizes, Factors))


def too_large(case: Case, answer: Answer) -> bool:
    return any(abs(v) > MAX_INT for v in values(case, Integer, Integers, Sizes, Sides) if type(v) is int)


def not_finite(case: Case, answer: Answer) -> bool:
    table = parameter_table(OPERATORS[case.operator])
    endless = {name for name in case.params if getattr(table[name].kind, "infinite", False)}
    finite = case._replace(params={name: value for name, value in case.params.items() if name not in endless})
    found = any(isinstance(v, float) and not math.isfinite(v) for v in values(finite, Number, Factors))
    return found or any(isinstance(v, float) and math.isnan(v) for v in values(case, Number))


def out_of_range(case: Case, answer: Answer) -> bool:
    for name, value in case.params.items():
        low, high = NUMBERS.get((case.operator, name), (-math.inf, math.inf))
        if isinstance(value, (int, float)) and not low <= value <= high:
            return True
    return False


def another_rank(case: Case, answer: Answer) -> bool:
    low, high = RANKS.get(case.operator, (0, 99))
    return not low <= len((case.shapes or ((),))[0]) <= high and case.operator in RANKS


def not_taken(case: Case, answer: Answer) -> bool:
    last = len(OPERATORS[case.operator].takes) - 1
    takes = [OPERATORS[case.operator].takes[min(i, last)] for i in range(len(case.shapes))]
    return any(dtype not in TAKEN[kind] for dtype, kind in zip(case.types, takes, strict=True))


def border_with_a_fraction(case: Case, answer: Answer) -> bool:
    return case.types[:1] != ("float32",) and case.params.get("value", 0) % 1 != 0


def no_number(case: Case, answer: Answer) -> bool:
    found = list(values(case, Values))
    while any(isinstance(value, list) for value in found):
        found = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return any(map(math.isnan, found))


def no_list(case: Case, answer: Answer) -> bool:
    return not isinstance(case.params["values"], list)


def empty(case: Case, answer: Answer) -> bool:
    return any(0 in shape for shape in answer.shapes or ())


def unbatched_pad(case: Case, answer: Answer) -> bool:
    unbatched = len(case.params["pad"]) != 2 * (len(case.shapes[0]) - 2)
    return case.params.get("mode", "constant") != "constant" and unbatched


def nothing_left_to_pad(case: Case, answer: Answer) -> bool:
    (shape,), pad = case.shapes, case.params["pad"]
    sides = zip(reversed(shape), pad[::2], pad[1::2], strict=False)
    return any(size + min(before, 0) + min(after, 0) < 1 for size, before, after in sides)


def wraps_over_what_is_cropped(case: Case, answer: Answer) -> bool:
    (shape,), pad = case.shapes, case.params["pad"]
    sides = zip(reversed(shape), pad[::2], pad[1::2], strict=False)
    wraps = any(max(before, after) > size + min(before, 0) + min(after, 0) for size, before, after in sides)
    return case.params.get("mode") == "circular" and wraps


def merges_the_batch(case: Case, answer: Answer) -> bool:
    rank = len(case.shapes[0])
    start: int = case.params.get("start_dim", 1)
    end: int = case.params.get("end_dim", -1)
    return start % rank == 0 != end % rank


def dim(case: Case) -> int:
    given: int = case.params.get("dim", 1)
    return given % len(case.shapes[0])


def uneven(case: Case, answer: Answer) -> bool:
    chunks: int = case.params["chunks"]
    return case.shapes[0][dim(case)] % chunks != 0


def not_one(case: Case, answer: Answer) -> bool:
    return case.shapes[0][dim(case)] != 1


def clipped(case: Case, answer: Answer) -> bool:
    size = case.shapes[0][dim(case)]
    return any(not -size <= case.params.get(name, 0) <= size for name in ("start", "end"))


def one_value(case: Case, answer: Answer) -> bool:
    return math.prod(case.shapes[0][2:]) == 1


def leading_dimensions_differ(case: Case, answer: Answer) -> bool:
    query, key, value = case.shapes[:3]
    if case.params.get("enable_gqa"):  # but for the heads
        return not (query[:-3] == key[:-3] and key[:-2] == value[:-2])
    return not query[:-2] == key[:-2] == value[:-2]


def lengths_differ(case: Case, answer: Answer) -> bool:
    _, key, value = case.shapes[:3]
    return key[-2:-1] != value[-2:-1]


def crops(case: Case, answer: Answer) -> bool:
    padding = case.params.get("padding", 0)
    return any(type(size) is int and size < 0 for size in (padding if isinstance(padding, list) else [padding]))


def no_dilation(case: Case, answer: Answer) -> bool:
    return case.params.get("dilation") in (0, [0])


def vector(case: Case, answer: Answer) -> bool:
    return min(map(len, case.shapes)) < 2


def broadcast_target(case: Case, answer: Answer) -> bool:
    output, *others = case.shapes
    if case.operator == "cosine_embedding_loss":
        return others[0] != output or others[1] != output[:1]
    return any(other != output for other in others)


def one_weight_for_all(case: Case, answer: Answer) -> bool:
    return len(case.params.get("weight") or ()) == 1 != case.shapes[0][1]


def one_letter_of_two_sizes(case: Case, answer: Answer) -> bool:
    sizes: dict[str, set[int]] = {}
    for term, shape in zip(
        case.params["equation"].replace(" ", "").partition("->")[0].split(","), case.shapes, strict=False
    ):
        before, _, after = term.partition("...")
        pairs = [*zip(before, shape, strict=False), *zip(reversed(after), reversed(shape), strict=False)]
        for letter, size in pairs:
            sizes.setdefault(letter, set()).add(size)
    return any(len(found) > 1 for found in sizes.values())


def only(*operators: str) -> Callable[[Applies], Applies]:
    """A rule of these operators only."""

    def narrow(applies: Applies) -> Applies:
        return lambda case, answer: case.operator in operators and applies(case, answer)

    return narrow


LOSSES = (
    "mse_loss l1_loss smooth_l1_loss huber_loss kl_div binary_cross_entropy binary_cross_entropy_with_logits "
    "triplet_margin_loss cosine_embedding_loss"
).split()
IMAGE = (1, 4, 6, 6)

RULES = {
    "another-type": Rule(
        "an integer is an integer, a flag is true or false: kernel_size = true would be a 1 × 1 convolution",
        another_type,
        Case("conv", {"out_channels": 2, "kernel_size": True}, (IMAGE,)),
    ),
    "not-taken": Rule(
        "layers compute with floating-point numbers; what torch does with integers differs between devices",
        not_taken,
        Case("relu", {}, (IMAGE,), ("int64",)),
    ),
    "border-with-a-fraction": Rule(
        "torch cuts the fraction off silently",
        only("pad", "masked_fill")(border_with_a_fraction),
        Case("pad", {"pad": [1, 1], "value": 0.5}, (IMAGE,), ("int64",)),
    ),
    "no-number": Rule(
        "what is no number is computed, where it is meant: 0 / 0 is no constant",
        only("full", "tensor")(no_number),
        Case("full", {"sizes": 2, "value": math.nan}, ()),
    ),
    "no-list": Rule(
        "a number beside a tensor is a number",
        only("tensor")(no_list),
        Case("tensor", {"values": 2}, ()),
    ),
    "list-of-another-length": Rule(
        "a list has one value for each dimension; torch stretches lists of one in some places and not in others",
        another_number_of_values,
        Case("conv", {"out_channels": 2, "kernel_size": 3, "stride": [1]}, (IMAGE,)),
    ),
    "empty-list": Rule(
        "an empty list says nothing; to torch it means all dimensions",
        lambda case, answer: [] in case.params.values(),
        Case("mean", {"dim": []}, (IMAGE,)),
    ),
    "integer-too-large": Rule(
        "beyond 2^31 - 1 torch crashes or wraps round",
        too_large,
        Case("conv", {"out_channels": 2, "kernel_size": 3, "dilation": 2**62}, (IMAGE,)),
    ),
    "not-finite": Rule(
        "NaN is a mistake, and so is infinity where nothing is masked, bounded or compared by it",
        not_finite,
        Case("leaky_relu", {"negative_slope": float("nan")}, (IMAGE,)),
    ),
    "out-of-range": Rule(
        "a variance, a probability or a weight outside its range is a mistake",
        out_of_range,
        Case("batch_norm", {"momentum": 2.0}, (IMAGE,)),
    ),
    "another-rank": Rule(
        "the batch is always there (torch takes a 3-d image for a single one, silently), and no more"
        " dimensions than the operator's form has",
        another_rank,
        Case("max_pool", {"kernel_size": 2}, ((4, 6),)),
    ),
    "empty-output": Rule(
        "a tensor without elements is a mistake; for transposed convolutions torch's back ends disagree",
        empty,
        Case("adaptive_avg_pool", {"output_size": 0}, (IMAGE,)),
    ),
    "negative-padding": Rule(
        "with a border that is no zeros torch crops the input; with zeros it refuses",
        only("conv")(crops),
        Case("conv", {"out_channels": 1, "kernel_size": 1, "padding": -1, "padding_mode": "reflect"}, ((1, 1, 3),)),
    ),
    "dilation-zero": Rule(
        "one of torch's back ends takes it for a kernel of 1, the others refuse it",
        only("conv_transpose")(no_dilation),
        Case("conv_transpose", {"out_channels": 1, "kernel_size": 1, "dilation": 0}, ((2, 1, 1),)),
    ),
    "unbatched-pad": Rule(
        "a border that is no constant is for spatial dimensions, behind batch and channels",
        only("pad")(unbatched_pad),
        Case("pad", {"pad": [1, 1, 1, 1], "mode": "reflect"}, ((4, 6, 6),)),
    ),
    "nothing-left-to-pad": Rule(
        "nothing of the input would be left inside the border",
        only("pad")(nothing_left_to_pad),
        Case("pad", {"pad": [-6, 8]}, (IMAGE,)),
    ),
    "wraps-over-what-is-cropped": Rule(
        "torch copies values that it is still writing, or refuses, by the number of channels",
        only("pad")(wraps_over_what_is_cropped),
        Case("pad", {"pad": [-1, 2], "mode": "circular"}, ((1, 2, 2),)),
    ),
    "merges-the-batch": Rule(
        "samples would mix; `reshape` is there for those who mean it",
        only("flatten")(merges_the_batch),
        Case("flatten", {"start_dim": 0}, (IMAGE,)),
    ),
    "uneven-chunks": Rule(
        "torch makes a smaller last part, or fewer parts, silently",
        only("chunk")(uneven),
        Case("chunk", {"chunks": 2}, ((2, 3),)),
    ),
    "squeeze-of-more-than-one": Rule(
        "torch does nothing, and the error comes later",
        only("squeeze")(not_one),
        Case("squeeze", {"dim": 1}, (IMAGE,)),
    ),
    "slice-outside": Rule(
        "torch clips the range silently",
        only("slice")(clipped),
        Case("slice", {"end": 5}, (IMAGE,)),
    ),
    "single-value-instance-norm": Rule(
        "it passes in inference with running statistics, but never in training",
        only("instance_norm")(one_value),
        Case("instance_norm", {"track_running_stats": True}, ((2, 4, 1, 1),)),
    ),
    "attention-lengths": Rule(
        "each key has its value; torch reads values beyond the last one",
        only("scaled_dot_product_attention")(lengths_differ),
        Case("scaled_dot_product_attention", {}, ((1, 1, 3, 4), (1, 1, 3, 4), (1, 1, 1, 4))),
    ),
    "attention-broadcast": Rule(
        "leading dimensions of attention are batch and heads, which do not stretch",
        only("scaled_dot_product_attention")(leading_dimensions_differ),
        Case("scaled_dot_product_attention", {}, ((2, 3, 4), (1, 3, 4), (1, 3, 4))),
    ),
    "vector-matmul": Rule(
        "a product with a vector drops a dimension",
        only("matmul")(vector),
        Case("matmul", {}, ((4, 3), (3,))),
    ),
    "diagonal": Rule(
        "a letter twice in one tensor means its diagonal, which is hardly ever meant",
        only("einsum")(lambda case, answer: "ii" in case.params["equation"]),
        Case("einsum", {"equation": "ii->i"}, ((3, 3),)),
    ),
    "letter-of-two-sizes": Rule(
        "a letter is one size; what is stretched is `...`",
        only("einsum")(one_letter_of_two_sizes),
        Case("einsum", {"equation": "ij,jk->ik"}, ((2, 1), (3, 4))),
    ),
    "loss-broadcast": Rule(
        "a target of another shape than the output is a mistake, of which torch only warns",
        only(*LOSSES)(broadcast_target),
        Case("mse_loss", {}, ((4, 1), (4,))),
    ),
}

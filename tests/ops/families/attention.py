"""Masks of attention, heads that are shared, and projections of other widths."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.ops.drawing import flag, fraction, number, shapes, small
from tests.ops.oracle import Case, Numbers
from tests.ops.refusal import Refused, no, odd

TYPES = st.sampled_from(["bool", "bool", "float32", "float32", "int64"])


@st.composite
def tensors(draw: DrawFn, low: int, high: int) -> tuple[Numbers, Numbers, Numbers]:
    """Query, key and value of which at most one size is wrong."""
    leading: Numbers = draw(shapes(low - 2, high - 2))
    length, other, width = draw(small), draw(small), draw(st.sampled_from([2, 4, 6, 8]))
    last = draw(st.sampled_from([width, width, width + 2]))
    found = [[*leading, length, width], [*leading, other, width], [*leading, other, last]]
    if not draw(st.integers(0, 3)):
        wrong: list[int] = draw(st.sampled_from(found))
        wrong[draw(st.integers(0, len(wrong) - 1))] += draw(st.sampled_from([1, 2]))
    query, key, value = map(tuple, found)
    return query, key, value


@st.composite
def dot_product(draw: DrawFn) -> Case:
    query, key, value = draw(tensors(4, 4) | tensors(2, 5))
    optional = {"is_causal": flag, "dropout_p": fraction, "scale": number, "enable_gqa": flag}
    params: dict[str, Any] = draw(st.fixed_dictionaries({}, optional=optional))
    if len(query) > 2 and not draw(st.integers(0, 2)):
        query = (*query[:-3], query[-3] * draw(st.sampled_from([1, 2])), *query[-2:])
    if draw(flag):
        return Case("scaled_dot_product_attention", params, (query, key, value))
    scores: list[int] = [*query[:-1], key[-2]]
    start: int = draw(st.integers(0, len(scores)))
    mask = [draw(st.sampled_from([size] * 6 + [1, size + 1])) for size in scores[start:]]
    types = ("float32", "float32", "float32", draw(TYPES))
    return Case("scaled_dot_product_attention", params, (query, key, value, tuple(mask)), types)


@st.composite
def heads(draw: DrawFn) -> Case:
    query, key, value = draw(tensors(3, 3) | tensors(2, 4))
    count: int = draw(small)
    optional = {"bias": flag, "dropout": fraction, "add_bias_kv": flag, "is_causal": flag}
    params: dict[str, Any] = draw(st.fixed_dictionaries({"num_heads": st.just(count)}, optional=optional))
    if len(query) < 3 or draw(flag):
        return Case("multihead_attention", params, (query, key, value))
    forms: dict[str, list[Numbers]] = {
        "key_padding_mask": [(query[0], key[1])],
        "attn_mask": [(query[1], key[1]), (query[0] * count, query[1], key[1])],
    }
    names: list[str] = draw(st.sampled_from([["key_padding_mask"], ["attn_mask"], ["key_padding_mask", "attn_mask"]]))
    masks: list[Numbers] = [draw(st.sampled_from(forms[name] * 4 + [(query[0], key[1] + 1)])) for name in names]
    if names == ["attn_mask"]:
        params["mask"] = "attn_mask"
    types = ("float32", "float32", "float32", *(draw(TYPES) for _ in masks))
    return Case("multihead_attention", params, (query, key, value, *masks), types)


CASES: dict[str, SearchStrategy[Case]] = {"scaled_dot_product_attention": dot_product(), "multihead_attention": heads()}

THREE = ((2, 5, 6),) * 3
MORE_REFUSED: dict[str, list[Refused]] = {
    "scaled_dot_product_attention": [
        *odd("number", "scale", *THREE),
        *odd("flag", "enable_gqa", *THREE),
        no("shape-mismatch", *THREE, (5, 4)),
        no("shape-mismatch", *THREE, (1, 2, 5, 5)),
        no("bad-parameter", *THREE, (5, 5), is_causal=True),
        no("groups", (1, 3, 5, 6), (1, 2, 5, 6), (1, 2, 5, 6), enable_gqa=True),
    ],
    "multihead_attention": [
        no("shape-mismatch", *THREE, (2, 4), num_heads=2),
        no("shape-mismatch", *THREE, (5, 4), num_heads=2, mask="attn_mask"),
        no("shape-mismatch", *THREE, (2, 5), (2, 5, 5), num_heads=2),
        no("shape-mismatch", *THREE, num_heads=2, kdim=4),
        no("shape-mismatch", *THREE, num_heads=2, vdim=8),
        no("bad-parameter", *THREE, (5, 5), num_heads=2, mask="attn_mask", is_causal=True),
        no("bad-parameter", *THREE, num_heads=2, mask="mask"),
        no("bad-parameter", *THREE, num_heads=2, kdim=0),
    ],
}
REFUSED: dict[str, list[Refused]] = {}

"""Generated networks that are valid: each layer is chosen among those whose constraints hold for the shape so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

BLOCKS = """
block residual(x: [N, C, ...], act = true) {
    main = x -> conv1: conv(C, 3, padding = 1, bias = false) -> bn1: batch_norm
    x + main -> if act { relu }
}
block gate(x: [N, C, H, W], width: int) {
    x * (x -> global_avg_pool -> conv(width, 1) -> relu -> conv(C, 1) -> sigmoid)
}
block twice(x: [N, C, ...]) {
    f = module conv(C, 1)
    (x -> f) + (x -> relu -> f)
}
block branches(x, width: int, count: int) {
    concat([x -> branch${i}: { conv(width, 2 * i + 1, padding = i) -> relu } for i in range(count)])
}
block dense(x: [N, C, H, W], growth: int) { concat(x, x -> batch_norm -> relu -> conv(growth, 3, padding = 1)) }
"""


@dataclass(frozen=True)
class Generated:
    """The text of a network, and shapes of its inputs; where it is symbolic, the only one is `x`: [N, C, H, W]."""

    text: str
    shapes: Mapping[str, tuple[int, ...]]
    symbolic: bool


Shape = tuple[int, int, int]  # channels, height, width


@st.composite
def generated(draw: DrawFn) -> Generated:
    """A network of a few layers on an input of two images."""
    shape = (draw(st.sampled_from([1, 3, 4, 8])), draw(st.integers(5, 24)), draw(st.integers(5, 24)))
    symbolic = draw(st.booleans())
    size = "H, W" if symbolic else f"{shape[1]}, {shape[2]}"
    steps, _ = _steps(draw, shape, draw(st.integers(1, 6)))
    lines = [f"body = x -> {' -> '.join(steps)}"]
    if draw(st.booleans()):
        lines.append(f"output aux = body -> aux: {{ {_head(draw)} }} {draw(st.sampled_from(['@train', '']))}".rstrip())
    lines.append(f"output main = body -> head: {{ {_head(draw)} }}")
    loss = "loss cross_entropy(main)" + (" + 0.3 * cross_entropy(aux)" if len(lines) == 3 else "")
    if draw(st.booleans()):
        lines.append(loss)
    body = "\n    ".join(lines)
    text = f"{BLOCKS}\nnetwork Net(x: [N, {shape[0]}, {size}], classes = 3) {{\n    {body}\n}}\n"
    return Generated(text, {"x": (2, *shape)}, symbolic)


def _head(draw: DrawFn) -> str:
    pooled = draw(st.sampled_from(["global_avg_pool -> flatten", "adaptive_max_pool(1) -> flatten", "mean([2, 3])"]))
    return f"{pooled} -> {draw(st.sampled_from(['', 'linear(5) -> relu -> ', 'dropout(0.2) -> ']))}linear(classes)"


def _steps(draw: DrawFn, shape: Shape, count: int, depth: int = 0) -> tuple[list[str], Shape]:
    steps = []
    for _ in range(count):
        text, shape = _step(draw, shape, depth)
        steps.append(text)
    return steps, shape


def _step(draw: DrawFn, shape: Shape, depth: int) -> tuple[str, Shape]:
    """One step that fits, and the shape it leaves."""
    c, h, w = shape
    makers: list[Any] = [_conv, _pointwise, _pointwise, _norm, _pad, _block]
    if min(h, w) >= 3:
        makers += [_pool, _pool]
    if max(h, w) <= 24:
        makers += [_upsample]
    if c % 4 == 0 and max(h, w) <= 24:
        makers += [lambda d, s: ("pixel_shuffle(2)", (s[0] // 4, 2 * s[1], 2 * s[2]))]
    if c % 2 == 0:
        makers += [lambda d, s: ("channel_shuffle(2)", s)]
    if depth < 2:
        makers += [_branches, _sequence, _repeat, _shortcut]
    maker = draw(st.sampled_from(makers))
    nested = maker in (_branches, _sequence, _repeat, _shortcut)
    text, after = maker(draw, shape, depth) if nested else maker(draw, shape)
    if draw(st.integers(0, 9)) == 0:
        text += draw(st.sampled_from([" @checkpoint", " @frozen"]))
    return text, after


def _conv(draw: DrawFn, shape: Shape) -> tuple[str, Shape]:
    c, h, w = shape
    kernel = draw(st.integers(1, min(3, h, w)))
    stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, 2))
    groups = draw(st.sampled_from([g for g in (1, 2, c) if c % g == 0]))
    out = groups * draw(st.integers(1, 3))
    bias = draw(st.sampled_from(["", ", bias = false"]))
    text = f"conv({out}, {kernel}, stride = {stride}, padding = {padding}, groups = {groups}{bias})"
    height, width = ((n + 2 * padding - kernel) // stride + 1 for n in (h, w))
    return text, (out, height, width)


def _pointwise(draw: DrawFn, shape: Shape) -> tuple[str, Shape]:
    words = "relu relu6 leaky_relu(0.2) prelu elu gelu silu hardswish hardsigmoid sigmoid tanh softplus dropout(0.1)"
    return draw(st.sampled_from([*words.split(), "softmax(1)", "drop_path(0.1)", "identity"])), shape


def _norm(draw: DrawFn, shape: Shape) -> tuple[str, Shape]:
    names = ["batch_norm", "group_norm(1)", "local_response_norm(3)"]
    return draw(st.sampled_from([*names, "instance_norm"] if shape[1] * shape[2] > 1 else names)), shape


def _pad(draw: DrawFn, shape: Shape) -> tuple[str, Shape]:
    left, top = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    return f"pad([{left}, 0, {top}, 1])", (shape[0], shape[1] + top + 1, shape[2] + left)


def _pool(draw: DrawFn, shape: Shape) -> tuple[str, Shape]:
    c, h, w = shape
    name, kernel, stride = draw(st.sampled_from(["max_pool", "avg_pool"])), draw(st.integers(2, 3)), 2
    return f"{name}({kernel}, stride = 2)", (c, (h - kernel) // stride + 1, (w - kernel) // stride + 1)


def _upsample(draw: DrawFn, shape: Shape) -> tuple[str, Shape]:
    c, h, w = shape
    if draw(st.booleans()):
        return "interpolate(scale_factor = 2)", (c, 2 * h, 2 * w)
    out = draw(st.integers(1, 4))
    return f"conv_transpose({out}, 2, stride = 2)", (out, 2 * h, 2 * w)


def _block(draw: DrawFn, shape: Shape) -> tuple[str, Shape]:
    c, h, w = shape
    growth = draw(st.integers(1, 3))
    calls = [("residual", c), ("residual(act = false)", c), ("twice", c), ("gate(2)", c)]
    text, out = draw(st.sampled_from([*calls, (f"dense({growth})", c + growth)]))
    return text, (out, h, w)


def _branches(draw: DrawFn, shape: Shape, depth: int) -> tuple[str, Shape]:
    """Parallel convolutions that keep the size, joined by their channels."""
    width, count = draw(st.integers(1, 3)), draw(st.integers(2, 3))
    return f"branches({width}, {count})", (width * count, shape[1], shape[2])


def _sequence(draw: DrawFn, shape: Shape, depth: int) -> tuple[str, Shape]:
    steps, after = _steps(draw, shape, draw(st.integers(1, 3)), depth + 1)
    return f"{{ {' -> '.join(steps)} }}", after


def _repeat(draw: DrawFn, shape: Shape, depth: int) -> tuple[str, Shape]:
    return f"repeat {draw(st.integers(0, 3))} {{ {_block(draw, shape)[0].replace('dense', 'gate')} }}", shape


def _shortcut(draw: DrawFn, shape: Shape, depth: int) -> tuple[str, Shape]:
    return draw(st.sampled_from(["residual", "if true { twice } else { relu }"])), shape

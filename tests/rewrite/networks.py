"""Generated networks with what rewrites look for: paths, siblings, batch norm, idle and repeated layers, and marks."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

BLOCKS = """
block path(x, width, act) {
    x -> conv1: conv(width, 1, bias = false) -> bn1: batch_norm -> if act { relu }
      -> conv2: conv(width, 3, padding = 1, bias = act) -> bn2: batch_norm -> relu
}
block sums(x: [N, C, ...], count, width, act, bias = false) {
    x + add([x -> path${i}: { path(width, act) -> conv3: conv(C, 1, bias = bias) } for i in range(count)])
}
block joins(x: [N, C, ...], count, width, act) {
    concat([x -> path${i}: path(width, act) for i in range(count)]) -> conv3: conv(C, 1)
}
block parts(x: [N, C, ...]) {
    a, b = x -> conv(4, 1) -> chunk(2)
    concat(a -> left: conv(2, 3, padding = 1), b -> right: conv(2, 3, padding = 1)) -> conv(C, 1)
}
block inception(x: [N, C, ...], act) {
    a = x -> a: { conv(3, 1, bias = false) -> batch_norm -> if act { relu } }
    b = x -> b: { conv(2, 1, bias = false) -> batch_norm -> relu -> conv(3, 3, padding = 1) }
    c = x -> c: { conv(2, 1, bias = false) -> batch_norm -> if act { relu } }
    concat(a, b, c) -> conv(C, 1)
}
block twice(x: [N, C, ...]) {
    f = module conv(C, 1)
    (x -> f -> batch_norm) + (x -> f -> batch_norm) + (x -> relu -> f)
}
block repeats(x: [N, C, ...]) { (x -> relu -> sigmoid) * (x -> relu -> sigmoid) + (x -> relu) }
"""
STEPS = (
    "sums(3, 2, true)",
    "sums(2, 2, false, bias = true)",
    "joins(3, 2, true)",
    "parts",
    "inception(true)",
    "inception(false)",
    "twice",
    "repeats",
    "identity",
    "dropout(0)",
    "dropout(0.3)",
    "relu -> relu",
    "conv(8, 1) -> conv(3, 1) -> conv(4, 1, bias = false)",
    "conv(4, 3, padding = 1) -> batch_norm(eps = 0.01) -> relu",
    "conv_transpose(4, 2, stride = 2) -> batch_norm -> avg_pool(2)",
    "conv(4, 3, padding = 1, groups = 2) -> batch_norm(affine = false)",
    "batch_norm -> relu -> conv(4, 1)",
    "{ conv(4, 1) -> batch_norm @frozen -> relu }",
    "max_pool(1) -> pad([0, 0, 0, 0]) -> mul(scalar = 1)",
)


@st.composite
def rewritable(draw: DrawFn) -> str:
    """The text of a network on images of four channels."""
    steps = draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=4))
    marks = [draw(st.sampled_from(["", "", "", " @checkpoint", " @frozen"])) for _ in steps]
    body = " -> ".join(f"s{i}: {{ {step} }}{mark}" for i, (step, mark) in enumerate(zip(steps, marks, strict=True)))
    head = draw(st.sampled_from(["linear(8) -> batch_norm -> linear(3)", "linear(5) -> linear(3)", "linear(3)"]))
    aux = draw(st.booleans())
    lines = [f"body = x -> {body}"]
    if aux:
        lines.append("output aux = body -> aux: { conv(4, 1) -> batch_norm -> flatten -> linear(3) } @train")
    lines.append(f"output main = body -> head: {{ global_avg_pool -> flatten -> {head} }}")
    lines.append("loss cross_entropy(main)" + (" + cross_entropy(aux)" if aux else ""))
    return BLOCKS + "network Net(x: [N, 4, 6, 6]) {\n    " + "\n    ".join(lines) + "\n}\n"

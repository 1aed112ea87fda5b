"""Lint of what layers see and where."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "stride-over-kernel": Entry(
        "a stride that steps over inputs",
        "The positions between two windows are computed by the layer before and never read: three quarters of them for"
        " a 1 × 1 kernel with stride 2. A dilation that shares a factor with the stride leaves gaps likewise. A pooling"
        " before the convolution keeps them.",
        level="warning",
        source="He et al., 2018, arXiv:1812.01187, section 4.2 (ResNet-B and ResNet-D)",
        wrong="""\
network Net(x: [N, 8, 16, 16]) {
    x -> project: conv(8, 1, stride = 2) -> relu
}
""",
        right="""\
network Net(x: [N, 8, 16, 16]) {
    x -> avg_pool(2) -> project: conv(8, 1) -> relu
}
""",
    ),
    "unread-border": Entry(
        "rows or columns at the end that no window reads",
        "A stride that does not divide what is left beside the first window ends before the input does. What lies"
        " beyond, on the right and at the bottom only, changes nothing in the output. Padding does not count: only"
        " positions of the input do.",
        level="warning",
        source="Dumoulin and Visin, 2016, arXiv:1603.07285, relationship 6",
        wrong="""\
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(2)
}
""",
        right="""\
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(3, stride = 2)
}
""",
    ),
    "small-receptive-field": Entry(
        "a classifier whose last maps have not seen the whole input",
        "Where the maps are only averaged afterwards, nothing that is larger than the receptive field can be recognised"
        " as a whole. Accuracy grows with the receptive field until it covers the input, and beyond.",
        level="warning",
        source="Araujo, Norris and Sim, Distill, 2019, Computing Receptive Fields of Convolutional Neural Networks",
        wrong="""\
network Net(x: [N, 3, 8, 8]) {
    x -> stem: conv(64, 3) -> relu -> body: conv(64, 3) -> relu
        -> global_avg_pool -> flatten -> head: linear(10)
}
""",
        right="""\
network Net(x: [N, 3, 8, 8]) {
    x -> stem: conv(64, 3) -> relu -> body: conv(64, 3, dilation = 3, padding = 3) -> relu
        -> global_avg_pool -> flatten -> head: linear(10)
}
""",
    ),
    "stretched-channels": Entry(
        "a sum that repeats one channel for all others",
        "Sizes of 1 are stretched silently. That is meant for a bias or a mask, hardly for maps that a layer computed"
        " or an image with one channel. Products, parameters and sizes written as 1 (`unsqueeze`, `keepdim`) do not"
        " count.",
        level="warning",
        source="NumPy and torch, broadcasting semantics",
        wrong="""\
network Net(grey: [N, 1, 32, 32], x: [N, 3, 32, 32]) {
    grey + x
}
""",
        right="""\
network Net(grey: [N, 1, 32, 32], x: [N, 3, 32, 32]) {
    expand(grey, x, dim = [1]) + x
}
""",
    ),
    "misaligned-branches": Entry(
        "branches that look at different places meet",
        "Uneven padding or cropping shifts one branch against the other by a position or more, so that what is added or"
        " joined belongs to different places. Causal convolutions over sequences do not count.",
        level="warning",
        source="Araujo, Norris and Sim, Distill, 2019, Computing Receptive Fields of Convolutional Neural Networks,"
        " section on alignment",
        wrong="""\
network Net(x: [N, 8, 16, 16]) {
    (x -> pad([0, 2, 0, 2]) -> main: conv(8, 3)) + x
}
""",
        right="""\
network Net(x: [N, 8, 16, 16]) {
    (x -> pad([1, 1, 1, 1]) -> main: conv(8, 3)) + x
}
""",
    ),
}

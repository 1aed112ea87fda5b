"""Lint of what could cost less."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "dense-head": Entry(
        "dense layers over flattened maps hold most parameters",
        "They are prone to overfitting, tie the network to one size of image, and are most of what is stored and sent."
        " The mean of each map needs none of that.",
        level="note",
        source="Lin, Chen and Yan, 2013, arXiv:1312.4400, section 3.2",
        wrong="""\
network Net(x: [N, 8, 3, 3]) {
    x -> stem: conv(16, 3, padding = 1) -> relu -> flatten -> head: linear(10)
}
""",
        right="""\
network Net(x: [N, 8, 3, 3]) {
    x -> stem: conv(16, 3, padding = 1) -> relu -> global_avg_pool -> flatten -> head: linear(10)
}
""",
    ),
    "large-kernel": Entry(
        "a large kernel that smaller ones replace for less",
        "Two 3 × 3 see as much as one 5 × 5, three as much as one 7 × 7, with fewer weights and more activations; on"
        " maps of 12 to 20 positions 1 × n and n × 1 do as well. Counted with the layer's own channels, since widening"
        " from C to 2·C saves nothing. At least a tenth is saved.",
        level="note",
        source="Simonyan and Zisserman, 2014, arXiv:1409.1556, section 2.3;"
        " Szegedy et al., 2015, arXiv:1512.00567, sections 3.1 and 3.2",
        wrong="""\
network Net(x: [N, 64, 32, 32]) {
    x -> wide: conv(64, 5, padding = 2) -> relu
}
""",
        right="""\
network Net(x: [N, 64, 32, 32]) {
    x -> first: conv(64, 3, padding = 1) -> relu -> second: conv(64, 3, padding = 1) -> relu
}
""",
    ),
    "pool-before-widening": Entry(
        "maps that are shrunk before they are widened",
        "Between the two the network holds a quarter of the values or less, which later layers cannot bring back: a"
        " bottleneck of representation. A convolution with stride beside the pooling costs no more than the"
        " convolution after it.",
        level="note",
        source="Szegedy et al., 2015, arXiv:1512.00567, section 2 (principle 1) and section 5, figures 9 and 10",
        wrong="""\
network Net(x: [N, 64, 32, 32]) {
    x -> max_pool(2) -> wider: conv(128, 3, padding = 1) -> relu
}
""",
        right="""\
network Net(x: [N, 64, 32, 32]) {
    concat(x -> max_pool(2), x -> wider: conv(64, 3, stride = 2, padding = 1)) -> relu
}
""",
    ),
    "uneven-channels": Entry(
        "channels that are no multiple of 8",
        "Tensor cores multiply blocks of 16 bytes: 8 half-precision values. Other widths are padded or run elsewhere."
        " What the task gives, an input's channels and an output's, does not count, nor do convolutions in groups.",
        level="note",
        source="NVIDIA, Convolutional Layers User's Guide and Matrix Multiplication Background User's Guide",
        wrong="""\
network Net(x: [N, 3, 32, 32]) {
    x -> stem: conv(30, 3) -> relu -> body: conv(64, 3) -> relu
}
""",
        right="""\
network Net(x: [N, 3, 32, 32]) {
    x -> stem: conv(32, 3) -> relu -> body: conv(64, 3) -> relu
}
""",
    ),
    "device-round-trip": Entry(
        "a tensor that crosses to another device and comes straight back",
        "Moving it there and back takes far longer than what is computed on it there: no matrix product, no weights."
        " Compute it where it comes from.",
        level="warning",
        source="Krizhevsky, Sutskever and Hinton, 2012, ImageNet Classification with Deep Convolutional Neural"
        " Networks, section 3.2 (devices communicate in certain layers only)",
        wrong="""\
network Net(x: [N, 64]) {
    device gpu0, gpu1
    x -> first: linear(64) @gpu0 -> relu @gpu1 -> second: linear(8) @gpu0
}
""",
        right="""\
network Net(x: [N, 64]) {
    device gpu0, gpu1
    x -> first: linear(64) @gpu0 -> relu @gpu0 -> second: linear(8) @gpu1
}
""",
    ),
}

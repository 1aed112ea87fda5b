"""What lint finds: each rule with the source of its claim, a spec that has the finding and one that has not."""

from __future__ import annotations

from typing import Any, Final

from archdsl.catalogue._entry import Entry


def _warning(summary: str, why: str, **parts: str) -> Entry:
    return Entry(summary, why, level="warning", **_texts(parts))


def _note(summary: str, why: str, **parts: str) -> Entry:
    return Entry(summary, why, level="note", **_texts(parts))


def _texts(parts: dict[str, str]) -> Any:
    return {name: text.strip("\n") + ("\n" if "\n" in text else "") for name, text in parts.items()}


ENTRIES: Final[dict[str, Entry]] = {
    "unused-name": _warning(
        "a name that nothing uses",
        "A value, parameter, setting or block that nothing mentions is often a misspelt or forgotten connection. A"
        " shared module has no layers at all until it is applied. Names that begin with `_` are meant to be unused.",
        source="docs/language.md, Values",
        wrong="""
network Net(x: [N, 8, 16, 16]) {
    shortcut = x -> project: conv(8, 1)
    x -> main: conv(8, 3, padding = 1) -> relu
}
""",
        right="""
network Net(x: [N, 8, 16, 16]) {
    shortcut = x -> project: conv(8, 1)
    (x -> main: conv(8, 3, padding = 1)) + shortcut -> relu
}
""",
    ),
    "dead-layer": _warning(
        "a layer that no output depends on",
        "Its weights get no gradient and stay as they were drawn, and distributed training waits in vain for them.",
        source="torch.nn.parallel.DistributedDataParallel, `find_unused_parameters`",
        wrong="""
network Net(x: [N, 8, 16, 16]) {
    branches = [x -> branch${i}: conv(8, 3) for i in range(2)]
    branches[0] -> relu
}
""",
        right="""
network Net(x: [N, 8, 16, 16]) {
    branches = [x -> branch${i}: conv(8, 3) for i in range(2)]
    branches[0] + branches[1] -> relu
}
""",
    ),
    "bias-before-norm": _warning(
        "a bias that batch norm takes away",
        "Batch norm subtracts the mean of each channel, and the bias with it; then it adds a shift of its own.",
        source="Ioffe and Szegedy, 2015, arXiv:1502.03167, section 3.2",
        wrong="""
network Net(x: [N, 8, 16, 16]) {
    x -> stem: conv(16, 3) -> norm: batch_norm -> relu
}
""",
        right="""
network Net(x: [N, 8, 16, 16]) {
    x -> stem: conv(16, 3, bias = false) -> norm: batch_norm -> relu
}
""",
    ),
    "linear-pair": _warning(
        "two linear layers without an activation between them",
        "The composition of linear maps is linear, so that the second layer adds nothing that one layer could not do."
        " Factorisations are left out: a middle narrower than both ends, groups, and 1 × n with n × 1.",
        source="Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.1;"
        " for convolutions Szegedy et al., 2015, arXiv:1512.00567, section 3.1 and figure 2",
        wrong="""
network Net(x: [N, 64]) {
    x -> hidden: linear(256) -> head: linear(8)
}
""",
        right="""
network Net(x: [N, 64]) {
    x -> hidden: linear(256) -> relu -> head: linear(8)
}
""",
    ),
    "narrow-linear-pair": _note(
        "two linear layers with a narrow middle",
        "Together they are one linear map of low rank, with fewer weights: a linear bottleneck or factorisation if that"
        " is meant, a forgotten activation if not.",
        source="Sandler et al., 2018, arXiv:1801.04381, section 3.2 (linear bottlenecks)",
        wrong="""
network Net(x: [N, 64]) {
    x -> reduce: linear(16) -> expand: linear(64)
}
""",
        right="""
network Net(x: [N, 64]) {
    x -> reduce: linear(16) -> relu -> expand: linear(64)
}
""",
    ),
    "softmax-before-loss": _warning(
        "a softmax or sigmoid before a loss that has its own",
        "The loss takes logits and applies the logarithm of a softmax (or of a sigmoid) itself, which also undoes its"
        " saturation. Applied twice, the gradients vanish where the network is wrong, and training is slow or stalls.",
        source="Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2.3; torch.nn.CrossEntropyLoss",
        wrong="""
network Net(x: [N, 64]) {
    x -> head: linear(10) -> softmax(1)
    loss cross_entropy(output)
}
""",
        right="""
network Net(x: [N, 64]) {
    x -> head: linear(10)
    loss cross_entropy(output)
}
""",
    ),
    "dropout-before-norm": _warning(
        "dropout before batch norm",
        "Dropout changes the variance of its values in training and not in inference. Batch norm, directly behind it or"
        " behind one more layer with weights, keeps the variance of training and is wrong in inference. Very wide"
        " layers suffer less.",
        source="Li, Chen, Hu and Yang, 2018, arXiv:1801.05134, figure 1 and section 3",
        wrong="""
network Net(x: [N, 64]) {
    x -> hidden: linear(32, bias = false) -> dropout(0.5) -> norm: batch_norm -> relu -> head: linear(10)
}
""",
        right="""
network Net(x: [N, 64]) {
    x -> hidden: linear(32, bias = false) -> norm: batch_norm -> relu -> dropout(0.5) -> head: linear(10)
}
""",
    ),
    "stride-over-kernel": _warning(
        "a stride that steps over inputs",
        "The positions between two windows are computed by the layer before and never read: three quarters of them for"
        " a 1 × 1 kernel with stride 2. A dilation that shares a factor with the stride leaves gaps likewise. A pooling"
        " before the convolution keeps them.",
        source="He et al., 2018, arXiv:1812.01187, section 4.2 (ResNet-B and ResNet-D)",
        wrong="""
network Net(x: [N, 8, 16, 16]) {
    x -> project: conv(8, 1, stride = 2) -> relu
}
""",
        right="""
network Net(x: [N, 8, 16, 16]) {
    x -> avg_pool(2) -> project: conv(8, 1) -> relu
}
""",
    ),
    "unread-border": _warning(
        "rows or columns at the end that no window reads",
        "A stride that does not divide what is left beside the first window ends before the input does. What lies"
        " beyond, on the right and at the bottom only, changes nothing in the output. Padding does not count: only"
        " positions of the input do.",
        source="Dumoulin and Visin, 2016, arXiv:1603.07285, relationship 6",
        wrong="""
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(2)
}
""",
        right="""
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(3, stride = 2)
}
""",
    ),
    "dense-head": _note(
        "dense layers over flattened maps hold most parameters",
        "They are prone to overfitting, tie the network to one size of image, and are most of what is stored and sent."
        " The mean of each map needs none of that.",
        source="Lin, Chen and Yan, 2013, arXiv:1312.4400, section 3.2",
        wrong="""
network Net(x: [N, 8, 3, 3]) {
    x -> stem: conv(16, 3, padding = 1) -> relu -> flatten -> head: linear(10)
}
""",
        right="""
network Net(x: [N, 8, 3, 3]) {
    x -> stem: conv(16, 3, padding = 1) -> relu -> global_avg_pool -> flatten -> head: linear(10)
}
""",
    ),
    "large-kernel": _note(
        "a large kernel that smaller ones replace for less",
        "Two 3 × 3 see as much as one 5 × 5, three as much as one 7 × 7, with fewer weights and more activations; on"
        " maps of 12 to 20 positions 1 × n and n × 1 do as well. Counted with the layer's own channels, since widening"
        " from C to 2·C saves nothing. At least a tenth is saved.",
        source="Simonyan and Zisserman, 2014, arXiv:1409.1556, section 2.3;"
        " Szegedy et al., 2015, arXiv:1512.00567, sections 3.1 and 3.2",
        wrong="""
network Net(x: [N, 64, 32, 32]) {
    x -> wide: conv(64, 5, padding = 2) -> relu
}
""",
        right="""
network Net(x: [N, 64, 32, 32]) {
    x -> first: conv(64, 3, padding = 1) -> relu -> second: conv(64, 3, padding = 1) -> relu
}
""",
    ),
    "pool-before-widening": _note(
        "maps that are shrunk before they are widened",
        "Between the two the network holds a quarter of the values or less, which later layers cannot bring back: a"
        " bottleneck of representation. A convolution with stride beside the pooling costs no more than the"
        " convolution after it.",
        source="Szegedy et al., 2015, arXiv:1512.00567, section 2 (principle 1) and section 5, figures 9 and 10",
        wrong="""
network Net(x: [N, 64, 32, 32]) {
    x -> max_pool(2) -> wider: conv(128, 3, padding = 1) -> relu
}
""",
        right="""
network Net(x: [N, 64, 32, 32]) {
    concat(x -> max_pool(2), x -> wider: conv(64, 3, stride = 2, padding = 1)) -> relu
}
""",
    ),
    "unscaled-residual": _warning(
        "a wide residual without scaling",
        "Beyond 1000 filters such networks were found to die early in training: the layers before the last pooling give"
        " zeros only. Scaling the residual by 0.1 to 0.3 kept them stable; a batch norm at its end bounds it too.",
        source="Szegedy et al., 2016, arXiv:1602.07261, section 3.3",
        wrong="""
network Net(x: [N, 1152, 17, 17]) {
    residual = x -> reduce: conv(128, 1) -> relu -> expand: conv(1152, 1)
    residual + x -> relu
}
""",
        right="""
network Net(x: [N, 1152, 17, 17]) {
    residual = x -> reduce: conv(128, 1) -> relu -> expand: conv(1152, 1)
    0.1 * residual + x -> relu
}
""",
    ),
    "small-receptive-field": _warning(
        "a classifier whose last maps have not seen the whole input",
        "Where the maps are only averaged afterwards, nothing that is larger than the receptive field can be recognised"
        " as a whole. Accuracy grows with the receptive field until it covers the input, and beyond.",
        source="Araujo, Norris and Sim, Distill, 2019, Computing Receptive Fields of Convolutional Neural Networks",
        wrong="""
network Net(x: [N, 3, 8, 8]) {
    x -> stem: conv(64, 3) -> relu -> body: conv(64, 3) -> relu
        -> global_avg_pool -> flatten -> head: linear(10)
}
""",
        right="""
network Net(x: [N, 3, 8, 8]) {
    x -> stem: conv(64, 3) -> relu -> body: conv(64, 3, dilation = 3, padding = 3) -> relu
        -> global_avg_pool -> flatten -> head: linear(10)
}
""",
    ),
    "batch-of-one": _warning(
        "batch norm over one value for each channel",
        "The variance of one value is 0, and torch refuses it, but only in the first step of training.",
        source="Ioffe and Szegedy, 2015, arXiv:1502.03167, algorithm 1 and section 3.1 (m > 1)",
        wrong="""
network Net(x: [1, 16, 8, 8]) {
    x -> global_avg_pool -> norm: batch_norm -> relu
}
""",
        right="""
network Net(x: [N, 16, 8, 8]) {
    x -> global_avg_pool -> norm: batch_norm -> relu
}
""",
    ),
    "uneven-channels": _note(
        "channels that are no multiple of 8",
        "Tensor cores multiply blocks of 16 bytes: 8 half-precision values. Other widths are padded or run elsewhere."
        " What the task gives, an input's channels and an output's, does not count, nor do convolutions in groups.",
        source="NVIDIA, Convolutional Layers User's Guide and Matrix Multiplication Background User's Guide",
        wrong="""
network Net(x: [N, 3, 32, 32]) {
    x -> stem: conv(30, 3) -> relu -> body: conv(64, 3) -> relu
}
""",
        right="""
network Net(x: [N, 3, 32, 32]) {
    x -> stem: conv(32, 3) -> relu -> body: conv(64, 3) -> relu
}
""",
    ),
    "device-round-trip": _warning(
        "a tensor that crosses to another device and comes straight back",
        "Moving it there and back takes far longer than what is computed on it there: no matrix product, no weights.",
        source="Krizhevsky, Sutskever and Hinton, 2012, ImageNet Classification with Deep Convolutional Neural"
        " Networks, section 3.2 (devices communicate in certain layers only)",
        wrong="""
network Net(x: [N, 64]) {
    device gpu0, gpu1
    x -> first: linear(64) @gpu0 -> relu @gpu1 -> second: linear(8) @gpu0
}
""",
        right="""
network Net(x: [N, 64]) {
    device gpu0, gpu1
    x -> first: linear(64) @gpu0 -> relu @gpu0 -> second: linear(8) @gpu1
}
""",
    ),
    "positional-name": _note(
        "weights that are named after their position",
        "A step inserted before them changes their name in `state_dict`, and weights saved before do not load.",
        source="docs/language.md, Names are paths; torch.nn.Module.load_state_dict",
        wrong="""
network Net(x: [N, 64]) {
    x -> head: { relu -> linear(8) }
}
""",
        right="""
network Net(x: [N, 64]) {
    x -> head: { relu -> out: linear(8) }
}
""",
    ),
    "stretched-channels": _warning(
        "a sum that repeats one channel for all others",
        "Sizes of 1 are stretched silently. That is meant for a bias or a mask, hardly for maps that a layer computed"
        " or an image with one channel. Products, parameters and sizes written as 1 (`unsqueeze`, `keepdim`) do not"
        " count.",
        source="NumPy and torch, broadcasting semantics",
        wrong="""
network Net(grey: [N, 1, 32, 32], x: [N, 3, 32, 32]) {
    grey + x
}
""",
        right="""
network Net(grey: [N, 1, 32, 32], x: [N, 3, 32, 32]) {
    expand(grey, x, dim = [1]) + x
}
""",
    ),
    "misaligned-branches": _warning(
        "branches that look at different places meet",
        "Uneven padding or cropping shifts one branch against the other by a position or more, so that what is added or"
        " joined belongs to different places. Causal convolutions over sequences do not count.",
        source="Araujo, Norris and Sim, Distill, 2019, Computing Receptive Fields of Convolutional Neural Networks,"
        " section on alignment",
        wrong="""
network Net(x: [N, 8, 16, 16]) {
    (x -> pad([0, 2, 0, 2]) -> main: conv(8, 3)) + x
}
""",
        right="""
network Net(x: [N, 8, 16, 16]) {
    (x -> pad([1, 1, 1, 1]) -> main: conv(8, 3)) + x
}
""",
    ),
    "bad-suppression": _warning(
        "a suppression that cannot be understood",
        "A misspelt rule would suppress nothing.",
        source="docs/lint.md, Suppression",
        wrong="""
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(3, stride = 2) # lint: off(unread-boarder)
}
""",
        right="""
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(2) # lint: off(unread-border): the images have a black border
}
""",
    ),
    "unused-suppression": _warning(
        "a suppression of nothing",
        "It would hide the next finding of its rule there.",
        source="docs/lint.md, Suppression",
        wrong="""
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(3, stride = 2) # lint: off(unread-border)
}
""",
        right="""
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(3, stride = 2)
}
""",
    ),
}

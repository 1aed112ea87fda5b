"""Lint of what does not train as it should."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "bias-before-norm": Entry(
        "a bias that batch norm takes away",
        "Batch norm subtracts the mean of each channel, and the bias with it; then it adds a shift of its own."
        " Write `bias = false` in the layer before.",
        level="warning",
        source="Ioffe and Szegedy, 2015, arXiv:1502.03167, section 3.2",
        wrong="""\
network Net(x: [N, 8, 16, 16]) {
    x -> stem: conv(16, 3) -> norm: batch_norm -> relu
}
""",
        right="""\
network Net(x: [N, 8, 16, 16]) {
    x -> stem: conv(16, 3, bias = false) -> norm: batch_norm -> relu
}
""",
    ),
    "linear-pair": Entry(
        "two linear layers without an activation between them",
        "The composition of linear maps is linear, so that the second layer adds nothing that one layer could not do."
        " Factorisations are left out: a middle narrower than what comes out and no wider than what goes in, groups,"
        " and 1 × n with n × 1.",
        level="warning",
        source="Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.1;"
        " for convolutions Szegedy et al., 2015, arXiv:1512.00567, section 3.1 and figure 2",
        wrong="""\
network Net(x: [N, 64]) {
    x -> hidden: linear(256) -> head: linear(8)
}
""",
        right="""\
network Net(x: [N, 64]) {
    x -> hidden: linear(256) -> relu -> head: linear(8)
}
""",
    ),
    "narrow-linear-pair": Entry(
        "two linear layers with a narrow middle",
        "Together they are one linear map of low rank, with fewer weights: a linear bottleneck or factorisation if that"
        " is meant, a forgotten activation if not. Put an activation between them, or leave it as it is.",
        level="note",
        source="Sandler et al., 2018, arXiv:1801.04381, section 3.2 (linear bottlenecks)",
        wrong="""\
network Net(x: [N, 64]) {
    x -> reduce: linear(16) -> expand: linear(64)
}
""",
        right="""\
network Net(x: [N, 64]) {
    x -> reduce: linear(16) -> relu -> expand: linear(64)
}
""",
    ),
    "softmax-before-loss": Entry(
        "a softmax or sigmoid before a loss that has its own",
        "The loss takes logits and applies the logarithm of a softmax (or of a sigmoid) itself, which also undoes its"
        " saturation. Applied twice, the gradients vanish where the network is wrong, and training is slow or stalls.",
        level="warning",
        source="Goodfellow, Bengio and Courville, Deep Learning, 2016, section 6.2.2.3; torch.nn.CrossEntropyLoss",
        wrong="""\
network Net(x: [N, 64]) {
    x -> head: linear(10) -> softmax(1)
    loss cross_entropy(output)
}
""",
        right="""\
network Net(x: [N, 64]) {
    x -> head: linear(10)
    loss cross_entropy(output)
}
""",
    ),
    "dropout-before-norm": Entry(
        "dropout before batch norm",
        "Dropout changes the variance of its values in training and not in inference. Batch norm, directly behind it or"
        " behind one more layer with weights, keeps the variance of training and is wrong in inference. Very wide"
        " layers suffer less.",
        level="warning",
        source="Li, Chen, Hu and Yang, 2018, arXiv:1801.05134, figure 1 and section 3",
        wrong="""\
network Net(x: [N, 64]) {
    x -> hidden: linear(32, bias = false) -> dropout(0.5) -> norm: batch_norm -> relu -> head: linear(10)
}
""",
        right="""\
network Net(x: [N, 64]) {
    x -> hidden: linear(32, bias = false) -> norm: batch_norm -> relu -> dropout(0.5) -> head: linear(10)
}
""",
    ),
    "unscaled-residual": Entry(
        "a wide residual without scaling",
        "Beyond 1000 filters such networks were found to die early in training: the layers before the last pooling give"
        " zeros only. Scaling the residual by 0.1 to 0.3 kept them stable; a batch norm at its end bounds it too.",
        level="warning",
        source="Szegedy et al., 2016, arXiv:1602.07261, section 3.3",
        wrong="""\
network Net(x: [N, 1152, 17, 17]) {
    residual = x -> reduce: conv(128, 1) -> relu -> expand: conv(1152, 1)
    residual + x -> relu
}
""",
        right="""\
network Net(x: [N, 1152, 17, 17]) {
    residual = x -> reduce: conv(128, 1) -> relu -> expand: conv(1152, 1)
    0.1 * residual + x -> relu
}
""",
    ),
    "batch-of-one": Entry(
        "batch norm over one value for each channel",
        "The variance of one value is 0, and torch refuses it, but only in the first step of training. Leave the"
        " batch open (`N`), or use a norm that does not depend on it.",
        level="warning",
        source="Ioffe and Szegedy, 2015, arXiv:1502.03167, algorithm 1 and section 3.1 (m > 1)",
        wrong="""\
network Net(x: [1, 16, 8, 8]) {
    x -> global_avg_pool -> norm: batch_norm -> relu
}
""",
        right="""\
network Net(x: [N, 16, 8, 8]) {
    x -> global_avg_pool -> norm: batch_norm -> relu
}
""",
    ),
    "mixed-batch": Entry(
        "samples of a batch that are taken together",
        "The size of a batch must be a multiple of something, because a layer cuts or joins across it. Mostly a"
        " `reshape` was given the wrong number of features: `[-1, 150]` of 100 features makes two samples of three,"
        " and the outputs no longer go with the targets. Where pairs are meant, as in contrastive learning, the"
        " input's shape says so: `[2 * N, …]`.",
        level="warning",
        source="the documentation of torch.reshape, https://docs.pytorch.org/docs/stable/generated/torch.reshape.html",
        wrong="""\
network Net(x: [N, 100]) {
    x -> reshape([-1, 150]) -> linear(10)
}
""",
        right="""\
network Net(x: [N, 100]) {
    x -> reshape([N, -1]) -> linear(10)
}
""",
    ),
}

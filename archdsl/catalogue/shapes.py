"""Diagnostics of shapes: torch reports them in the middle of a forward pass, or not at all."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "shape-mismatch": Entry(
        "shapes do not fit together",
        """
        Tensors are added, concatenated or multiplied whose sizes do not agree, or a tensor does not have the size
        that an operator was told. The source lines show where each tensor was made, with its shape.

        In a residual block there are two usual causes. A convolution without padding makes the image smaller than
        the shortcut: `padding = 1` keeps it with a kernel of 3, `padding = same` with any. Or the block changes the
        number of channels or the stride, and the shortcut does not: project it with `conv(width, 1, stride = stride)`.
        In `concat`, all sizes but those along `dim` are equal.

        Sizes of 1 stretch, as in torch, from the last dimension on.
        """,
        wrong="""
        network Net(image: [N, 3, 32, 32]) {
            main = image -> conv(8, 3, padding = 1) -> relu
            main + image
        }
        """,
        right="""
        network Net(image: [N, 3, 32, 32]) {
            main = image -> conv(8, 3, padding = 1) -> relu
            skip = image -> conv(8, 1)
            main + skip
        }
        """,
    ),
    "wrong-dtype": Entry(
        "a tensor holds another type than an operator takes",
        """
        Tensors hold floating-point numbers (`float32`), integers (`int64`) or truth values (`bool`). Layers with
        weights compute with the first, `embedding` looks rows up by integers, masks are truth values. torch says so
        when the network runs, or computes something that nobody meant.

        An input says what it holds behind its shape, `ids: [N, T] int64`; one that does not say is what its first use
        takes. `to(float32)` makes numbers of truth values and of integers. Arithmetic follows torch: integers
        and floating-point numbers make floating-point numbers, comparisons make truth values.
        """,
        wrong="network Net(ids: [N, 7]) { ids -> flatten -> embedding(100, 8) }",
        right="network Net(ids: [N, 7] int64) { ids -> flatten -> embedding(100, 8) }",
    ),
    "shape-pattern": Entry(
        "a tensor does not have the annotated shape",
        """
        A block declares the shape of a tensor, and is given another one. `x: [N, 512, ...]` demands 512 in dimension
        1; `x: [N, C, H, W]` demands four dimensions, and gives their sizes names; a name that stands twice demands
        two equal sizes; `...` stands for any number of dimensions.

        Change what the block is given, or loosen the annotation, if the block can do with less.
        """,
        wrong="""
        block head(x: [N, 512]) { x -> linear(10) }

        network Net(image: [N, 3, 8, 8]) { image -> conv(256, 3) -> global_avg_pool -> flatten -> head }
        """,
        right="""
        block head(x: [N, C]) { x -> linear(10) }

        network Net(image: [N, 3, 8, 8]) { image -> conv(256, 3) -> global_avg_pool -> flatten -> head }
        """,
    ),
    "wrong-rank": Entry(
        "a tensor has the wrong number of dimensions",
        """
        The operator is defined for tensors of another number of dimensions: a convolution needs a batch, channels and
        one to three dimensions of space, `matmul` two dimensions or more. The batch is always there; a single image is
        a batch of one.

        Often `flatten` stands too early, or is missing before `linear`. `unflatten`, `reshape` and `unsqueeze` add
        dimensions, `flatten` and `squeeze` take them away.
        """,
        wrong="network Net(image: [N, 3, 8, 8]) { image -> flatten -> conv(8, 3) }",
        right="network Net(image: [N, 3, 8, 8]) { image -> conv(8, 3) -> flatten }",
    ),
    "kernel-too-large": Entry(
        "the kernel is larger than its input",
        """
        A kernel or window does not fit into its input even once, padding included, so that there would be no output.
        With dilation d, a kernel of k covers d · (k − 1) + 1 positions.

        It mostly happens at the end of a network that was made for larger images: every stride of 2 halves the
        sides. Give it a larger input, leave out a pooling or a stride, or pad. For a last pooling over all there is
        left, whatever its size, there is `global_avg_pool`.
        """,
        wrong="network Net(image: [N, 3, 8, 8]) { image -> max_pool(2) -> max_pool(2) -> avg_pool(7) }",
        right="network Net(image: [N, 3, 8, 8]) { image -> max_pool(2) -> max_pool(2) -> global_avg_pool }",
    ),
    "empty-output": Entry(
        "the output would be empty",
        """
        Some size of the output would be 0 or less: padding takes away more than a transposed convolution makes, a
        slice ends where it begins, an image is made smaller than one pixel. torch refuses some of these and computes
        on with empty tensors in others, whose mean is not a number.

        Use less padding, a larger kernel or factor, or a longer slice.
        """,
        wrong="network Net(image: [N, 3, 8, 8]) { image -> conv_transpose(4, 2, padding = 5) }",
        right="network Net(image: [N, 3, 8, 8]) { image -> conv_transpose(4, 2, padding = 1) }",
    ),
    "groups": Entry(
        "channels do not divide into groups",
        """
        A grouped convolution, group normalisation, attention with several heads, `chunk`, `channel_shuffle` and
        `pixel_shuffle` deal the channels out to groups of equal size, so their number is a multiple of the number of
        groups. A grouped convolution needs that of its input and of its output.

        Choose a number of groups that divides the channels, or widths that are multiples of it. With `groups = C`, a
        group for each channel, a convolution is depthwise.
        """,
        wrong="network Net(image: [N, 3, 8, 8]) { image -> conv(6, 3) -> group_norm(4) }",
        right="network Net(image: [N, 3, 8, 8]) { image -> conv(8, 3) -> group_norm(4) }",
    ),
    "single-value-norm": Entry(
        "normalisation over one value",
        """
        The norm would take the mean and variance of a single value: the result is always 0, whatever the input, and
        in training torch refuses it. It happens where a norm stands behind global pooling, where each channel has one
        position left.

        Move the norm before the pooling, or take `layer_norm`, which normalises over the channels.
        """,
        wrong="network Net(image: [N, 3, 8, 8]) { image -> conv(8, 3) -> global_avg_pool -> instance_norm }",
        right="network Net(image: [N, 3, 8, 8]) { image -> conv(8, 3) -> instance_norm -> global_avg_pool }",
    ),
    "undecided": Entry(
        "the answer depends on a symbol without a value",
        """
        Sizes such as `H` in `image: [N, 3, H, W]` are symbols: shapes are worked out for all their values at once,
        exactly. Here the answer is yes for some values and no for others: weights would have as many rows as `H`
        says, two shapes agree only where `H` is 8, or a condition asks whether `H` is even. Nothing is guessed.

        Where shapes agree for all multiples of a number, that is no error: it is what the network needs, and the
        report says so (`needs H % 16 == 0`).

        Write a number in the input's shape, or give one by `--input`. Or say in the input's shape what must hold:
        `[N, 3, 4 * H, 4 * W]` is an image whose sides are multiples of four. A network that pools over all of its
        image before `linear` needs no value at all.
        """,
        wrong="network Net(image: [N, 3, H, W]) { image -> conv(8, 3) -> flatten -> linear(10) }",
        right="network Net(image: [N, 3, H, W]) { image -> conv(8, 3) -> global_avg_pool -> flatten -> linear(10) }",
    ),
}

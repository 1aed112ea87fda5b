"""Diagnostics of layers and what a network is made of."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "duplicate-path": Entry(
        "two layers have one path",
        """
        A layer's path, `stage1.0.conv1`, is made of the labels around it, and is its name in the `state_dict`. Two
        layers of one path would share a key, so that saving the network would lose the weights of one. A path below
        that of another layer is refused for the same reason: the layer's own parameters are there.

        Give one of them another label. In a loop, number it, `name${i}:`, or leave it out: steps inside braces are
        numbered by themselves. If both are meant to have the same weights, make one with `module` and use it twice.
        """,
        wrong="network Net(x: [N, 4]) { x -> fc: linear(8) -> relu -> fc: linear(2) }",
        right="network Net(x: [N, 4]) { x -> fc1: linear(8) -> relu -> fc2: linear(2) }",
    ),
    "shared-mismatch": Entry(
        "a shared module is used on inputs it does not fit",
        """
        `module` makes one instance, whose weights are the same wherever it is used. Their sizes follow from the first
        input, and a later one has another number of channels or features, or would make other layers of it.

        Bring the inputs to one size first, by a layer of its own for each, or use the block without `module` where
        the weights need not be shared.
        """,
        wrong="""
        block encoder(x) { x -> linear(8) -> relu }

        network Net(a: [N, 3], b: [N, 4]) {
            encode = module encoder
            (a -> encode) + (b -> encode)
        }
        """,
        right="""
        block encoder(x) { x -> linear(8) -> relu }

        network Net(a: [N, 3], b: [N, 4]) {
            encode = module encoder
            (a -> linear(6) -> encode) + (b -> linear(6) -> encode)
        }
        """,
    ),
    "outputs": Entry(
        "the outputs are not clear",
        """
        A network returns the value of its last expression, which is called `output`; or it names what it returns by
        statements `output name = …`, and then nothing else is its value. An output is one tensor. Statements that
        belong to a network, `output`, `loss`, `init` and `device`, stand in its own body: not in a block, and `device`
        and `init` before the first layer.

        Several results are several `output` statements; the model returns them as a NamedTuple, in the order written.
        """,
        wrong="network Net(x: [N, 4]) { chunk(x -> linear(8), 2) }",
        right="""
        network Net(x: [N, 4]) {
            a, b = chunk(x -> linear(8), 2)
            output left = a
            output right = b
        }
        """,
    ),
    "train-only": Entry(
        "what exists in training only is needed in inference",
        """
        `@train` marks what exists in training only, such as an auxiliary classifier; whatever depends on it exists in
        training only as well. Here every output does, so that the network would have nothing to return in inference.

        Mark a branch of its own, and make it an output of its own: the loss may use it, and in inference it is left
        out.
        """,
        wrong="""
        network Net(x: [N, 4]) {
            x -> linear(8) @train -> relu -> linear(2)
        }
        """,
        right="""
        network Net(x: [N, 4]) {
            h = x -> linear(8) -> relu
            output logits = h -> linear(2)
            output aux = h -> linear(2) @train
            loss cross_entropy(logits) + 0.3 * cross_entropy(aux)
        }
        """,
    ),
    "loss": Entry(
        "the loss is not an expression over the outputs",
        """
        `loss` is one number, computed from what the model returns and from targets: loss operators (`cross_entropy`,
        `mse_loss` …) and any other layers without weights, with arithmetic around them. Targets are declared, `target
        labels: [N] int64`, and known in the loss only; without a declaration there is one, which each loss operator
        takes by itself. Loss operators stand nowhere else, and a network has one `loss` statement. What is no number
        yet is added up, `sum(y, [0, 1])`, or its mean taken.

        A network with a single, unnamed output calls it `output`. Several terms are added in one expression.
        """,
        wrong="""
        network Net(x: [N, 4]) {
            x -> linear(2) -> cross_entropy
        }
        """,
        right="""
        network Net(x: [N, 4]) {
            x -> linear(2)
            loss cross_entropy(output)
        }
        """,
    ),
}

"""Diagnostics of names: what is used must be there, and mean one thing."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "unknown-name": Entry(
        "no value has this name",
        """
        A value is bound before it is used: it is a parameter of this block or network, the name of a size in its
        shapes, or was bound by `name = …` further up. A block sees its own parameters and nothing of the network that
        uses it. Types of parameters, blocks that are imported and networks that a variant presets are looked up the
        same way.

        A label is no value: it names a layer in the `state_dict`. To use what a step computes, bind it with `=`.
        The sizes in the shape of a network's input are symbols where their names are capital, as `N` is; a name in
        small letters is looked up as a value. In a `loss` only the outputs and static values are known.
        """,
        wrong="""
        network Net(x: [N, 8]) {
            y = x -> hidden: linear(8) -> relu
            y + hidden
        }
        """,
        right="""
        network Net(x: [N, 8]) {
            h = x -> hidden: linear(8)
            y = h -> relu
            y + h
        }
        """,
    ),
    "unknown-operator": Entry(
        "no operator or block has this name",
        """
        What follows `->`, or stands before parentheses, is an operator, a block of this file or one that it imports,
        or a module made by `module`. The name is none of these.

        Operators are called as in torch.nn.functional, without the number of dimensions: `conv`, not `conv2d`;
        docs/operators.md lists them. A block of another file is imported first. Blocks that no network uses are
        checked as well, so that they are right on the day when they are used.
        """,
        wrong="network Net(image: [N, 3, 8, 8]) { image -> conv2d(8, 3) }",
        right="network Net(image: [N, 3, 8, 8]) { image -> conv(8, 3) }",
    ),
    "unknown-parameter": Entry(
        "the operator, block or network has no such parameter",
        """
        An argument is given by a name that the operator or block does not declare. Ignored, it would leave the
        default in force without a word, and the network would train, only worse.

        Parameters of operators are called as in torch; docs/operators.md has each with its default. The help text
        names the closest.
        """,
        wrong="network Net(image: [N, 3, 8, 8]) { image -> conv(8, 3, pading = 1) }",
        right="network Net(image: [N, 3, 8, 8]) { image -> conv(8, 3, padding = 1) }",
    ),
    "unknown-attribute": Entry(
        "a value has no such attribute",
        """
        A tensor has one attribute, `shape`, the list of its sizes; a `module` of an operator with weights, once it is
        applied, has `weight` and `bias`; other values have none. There are no methods: what a method does in Python is
        done by an operator behind `->`.

        Instead of `x.shape[1]` one can also name the size where the block declares the tensor, `x: [N, C, H, W]`, and
        write `C`.
        """,
        wrong="network Net(x: [N, 4]) { x -> linear(x.size[1]) }",
        right="network Net(x: [N, 4]) { x -> linear(x.shape[1]) }",
    ),
    "unknown-mark": Entry(
        "no such mark",
        """
        `@name` behind a step marks it. A mark is `@train` (it exists in training only), `@checkpoint` (its
        activations are computed again in backward), `@frozen` (its parameters take no gradient), or a device that
        the network declares by `device name`.

        Declare the device at the start of the network's body; whichever real device it is, is said when the network
        is compiled.
        """,
        wrong="""
        network Net(x: [N, 4]) {
            x -> linear(8) -> relu -> linear(2) @gpu1
        }
        """,
        right="""
        network Net(x: [N, 4]) {
            device gpu0, gpu1
            x -> linear(8) -> relu -> linear(2) @gpu1
        }
        """,
    ),
    "rebound-name": Entry(
        "a name is bound twice",
        """
        A name means one value from where it is bound to the end of its body; it is not a variable that is given new
        contents. So one finds out what a name is by looking at one place, and a graph, unlike a program, has no
        before and after.

        Give the second value a name of its own, or write one chain instead of several lines.
        """,
        wrong="""
        network Net(x: [N, 4]) {
            y = x -> linear(8)
            y = y -> relu
            y -> linear(2)
        }
        """,
        right="""
        network Net(x: [N, 4]) {
            y = x -> linear(8) -> relu
            y -> linear(2)
        }
        """,
    ),
    "setting-init": Entry(
        "the setting `init` does nothing",
        """
        A setting that was called `init` once said how all weights of a network start. Now a statement says so,
        `init kaiming_normal`, and a setting of that name is like any other: where nothing mentions it, it does
        nothing, and the weights would start in another way without a word.

        Write the statement at the beginning of the network's body. It takes any expression, so the setting may stay
        and be given by a variant or on the command line; `archdsl check --fix` adds the statement.
        """,
        wrong="network Net(x: [N, 4], init = kaiming_normal) { x -> linear(2) }",
        right="""
        network Net(x: [N, 4]) {
            init kaiming_normal
            x -> linear(2)
        }
        """,
    ),
}

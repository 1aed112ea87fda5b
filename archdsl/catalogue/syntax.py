"""Diagnostics of how a spec is written: the grammar, and what is defined."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "syntax": Entry(
        "the text does not follow the grammar",
        """
        Something stands where the grammar has no place for it. The caret points at the first word or sign that does
        not fit, so the mistake is there or shortly before: a bracket that was never closed, a comma left out, a word
        of Python or C that the language does not have. Where the cause is a known habit, the help text says what to
        write instead.

        The commonest one: `->` binds loosest of all, so a chain that is part of a sum stands in parentheses.
        docs/language.md has the language on a few pages.
        """,
        wrong="""
        network Net(x: [N, 8]) {
            x -> linear(8) -> relu + x
        }
        """,
        right="""
        network Net(x: [N, 8]) {
            (x -> linear(8) -> relu) + x
        }
        """,
    ),
    "bad-name": Entry(
        "a name that may not be used",
        """
        Labels, inputs, outputs and devices become names in Python: attributes of a torch module, parameters of
        `forward`, fields of a NamedTuple, and keys of the `state_dict`. So they are made of ASCII letters, digits and
        `_`, and cannot be keywords of Python (`class`), attributes that every torch module has (`forward`,
        `training`) or methods of a tuple (`count`), which they would replace. Names of layers may not be very long. A
        label in quotes, `"block1-0": conv(8, 3)`, may hold other characters, for checkpoints that have them.

        A label names a step or an operator's call; before a plain value it would name nothing, and is refused too.

        Choose another name; a digit or a `_` at its end is enough.
        """,
        wrong="network Net(x: [N, 4]) { x -> forward: linear(2) }",
        right="network Net(x: [N, 4]) { x -> forward_1: linear(2) }",
    ),
    "duplicate-definition": Entry(
        "a block, network or variant is defined twice",
        """
        Two definitions in one file, or a definition and an import, have the same name. One would hide the other, and
        which one depended on their order.

        Rename one of them, or delete it. Where two blocks differ only in a number, one block with a parameter does
        for both. A block may have the name of an operator, which it then hides in its file.
        """,
        wrong="""
        block head(x) { x -> linear(2) }

        block head(x) { x -> linear(3) }

        network Net(x: [N, 4]) { x -> head }
        """,
        right="""
        block head(x, classes) { x -> linear(classes) }

        network Net(x: [N, 4]) { x -> head(3) }
        """,
    ),
    "duplicate-parameter": Entry(
        "a parameter is declared twice",
        """
        A block or network declares two parameters of one name. Inside, the name could mean only one of them.

        Rename one, or delete it if it came with a copied line.
        """,
        wrong="""
        block mlp(x, width, width) { x -> linear(width) -> relu -> linear(width) }

        network Net(x: [N, 4]) { x -> mlp(8, 2) }
        """,
        right="""
        block mlp(x, hidden, width) { x -> linear(hidden) -> relu -> linear(width) }

        network Net(x: [N, 4]) { x -> mlp(8, 2) }
        """,
    ),
}

"""Diagnostics of limits, far above any real network, which keep a spec by mistake or malice from taking the machine."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "file-too-large": Entry(
        "the file is larger than a spec may be",
        """
        The specs that ship with archdsl have a few thousand bytes each; a file of that size is most likely not a spec,
        but saved weights or data.

        Where a program writes specs, let it write blocks and loops instead of every layer. `--max-bytes` sets another
        limit, for the files of a spec together.
        """,
    ),
    "too-many-imports": Entry(
        "too many files are imported",
        """
        The files that a spec imports are counted with those that they import. Put blocks that belong together into
        one file. `--max-imports` sets another limit.
        """,
    ),
    "too-many-nodes": Entry(
        "the YAML has too many nodes",
        """
        Values, lists and mappings are counted together, which is what keeps a small file from taking minutes to read.
        Where a program writes specs, let it write blocks and `repeat` instead of every layer. `--max-nodes` sets
        another limit.
        """,
    ),
    "nesting-too-deep": Entry(
        "brackets, blocks or expressions are nested too deep",
        """
        Brackets stand within each other at most 64 levels deep, and so do lists and mappings of the YAML form. Nobody
        could read more, and a program that reads it can run out of stack.

        Bind an inner part to a name and use the name.
        """,
        wrong=f"network Net(x: [N, 4]) {{ x -> linear({'(' * 64}2{')' * 64}) }}",
        right="network Net(x: [N, 4]) { x -> linear(2) }",
    ),
    "number-too-large": Entry(
        "a number is too large",
        """
        Static values are at most 2⁶³, the sizes of an input at most 2³¹ − 1, and lists have at most 100,000 items. No
        network needs more; a power or a product in a loop grows beyond it by mistake.
        """,
        wrong="network Net(x: [N, 4], depth = 64) { x -> linear(2 ** depth) }",
        right="network Net(x: [N, 4], depth = 6) { x -> linear(2 ** depth) }",
    ),
    "too-large": Entry(
        "a tensor is too large",
        """
        A tensor has more than 2⁴⁸ elements, a petabyte in single precision. A factor is most likely meant as a size:
        `interpolate(scale_factor = 64)` makes an image 64 times as high and as wide, `interpolate(size = 64)` one of
        64 × 64.
        """,
        wrong="network Net(image: [1, 3, 8, 8]) { image -> interpolate(scale_factor = 10000000) }",
        right="network Net(image: [1, 3, 8, 8]) { image -> interpolate(scale_factor = 2) }",
    ),
    "recursion": Entry(
        "blocks use each other without end",
        """
        A block uses itself, directly or by way of others, more than 64 levels deep. Blocks are expanded before the
        network runs, so that one which always uses itself would be infinite.

        A block may use itself under an `if` that ends it: count a parameter down. Where a part only comes several
        times in a row, `repeat` says so.
        """,
        wrong="""
        block deeper(x, depth) { x -> linear(8) -> relu -> deeper(depth - 1) }

        network Net(x: [N, 4]) { x -> deeper(3) }
        """,
        right="""
        block deeper(x, depth) { x -> linear(8) -> relu -> if depth > 1 { deeper(depth - 1) } }

        network Net(x: [N, 4]) { x -> deeper(3) }
        """,
    ),
    "too-many-layers": Entry(
        "the network has too many layers",
        """
        The networks that ship with archdsl have a few hundred layers, and four thousand at the most; a count was most
        likely meant as something else. `--max-layers` sets another limit.
        """,
        wrong="network Net(x: [N, 4]) { x -> repeat 1000000 { relu } }",
        right="network Net(x: [N, 4]) { x -> repeat 10 { relu } }",
    ),
    "too-much-work": Entry(
        "evaluating the spec takes too long",
        """
        Working out a spec may take a few seconds: what it evaluates, the layers, tensors and lists it makes are
        counted together, for all variants that a command looks at. Loops within loops come to the limit quickly,
        `for i in range(2000) { for j in range(2000) { … } }` for one, even where most rounds make no layer.

        Look at the bounds of the loops that the message points at. What does not change from round to round can be
        bound to a name before the loop. `--max-work` sets another limit.
        """,
    ),
    "path-too-long": Entry(
        "a layer's path is too long",
        """
        The path of a layer is made of the labels around it, and becomes a key of the `state_dict`. Long ones in many
        layers take all memory, and nobody reads them. Shorten the labels; `--max-path` sets another limit.
        """,
    ),
}

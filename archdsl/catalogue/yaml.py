"""Diagnostics of the YAML form only."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "yaml-feature": Entry(
        "a feature of YAML that a spec may not use",
        """
        A spec is one YAML document of mappings, lists and text. Anchors and aliases (`&a`, `*a`), merge keys (`<<`),
        tags (`!!python/…`), further documents (`---`) and keys that are no text are refused: they make a file say
        something other than what is written where one reads it, aliases can make a small file huge, and tags have
        made other programs run code.

        What anchors are used for, writing a thing once and using it often, is what blocks are for.
        """,
        wrong="""
        archdsl: 1
        networks:
          Net:
            inputs: {x: [N, 3, 8, 8]}
            body:
              - &layer {conv: [3, 3, {padding: 1}]}
        """,
        right="""
        archdsl: 1
        blocks:
          layer:
            params: {x: }
            body:
              - {conv: [3, 3, {padding: 1}]}
        networks:
          Net:
            inputs: {x: [N, 3, 8, 8]}
            body: [layer, layer]
        """,
    ),
    "duplicate-key": Entry(
        "a key is given twice",
        """
        A mapping has the same key twice. Most readers of YAML keep the last one without a word, so that the network
        would be another one than the line you look at says.

        Delete one of them. Several steps are items of a list, each with a dash, not keys of one mapping.
        """,
        wrong="""
        archdsl: 1
        networks:
          Net:
            inputs: {x: [N, 3, 8, 8]}
            body:
              - conv: {out_channels: 8, kernel_size: 3, out_channels: 16}
        """,
        right="""
        archdsl: 1
        networks:
          Net:
            inputs: {x: [N, 3, 8, 8]}
            body:
              - conv: {out_channels: 16, kernel_size: 3}
        """,
    ),
    "unknown-key": Entry(
        "nothing reads this key",
        """
        A file has the sections `imports`, `blocks`, `networks` and `variants`; a block or network has `inputs`,
        `params` and `body`; a step has its operator and the keys that mark it. This key is none of those that have a
        meaning here. Were it ignored, a misspelt one would go unnoticed.

        Correct the spelling, or look up the place of the key in docs/yaml.md. An editor that has the schema of
        `archdsl schema` offers the keys as you type.
        """,
        wrong="""
        archdsl: 1
        networks:
          Net:
            inputs: {x: [N, 4]}
            body: [linear(2)]
        variant:
          small: Net()
        """,
        right="""
        archdsl: 1
        networks:
          Net:
            inputs: {x: [N, 4]}
            body: [linear(2)]
        variants:
          small: Net()
        """,
    ),
    "unknown-version": Entry(
        "the spec's version is not known",
        """
        A spec in YAML begins with `archdsl: 1`, the version of the form. It is missing here, or is another number. A
        later version may mean something else by the same keys, so that reading it anyway could give another network.

        Write `archdsl: 1`; or, if the file was made by a newer archdsl, use that one.
        """,
        wrong="""
        archdsl: 2
        networks:
          Net:
            inputs: {x: [N, 4]}
            body: [linear(2)]
        """,
        right="""
        archdsl: 1
        networks:
          Net:
            inputs: {x: [N, 4]}
            body: [linear(2)]
        """,
    ),
}

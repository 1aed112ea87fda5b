"""Each construct of the grammar, written until a text of some size is full of it: valid and not, in both forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Texts = dict[str, Callable[[int], str]]

HEAD: Final = "network Net(x: [N, 4, 8, 8]) {\n"
YAML: Final = "archdsl: 1\nnetworks:\n  Net:\n    inputs: {x: [N, 4, 8, 8]}\n    body:\n"
LONG: Final = "abcdefghij" * 12


def rows(unit: str, size: int, between: str = "\n", least: int = 1) -> str:
    """A unit again and again, `{i}` in it counted, until the size is reached."""
    found: list[str] = []
    length = 0
    while length < size or len(found) < least:
        found.append(unit.replace("{i}", str(len(found))))
        length += len(found[-1]) + len(between)
    return between.join(found)


def body(unit: str, between: str = "\n", before: str = "", after: str = "x -> relu") -> Callable[[int], str]:
    """A network with the units in its body."""
    return lambda size: f"{HEAD}{before}{rows(unit, size, between)}\n{after}\n}}\n"


def within(before: str, unit: str, after: str, between: str = "") -> Callable[[int], str]:
    """A network with the units within a statement."""
    return lambda size: f"{HEAD}{before}{rows(unit, size, between)}{after}\n}}\n"


def around(before: str, unit: str, after: str, between: str = ", ") -> Callable[[int], str]:
    """A text with the units between two others."""
    return lambda size: f"{before}{rows(unit, size, between)}{after}"


def file(unit: str, between: str = "\n", after: str = "network Net(x: [N, 4]) { x -> relu }") -> Callable[[int], str]:
    return lambda size: f"{rows(unit, size, between)}\n{after}\n"


TEXT: Final[Texts] = {
    # --- definitions
    "blocks": file("block b{i}(x) { x -> relu }"),
    "networks": file("network n{i}(x: [N, 4]) { x -> relu }"),
    "variants": file("variant v{i} = Net()"),
    "variants-of-a-fault": around(
        "network Net(x: [N, 4, 8, 8], d = 1) {\nx -> conv(3, 3) -> reshape([N, 5])\n}\n",
        "variant v{i} = Net(d = {i})",
        "\n",
        "\n",
    ),
    "parameters": around("block b(x, ", "p{i}", ") { x -> relu }\nnetwork Net(x: [N, 4]) { x -> relu }"),
    "defaults": around("network Net(x: [N, 4], ", "p{i} = {i}", ") { x -> relu }"),
    "types": around("network Net(x: [N, 4], ", "p{i}: int = {i}", ") { x -> relu }"),
    "inputs": around("network Net(", "x{i}: [N, 4]", ") { x0 -> relu }"),
    "dimensions": around("network Net(x: [N, ", "1", "]) { x -> relu }"),
    "import-names": around('import "nothing.arch" (', "b{i}", ")\nnetwork Net(x: [N, 4]) { x -> relu }"),
    # --- statements
    "bindings": body("y{i} = x -> relu"),
    "constants": body("y{i} = {i}"),
    "targets": within("", "y{i}", " = chunk(x, 4, dim = 1)\nx -> relu", ", "),
    "devices": within("device ", "d{i}", "\nx -> relu", ", "),
    "devices-used": lambda size: (
        f"{HEAD}device {rows('d{i}', size // 3, ', ')}\nx -> {rows('relu @d{i}', size // 2, ' -> ')}\n}}\n"
    ),
    "outputs": body("output o{i} = x -> relu", after=""),
    "losses": body("loss cross_entropy(output)", before="y = x -> relu\n", after="y"),
    "unused": body("x -> relu"),
    # --- chains
    "steps": within("x -> ", "relu", "", " -> "),
    "lines": within("x -> ", "relu", "", "\n    -> "),
    "labels": within("x -> ", "l{i}: relu", "", " -> "),
    "a-label-of-dots": within("x -> ", "a.", "a: relu"),
    "labels-that-interpolate": within("i = 3\nx -> ", "a${1}b{i}: relu", "", " -> "),
    "a-label-of-interpolations": within("x -> ", "${1}", ": relu"),
    "a-label-of-sums": within("i = 3\nx -> a${", "1+", "1}: relu"),
    "marks": within("x -> ", "relu @train", "", " -> "),
    "marks-of-one": within("x -> relu", " @checkpoint", ""),
    "repeats": within("x -> ", "repeat 2 { relu }", "", " -> "),
    "loops": within("x -> ", "for i in range(2) { relu }", "", " -> "),
    "conditions": within("x -> ", "if true { relu } else { tanh }", "", " -> "),
    "sequences": within("x -> ", "{ relu }", "", " -> "),
    "else-ifs": within("x -> if false { relu }", " else if false { relu }", ""),
    "modules": body("m{i} = module linear(3)"),
    "bodies": body("y{i} = if true { x } else { x -> relu }"),
    # --- calls and expressions
    "calls": body("y{i} = relu(x)"),
    "positional": within("x -> conv(", "3", ")", ", "),
    "named": within("x -> conv(", "kernel = 3", ")", ", "),
    "tensors": within("concat(", "x", ")", ", "),
    "nested-calls": within("", "relu(", "x" + ")" * 70),
    "lists": within("y = [", "{i}", "]\nx -> relu", ", "),
    "lists-of-lists": within("y = [", "[{i}, 1]", "]\nx -> relu", ", "),
    "comprehensions": body("y{i} = [i for i in range(3)]"),
    "strings": body('y{i} = "abc"'),
    "a-string": within('y = "', "abcdefghi ", '"\nx -> relu'),
    "integers": body("y{i} = 1234567"),
    "a-number": within("y = ", "1", "\nx -> relu"),
    "floats": body("y{i} = 1.5e-3"),
    "dotted-numbers": within("y = ", "1.", "1\nx -> relu"),
    "sums": within("y = ", "1", "\nx -> relu", " + "),
    "sums-of-tensors": within("y = ", "x", "\ny -> relu", " + "),
    "products": within("y = ", "1", "\nx -> relu", " * "),
    "powers": within("y = ", "1", "\nx -> relu", " ** "),
    "comparisons": within("y = ", "1", "\nx -> relu", " == "),
    "ands": within("y = ", "true", "\nx -> relu", " and "),
    "nots": within("y = ", "not ", "true\nx -> relu"),
    "minus": within("y = ", "-", "1\nx -> relu"),
    "conditionals": within("y = ", "1 if true else ", "2\nx -> relu"),
    "indices": within("y = x.shape", "[0]", "\nx -> relu"),
    "attributes": within("x -> conv(x", ".a", ")"),
    "attributes-apart": within("x -> conv(x", " .a", ")"),
    "parentheses": within("y = ", "(", "1" + ")" * 70 + "\nx -> relu"),
    "names": within("a = 1\ny = [", "a", "]\nx -> relu", ", "),
    "long-names": body(f"{LONG}{{i}} = 1"),
    # --- what stands between
    "comments": body("# a comment"),
    "comments-behind": body("y{i} = 1  # a comment"),
    "comments-between-steps": within("x -> relu", "# a comment\n", "", "\n    -> relu  "),
    "comments-between-arguments": within("y = [", "{i},  # a comment\n", "]\nx -> relu"),
    "comments-on-top": file("# a comment"),
    "a-comment": around("", "# ", "\nnetwork Net(x: [N, 4]) { x -> relu }\n", ""),
    "a-comment-of-words": around("# ", "word", "\nnetwork Net(x: [N, 4]) { x -> relu }\n", " "),
    "blank-lines": body("", "\n"),
    "spaces": within("x ", " ", "-> relu"),
    "aligned": body("y{i}   = 1"),
    # --- faults
    "characters": body("y{i} = 'a'"),
    "foreign": body("y{i} = é"),
    "faults-of-definitions": file("block b{i}(x) { x -> }"),
    "operators-unknown": within("x -> ", "relo{i}", "", " -> "),
    "names-unknown": body("abcdefgh{i} = abcdefgg{i}"),
    "long-names-unknown": lambda size: (
        f"{HEAD}{rows(f'{LONG}{{i}} = 1', size * 9 // 10)}\n{rows(f'z{{i}} = {LONG}x{{i}}', size // 10)}\n}}\n"
    ),
    "parameters-unknown": body("y{i} = conv(x, 3, kernal = 3)"),
    "types-unknown": around("network Net(x: [N, 4], ", "p{i}: Tensor", ") { x -> relu }"),
    "bound-twice": body("y = 1"),
    "shapes-wrong": body("y{i} = x -> linear(3) -> conv(3, 5) -> conv(3, 19)"),
    "open": within("y = ", "[1, ", "1"),
    "closed": within("y = 1", "]", ""),
    "labels-without-steps": within("", "a{i}: ", "x"),
    "arrows": within("x ", "-> ", "relu"),
    "commas": within("y = [", ",", "]"),
    "dollars": within("x -> ", "${", ": relu"),
}


def items(unit: str, between: str = "\n", before: str = "", after: str = "") -> Callable[[int], str]:
    return lambda size: f"{YAML}{before}{rows(unit, size, between)}{after}\n"


IN_YAML: Final[Texts] = {
    "items": items("      - relu"),
    "mappings": items("      - {linear: 3}"),
    "mappings-below": items("      - linear:\n          features: 3"),
    "names": items("      - {relu: {}, name: 'l{i}'}"),
    "names-that-interpolate": items("      - {relu: {}, name: 'l${1}b{i}'}"),
    "a-name-of-interpolations": items("${1}", "", "      - {relu: {}, name: '", "'}"),
    "marks": items("      - {relu: {}, only: train}"),
    "texts": items('      - "l{i}: relu"'),
    "a-text": items("relu", " -> ", "      - x -> "),
    "a-text-of-dots": items(".a", "", "      - x -> conv(x", ")"),
    "a-quoted-text": items("relu", " -> ", "      - 'x -> ", "'"),
    "a-folded-text": items("        relu ->", "\n", "      - >-\n        x ->\n", "\n        relu"),
    "folded-texts": items("      - >-\n        relu"),
    "a-literal-text": items("        relu ->", "\n", "      - |-\n        x ->\n", "\n        relu"),
    "a-text-over-lines": items("        relu ->", "\n", "      - x ->\n", "\n        relu"),
    "escapes": items("\\n", "", '      - "x ->', ' relu"'),
    "lets": items("      - let: {y{i}: 1}"),
    "let": items("          y{i}: 1", "\n", "      - let:\n", "\n      - relu"),
    "lists": items("{i}", ", ", "      - let: {y: [", "]}\n      - relu"),
    "repeats": items("      - {repeat: 2, do: [relu]}"),
    "conditions": items("      - {if: 'true', then: [relu], else: [tanh]}"),
    "comments": items("      # a comment", after="\n      - relu"),
    "comments-behind": items("      - relu  # a comment"),
    "comments-on-top": lambda size: f"{rows('# a comment', size)}\n{YAML}      - relu\n",
    "a-comment": lambda size: f"{rows('# ', size, '')}\n{YAML}      - relu\n",
    "a-comment-within": items("# ", "", "      - relu\n      # "),
    "blank-lines": items("", "\n", after="\n      - relu"),
    "spaces": items(" ", "", "      - relu\n     ", " - relu"),
    "blocks": around(
        "archdsl: 1\nblocks:\n",
        "  b{i}: {inputs: {x: [...]}, body: [relu]}",
        "\nnetworks:\n  Net: {inputs: {x: [N, 4]}, body: [relu]}\n",
        "\n",
    ),
    "variants": lambda size: f"{YAML}      - relu\nvariants:\n{rows('  v{i}: Net', size)}\n",
    "parameters": around(
        "archdsl: 1\nnetworks:\n  Net:\n    inputs: {x: [N, 4]}\n    params:\n",
        "      p{i}: {i}",
        "\n    body: [relu]\n",
        "\n",
    ),
    "keys-unknown": lambda size: f"archdsl: 1\n{rows('abcdefgh{i}: 1', size)}\n",
    "keys-twice": lambda size: f"archdsl: 1\n{rows('a: 1', size)}\n",
    "steps-wrong": items("      - 'relu ->'"),
    "operators-unknown": items("      - relo{i}"),
    "keys-of-steps": items("a{i}: 1", ", ", "      - {linear: 3, ", "}"),
    "open": items("[", "", "      - "),
    "tabs": items("\t- relu"),
}

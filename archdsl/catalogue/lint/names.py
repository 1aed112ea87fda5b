"""Lint of names and of what is never used."""

from __future__ import annotations

from typing import Final

from archdsl.catalogue._entry import Entry

ENTRIES: Final[dict[str, Entry]] = {
    "unused-name": Entry(
        "a name that nothing uses",
        "A value, parameter, setting or block that nothing mentions is often a misspelt or forgotten connection. A"
        " shared module has no layers at all until it is applied. Names that begin with `_` are meant to be unused.",
        level="warning",
        source="docs/language.md, Values",
        wrong="""\
network Net(x: [N, 8, 16, 16]) {
    shortcut = x -> project: conv(8, 1)
    x -> main: conv(8, 3, padding = 1) -> relu
}
""",
        right="""\
network Net(x: [N, 8, 16, 16]) {
    shortcut = x -> project: conv(8, 1)
    (x -> main: conv(8, 3, padding = 1)) + shortcut -> relu
}
""",
    ),
    "dead-layer": Entry(
        "a layer that no output depends on",
        "Its weights get no gradient and stay as they were drawn, and distributed training waits in vain for them."
        " Connect it to an output, or take it out.",
        level="warning",
        source="torch.nn.parallel.DistributedDataParallel, `find_unused_parameters`",
        wrong="""\
network Net(x: [N, 8, 16, 16]) {
    branches = [x -> branch${i}: conv(8, 3) for i in range(2)]
    branches[0] -> relu
}
""",
        right="""\
network Net(x: [N, 8, 16, 16]) {
    branches = [x -> branch${i}: conv(8, 3) for i in range(2)]
    branches[0] + branches[1] -> relu
}
""",
    ),
    "positional-name": Entry(
        "weights that are named after their position",
        "A step inserted before them changes their name in `state_dict`, and weights saved before do not load. A label"
        " gives it a name that stays: `fc: linear(8)`.",
        level="note",
        source="docs/language.md, Names are paths; torch.nn.Module.load_state_dict",
        wrong="""\
network Net(x: [N, 64]) {
    x -> head: { relu -> linear(8) }
}
""",
        right="""\
network Net(x: [N, 64]) {
    x -> head: { relu -> out: linear(8) }
}
""",
    ),
    "bad-suppression": Entry(
        "a suppression that cannot be understood",
        "A misspelt rule would suppress nothing. Write `# lint: off(rule): reason`; `archdsl lint --list` has the"
        " rules.",
        level="warning",
        source="docs/lint.md, Suppression",
        wrong="""\
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(3, stride = 2) # lint: off(unread-boarder)
}
""",
        right="""\
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(2) # lint: off(unread-border): the images have a black border
}
""",
    ),
    "unused-suppression": Entry(
        "a suppression of nothing",
        "It would hide the next finding of its rule there. Take the comment out.",
        level="warning",
        source="docs/lint.md, Suppression",
        wrong="""\
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(3, stride = 2) # lint: off(unread-border)
}
""",
        right="""\
network Net(x: [N, 8, 15, 15]) {
    x -> max_pool(3, stride = 2)
}
""",
    ),
}

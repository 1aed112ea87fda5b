"""Names that nothing mentions."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lint._rule import Found, Net, rule

WHAT = {
    "value": ("the value", "delete it, or begin its name with `_`"),
    "module": ("the shared module", "apply it to a tensor, `x -> {name}`, or delete it: it has no layers until then"),
    "parameter": ("the block's parameter", "use it in the body, or delete it"),
    "setting": ("the setting", "use it in the body, or delete it: choosing it changes nothing"),
    "input": ("the input", "use it in the body, or delete it"),
    "block": ("the block", "delete it; blocks for other files to import stand in a file without networks"),
    "import": ("the imported block", "delete it from the import"),
}  # fmt: skip


@rule("unused-name")
def check(net: Net) -> Iterator[Found]:
    for unused in net.header["written"].unused:
        what, help = WHAT[unused.kind]
        message = f"{what} `{unused.name}` is never used"
        yield Found(None, message, help.format(name=unused.name), span=unused.span)

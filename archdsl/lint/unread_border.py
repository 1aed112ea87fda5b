"""Rows and columns at the end that no window reaches."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lint._rule import Found, Net, rule
from archdsl.lint.windows import WindowAxis, sliding


@rule("unread-border")
def check(net: Net) -> Iterator[Found]:
    for key, node, axes in sliding(net):
        unread = [axis for axis in axes if axis.read == 1 and axis.left]  # gaps are another rule's
        if unread:
            lost = " and ".join(dict.fromkeys(map(_text, unread)))
            each = " along each dimension" if len(unread) > 1 == len(set(unread)) else ""
            keeps = "`ceil_mode = true` keeps a partial window" if "ceil_mode" in node["params"] else "pad the input"
            yield Found(key, f"no window of this `{node['op']}` reads {lost}{each}", _fitting(unread[0]) + keeps)


def _fitting(axis: WindowAxis) -> str:
    fits = axis.size - axis.left
    return f"{fits} or {fits + axis.stride} positions fit; or " if axis.dilation == 1 else ""


def _text(axis: WindowAxis) -> str:
    return f"the last of {axis.size} positions" if axis.left == 1 else f"the last {axis.left} of {axis.size} positions"

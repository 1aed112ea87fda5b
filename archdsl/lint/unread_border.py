"""Rows and columns at the end that no window reaches."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lint._rule import Found, Net, rule
from archdsl.lint.windows import windows


@rule("unread-border")
def check(net: Net) -> Iterator[Found]:
    for key, node, window in windows(net):
        sizes, outputs = net.input_shapes(key)[0][2:], node["shape"][2:]
        unread: list[tuple[int, int, int]] = []  # size, positions left over, stride
        for size, out, extent, stride, offset in zip(sizes, outputs, *window, strict=True):
            if isinstance(size, int) and isinstance(out, int) and extent >= stride:
                left = size - int((out - 1) * stride + offset + extent)
                if left > 0:
                    unread.append((size, left, int(stride)))
        if unread:
            lost = " and ".join(dict.fromkeys(_last(left, size) for size, left, _ in unread))
            each = " along each dimension" if len(unread) > 1 == len(set(unread)) else ""
            size, left, stride = unread[0]
            keeps = "`ceil_mode = true` keeps a partial window" if "ceil_mode" in node["params"] else "pad the input"
            message = f"no window of this `{node['op']}` reads {lost}{each}"
            yield Found(key, message, f"{size - left} or {size - left + stride} positions fit; or {keeps}")


def _last(left: int, size: int) -> str:
    return f"the last of {size} positions" if left == 1 else f"the last {left} of {size} positions"

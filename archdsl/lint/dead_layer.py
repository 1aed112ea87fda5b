"""Layers that no output depends on."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from archdsl.lint._rule import Found, Net, rule
from archdsl.source import Span


@rule("dead-layer")
def check(net: Net) -> Iterator[Found]:
    needed = net.live(training=True)
    named = _Spans([unused.statement for unused in net.header["written"].unused])
    for key, node in net.layers.items():
        # The last of several dead layers stands for all; what an unused name holds is reported with the name.
        if key in needed or net.readers[key] or node["op"] == "input":
            continue
        if not any(named.hold(span) for span in (node["span"], *(i.span for i in node["blocks"]))):
            message = f"no output depends on this `{node['op']}`, which is computed for nothing"
            yield Found(key, message, "use its value, or delete it with the layers before it that only it needs")


class _Spans:
    """Statements, none within another, in which places are looked up."""

    def __init__(self, spans: list[Span]) -> None:
        self.spans = sorted(spans, key=lambda span: (span.source.name, span.start))
        self.starts = [(span.source.name, span.start) for span in self.spans]

    def hold(self, span: Span) -> bool:
        i = bisect_right(self.starts, (span.source.name, span.start)) - 1
        return i >= 0 and self.spans[i].source is span.source and span.end <= self.spans[i].end

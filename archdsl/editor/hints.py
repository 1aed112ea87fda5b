"""The shape at the end of each line, and the instance of a block that it is the shape of."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.editor import places
from archdsl.editor.document import OpenDocument
from archdsl.editor.wording import common
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import is_tensors
from archdsl.source import Span
from archdsl.syntax import tree


@dataclass(frozen=True, slots=True)
class InlayHint:
    """A text behind the character at `offset`."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Lens:
    """Something to choose above a definition: one of the `options`, of which `now` is chosen."""

    span: Span
    kind: str  # "variant" or "instance"
    block: str  # the name of the definition
    options: tuple[str, ...]
    now: str | None


def hints(document: OpenDocument, start: int = 0, end: int | None = None) -> list[InlayHint]:
    """The shape of what each line of a part of the text ends with; `× 16` where a block has instances that differ."""
    known = document.known
    if known is None or known.shown is None:
        return []
    spec = known.program.spec
    heads: list[tree.Block | tree.NetworkDefinition] = [*spec.blocks, *spec.networks]
    within = [node.body.span for node in heads]  # what stands in a head says its shape itself
    last: dict[int, tuple[Span, Span]] = {}  # by line of the text as it is now: what ends there, and where
    for span in known.shown.trace.values:
        inside = span.source is known.source and any(body.start <= span.start < body.end for body in within)
        now = document.place(span) if inside else None
        if now is None or now.start == now.end or now.end < start or (end is not None and now.end > end):
            continue
        line = document.source.position(now.end)[0]
        if line not in last or (now.end, -now.start) > (last[line][1].end, -last[line][1].start):
            last[line] = (span, now)  # of those that end at one place the outermost
    found = []
    for line, (span, _) in sorted(last.items()):
        worth = [value for value, _ in places.values(known, span, document.instance)]
        text = (
            common(worth, known.shown.graph)
            if all(isinstance(v, TensorValue) or is_tensors(v) for v in worth)
            else None
        )
        if text is not None:
            found.append(InlayHint(_end_of_code(document, line), text))
    return found


def _end_of_code(document: OpenDocument, line: int) -> int:
    """Where a line ends, without a comment."""
    start, end = document.source.bounds(line)
    for comment in document.known.program.spec.comments if document.known is not None else ():
        now = document.place(comment.span)
        if now is not None and start <= now.start < end:
            end = now.start
    return start + len(document.source.text[start:end].rstrip())


def choices(document: OpenDocument) -> list[Lens]:
    """What shapes can be shown of: the networks and variants of the file, and the instances of each block."""
    known = document.known
    if known is None or known.shown is None:
        return []
    found = []
    spec = known.program.spec
    nodes: list[tree.Block | tree.NetworkDefinition] = [*spec.networks, *spec.blocks]
    for node in nodes:
        span = document.place(node.name.span)
        if span is None:
            continue
        if isinstance(node, tree.NetworkDefinition):
            if len(known.names) > 1:
                found.append(Lens(span, "variant", node.name.id, known.names, known.shown.name))
            continue
        paths = {
            block.path: None
            for worth in known.shown.trace.values.values()
            for _, blocks in worth
            for block in blocks[-1:]
            if block.block == node.name.id and block.path
        }
        if len(paths) > 1:
            now = document.instance if document.instance in paths else None
            found.append(Lens(span, "instance", node.name.id, tuple(paths), now))
    return found

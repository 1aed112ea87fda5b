"""Where a name is defined, where it is used, what a file defines, and how a name is changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from archdsl.definitions import Definition
from archdsl.diagnostics import Edit
from archdsl.editor import places
from archdsl.editor.analysis import Analysis, definitions
from archdsl.editor.document import OpenDocument
from archdsl.names import label_fault
from archdsl.source import Span
from archdsl.syntax import tree

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class OutlineItem:
    """A definition of a file, or a labelled step, with what stands in it."""

    name: str
    kind: str  # "block", "network", "variant", "label"
    span: Span
    selection: Span
    children: tuple[OutlineItem, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Renaming:
    """The edits that give something another name, and what should be known before."""

    edits: tuple[Edit, ...]
    warning: str | None = None


class CannotRename(ValueError):
    """A name that cannot be changed, or not into that; the text says why."""


def definition(document: OpenDocument, offset: int) -> Span | None:
    """Where the name at a place is bound, in this file or one that it imports."""
    found = _at(document, offset)
    if found is None or found[1].span is None:
        return None
    return document.place(found[1].span)


def references(document: OpenDocument, offset: int, *, declaration: bool = True) -> list[Span]:
    """Every place of the name at a place, in this file and those it imports."""
    found = _at(document, offset)
    if found is None or document.known is None:
        return []
    places_of = _uses(document.known, found[1], declaration)
    return [span for span in map(document.place, places_of) if span is not None]


def renamed(document: OpenDocument, offset: int, new: str) -> Renaming:
    """What gives the name or label at a place another one. Raises `CannotRename`."""
    known = document.known
    if known is None or not document.current:
        raise CannotRename("the text has errors; a name can be changed when it has none")
    label = _label(known, offset)
    if label is not None:
        return _labelled(label, new)
    found = places.use_at(known, offset)
    if found is None:
        raise CannotRename("there is no name here")
    old = found[1]
    if old.span is None or old.kind in ("operator", "function", "initialiser", "word"):
        raise CannotRename(f"`{old.name}` belongs to the language")
    if old.span.source is not document.source:
        raise CannotRename(f"`{old.name}` is defined in {old.span.source.name}; rename it there")
    if NAME.match(new) is None:
        raise CannotRename(f"`{new}` is no name: letters, digits and _, a letter first")
    edits = [Edit(span, new) for span in _uses(known, old, True) if span.source is document.source]
    warning = None
    if old.kind in ("block", "network"):
        users = "a file that imports it" if old.kind == "block" else "whoever loads it"
        warning = f"{users} knows `{old.name}` by its name"
    elif old.kind in ("setting", "input", "output", "target"):
        warning = f"whoever uses the network knows the {old.kind} `{old.name}` by its name"
    return Renaming(tuple(edits), warning)


def _label(known: Analysis, offset: int) -> tree.Interpolated | None:
    """The label at a place, where it is written as it is."""
    for step in places.nodes(places.enclosing(known, offset)):
        if (
            isinstance(step, (tree.Step, tree.Head))
            and step.label is not None
            and places.holds(step.label.span, offset)
        ):
            return step.label
    return None


def _labelled(label: tree.Interpolated, new: str) -> Renaming:
    if len(label.pieces) != 1 or not isinstance(label.pieces[0], str):
        raise CannotRename("the label is worked out; change the text between its braces")
    wrong = next((found for part in new.split(".") if (found := label_fault(part, inner=True))), None)
    if wrong is not None:
        raise CannotRename(f"`{new}` {wrong}")
    old = label.pieces[0]
    warning = f"weights are saved under their labels: those of `{old}` will be `{new}` in checkpoints made from now on"
    return Renaming((Edit(label.span, new),), warning)


def outline(document: OpenDocument) -> list[OutlineItem]:
    """Blocks, networks and variants, and the labelled steps in them."""
    if document.known is None:
        return []
    found = []
    for node in definitions(document.known.program.spec):
        span, name = document.place(node.span), document.place(node.name.span)
        if span is None or name is None:
            continue
        kind = {tree.Block: "block", tree.NetworkDefinition: "network"}.get(type(node), "variant")
        found.append(OutlineItem(node.name.id, kind, span, name, tuple(_labels(document, node))))
    return found


def _labels(document: OpenDocument, node: tree.Node) -> Sequence[OutlineItem]:
    found = []
    for step in places.nodes(node):
        if isinstance(step, (tree.Step, tree.Head)) and step.label is not None:
            span, label = document.place(step.span), document.place(step.label.span)
            if span is not None and label is not None and span.start <= label.start and label.end <= span.end:
                found.append(OutlineItem(label.text.strip('"') or "…", "label", span, label))
    return found


def _at(document: OpenDocument, offset: int) -> tuple[Span, Definition] | None:
    old = document.old_offset(offset)
    if document.known is None or old is None:
        return None
    return places.use_at(document.known, old)


def _uses(known: Analysis, of: Definition, declaration: bool) -> list[Span]:
    """Where a definition is used, and where it stands, in the order of the text."""
    found = {
        span
        for span, used in known.program.uses.items()
        if (used.span == of.span if of.span is not None else used == of) and span.end > span.start
    }
    if of.span is not None:
        found.discard(of.span)
        found |= {of.span} if declaration else set()
    return sorted(found, key=lambda span: (span.source.name, span.start))

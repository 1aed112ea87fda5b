"""Labels and marks of steps, with their `${…}` worked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.values import MARKS, Context, describe
from archdsl.limits import limits
from archdsl.names import fault, label_fault
from archdsl.syntax import tree

MAX_PIECES: Final = 64  # texts and `${...}` of a label or mark


class Labels:
    """Works out labels and marks."""

    def __init__(self, builder: GraphBuilder, evaluator: Evaluator) -> None:
        self._builder = builder
        self._evaluator = evaluator

    def label(self, name: tree.Interpolated | None, context: Context) -> str | None:
        """A label worked out: names with dots between them. Raises `Fault`."""
        if name is None:
            return None
        label = self._text(name, context)
        inner = bool(context.names.prefix)
        for segment in label.split("."):
            wrong = label_fault(segment, inner=inner)
            inner = True
            if wrong is not None:
                message = f"the label `{label[:64]}` cannot be used: `{segment[:64]}` {wrong}"
                raise context.fault("bad-name", message, name.span, help="choose another label")
        return label

    def marked(self, marks: Sequence[tree.Interpolated], context: Context) -> Context:
        """The context with marks in force. Raises `Fault`."""
        current = context.marks
        for mark in marks:
            name = self._text(mark, context)
            if name == "train":
                current = replace(current, train=True)
            elif name == "frozen":
                current = replace(current, frozen=True)
            elif name == "checkpoint":
                current = replace(current, checkpoint=current.checkpoint or self._builder.next_region())
            elif name in self._builder.devices:
                current = replace(current, device=name)
            else:
                unknown = context.unknown("mark", name, [*self._builder.devices, *MARKS], "unknown-mark", mark.span)
                device = name if fault(name) is None else f"{name}0" if fault(f"{name}0") is None else "gpu0"
                called = f", and write `@{device}`" if device != name else ""
                help = unknown.diagnostic.help or f"declare a device in the network: `device {device}`{called}"
                unknown.diagnostic = replace(unknown.diagnostic, help=help, fix=None)
                raise unknown
        return replace(context, marks=current)

    def _text(self, name: tree.Interpolated, context: Context) -> str:
        """A label or mark with its `${...}` worked out."""
        parts: list[str] = []
        for piece in name.pieces:
            if isinstance(piece, str):
                parts.append(piece)
                continue
            if len(parts) > MAX_PIECES:
                raise context.fault("bad-name", f"a label or mark has more than {MAX_PIECES} pieces", name.span)
            value: Any = self._evaluator.value(piece, context)
            if isinstance(value, bool) or not isinstance(value, (int, str)):
                message = f"`${{...}}` takes a number or a string, found {describe(value)}"
                raise context.fault("wrong-type", message, piece.span)
            parts.append(str(value)[: limits().path + 1])  # longer than any path, and refused as one
        return "".join(parts)

"""`assert`: conditions that a spec states, and what is said where one does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final

from archdsl import evaluate
from archdsl.diagnostics import listed
from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.values import Context, SharedModule, Unavailable, describe, is_tensors
from archdsl.evaluate import ValueFault
from archdsl.ops.kinds import literal
from archdsl.syntax import tree
from archdsl.syntax.unparse import shown

MOST_NAMED: Final = 6  # names of a condition whose values are told
MAX_VALUE: Final = 60  # characters of one of them


def check(assertion: tree.Assertion, evaluator: Evaluator, context: Context) -> None:
    """Raises `Fault` where the condition does not hold, or `Poisoned`."""
    condition = assertion.condition
    try:
        if evaluate.truth(evaluator.value(condition, context)):
            return
    except ValueFault as fault:
        raise context.no_value(fault, condition.span) from None
    said = f"`{shown(condition)}` does not hold"
    if assertion.message is not None:
        said = _text(assertion.message, evaluator, context)
    raise context.fault("assertion", said, condition.span, help=_values(condition, context))


def _text(message: tree.Interpolated, evaluator: Evaluator, context: Context) -> str:
    """A message with its `${…}` worked out. Raises `Fault`."""
    values = (piece if isinstance(piece, str) else evaluator.value(piece, context) for piece in message.pieces)
    return "".join(value if isinstance(value, str) else _said(value) for value in values)


def _said(value: Any) -> str:
    return literal(value) if isinstance(value, list) and not is_tensors(value) else describe(value)


def _values(condition: tree.Expr, context: Context) -> str | None:
    """What the names in a condition stand for: `width is 100 and heads is 3`."""
    found: dict[str, str] = {}
    for name in _names(condition):
        binding = context.scope.find(name)
        if binding is not None and not isinstance(binding.value, (SharedModule, Unavailable)):
            found.setdefault(name, _said(binding.value)[:MAX_VALUE])
    said = [f"{name} is {value}" for name, value in list(found.items())[:MOST_NAMED]]
    return f"here {listed(said)}" if said else None


def _names(part: Any) -> Iterator[str]:
    """The names of values in an expression, from the left."""
    if isinstance(part, tree.Name):
        yield part.id
    elif isinstance(part, tuple):
        for item in part:
            yield from _names(item)
    elif isinstance(part, tree.Node):
        for field in fields(part):
            if field.name not in ("span", "callee"):
                yield from _names(getattr(part, field.name))

"""What people write because another language has it, and what is said to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from archdsl.diagnostics import Diagnostic, Label, unknown
from archdsl.source import Span

# Names that come along from Python and YAML, and what to write instead.
NAMES: Final = {
    **dict.fromkeys(("True", "yes", "on"), "write `true`"),
    **dict.fromkeys(("False", "no", "off"), "write `false`"),
    "None": "there is no None: leave the argument out",
    "target": "a loss takes its target itself: `cross_entropy(output)`",
    "self": "there is no `self`: a block sees its parameters",
}


def unknown_type(parameter: str, name: str, span: Span, types: Iterable[str]) -> Diagnostic:
    """A parameter is annotated by a type that there is not, `x: Tensor` for one."""
    fault = unknown("type", name, types, "unknown-name", span)
    if fault.help is not None:
        return fault
    help = f"a tensor is declared by its shape, `{parameter}: [N, C, H, W]`; types are {', '.join(types)}"
    return replace(fault, help=help)


def label_as_value(name: str, span: Span, label: Span) -> Diagnostic:
    """A label is used as if it had bound a value."""
    message = f"`{name}` is a label, which names a layer and is no value"
    help = f"bind the value: `{name} = x -> {name}: …`, and begin the next chain with it"
    return Diagnostic("unknown-name", message, span, (Label(label, "the label"),), help=help)


def symbol(name: str) -> str:
    """What is said of a size in small letters, `[n, 3, h, w]`, that is no setting."""
    capital = name[0].upper() + name[1:]
    return f"a symbol, which stands for any size, is capital: `{capital}`; or declare a setting, `{name} = 32`"

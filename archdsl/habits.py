"""What people write because another language has it, and what is said to them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final

from archdsl import vocabulary
from archdsl.diagnostics import Diagnostic, Fix, Instance, Label, closest, did_you_mean, listed, renaming, unknown
from archdsl.ops import OPERATORS
from archdsl.ops import words as bare_words
from archdsl.ops.dtypes import WIDTHS
from archdsl.source import Span

# Names that come along from Python and YAML, and what to write instead.
NAMES: Final = {
    **dict.fromkeys(("True", "yes", "on"), "write `true`"),
    **dict.fromkeys(("False", "no", "off"), "write `false`"),
    "None": "there is no None: leave the argument out",
    "target": "a loss takes its target itself: `cross_entropy(output)`",
    "self": "there is no `self`: a block sees its parameters",
    **dict.fromkeys(("Inf", "Infinity", "infinity", "math", "np", "torch"), "infinity is written `inf`"),
}


def unknown_operator(name: str, known: Collection[str], span: Span, chain: tuple[Instance, ...] = ()) -> Diagnostic:
    """A call of what is neither an operator nor a block: with what people mean by that word, or the closest names."""
    fault = unknown("operator or block", name, known, "unknown-operator", span, chain)
    word = vocabulary.operator(name)
    if word is None or (word.meant is None and any(map(_is(name), known))):
        return fault
    if word.meant is None or word.meant not in known or not word.alike:
        return replace(fault, help=word.help or fault.help, fix=None)
    if vocabulary.squashed(word.meant) == vocabulary.squashed(name):
        return fault
    fix = Fix(span, word.meant) if span.text == name else None
    return replace(fault, help=f"`{name}` is `{word.meant}` here", fix=fix)


def _is(name: str) -> Callable[[str], bool]:
    """Whether another name is this one but for case and underscores."""
    squashed = vocabulary.squashed(name)
    return lambda other: vocabulary.squashed(other) == squashed


def unknown_parameter(
    callee: str, name: str, known: Collection[str], span: Span, given: Collection[str], chain: tuple[Instance, ...] = ()
) -> Diagnostic:
    """An argument that a callee does not take, named at the start of `span`; `given` are those that it is given."""
    message = f"`{callee}` has no parameter `{name}`"
    place = Span(span.source, span.start, span.start + len(name))
    close = closest(name, known)
    help, fix = did_you_mean(name, known), renaming(name, place, close)
    for word in vocabulary.parameter(name) if fix is None else ():
        if word.meant in known and word.meant is not None:
            help, fix = f"`{name}` is `{word.meant}` here", Fix(place, word.meant) if place.text == name else None
            break
        if word.help:
            help = word.help
    if fix is not None and fix.replacement in given:
        fix = None  # it is given already
    help = help or (f"it takes {', '.join(known)}" if known else "it takes no parameters")
    return Diagnostic("unknown-parameter", message, place, chain=chain, help=help, fix=fix)


def word_of_others(word: str, callee: str, parameter: str | None) -> str | None:
    """What is said of a bare word that parameters of other operators take; None where none does."""
    takers = sorted(f"`{name}`" for name, operator in OPERATORS.items() if word in bare_words(operator))
    if not takers or callee not in OPERATORS:
        return None
    owners = listed(takers)
    what = f"`{parameter}` of `{callee}`" if parameter is not None else f"`{callee}`"
    some = owners if len(takers) <= 4 else f"{', '.join(takers[:3])} and others"
    return f"{some} take{'s' * (len(takers) == 1)} `{word}`, {what} takes numbers"


def unknown_type(parameter: str, name: str, span: Span, types: Iterable[str]) -> Diagnostic:
    """A parameter is annotated by a type that there is not, `x: Tensor` for one."""
    fault = unknown("type", name, types, "unknown-name", span)
    if fault.help is not None:
        return fault
    if types is WIDTHS:
        return replace(fault, help=f"what a tensor holds is {', '.join(types)}")
    help = f"a tensor is declared by its shape, `{parameter}: [N, C, H, W]`; types are {', '.join(types)}"
    return replace(fault, help=help)


def label_as_value(name: str, span: Span, label: Span) -> Diagnostic:
    """A label is used as if it had bound a value."""
    message = f"`{name}` is a label, which names a layer and is no value"
    help = f"bind the value: `{name} = x -> {name}: …`, and begin the next chain with it"
    return Diagnostic("unknown-name", message, span, (Label(label, "the label"),), help=help)


def setting_init(setting: Span, body: Span, first: Span) -> Diagnostic:
    """A setting called `init` that nothing mentions: once, it was how all weights start. `first` is the first statement
    of the body."""
    message = "the setting `init` starts no weights: a statement says how they start"
    fix = Fix(*_first_statement("init init", "init: init", body, first), "add the statement `init init`")
    help = "write `init init` as a statement, which takes the setting; or `init kaiming_normal`, without a setting"
    return Diagnostic("setting-init", message, setting, help=help, fix=fix if fix.replacement else None)


def _first_statement(text: str, item: str, body: Span, first: Span) -> tuple[Span, str]:
    """Where a statement goes that is to be the first of a body, and how it is written there."""
    source = body.source
    if body.text.startswith("{"):
        line = source.text[source.text.rfind("\n", 0, first.start) + 1 : first.start]
        place = Span(source, first.start, first.start)
        return place, f"{text}\n{line}" if not line.strip() else f"\n    {text}\n    "
    line = source.text[source.text.rfind("\n", 0, body.start) + 1 : body.start]
    if body.text.startswith("["):
        return Span(source, body.start + 1, body.start + 1), f"{{{item}}}, "
    return Span(source, body.start, body.start), f"- {item}\n{line}" if body.text.startswith("-") else ""


def symbol(name: str) -> str:
    """What is said of a size in small letters, `[n, 3, h, w]`, that is no setting."""
    capital = name[0].upper() + name[1:]
    return f"a symbol, which stands for any size, is capital: `{capital}`; or declare a setting, `{name} = 32`"

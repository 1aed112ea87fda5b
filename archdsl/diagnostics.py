"""What is wrong with a spec, as data. Rendering lives in `archdsl.render`."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from archdsl.catalogue import CATALOGUE, Level
from archdsl.source import Span

MAX_KNOWN: Final = 2_000  # names that a misspelt one is compared with
CLEARLY: Final = 0.08  # how much more alike than the second the closest of them is, to be named alone
SURE: Final = 0.75  # how alike a name is that a fix writes: `rleu` and `relu`


@dataclass(frozen=True, slots=True)
class Label:
    """A secondary place that explains the fault."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about the fault: where a size comes from, how often it occurs; and the place it speaks of."""

    text: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One level of the instantiation chain: a `block` with the `call` that made it at `path`, written at `span`."""

    path: str
    call: str
    span: Span
    block: str = ""  # the block's name


@dataclass(frozen=True, slots=True)
class Edit:
    """A text to stand in the place of another."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Replacing `span` by `replacement`, and the same for `also`, removes the fault.

    `title` says what it does, where the diagnostic's help does not.
    """

    span: Span
    replacement: str
    title: str = ""
    also: tuple[Edit, ...] = ()

    @property
    def edits(self) -> tuple[Edit, ...]:
        return (Edit(self.span, self.replacement), *self.also)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault of a spec.

    `code` is a key of `archdsl.catalogue.CATALOGUE`. `layer` is the path of the layer that cannot be, or that lint is
    about; `notes` say more of it. `span` is None only where there is no text to point into (a file that cannot be
    read); `place` names the file then.
    """

    code: str
    message: str
    span: Span | None = None
    labels: tuple[Label, ...] = ()
    chain: tuple[Instance, ...] = ()
    help: str | None = None
    fix: Fix | None = None
    place: str | None = None
    layer: str | None = None
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise KeyError(f"diagnostic code {self.code!r} is not in the catalogue")

    @property
    def key(self) -> tuple[str, str]:
        """What is one fault, however many networks and SPECs have it."""
        return self.code, str(self.span or self.place)

    @property
    def exit_status(self) -> int:
        """1 where the spec is wrong, 2 where the command was used wrongly; 0 for what lint finds."""
        return CATALOGUE[self.code].exit_status if self.level == "error" else 0

    @property
    def level(self) -> Level:
        """ "error", or what lint says: "warning" or "note"."""
        return CATALOGUE[self.code].level


@dataclass(frozen=True, slots=True)
class Findings:
    """What a command found in one SPEC: the networks in it that are right, and what there is to say about the rest."""

    spec: str
    networks: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    fixed: tuple[Diagnostic, ...] = ()  # those that the command has removed

    @property
    def ok(self) -> bool:
        return all(diagnostic.level != "error" for diagnostic in self.diagnostics)


def distinct(findings: Iterable[Findings]) -> list[Diagnostic]:
    """The diagnostics of several SPECs; those of a file that several import, once."""
    first: dict[tuple[str, str], Diagnostic] = {}
    for one in findings:
        for diagnostic in one.diagnostics:
            first.setdefault(diagnostic.key, diagnostic)
    return list(first.values())


def counted(number: int, what: str) -> str:
    """A number of things in words: `3 layers`, `1 layer`, `no layers`."""
    return f"{number or 'no'} {what}{'s' * (number != 1)}"


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A help text that names the closest known words, or None where none is close.

    Only one is named where it is the word but for its case, or is clearly closer than the others.
    """
    # A name of absurd length is no typing mistake, and difflib's cost grows with it.
    written = word[:64].lower()
    some = list(itertools.islice(known, MAX_KNOWN))
    names = {name.lower(): name for name in reversed(some)}  # `ReLU` is a mistake for `relu`
    import difflib  # only where something is wrong

    close = difflib.get_close_matches(written, list(names), n=3, cutoff=0.6)
    if not close:
        return None
    best, *others = (difflib.SequenceMatcher(None, name, written).ratio() for name in close)
    if best == 1 or (others and best - others[0] >= CLEARLY):
        close = close[:1]
    return "did you mean " + " or ".join(f"`{names[name]}`" for name in close) + "?"


def unknown(
    what: str, name: str, known: Iterable[str], code: str, span: Span, chain: tuple[Instance, ...] = ()
) -> Diagnostic:
    """The diagnostic for a name that nothing has, with the closest known ones; a fix where one is closest."""
    help = did_you_mean(name, known)
    fix = renaming(name, span, help)
    shown = name if len(name) <= 64 else name[:63] + "…"
    return Diagnostic(code, f"unknown {what} `{shown}`", span, chain=chain, help=help, fix=fix)


def renaming(name: str, span: Span, help: str | None) -> Fix | None:
    """The fix that writes the name which a help names alone for the one that is written in a place.

    A reader judges a hint; what is changed for him must be so close that it can hardly be anything else.
    """
    if help is None or not help.startswith("did you mean") or help.count("`") != 2 or span.text != name:
        return None
    meant = help.split("`")[1]
    import difflib

    if difflib.SequenceMatcher(None, meant.lower(), name[:64].lower()).ratio() < SURE:
        return None
    return Fix(span, meant)

"""What is wrong with a spec, as data. Rendering lives in `archdsl.render`."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from archdsl import vocabulary
from archdsl.catalogue import CATALOGUE, Severity
from archdsl.source import Span

MAX_KNOWN: Final = 2_000  # names that a misspelt one is compared with
CLEARLY: Final = 0.08  # how much more alike than the second the closest of them is, to be named alone
MAX_COMPARED: Final = 100  # letter by letter
MAX_WORD: Final = 64
SHORT: Final = 5  # letters of a word that has room for a slip
LONG: Final = 9  # and for two
NUMBER: Final = re.compile("[0-9]+")


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
    """One level of the instantiation chain: a `block` with the `call` that made it at `path`, written at `span`.

    The layers of one that is `inline` are those of the path around it, which its own is.
    """

    path: str
    call: str
    span: Span
    block: str = ""  # the block's name
    inline: bool = False
    use: int = 1  # of a shared one, which of its uses
    made: Any = field(default=None, compare=False, repr=False)  # its definition and its values, where it was elaborated

    def __str__(self) -> str:
        return f"{self.path}: {self.call}" if self.path else self.call


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
    def level(self) -> Severity:
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


def listed(words: Sequence[str]) -> str:
    """Words in a row: `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def counted(number: int, what: str) -> str:
    """A number of things in words: `3 layers`, `1 layer`, `no layers`."""
    return f"{number or 'no'} {what}{'s' * (number != 1)}"


def closest(word: str, known: Iterable[str]) -> list[str]:
    """The known words that are most like a word, the best first; none where none is close.

    Only one where it is the word but for its case, or is clearly closer than the others.
    """
    # A name of absurd length is no typing mistake, and difflib's cost grows with it.
    written = word[:64].lower()
    some = list(itertools.islice(known, MAX_KNOWN))
    names = {name.lower(): name for name in reversed(some)}  # `ReLU` is a mistake for `relu`
    import difflib  # only where something is wrong

    close = difflib.get_close_matches(written, _likeliest(written, names), n=3, cutoff=0.6)
    if not close:
        return []
    best, *others = (difflib.SequenceMatcher(None, name, written).ratio() for name in close)
    if best == 1 or (others and best - others[0] >= CLEARLY):
        close = close[:1]
    return [names[name] for name in close]


def _likeliest(written: str, names: Collection[str]) -> Collection[str]:
    """The names that have the most letters in common with a word: comparing all of many would take long."""
    if len(names) <= MAX_COMPARED:
        return names
    letters = Counter(written)

    def likeness(name: str) -> float:
        return 2 * (letters & Counter(name[:64])).total() / (len(written) + len(name))

    return sorted(names, key=likeness, reverse=True)[:MAX_COMPARED]


def an_object(value: object) -> str:
    """What an object of Python is, in a message: `an int`."""
    name = type(value).__name__
    return "None" if value is None else f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A help text that names the closest known words, or None where none is close."""
    return _meant(closest(word, known))


def _meant(close: Sequence[str]) -> str | None:
    return "did you mean " + " or ".join(f"`{name}`" for name in close) + "?" if close else None


def unknown(
    what: str, name: str, known: Iterable[str], code: str, span: Span, chain: tuple[Instance, ...] = ()
) -> Diagnostic:
    """The diagnostic for a name that nothing has, with the closest known ones; a fix where it is a slip for one."""
    close = closest(name, known)
    shown = name if len(name) <= 64 else name[:63] + "…"
    fix = renaming(name, span, close)
    return Diagnostic(code, f"unknown {what} `{shown}`", span, chain=chain, help=_meant(close), fix=fix)


def renaming(name: str, span: Span, close: Sequence[str]) -> Fix | None:
    """The fix that writes, for the name in a place, the only one that is close to it.

    A reader judges a hint; what is changed for him must be so close that it can hardly be anything else.
    """
    if len(close) != 1 or span.text != name or not is_slip(name, close[0]):
        return None
    return Fix(span, close[0])


def is_slip(written: str, meant: str) -> bool:
    """Whether one name can only be a slip of the pen for another, not a name for another thing.

    A slip is in a letter or two, two letters that changed places included, but neither in the first one nor in a
    number: `celu` is no `gelu`, `unshuffle` no `shuffle`, `layer3` no `layer2`. Case and underscores do not count. In a
    short word it is that letters changed places, or that one of five was left out (`imag`), as words that are a letter
    apart mean different things: `cov`, `conv`.
    """
    one, other = vocabulary.squashed(written), vocabulary.squashed(meant)
    if one == other:
        return True
    if vocabulary.operator(written) is not None or vocabulary.opposite(one, other):
        return False
    if one[:1] != other[:1] or NUMBER.findall(one) != NUMBER.findall(other):
        return False
    shorter, longer = sorted((len(one), len(other)))
    if shorter < SHORT:
        left_out = len(one) == SHORT - 1 and len(other) == SHORT
        return (left_out or sorted(one) == sorted(other)) and distance(one, other, 1) == 1
    parts, others = written.lower().split("_"), meant.lower().split("_")
    differing = [(a, b) for a, b in zip(parts, others, strict=False) if a != b]
    if len(parts) == len(others) and any(min(len(a), len(b)) < 3 for a, b in differing):
        return False  # `w_q` and `w_k`
    most = 1 if longer < LONG else 2
    return distance(one, other, most) <= most


def distance(one: str, other: str, most: int) -> int:
    """How many letters are added, left out, changed or exchanged with their neighbour from one word to another.

    By the optimal string alignment of Damerau and Levenshtein; beyond `most` it is just more.
    """
    if abs(len(one) - len(other)) > most or len(one) > MAX_WORD:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, above, row = row, before, [i]
        for j, b in enumerate(other, 1):
            least = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                least = min(least, above[j - 2] + 1)
            row.append(least)
    return row[-1]

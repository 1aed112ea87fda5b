"""Applies the fixes of a spec's faults until none is left that can be fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from archdsl.address import is_stdin
from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.limits import Work, every_fault
from archdsl.pipeline import check, check_and_lint
from archdsl.read import read, read_stdin
from archdsl.remedies import apply
from archdsl.source import STDIN
from archdsl.write import write_atomically

TRIALS: Final = 2  # half of the work that a spec may ask for goes to finding fixes
MAX_ROUNDS: Final = 100  # a fix may bring to light what was hidden: a round sees some faults only


@dataclass(frozen=True, slots=True)
class Repair:
    """The texts of a spec's files before and after, by name; the faults that were fixed, and those that are left."""

    before: Mapping[str, str]
    after: Mapping[str, str]
    fixed: tuple[Diagnostic, ...]
    left: tuple[Diagnostic, ...]

    @property
    def changed(self) -> list[str]:
        """The files that differ."""
        return [name for name, text in self.after.items() if text != self.before[name]]


def repair(spec: str, *, linted: bool = False) -> Repair:
    """What the fixes make of a spec and of the files that it imports; nothing is written.

    `linted`: those of the warnings of lint, too, once the spec has no errors.
    """
    before: dict[str, str] = {}
    if is_stdin(spec):
        before[STDIN] = read_stdin().text
    after, fixed = dict(before), list[Diagnostic]()
    left: tuple[Diagnostic, ...] = ()
    seen = list[Mapping[str, str]]()
    trials = Work(TRIALS)  # of all rounds
    for round in range(MAX_ROUNDS + 1):
        with every_fault():
            left = _found(spec, after, linted, trials)
        texts, applied = apply.fixed(left)
        if not texts or round == MAX_ROUNDS or after in seen:  # fixes that undo each other would go on for ever
            break
        seen.append(dict(after))
        for source, text in texts.items():
            before.setdefault(source.name, source.text)
            after[source.name] = text
        fixed += applied
    return Repair(before, after, tuple(fixed), left)


def _found(spec: str, texts: Mapping[str, str], linted: bool, trials: Work) -> tuple[Diagnostic, ...]:
    try:
        if not linted:
            check(spec, texts, trials)
            return ()
        _, findings = check_and_lint(spec, texts, trials)
        return tuple(found.diagnostic for found in findings if found.diagnostic.level == "warning")
    except SpecError as error:
        return error.diagnostics


def write(repair: Repair) -> None:
    """Write the files that differ, each with the ends of lines and the byte-order mark that it had. Raises `OSError`,
    and `SpecError` where one cannot be read any more."""
    for name in repair.changed:
        path = Path(name)
        write_atomically(path, read(path).encoded(repair.after[name]))

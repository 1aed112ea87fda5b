"""A step that cannot be, and what may be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from archdsl.diagnostics import Edit, Fix
from archdsl.graph import Broken, Graph
from archdsl.remedies.written import WrittenCalls


@dataclass(frozen=True, slots=True)
class BrokenStep:
    """A step that cannot be, and where its spec is looked at."""

    graph: Graph
    key: str
    node: Broken
    written: WrittenCalls


@dataclass(frozen=True, slots=True)
class Proposal:
    """Changes of which any would do. Only where one is `sure`, and alone works, is it a fix; else it is a hint."""

    fixes: tuple[Fix, ...]
    sure: bool = True


def fix(edits: Iterable[Edit | None], title: str) -> Iterator[Fix]:
    """The fix with these edits, if all could be made."""
    whole = list(dict.fromkeys(edits))
    found = [edit for edit in whole if edit is not None]
    if found and len(found) == len(whole):
        yield Fix(found[0].span, found[0].replacement, title, tuple(found[1:]))


def shown(value: Any) -> str:
    """A parameter's value as it is written."""
    return str(list(value)) if isinstance(value, tuple) else str(value)

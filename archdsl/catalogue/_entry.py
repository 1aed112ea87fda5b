from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a code means.

    `why` explains it: what it says, why it is reported, what to do; its paragraphs are separated by blank lines.
    `wrong` is a short spec that gives exactly this diagnostic, `right` the same spec put right. Both are empty where
    no short spec can show it; `why` then says how one gets there. Texts may be indented as the code around them is.

    `level` is "error" but for lint. `source` is where a claim of lint comes from. `exit_status` is 1 for a faulty
    spec, 2 where the command was used wrongly.
    """

    summary: str
    why: str
    exit_status: int = 1
    level: Severity = "error"
    source: str = ""
    wrong: str = ""
    right: str = ""

    def __post_init__(self) -> None:
        for name in ("why", "wrong", "right"):
            object.__setattr__(self, name, inspect.cleandoc(getattr(self, name)))

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs of `why`, each on one line."""
        return [" ".join(paragraph.split()) for paragraph in self.why.split("\n\n")]

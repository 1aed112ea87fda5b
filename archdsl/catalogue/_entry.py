"""What a diagnostic's code stands for."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Level: TypeAlias = Literal["error", "warning", "note"]


class Entry(NamedTuple):
    """What a code means.

    `why` says why it is reported at all. `wrong` is a short spec that gives exactly this diagnostic, `right` the same
    spec put right; both are empty where no spec can show it (a file that cannot be read, say). `level` is "error" but
    for lint. `source` is where a claim of lint comes from. `exit_status` is 1 for a faulty spec, 2 where the command
    was used wrongly.
    """

    summary: str
    why: str
    exit_status: int = 1
    level: Level = "error"
    source: str = ""
    wrong: str = ""
    right: str = ""

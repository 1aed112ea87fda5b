"""Which outputs of a notebook bring the layout engine along: one, from which the others have it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class NotebookCell(NamedTuple):
    """A cell that runs: what it is known by as long as the notebook is open, and which of its runs this is."""

    name: str
    run: str


@dataclass(slots=True)
class Carriers:
    """The cells that have shown a network since the kernel was started, and which of their runs was the last.

    The first brings the engine. So does one that runs again: its output takes the place of one that may have had it,
    and whoever misses the engine is told to run the cell again. Outside of cells every output has its own.
    """

    _runs: dict[str, str] = field(default_factory=dict)

    def carries(self, cell: NotebookCell | None) -> bool:
        """Whether what a cell shows now is to bring the engine; a cell that shows several things brings it once."""
        if cell is None:
            return True
        first, before = not self._runs, self._runs.get(cell.name)
        self._runs[cell.name] = cell.run
        return first or before not in (None, cell.run)


CARRIERS = Carriers()


def running() -> NotebookCell | None:
    """The cell that runs now, in a kernel of Jupyter; None elsewhere. Cells without a name are known by their text."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "get_parent"):
        return None
    asked = shell.get_parent()
    run = asked.get("header", {}).get("msg_id")
    if not run:
        return None
    name = asked.get("metadata", {}).get("cellId") or asked.get("content", {}).get("code")
    return NotebookCell(str(name), str(run)) if name else None

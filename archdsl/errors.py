"""The exception that carries what is wrong with a spec."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from archdsl.diagnostics import Diagnostic
from archdsl.render.text import render_all

if TYPE_CHECKING:
    import networkx as nx


class SpecError(Exception):
    """A spec that cannot be used; `diagnostics` says why, one record a fault.

    `graph` is what could be elaborated all the same: see `archdsl.graph.Broken`. None where nothing could.
    """

    def __init__(self, diagnostics: Iterable[Diagnostic], graph: nx.MultiDiGraph[str] | None = None) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        self.graph = graph
        super().__init__(*(d.message for d in self.diagnostics))

    def __reduce__(self) -> tuple[type[SpecError], tuple[object, ...]]:
        """By what it was made of: processes hand it to one another as a pickle."""
        return type(self), (self.diagnostics, self.graph)

    def __str__(self) -> str:
        return render_all(self.diagnostics)

    @property
    def exit_status(self) -> int:
        return max(d.exit_status for d in self.diagnostics)

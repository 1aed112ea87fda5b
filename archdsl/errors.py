"""The exception that carries what is wrong with a spec."""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.diagnostics import Diagnostic
from archdsl.render.text import render


class SpecError(Exception):
    """A spec that cannot be used; `diagnostics` says why, one record a fault."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__(*(d.message for d in self.diagnostics))

    def __str__(self) -> str:
        return "\n".join(render(diagnostic) for diagnostic in self.diagnostics)

    @property
    def exit_status(self) -> int:
        return max(d.exit_status for d in self.diagnostics)

"""The difference of two networks as text and as a drawing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from archdsl.backends import backend
from archdsl.compare.difference import Difference
from archdsl.presentation.changes import text


@dataclass(frozen=True, slots=True)
class PrintedDifference(Difference):
    """A difference: `str()` of it is text, and it can be drawn."""

    def draw(self, path: str | os.PathLike[str], **options: Any) -> None:
        """Draw what differs to a file; its suffix says in which format.

        See `viz.render_difference` for the options. Raises `ValueError` for an unknown format, `OSError` where it
        cannot write.
        """
        backend("viz").draw_difference(self, path, **options)

    def __str__(self) -> str:
        return text(self)

    def _repr_svg_(self) -> str | None:
        """The drawing that a notebook shows; None for networks that are too large to draw."""
        viz = backend("viz")
        try:
            drawing: bytes = viz.render_difference(self, "svg")
        except viz.DrawingError:
            return None
        return drawing.decode()

"""What stands above a picture: what it shows, and in small letters what this has and needs, takes and gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from viz import lettering, theme
from viz.canvas import Canvas

LINE: Final = 13.0  # from one line of the totals to the next
BENEATH: Final = theme.CAPTION * 0.5  # the last line


@dataclass(frozen=True, slots=True)
class Caption:
    """The lines of a title and of the totals."""

    title: tuple[str, ...]
    totals: tuple[str, ...]

    @property
    def width(self) -> float:
        title = max(lettering.width(line, theme.CAPTION, bold=True) for line in self.title)
        return max([title, *(lettering.width(line, theme.SMALL) for line in self.totals)])

    @property
    def foot(self) -> float:
        """That of the title."""
        return theme.CAPTION * (0.5 + len(self.title))

    @property
    def height(self) -> float:
        return self.foot + LINE * len(self.totals) + BENEATH

    def draw(self, canvas: Canvas, left: float) -> None:
        for i, line in enumerate(self.title, 1):
            canvas.text(left, theme.CAPTION * (0.5 + i), line, size=theme.CAPTION, anchor="start", bold=True)
        for i, line in enumerate(self.totals, 1):
            y = self.foot + LINE * i
            canvas.text(left, y, line, size=theme.SMALL, colour=theme.MUTED, anchor="start")


def caption(title: str, totals: tuple[str, ...], width: float = 0.0, room: float = math.inf) -> Caption:
    """The caption of a picture of this width, in lines that are not wider than there is room. What a network has and
    what it takes stand in one line where the picture is as wide."""
    head = lettering.lines(title, theme.CAPTION, room, bold=True)
    wide = max(width, *(lettering.width(line, theme.CAPTION, bold=True) for line in head))
    together = " · ".join(totals)
    said = [together] if together and lettering.width(together, theme.SMALL) <= min(wide, room) else totals
    return Caption(tuple(head), tuple(part for line in said for part in lettering.lines(line, theme.SMALL, room)))

"""What stands above a picture: what it shows, and in small letters what this has and needs, takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from viz import lettering, theme
from viz.canvas import Canvas

FOOT: Final = theme.CAPTION * 1.5  # of the title
LINE: Final = 13.0  # from there to the totals, and from one line of these to the next
BENEATH: Final = 11.0  # the last line


@dataclass(frozen=True, slots=True)
class Caption:
    """A title with its totals, in one line, or in one for each where the picture is not as wide."""

    title: str
    lines: tuple[str, ...]

    @property
    def width(self) -> float:
        title = lettering.width(self.title, theme.CAPTION, bold=True)
        return max([title, *(lettering.width(line, theme.SMALL) for line in self.lines)])

    @property
    def height(self) -> float:
        return FOOT + LINE * len(self.lines) + BENEATH

    def draw(self, canvas: Canvas, left: float) -> None:
        canvas.text(left, FOOT, self.title, size=theme.CAPTION, anchor="start", bold=True)
        for i, line in enumerate(self.lines, 1):
            canvas.text(left, FOOT + LINE * i, line, size=theme.SMALL, colour=theme.MUTED, anchor="start")


def caption(title: str, totals: tuple[str, ...], width: float) -> Caption:
    """The caption of a picture of this width."""
    line = " · ".join(totals)
    fits = lettering.width(line, theme.SMALL) <= max(width, lettering.width(title, theme.CAPTION, bold=True))
    return Caption(title, (line,) if line and fits else totals)

"""A finished plot, and its files: the same figures give the same bytes."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from archdsl import validate
from archdsl.write import write_atomically
from viz import raster, theme
from viz.plots.style import Style

FORMATS: Final = ("pdf", "png", "svg")
DIGITS: Final = 5  # of places, which are parts of a figure
# What matplotlib writes of itself and the time.
UNSAID: Final = {"svg": ("Date", "Creator"), "pdf": ("CreationDate", "Creator", "Producer")}


class FinishedPlot:
    """A plot. A notebook shows it; `figure` is matplotlib's, for whoever wants to change it."""

    def __init__(self, figure: Figure, style: Style) -> None:
        self.figure = figure
        self.style = style
        with style.context():
            _settle(figure)

    def render(self, format: str) -> bytes:
        """The bytes of a file in one of `FORMATS`. A PNG is made from the SVG, as those of diagrams are.

        Raises `ValueError` for another format.
        """
        validate.one_of("format", format, FORMATS)
        if format == "png":
            return raster.rasterise(self.render("svg").decode())
        target = io.BytesIO()
        with self.style.context():
            self.figure.savefig(target, format=format, metadata=dict.fromkeys(UNSAID[format]))
        data = target.getvalue()
        # Letters stay letters in SVG: who has not our font sees another of the same widths.
        return data.replace(f"'{raster.FAMILY}'".encode(), theme.FONT_STACK.encode()) if format == "svg" else data

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plot, in the format of the suffix. Raises `ValueError` for an unknown one, and `OSError`."""
        path = validate.file_path("path", path)
        write_atomically(path, self.render(format_of(path)))

    def _repr_svg_(self) -> str:
        return self.render("svg").decode()


def _settle(figure: Figure) -> None:
    """Lay a figure out, once, and round all places: the solver's last digits differ from run to run."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for part in figure.subfigs:
        part.bbox_relative.set_points(part.bbox_relative.get_points().round(DIGITS))
    for axes in figure.get_axes():
        left, bottom, width, height = axes.get_position().bounds
        axes.set_position((round(left, DIGITS), round(bottom, DIGITS), round(width, DIGITS), round(height, DIGITS)))


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that a file's suffix says. Raises `ValueError` for one that is not in `FORMATS`."""
    format = Path(path).suffix.lower().removeprefix(".")
    if format not in FORMATS:
        names = ", ".join(f".{name}" for name in FORMATS)
        raise ValueError(f"cannot tell the format of {Path(path).name!r} by its suffix; plots are {names}")
    return format

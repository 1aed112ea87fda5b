"""A finished plot, and its files: the same figures give the same bytes."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Final

from matplotlib.figure import Figure

from archdsl import validate
from archdsl.write import write_atomically
from viz import raster, theme
from viz.plots.style import Style

FORMATS: Final = ("pdf", "png", "svg")
PAGES: Final = ("html", *FORMATS)  # of plots whose parts say something
GROUP: Final = re.compile(rb'<g id="([^"]*)">')
DIGITS: Final = 5  # of places, which are parts of a figure
# What matplotlib writes of itself and the time.
UNSAID: Final = {"svg": ("Date", "Creator"), "pdf": ("CreationDate", "Creator", "Producer")}


class FinishedPlot:
    """A plot. A notebook shows it; `figure` is matplotlib's, for whoever wants to change it.

    says: by their ids, what a browser says of parts that the pointer is on; such a plot can be a page too.
    """

    def __init__(self, figure: Figure, style: Style, says: Mapping[str, str] = MappingProxyType({})) -> None:
        self.figure = figure
        self.style = style
        self.says = dict(says)  # which can be pickled, as a mapping proxy cannot
        self.formats = PAGES if says else FORMATS
        with style.context():
            _settle(figure)

    def render(self, format: str) -> bytes:
        """The bytes of a file in one of `formats`. A PNG is made from the SVG, as those of diagrams are.

        Raises `ValueError` for another format.
        """
        validate.one_of("format", format, self.formats)
        if format == "png":
            return raster.rasterise(self.render("svg").decode())
        if format == "html":
            return self._page(self.render("svg").decode()).encode()
        target = io.BytesIO()
        with self.style.context():
            self.figure.savefig(target, format=format, metadata=dict.fromkeys(UNSAID[format]))
        data = target.getvalue()
        # Letters stay letters in SVG: who has not our font sees another of the same widths.
        if format == "svg":
            data = data.replace(f"'{raster.FAMILY}'".encode(), theme.FONT_STACK.encode())
            data = GROUP.sub(self._saying, data) if self.says else data
        return data

    def _saying(self, group: re.Match[bytes]) -> bytes:
        """The beginning of a part, with what is said of it."""
        said = self.says.get(group.group(1).decode())
        return group.group() if said is None else group.group() + f"<title>{escape(said)}</title>".encode()

    def _page(self, svg: str) -> str:
        """The drawing as a page of its own, as wide as the window lets it."""
        drawing = svg[svg.index("<svg") :]
        title = self.figure.get_suptitle()
        look = f"margin:0;padding:16px;background:{self.style.colour(theme.PAPER)}"
        return (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
            f"<style>body{{{look}}}svg{{display:block;width:100%;max-width:1600px;height:auto;margin:auto}}</style>\n"
            f"</head><body>\n{drawing}</body></html>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the plot, in the format of the suffix. Raises `ValueError` for an unknown one, and `OSError`."""
        path = validate.file_path("path", path)
        write_atomically(path, self.render(format_of(path, self.formats)))

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


def format_of(path: str | os.PathLike[str], formats: Sequence[str] = FORMATS) -> str:
    """The format that a file's suffix says. Raises `ValueError` for one that is not in `formats`."""
    format = Path(path).suffix.lower().removeprefix(".")
    if format not in formats:
        names = ", ".join(f".{name}" for name in formats)
        raise ValueError(f"cannot tell the format of {Path(path).name!r} by its suffix; plots are {names}")
    return format

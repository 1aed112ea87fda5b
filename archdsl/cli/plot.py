"""Options of commands that can draw what they would print."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from archdsl.backends import Plot, backend
from archdsl.cli.options import theme_option
from archdsl.cli.results import try_place, write_or_keep, wrote


def plot_options(function: Callable[..., int]) -> Callable[..., int]:
    """--plot and --theme, given to the command as `plot`, the file, and `theme`; which must not be without the file."""

    @functools.wraps(function)
    def run(*arguments: Any, plot: Path | None, theme: str | None, **options: Any) -> int:
        if theme is not None and plot is None:
            raise click.UsageError("--theme is of --plot")
        if plot is not None and (options["form"] != "text" or options["width"] is not None):
            raise click.UsageError("--plot draws a file and prints no table: leave out --format, --json and --width")
        return function(*arguments, plot=plot, theme=theme or "light", **options)

    file = click.option(
        "--plot", type=click.Path(path_type=Path), metavar="FILE", callback=_known,
        help="Draw it instead, as .svg, .pdf or .png.",
    )  # fmt: skip
    return file(theme_option("Colours of the plot.", default=None)(run))


def write_plot(make: Callable[[], Plot], file: Path, but: str = "") -> None:
    """Make a plot, write it, and say so."""
    try:
        write_or_keep(file, make().save)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    wrote(file, but)


def _known(ctx: click.Context, option: click.Parameter, file: Path | None) -> Path | None:
    """The file, if it can be written; before anything is measured, which may take its time."""
    if file is not None:
        try:
            backend("viz.plots").format_of(file)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, option) from None
        try_place(file)
    return file

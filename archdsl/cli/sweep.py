"""`archdsl sweep`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from archdsl.cli import completion
from archdsl.cli.limits import limit_options
from archdsl.cli.options import at_option, choice_options, sheet_options
from archdsl.cli.plot import plot_options, write_plot
from archdsl.cli.terminal import print_sheets
from archdsl.diagnostics import did_you_mean
from archdsl.errors import SpecError

if TYPE_CHECKING:
    from archdsl.sweep import Axis

MAX_POINTS: Final = 10_000


def _axes(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[Axis, ...]:
    from archdsl.sweep import Axis

    found: list[Axis] = []
    for text in values:
        name, equals, listed = text.partition("=")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"`{text}` is not NAME=VALUES, as in H=160:320:32 or depth=2,3,4", ctx, option)
        if any(axis.name == name for axis in found):
            raise click.BadParameter(f"`{name}` is given twice", ctx, option)
        try:
            found.append(Axis(name, _values(listed)))
        except ValueError as error:
            raise click.BadParameter(f"`{text}`: {error}", ctx, option) from None
        wrong = next((v for v in found[-1].values if found[-1].is_symbol and type(v) is not int), None)
        if wrong is not None:
            raise click.BadParameter(f"`{text}`: {name} is a size, an integer", ctx, option)
    return tuple(found)


def _values(text: str) -> tuple[Any, ...]:
    """The values of `160:320:32` (both ends), or of a list. Raises `ValueError`."""
    numbers = re.fullmatch(r"(\d{1,10}):(\d{1,10})(?::(\d{1,10}))?", text)
    if numbers:
        first, last, step = (int(number or 1) for number in numbers.groups())
        if step == 0 or first > last:
            raise ValueError("a range goes up, FIRST:LAST:STEP, as in 160:320:32")
        if (last - first) // step >= MAX_POINTS:
            raise ValueError(f"a range of more than {MAX_POINTS:,} values")
        return tuple(range(first, last + 1, step))
    from archdsl.sweep import split

    return tuple(map(_value, split(text)))


def _value(text: str) -> Any:
    if not text:
        raise ValueError("a value is missing")
    if re.fullmatch(r"\d{1,12}(x\d{1,12})+", text):  # the shape of an input
        return tuple(map(int, text.split("x")))
    from archdsl.static import static_value

    try:
        return static_value(text)
    except SpecError as error:
        raise ValueError("; ".join(diagnostic.message for diagnostic in error.diagnostics)) from None


def _measures(ctx: click.Context, option: click.Parameter, text: str | None) -> tuple[str, ...]:
    from archdsl.measure.network.report import TOTALS

    names = tuple(name.strip() for name in text.split(",")) if text is not None else ()
    for name in names:
        if name not in TOTALS:
            help = did_you_mean(name, TOTALS) or f"totals are {', '.join(TOTALS)}"
            raise click.BadParameter(f"no total is called `{name}`; {help}", ctx, option)
    return tuple(dict.fromkeys(names))


@click.command("sweep")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True, shell_complete=completion.specs)
@click.option(
    "--over",
    "axes",
    multiple=True,
    metavar="NAME=VALUES",
    callback=_axes,
    help="Values of a setting, of a size (H=160:320:32, both ends), or shapes of an input (image=1x3x96x96,…).",
)
@click.option("--pareto", metavar="TOTAL,…", callback=_measures, help="Mark what no other beats in these totals.")
@at_option
@choice_options
@sheet_options
@plot_options
@limit_options
def command(
    specs: tuple[str, ...],
    axes: tuple[Axis, ...],
    pareto: tuple[str, ...],
    symbols: Mapping[str, int],
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    form: str,
    width: int | None,
    plot: Path | None,
    theme: str,
) -> int:
    """Tabulate or plot what networks cost over settings and sizes of their inputs.

    A line of the table for every combination; one that cannot be has the first line of what is wrong with it.
    """
    from archdsl.sweep import sheet, sweep

    twice = [axis.name for axis in axes if axis.name in {*settings, *inputs, *symbols}]
    if twice:
        raise click.UsageError(f"`{twice[0]}` is given twice: by --over, and by --set, --input or --at")
    count = len(specs) * math.prod(len(axis.values) for axis in axes)
    if count > MAX_POINTS:
        raise click.UsageError(f"{count:,} combinations are more than {MAX_POINTS:,}")
    points = sweep(specs, axes, settings, inputs, pareto, symbols)
    if plot is not None:
        from archdsl.sweep import plot as plotted

        faults = sum(point.fault is not None for point in points)
        but = f", without {faults} combination{'s' if faults > 1 else ''} that cannot be" if faults else ""
        write_plot(lambda: plotted(points, pareto=pareto, theme=theme), plot, but)
        return 0
    print_sheets([sheet(points, pareto)], form, width)
    return 0

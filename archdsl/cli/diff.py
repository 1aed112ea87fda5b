"""`archdsl diff`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from archdsl.backends import backend
from archdsl.cli import completion
from archdsl.cli.limits import limit_options
from archdsl.cli.options import (
    at_option,
    choice_options,
    direction_option,
    engine_option,
    rewrite_option,
    sheet_options,
    theme_option,
    times_of_page_option,
    without_effect,
)
from archdsl.cli.results import try_place, write_or_keep, wrote
from archdsl.cli.terminal import print_sheets


@click.command("diff")
@click.argument("a", metavar="A", shell_complete=completion.specs)
@click.argument("b", metavar="B", required=False, shell_complete=completion.specs)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Draw the difference into this file; its suffix is the format, as for `draw`.",
)
@click.option(
    "--arrange",
    type=click.Choice(["overlaid", "side-by-side"]),
    default="overlaid",
    show_default=True,
    help="Both networks as one drawing, or one beside the other, what corresponds level.",
)
@direction_option("Where the data flows in the drawing.")
@click.option("--fold/--no-fold", default=True, help="Whether what does not differ is folded away in the drawing.")
@theme_option("The colours of the drawing; print is black and white.")
@engine_option
@times_of_page_option
@rewrite_option
@at_option
@choice_options
@limit_options
@click.option("--exit-code", is_flag=True, help="Status 1 where the networks differ.")
@sheet_options
def command(
    a: str,
    b: str | None,
    output: Path | None,
    rewrites: tuple[str, ...] | None,
    symbols: Mapping[str, int],
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    exit_code: bool,
    form: str,
    width: int | None,
    **options: Any,
) -> int:
    """Compare two networks layer by layer: what was added, removed and changed, and what that costs.

    A and B are SPECs. Layers are recognised by what they are and where they stand, not by name alone. --set, --input
    and --at hold for both. With --rewrite there is one SPEC, compared with what it is rewritten into.
    """
    from archdsl.network import Network
    from archdsl.pipeline import load_graph

    _check(output, form, options)
    try_place(output)
    if (b is None) == (rewrites is None):
        raise click.UsageError("give two SPECs, or one and --rewrite")
    first = Network(load_graph(a, settings, inputs, symbols))
    second = Network(load_graph(b, settings, inputs, symbols)) if b is not None else first.rewrite(rewrites or ())
    difference = first.diff(second)
    if output is not None:
        try:
            write_or_keep(output, lambda path: difference.draw(path, **options))
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        wrote(output)
    else:
        from archdsl.presentation.changes import sheets

        print_sheets(sheets(difference), form, width)
    return 1 if exit_code and not difference.same else 0


def _check(output: Path | None, form: str, options: Mapping[str, Any]) -> None:
    """A drawing is either asked for, or nothing is said of how it looks."""
    if output is not None and form == "json":
        raise click.UsageError("--json prints the difference and -o draws it: give one of them")
    if output is not None:
        without_effect("in a drawing", "form", "width")
    if output is None:
        without_effect("without a drawing: name its file with -o", *options)
        return
    format = output.suffix.lower().removeprefix(".")
    if format in backend("viz").known_formats():
        without_effect(f"in a file of {format}", *backend("viz").ignored(format, "difference"))

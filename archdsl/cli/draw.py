"""`archdsl draw`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.backends import backend
from archdsl.cli import completion
from archdsl.cli.limits import limit_options
from archdsl.cli.options import (
    at_option,
    choice_options,
    direction_option,
    engine_option,
    phase_option,
    plan_option,
    rewrite_option,
    theme_option,
    times_of_page_option,
    without_effect,
)
from archdsl.cli.results import try_place, write_or_keep, wrote
from archdsl.cli.streams import write_bytes
from archdsl.errors import SpecError
from archdsl.graph import header

if TYPE_CHECKING:
    from archdsl.presentation.difference import PrintedDifference

FORMATS = backend("viz").known_formats()
SHARED = ("direction", "fold", "theme", "engine", "profile")  # the options that two side by side have too


@click.command("draw")
@click.argument("specs", metavar="SPEC [SPEC]", nargs=-1, required=True, shell_complete=completion.specs)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help=f"The file; its suffix is the format: {', '.join(FORMATS)}. `-` is standard output. NAME.svg if not given.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="svg",
    show_default=True,
    help="The format where no suffix says it: of NAME, or on standard output.",
)
@click.option(
    "--view",
    type=click.Choice(["graph", "stages", "volumes"]),
    default="graph",
    show_default=True,
    help="Layer by layer, as the table of a paper, or feature maps as solids.",
)
@direction_option("Where the data flows.")
@click.option("--shapes/--no-shapes", default=True, help="Whether edges show the tensors' shapes.")
@phase_option("With or without the parts that exist in training only.")
@click.option("--fold/--no-fold", default=True, help="Whether equal blocks in a row are drawn once, with their number.")
@click.option(
    "--depth",
    metavar="N",
    default="fit",
    show_default=True,
    callback=lambda ctx, option, value: _depth(value),
    help="Draw blocks nested N deep as one box each; `all` opens every block, `fit` as many as a page can hold.",
)
@click.option(
    "--blocks/--no-blocks",
    default=None,
    callback=lambda ctx, option, value: "fit" if value is None else value,
    help="Whether closed blocks stand beside it, each form once, open; by default where a page needs them closed.",
)
@click.option("--focus", metavar="PATH", help="Draw one block or layer and its neighbours only.")
@click.option(
    "--width",
    metavar="LENGTH",
    help="Make a figure so wide, as `3.5in` or `88mm`: no letters under 6 points, and no higher than a page.",
)
@click.option("--font", metavar="SIZE", help="The letters of a figure where there is room; 8pt by default.")
@click.option(
    "--heat",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Colour by figures of your own: a file of comma-separated values, `layer,value`.",
)
@theme_option("The colours; print is black and white.")
@engine_option
@times_of_page_option
@plan_option
@rewrite_option
@at_option
@choice_options
@limit_options
def command(
    specs: tuple[str, ...],
    output: Path | None,
    form: str,
    plan: Path | None,
    rewrites: tuple[str, ...] | None,
    symbols: Mapping[str, int],
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    **options: Any,
) -> int:
    """Draw a network: layers as boxes, blocks as frames around them, shapes on the edges; or two side by side.

    Of a spec with errors, everything up to them is drawn, and the steps that cannot be in red. Without -o the file is
    named for the network and lies in the working directory.
    """
    from archdsl.address import name_of
    from archdsl.network import Network
    from archdsl.pipeline import load_graph

    if len(specs) > 2:
        raise click.UsageError("one network is drawn, or two side by side")
    spec, *beside = specs
    piped = output is not None and os.fspath(output) == "-"
    if output is not None and not piped:
        without_effect("with a file, whose suffix is the format", "form")
        form = output.suffix.lower().removeprefix(".")
    if beside:
        without_effect("of two networks", "plan", *(name for name in options if name not in SHARED))
    elif form in FORMATS:
        where = f"in a file of {form}" if options["view"] == "graph" else f"in the view {options['view']}"
        without_effect(where, *backend("viz").ignored(form, options["view"]))
    if output is None and all(map(name_of, specs)):
        output = Path(f"{'-'.join(name_of(one) or '' for one in specs)}.{form}")
    try_place(None if piped else output)
    faults: SpecError | None = None
    try:
        graph = load_graph(spec, settings, inputs, symbols)
    except SpecError as error:
        if error.graph is None or beside:
            raise
        faults, graph = error, error.graph
    output = output or Path(f"{header(graph)['network']}.{form}")
    try:
        network = Network(graph) if plan is None else Network(graph).placed(plan)
        network = network if rewrites is None else network.rewrite(rewrites)
        subject: Network | PrintedDifference = network
        if beside:
            other = Network(load_graph(beside[0], settings, inputs, symbols))
            subject = network.diff(other if rewrites is None else other.rewrite(rewrites))
            options = {name: options[name] for name in SHARED} | {"arrange": "side-by-side"}
        if piped:
            viz = backend("viz")
            render = viz.render_difference if beside else viz.render
            write_bytes(render(subject if beside else network.graph, form, **options))
        else:
            write_or_keep(output, lambda path: subject.draw(path, **options))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if not piped:
        wrote(output, ", up to the errors" if faults is not None else "")
    if faults is not None:
        raise faults
    return 0


def _depth(text: str) -> int | str | None:
    if text in ("fit", "all"):
        return None if text == "all" else text
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise click.BadParameter(f"`{text}` is not a number from 1, `fit` or `all`")
    return int(text)

"""`archdsl draw`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from archdsl.backends import backend
from archdsl.cli.limits import limit_options
from archdsl.cli.options import cannot_write, choice_options, spec_argument
from archdsl.errors import SpecError

FORMATS = backend("viz").known_formats()


@click.command("draw")
@spec_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help=f"The file; its suffix is the format: {', '.join(FORMATS)}.",
)
@click.option(
    "--direction",
    type=click.Choice(["down", "right", "up", "left"]),
    default="down",
    show_default=True,
    help="Where the data flows.",
)
@click.option("--shapes/--no-shapes", default=True, help="Whether edges show the tensors' shapes.")
@click.option(
    "--phase",
    type=click.Choice(["train", "eval"]),
    default="train",
    show_default=True,
    help="With or without the parts that exist in training only.",
)
@choice_options
@limit_options
def command(
    spec: str,
    output: Path,
    direction: str,
    shapes: bool,
    phase: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
) -> int:
    """Draw a network: layers as boxes, blocks as frames around them, shapes on the edges.

    Of a spec with errors, everything up to them is drawn, and the steps that cannot be in red.
    """
    from archdsl.network import Network
    from archdsl.pipeline import load_graph

    faults: SpecError | None = None
    try:
        graph = load_graph(spec, settings, inputs)
    except SpecError as error:
        if error.graph is None:
            raise
        faults, graph = error, error.graph
    try:
        Network(graph).draw(output, direction=direction, shapes=shapes, phase=phase)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    except OSError as error:
        raise cannot_write(output, error) from None
    if faults is not None:
        click.echo(f"wrote {output}, up to the errors")
        raise faults
    click.echo(f"wrote {output}")
    return 0

"""`archdsl report`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from archdsl.cli.options import choice_options, json_option, print_faults, print_json, spec_argument
from archdsl.errors import SpecError


@click.command("report")
@spec_argument
@choice_options
@json_option
def command(spec: str, settings: Mapping[str, Any], inputs: Mapping[str, tuple[int, ...]], as_json: bool) -> int:
    """Show every layer with its output, parameters, multiply-adds and receptive field, and the totals."""
    from archdsl.network import Network
    from archdsl.pipeline import load_graph

    try:
        report = Network(load_graph(spec, settings, inputs)).report()
    except SpecError as error:
        if not as_json:
            raise
        print_faults(error, {"archdsl": 1})
        return error.exit_status
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(str(report), nl=False)
    return 0

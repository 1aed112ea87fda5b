"""`archdsl report`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from archdsl.cli.limits import limit_options
from archdsl.cli.options import choice_options, faults_as_json, json_option, print_json, spec_argument


@click.command("report")
@spec_argument
@choice_options
@json_option
@limit_options
@faults_as_json
def command(spec: str, settings: Mapping[str, Any], inputs: Mapping[str, tuple[int, ...]], as_json: bool) -> int:
    """Show every layer with its output, parameters, multiply-adds and receptive field, and the totals."""
    from archdsl.network import Network
    from archdsl.pipeline import load_graph

    report = Network(load_graph(spec, settings, inputs)).report()
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(str(report), nl=False)
    return 0

"""`archdsl report`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from archdsl.cli.limits import limit_options
from archdsl.cli.options import choice_options, faults_as_json, json_option, memory_options, print_json, spec_argument


@click.command("report")
@spec_argument
@choice_options
@click.option("--memory", is_flag=True, help="Show the memory of training and inference as well.")
@memory_options
@json_option
@limit_options
@faults_as_json
def command(
    spec: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    memory: bool,
    optimizer: str,
    dtype: str,
    hardware: Any,
    as_json: bool,
) -> int:
    """Show every layer with its output, parameters, multiply-adds and receptive field, and the totals."""
    from archdsl.network import Network
    from archdsl.pipeline import load_graph

    net = Network(load_graph(spec, settings, inputs))
    wanted = net.memory(optimizer=optimizer, dtype=dtype, hardware=hardware) if memory else None
    if as_json:
        print_json(net.report().to_dict() | ({"memory": wanted.to_dict()} if wanted else {}))
    else:
        click.echo(str(net.report()) + (f"\n{wanted}" if wanted else ""), nl=False)
    return 0

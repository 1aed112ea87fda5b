"""`archdsl diff`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from archdsl.cli.limits import limit_options
from archdsl.cli.options import choice_options, faults_as_json, json_option, print_json


@click.command("diff")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@choice_options
@limit_options
@click.option("--exit-code", is_flag=True, help="Status 1 where the networks differ.")
@json_option
@faults_as_json
def command(
    a: str,
    b: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    exit_code: bool,
    as_json: bool,
) -> int:
    """Compare two networks layer by layer: what was added, removed and changed, and what that costs.

    A and B are SPECs. Layers are recognised by what they are and where they stand, not by name alone. --set and
    --input hold for both.
    """
    from archdsl.network import Network
    from archdsl.pipeline import load_graph

    first, second = (Network(load_graph(spec, settings, inputs)) for spec in (a, b))
    difference = first.diff(second)
    if as_json:
        print_json(difference.to_dict())
    else:
        click.echo(str(difference), nl=False)
    return 1 if exit_code and not difference.same else 0

"""`archdsl zoo`."""

from __future__ import annotations

import click

from archdsl.cli.options import json_option, print_json


@click.command("zoo")
@json_option
def command(as_json: bool) -> int:
    """List the networks that ship with archdsl, with their parameters, MACs and the papers they come from."""
    from archdsl.zoo import entries

    found = entries()
    if as_json:
        print_json({"archdsl": 1, "networks": [entry.to_dict() for entry in found]})
        return 0
    from archdsl.measure.table import table

    rows = [(e.name, e.input, f"{e.params:,}", f"{e.macs:,}", e.file, e.source) for e in found]
    click.echo(table(("network", "input", "params", "MACs", "file", "source"), rows, {"params", "MACs"}))
    return 0

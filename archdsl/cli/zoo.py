"""`archdsl zoo`."""

from __future__ import annotations

from itertools import groupby

import click

from archdsl.cli.options import json_option, print_json


@click.command("zoo")
@click.option("--table", "published", is_flag=True, help="Compare with published figures, and say why they differ.")
@json_option
def command(published: bool, as_json: bool) -> int:
    """List the networks that ship with archdsl, with their parameters, MACs and the papers they come from."""
    from archdsl.zoo import entries

    if published:
        return _published(as_json)
    found = entries()
    if as_json:
        print_json({"archdsl": 1, "networks": [entry.to_dict() for entry in found]})
        return 0
    from archdsl.sheet.units import table

    rows = [(e.name, e.input, f"{e.params:,}", f"{e.macs:,}", e.file, e.source) for e in found]
    click.echo(table(("network", "input", "params", "MACs", "file", "source"), rows, {"params", "MACs"}))
    return 0


def _published(as_json: bool) -> int:
    from archdsl.published import figures
    from archdsl.sheet.units import table

    found = figures()
    if as_json:
        print_json({"archdsl": 1, "figures": [figure.to_dict() for figure in found]})
        return 0
    notes: dict[str, int] = {}
    rows = []
    for network, group in groupby(found, lambda figure: figure.network):
        for i, f in enumerate(group):
            agrees = f.agrees if not f.note else f"{f.agrees} [{notes.setdefault(f.note, len(notes) + 1)}]"
            rows.append(("" if i else network, f.figure, f.published, f"{f.ours:,}", agrees, f.source))
    click.echo(table(("network", "figure", "published", "ours", "", "source"), rows, {"published", "ours"}))
    click.echo()
    for note, number in notes.items():
        click.echo(f"[{number}] {note}")
    return 0

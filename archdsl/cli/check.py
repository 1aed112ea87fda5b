"""`archdsl check`."""

from __future__ import annotations

from typing import Any

import click

from archdsl.cli.limits import limit_options
from archdsl.cli.options import json_option, print_json
from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.graph import Graph, header


@click.command("check")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@json_option
@limit_options
def command(specs: tuple[str, ...], as_json: bool) -> int:
    """Check specs: that they can be read, that every name is known and all shapes fit.

    Of a file, every network and variant is checked; all independent errors are shown.
    """
    from archdsl.pipeline import check
    from archdsl.render.json import to_dict

    results: list[dict[str, Any]] = []
    faults: list[Diagnostic] = []
    for spec in specs:
        try:
            graphs = check(spec)
        except SpecError as error:
            faults += error.diagnostics
            results.append({"spec": spec, "ok": False, "diagnostics": [to_dict(d) for d in error.diagnostics]})
        else:
            names = [_name(graph) for graph in graphs]
            results.append({"spec": spec, "ok": True, "networks": names, "diagnostics": []})
            if not as_json:
                click.echo(f"{spec}: ok ({', '.join(names)})")
    if as_json:
        print_json({"archdsl": 1, "specs": results})
        return max((d.exit_status for d in faults), default=0)
    if faults:
        raise SpecError(faults)
    return 0


def _name(graph: Graph) -> str:
    head = header(graph)
    return head["variant"] or head["network"]

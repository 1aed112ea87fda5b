"""`archdsl check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.options import json_option, print_json, show_findings
from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.graph import Graph, header

if TYPE_CHECKING:
    from archdsl.lint import Finding


@click.command("check")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("--lint", "linted", is_flag=True, help="Show the warnings of `archdsl lint` too.")
@click.option("--strict", is_flag=True, help="The same, with status 1 if there are any.")
@json_option
def command(specs: tuple[str, ...], linted: bool, strict: bool, as_json: bool) -> int:
    """Check specs: that they can be read, that every name is known and all shapes fit.

    Of a file, every network and variant is checked; all independent errors are shown.
    """
    from archdsl.pipeline import check, check_and_lint
    from archdsl.render.json import to_dict

    results: list[dict[str, Any]] = []
    faults: list[Diagnostic] = []
    warnings: list[Finding] = []
    for spec in specs:
        try:
            graphs, found = check_and_lint(spec) if linted or strict else (check(spec), [])
        except SpecError as error:
            faults += error.diagnostics
            results.append({"spec": spec, "ok": False, "diagnostics": [to_dict(d) for d in error.diagnostics]})
        else:
            names = [_name(graph) for graph in graphs]
            found = [finding for finding in found if finding.diagnostic.level == "warning"]
            warnings += found
            diagnostics = [to_dict(finding.diagnostic) for finding in found]
            results.append({"spec": spec, "ok": True, "networks": names, "diagnostics": diagnostics})
            if not as_json:
                click.echo(f"{spec}: ok ({', '.join(names)})")
    if as_json:
        print_json({"archdsl": 1, "specs": results})
    else:
        show_findings(warnings, err=True)
    if faults and not as_json:
        raise SpecError(faults)
    return max((d.exit_status for d in faults), default=int(strict and bool(warnings)))


def _name(graph: Graph) -> str:
    head = header(graph)
    return head["variant"] or head["network"]

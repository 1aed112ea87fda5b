"""`archdsl check`."""

from __future__ import annotations

import click

from archdsl.cli.options import format_option, print_findings
from archdsl.diagnostics import Findings
from archdsl.errors import SpecError
from archdsl.graph import Graph, header


@click.command("check")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@format_option
def command(specs: tuple[str, ...], form: str) -> int:
    """Check specs: that they can be read, that every name is known and all shapes fit.

    Of a file, every network and variant is checked; all independent errors are shown.
    """
    return print_findings([_check(spec) for spec in specs], form)


def _check(spec: str) -> Findings:
    from archdsl.pipeline import check

    try:
        return Findings(spec, networks=tuple(_name(graph) for graph in check(spec)))
    except SpecError as error:
        return Findings(spec, diagnostics=error.diagnostics)


def _name(graph: Graph) -> str:
    head = header(graph)
    return head["variant"] or head["network"]

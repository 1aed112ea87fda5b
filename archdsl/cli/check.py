"""`archdsl check`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from archdsl.cli import completion
from archdsl.cli.limits import limit_options
from archdsl.cli.options import cannot_write, format_option, print_findings
from archdsl.cli.terminal import say, show_faults
from archdsl.diagnostics import Findings, distinct
from archdsl.errors import SpecError
from archdsl.graph import Graph, header

if TYPE_CHECKING:
    from archdsl.repair import Repair


@click.command("check")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True, shell_complete=completion.specs)
@click.option(
    "--fix", is_flag=True, help="Apply the fixes of errors that have one, in the files; with --lint, of warnings too."
)
@click.option("--diff", is_flag=True, help="Write nothing; show what --fix would change.")
@click.option("--lint", "linted", is_flag=True, help="Show the warnings of `archdsl lint` too.")
@click.option("--strict", is_flag=True, help="The same, with status 1 if there are any.")
@format_option
@limit_options
def command(specs: tuple[str, ...], fix: bool, diff: bool, linted: bool, strict: bool, form: str) -> int:
    """Check specs: that they can be read, that every name is known and all shapes fit.

    Of a file, every network and variant is checked; all independent errors are shown.
    """
    from archdsl.address import is_stdin

    lint = linted or strict
    if diff:
        return _show(specs, lint, form)
    if fix and any(map(is_stdin, specs)):
        if len(specs) == 1 and form == "text":
            return _filter(specs[0], lint, strict)
        raise click.UsageError("the fixed text of standard input is printed, so nothing else can be")
    findings = [_fix(spec, lint) if fix else _check(spec, lint) for spec in specs]
    status = print_findings(findings, form)
    return max(status, int(strict and any(found.diagnostics for found in findings)))


def _check(spec: str, linted: bool) -> Findings:
    from archdsl.pipeline import check, check_and_lint

    try:
        graphs, lint = check_and_lint(spec) if linted else (check(spec), [])
        warnings = tuple(found.diagnostic for found in lint if found.diagnostic.level == "warning")
        return Findings(spec, tuple(map(_name, graphs)), warnings)
    except SpecError as error:
        return Findings(spec, diagnostics=error.diagnostics)


def _fix(spec: str, linted: bool) -> Findings:
    """Fix the files of a SPEC; what is found in them then."""
    from archdsl.render.text import place
    from archdsl.repair import write

    repair = _repair(spec, linted)
    try:
        write(repair)
    except OSError as error:
        raise cannot_write(spec, error) from None
    for fault in repair.fixed:
        assert fault.span is not None
        say(f"fixed {place(fault.span)}: {fault.message}", err=True)
    return replace(_check(spec, linted), fixed=repair.fixed)


def _filter(spec: str, linted: bool, strict: bool) -> int:
    """Standard input to standard output, fixed."""
    from archdsl.read import read_stdin
    from archdsl.source import STDIN

    repair = _repair(spec, linted)
    click.echo(read_stdin().encoded(repair.after[STDIN]), nl=False)
    return max(_left([repair]), int(strict and bool(repair.left)))


def _show(specs: tuple[str, ...], linted: bool, form: str) -> int:
    """Show what would change; status 1 if anything would, or is wrong all the same."""
    if form != "text":
        raise click.UsageError(f"--diff prints a diff, which is no {form}")
    from archdsl.cli.changes import changes

    repairs = [_repair(spec, linted) for spec in specs]
    for repair in repairs:
        for name in repair.changed:
            click.echo(changes(name, repair.before[name], repair.after[name], "fixed"), nl=False)
    return max(_left(repairs), int(any(repair.changed for repair in repairs)))


def _left(repairs: list[Repair]) -> int:
    """The exit status that says what is left, which is shown."""
    left = distinct(Findings("", diagnostics=repair.left) for repair in repairs)
    if left:
        show_faults(left)
    return max((fault.exit_status for fault in left), default=0)


def _repair(spec: str, linted: bool) -> Repair:
    from archdsl.address import ships
    from archdsl.repair import repair

    if ships(spec):
        raise click.UsageError(f"`{spec}` ships with archdsl; copy its file to change it")
    return repair(spec, linted=linted)


def _name(graph: Graph) -> str:
    head = header(graph)
    return head["variant"] or head["network"]

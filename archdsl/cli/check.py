"""`archdsl check`."""

from __future__ import annotations

from collections.abc import Mapping

import click

from archdsl.cli.changes import changes
from archdsl.cli.options import cannot_write, format_option, print_findings
from archdsl.diagnostics import Diagnostic, Findings
from archdsl.errors import SpecError
from archdsl.graph import Graph, header


@click.command("check")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("--fix", is_flag=True, help="Apply the fixes of errors that have one, in the files.")
@click.option("--diff", is_flag=True, help="Write nothing; show what --fix would change.")
@click.option("--lint", "linted", is_flag=True, help="Show the warnings of `archdsl lint` too.")
@click.option("--strict", is_flag=True, help="The same, with status 1 if there are any.")
@format_option
def command(specs: tuple[str, ...], fix: bool, diff: bool, linted: bool, strict: bool, form: str) -> int:
    """Check specs: that they can be read, that every name is known and all shapes fit.

    Of a file, every network and variant is checked; all independent errors are shown.
    """
    if diff and form != "text":
        raise click.UsageError("--diff prints a diff, which is no JSON")
    findings = [_check(spec, fix, diff, linted or strict, form) for spec in specs]
    status = print_findings(findings, form, err=diff or (fix and "-" in specs))
    if (diff and any(found.fixed for found in findings)) or (strict and any(found.diagnostics for found in findings)):
        return max(status, 1)
    return status


def _check(spec: str, fix: bool, diff: bool, linted: bool, form: str) -> Findings:
    from archdsl.pipeline import check, check_and_lint

    texts: Mapping[str, str] = {}
    fixed: tuple[Diagnostic, ...] = ()
    try:
        if fix or diff:
            texts, fixed = _repair(spec, write=not diff, show=form == "text")
        graphs, lint = check_and_lint(spec, texts) if linted else (check(spec, texts), [])
        warnings = tuple(found.diagnostic for found in lint if found.diagnostic.level == "warning")
        would_be = diff and fixed  # right only once the diff is applied
        return Findings(spec, () if would_be else tuple(map(_name, graphs)), warnings, fixed)
    except SpecError as error:
        return Findings(spec, diagnostics=error.diagnostics, fixed=fixed)


def _repair(spec: str, *, write: bool, show: bool) -> tuple[Mapping[str, str], tuple[Diagnostic, ...]]:
    """The texts of a spec's files with fixes applied, and what was fixed."""
    from archdsl import repair
    from archdsl.pipeline import ships
    from archdsl.read import STDIN
    from archdsl.render.text import place

    if ships(spec):
        raise click.UsageError(f"`{spec}` ships with archdsl; copy its file to change it")
    found = repair.repair(spec)
    if write and spec != "-":
        try:
            repair.write(found)
        except OSError as error:
            raise cannot_write(spec, error) from None
    for fault in found.fixed if show and write else ():
        assert fault.span is not None
        click.echo(f"fixed {place(fault.span)}: {fault.message}", err=True)
    if show and not write:
        for name in found.changed:
            click.echo(changes(name, found.before[name], found.after[name], "fixed"), nl=False)
    elif show and spec == "-":
        click.echo(found.after[STDIN], nl=False)
    return found.after, found.fixed


def _name(graph: Graph) -> str:
    head = header(graph)
    return head["variant"] or head["network"]

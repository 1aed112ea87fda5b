"""`archdsl check`."""

from __future__ import annotations

from typing import Any

import click

from archdsl.cli.changes import changes
from archdsl.cli.options import cannot_write, json_option, print_json
from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.graph import Graph, header


@click.command("check")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("--fix", is_flag=True, help="Apply the fixes of errors that have one, in the files.")
@click.option("--diff", is_flag=True, help="Write nothing; show what --fix would change.")
@json_option
def command(specs: tuple[str, ...], fix: bool, diff: bool, as_json: bool) -> int:
    """Check specs: that they can be read, that every name is known and all shapes fit.

    Of a file, every network and variant is checked; all independent errors are shown.
    """
    from archdsl.pipeline import check
    from archdsl.render.json import to_dict

    if diff and as_json:
        raise click.UsageError("--diff prints a diff, which is no JSON")
    results: list[dict[str, Any]] = []
    faults: list[Diagnostic] = []
    for spec in specs:
        texts: dict[str, str] = {}
        done: dict[str, Any] = {}
        try:
            if fix or diff:
                texts, fixed = _repair(spec, write=fix and not diff, show=not as_json)
                done = {"fixed": [to_dict(d) for d in fixed]}
            graphs = check(spec, texts)
        except SpecError as error:
            faults += error.diagnostics
            results.append({"spec": spec, "ok": False, "diagnostics": [to_dict(d) for d in error.diagnostics], **done})
        else:
            names = [_name(graph) for graph in graphs]
            results.append({"spec": spec, "ok": True, "networks": names, "diagnostics": [], **done})
            if not as_json:
                ok = "would be ok" if diff and done["fixed"] else "ok"
                click.echo(f"{spec}: {ok} ({', '.join(names)})", err=diff or (fix and spec == "-"))
    if as_json:
        print_json({"archdsl": 1, "specs": results})
        return max((d.exit_status for d in faults), default=0)
    if faults:
        raise SpecError(faults)
    return 1 if diff and any(result["fixed"] for result in results) else 0


def _repair(spec: str, *, write: bool, show: bool) -> tuple[dict[str, str], tuple[Diagnostic, ...]]:
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
    return dict(found.after), found.fixed


def _name(graph: Graph) -> str:
    head = header(graph)
    return head["variant"] or head["network"]

"""`archdsl fmt`."""

from __future__ import annotations

from pathlib import Path

import click

from archdsl.cli.changes import changes
from archdsl.cli.limits import reading_limit_options
from archdsl.cli.options import cannot_write
from archdsl.cli.terminal import say
from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError


@click.command("fmt")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Write nothing; status 1 if a file is not formatted.")
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
@reading_limit_options
def command(files: tuple[str, ...], check: bool, diff: bool) -> int:
    """Format specs in place; `-` formats standard input to standard output.

    Comments and what a spec says stay as they are, and so do the ends of lines and a byte-order mark.
    """
    faults: list[Diagnostic] = []
    changed = False
    for file in files:
        try:
            changed |= _format(file, check, diff)
        except SpecError as error:  # the other files are formatted all the same
            faults += error.diagnostics
    if faults:
        raise SpecError(faults)
    return 1 if check and changed else 0


def _format(file: str, check: bool, diff: bool) -> bool:
    """Whether a file was not formatted; unless it is only looked at, it is now."""
    from archdsl.pipeline import format_source
    from archdsl.read import read, read_stdin
    from archdsl.write import write_atomically

    source = read_stdin() if file == "-" else read(Path(file))
    formatted = format_source(source)
    changed = formatted != source.text
    if diff:
        click.echo(changes(source.name, source.text, formatted, "formatted"), nl=False)
    if check and changed:
        say(f"{source.name} is not formatted", err=True)
    if check or diff:
        return changed
    if file == "-":
        click.echo(source.encoded(formatted), nl=False)
    elif changed:
        try:
            write_atomically(Path(file), source.encoded(formatted))
        except OSError as error:
            raise cannot_write(file, error) from None
        say(f"formatted {file}", err=True)
    return changed

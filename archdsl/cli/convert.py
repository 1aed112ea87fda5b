"""`archdsl convert`."""

from __future__ import annotations

from pathlib import Path

import click

from archdsl.cli.limits import reading_limit_options
from archdsl.cli.results import try_place, write_or_keep, wrote


@click.command("convert")
@click.argument("spec", metavar="FILE")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The new file; its suffix is the form.")
@click.option("--to", "to", type=click.Choice(["text", "yaml"]), help="The form, where no suffix says it.")
@reading_limit_options
def command(spec: str, output: Path | None, to: str | None) -> int:
    """Convert a spec from text to YAML, or back.

    FILE is its path, `-` for standard input, or the name of a network that ships with archdsl, for the file with it.
    Without -o the result goes to standard output, in the form that the spec does not have. Nothing that a spec says
    is lost, comments included.
    """
    from archdsl.address import source_of
    from archdsl.pipeline import convert_source
    from archdsl.syntax import forms
    from archdsl.write import write_atomically

    try_place(output)
    source = source_of(spec)
    suffix = forms.form_of_path(str(output)) if output is not None else None
    if output is not None and suffix is None and to is None:
        raise click.UsageError(
            f"`{output}` does not say its form; it ends in {', '.join(forms.SUFFIXES)}, or give --to"
        )
    if suffix is not None and to is not None and suffix != to:
        raise click.UsageError(f"`{output}` is not the {to} form")
    chosen = suffix or to or ("text" if forms.form_of(source) == "yaml" else "yaml")
    form: forms.Form = "yaml" if chosen == "yaml" else "text"
    converted = convert_source(source, form)
    if output is None:
        click.echo(source.encoded(converted), nl=False)
        return 0
    write_or_keep(output, lambda path: write_atomically(path, source.encoded(converted)))
    wrote(output, err=True)
    return 0

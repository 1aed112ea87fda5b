"""`archdsl schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from archdsl.cli.options import cannot_write, print_json


@click.command("schema")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it to a file.")
def command(output: Path | None) -> int:
    """Print the JSON schema of the YAML form, for editors that complete and check specs by it."""
    from archdsl.syntax.schema import schema
    from archdsl.write import write_atomically

    document = schema()
    if output is None:
        print_json(document)
        return 0
    try:
        write_atomically(output, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise cannot_write(output, error) from None
    click.echo(f"wrote {output}", err=True)
    return 0

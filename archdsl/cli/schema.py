"""`archdsl schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from archdsl.cli.options import print_json
from archdsl.cli.results import try_place, write_or_keep, wrote


@click.command("schema")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it to a file.")
def command(output: Path | None) -> int:
    """Print the JSON schema of the YAML form, for editors that complete and check specs by it."""
    from archdsl.syntax.schema import schema
    from archdsl.write import write_atomically

    try_place(output)
    document = schema()
    if output is None:
        print_json(document)
        return 0
    data = (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
    write_or_keep(output, lambda path: write_atomically(path, data))
    wrote(output, err=True)
    return 0

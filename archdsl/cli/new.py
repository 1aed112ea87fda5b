"""`archdsl new`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import click

from archdsl.cli.options import cannot_write
from archdsl.cli.results import wrote
from archdsl.names import MAX_NAME

TEMPLATES: Final = Path(__file__).resolve().parent.parent / "templates"
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
PLACEHOLDER: Final = "Template"  # the network's name in a template


def templates() -> list[str]:
    return sorted(file.stem for file in TEMPLATES.glob("*.arch"))


@click.command("new")
@click.argument("name")
@click.option(
    "--template", type=click.Choice(templates()), default="classifier", show_default=True, help="What to begin with."
)
@click.option("--yaml", is_flag=True, help="In the YAML form.")
def command(name: str, template: str, yaml: bool) -> int:
    """Begin a spec: write NAME.arch from a template, small and right, to be changed.

    A file that is there is not touched.
    """
    from archdsl.pipeline import convert_source
    from archdsl.read import decode
    from archdsl.write import write_new

    if NAME.match(name) is None or len(name) > MAX_NAME:
        raise click.BadParameter(f"`{name}` is not a name: letters, digits and _, a letter first", param_hint="NAME")
    path = Path(f"{name}.{'yaml' if yaml else 'arch'}")
    network = name[0].upper() + name[1:]
    text = (TEMPLATES / f"{template}.arch").read_text(encoding="utf-8")
    text = re.sub(rf"\b{PLACEHOLDER}\b", network, text).replace("FILE", str(path))
    if yaml:
        text = convert_source(decode(text.encode(), f"{name}.arch"), "yaml")
    try:
        write_new(path, text.encode())
    except FileExistsError:
        raise click.UsageError(f"{path} is there already, and stays as it is; choose another NAME") from None
    except OSError as error:
        raise cannot_write(path, error) from None
    wrote(path, f": archdsl report {path}")
    return 0

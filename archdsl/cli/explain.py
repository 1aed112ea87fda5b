"""`archdsl explain`."""

from __future__ import annotations

import sys

import click

from archdsl.catalogue import CATALOGUE, FAMILIES
from archdsl.cli.options import json_option, print_json
from archdsl.cli.terminal import colour, width
from archdsl.diagnostics import did_you_mean
from archdsl.render.explanation import as_text, to_dict


@click.command("explain")
@click.argument("code", required=False)
@json_option
def command(code: str | None, as_json: bool) -> int:
    """Explain the CODE of a diagnostic, with a spec that is wrong and one that is right; without CODE, list all."""
    if code is not None and code not in CATALOGUE:
        help = did_you_mean(code, CATALOGUE) or "`archdsl explain` lists all codes"
        raise click.UsageError(f"no such code `{code}`; {help}")
    if as_json:
        print_json({"archdsl": 1, "codes": [to_dict(code) for code in ([code] if code is not None else CATALOGUE)]})
        return 0
    shown = colour(sys.stdout)
    click.echo(_list() if code is None else as_text(code, width(), shown), nl=False, color=shown)
    return 0


def _list() -> str:
    """Every code with its level and summary, by families."""
    longest = max(map(len, CATALOGUE))
    families = [
        "\n".join([f"{title}:", *(f"  {code:{longest}}  {e.level:7}  {e.summary}" for code, e in family.items())])
        for title, family in FAMILIES.items()
    ]
    return "\n\n".join(families) + "\n"

"""`archdsl explain`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from archdsl.catalogue import CATALOGUE, FAMILIES
from archdsl.cli.options import json_option, print_json
from archdsl.cli.terminal import colour, print_sheets, width
from archdsl.diagnostics import did_you_mean
from archdsl.render.explanation import as_text, to_dict

if TYPE_CHECKING:
    from archdsl.sheet.sheet import Sheet


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
    if code is None:
        print_sheets([_codes()])
        return 0
    shown = colour(sys.stdout)
    click.echo(as_text(code, width(), shown), nl=False, color=shown)
    return 0


def _codes() -> Sheet:
    """Every code with its level and summary, by families."""
    from archdsl.sheet.sheet import Column, Line, Sheet

    columns = (
        Column("family", group=True),
        Column("code"),
        Column("level", rank=1),
        Column("what is wrong", wrap=True),
    )
    found = [(title, code, e.level, e.summary) for title, family in FAMILIES.items() for code, e in family.items()]
    return Sheet("codes of diagnostics", columns, tuple(map(Line, found)))

"""`archdsl explain`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from archdsl.catalogue import CATALOGUE, FAMILIES
from archdsl.cli.completion import codes_and_operators
from archdsl.cli.options import json_option, print_json
from archdsl.cli.terminal import colour, print_sheets, width
from archdsl.diagnostics import did_you_mean
from archdsl.render.explanation import as_text, to_dict

if TYPE_CHECKING:
    from archdsl.sheet.sheet import Sheet


@click.command("explain")
@click.argument("name", required=False, shell_complete=codes_and_operators)
@json_option
def command(name: str | None, as_json: bool) -> int:
    """Explain a NAME: the code of a diagnostic, with a spec that is wrong and one that is right, or an operator.

    Without NAME, list all codes.
    """
    if name is not None and name not in CATALOGUE:
        return _operator(name, as_json)
    if as_json:
        print_json({"archdsl": 1, "codes": [to_dict(code) for code in ([name] if name is not None else CATALOGUE)]})
        return 0
    if name is None:
        print_sheets([_codes()])
        return 0
    shown = colour(sys.stdout)
    click.echo(as_text(name, width(), shown), nl=False, color=shown)
    return 0


def _operator(name: str, as_json: bool) -> int:
    """The page of an operator."""
    from archdsl.ops import OPERATORS
    from archdsl.presentation import operator

    if name not in OPERATORS:
        known = did_you_mean(name, [*CATALOGUE, *OPERATORS])
        help = known or "`archdsl explain` lists all codes, docs/operators.md all operators"
        raise click.UsageError(f"no such code or operator `{name}`; {help}")
    if as_json:
        print_json({"archdsl": 1, "operators": [operator.to_dict(OPERATORS[name])]})
    else:
        click.echo(operator.as_text(OPERATORS[name], width()), nl=False)
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

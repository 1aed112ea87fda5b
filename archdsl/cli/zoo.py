"""`archdsl zoo`."""

from __future__ import annotations

import click

from archdsl.cli.options import sheet_options
from archdsl.cli.terminal import print_sheets


@click.command("zoo")
@click.option("--table", "published", is_flag=True, help="Compare with published figures, and say why they differ.")
@sheet_options
def command(published: bool, form: str, width: int | None) -> int:
    """List the networks that ship with archdsl, with their parameters, MACs and the papers they come from."""
    if published:
        from archdsl.published import sheet
    else:
        from archdsl.zoo import sheet
    print_sheets([sheet()], form, width)
    return 0

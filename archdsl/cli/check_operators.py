"""`archdsl check-operators`."""

from __future__ import annotations

import click


@click.command("check-operators")
def command() -> int:
    """Compute the examples of your own operators: `archdsl --operators FILE check-operators`.

    Each example is compiled and run by torch; shapes and weights must be those that the operator says.
    """
    from archdsl.diagnostics import counted
    from archdsl.operator_examples import check_operators

    found = check_operators()
    if not found:
        raise click.UsageError("there are no operators of your own: name their file, `archdsl --operators FILE …`")
    for name, examples in found:
        click.echo(f"{name}: ok ({counted(examples, 'example')})")
    return 0

"""`archdsl lsp`."""

from __future__ import annotations

import click

from archdsl.backends import installed


@click.command("lsp")
@click.option("--tcp", type=click.IntRange(1, 65535), metavar="PORT", help="Listen on this port of this machine alone.")
def command(tcp: int | None) -> int:
    """Serve an editor: shapes at the ends of lines, faults while they are written, completion, renaming.

    It speaks the Language Server Protocol on standard input and output. docs/editors.md says how editors start it.
    """
    installed("pygls", "the language server")
    from archdsl.lsp.server import server

    if tcp is None:
        server().start_io()
    else:
        server().start_tcp("127.0.0.1", tcp)
    return 0

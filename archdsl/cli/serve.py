"""`archdsl serve`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import Any

import click

from archdsl.cli.limits import limit_options
from archdsl.cli.options import choice_options, spec_argument
from archdsl.cli.terminal import say


@click.command("serve")
@spec_argument
@choice_options
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="The port; a free one if not given."
)
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
@click.option(
    "--editor", metavar="EDITOR",
    help="What a click on a source line opens: a command (`code`, `subl -w`), or an address that the browser goes to"
    " (vscode, cursor, zed, pycharm); $VISUAL or $EDITOR if not given.",
)  # fmt: skip
@limit_options
def command(
    spec: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    port: int,
    browser: bool,
    editor: str | None,
) -> int:
    """Show the page of a network in a browser, which follows the file while it is written.

    What is open, selected and coloured stays as it is. While the spec has errors, the last page that was right stays,
    in grey, with the errors below. It listens on this machine alone, at an address with a token; Ctrl-C ends it.
    """
    from archdsl.address import file_of, is_stdin, open_spec
    from archdsl.serving.editor import open_in_editor, usual_editor
    from archdsl.serving.followed import FollowedSpec, follow
    from archdsl.serving.server import PageServer

    if is_stdin(spec):
        raise click.UsageError("standard input has no file that could be followed")
    file = file_of(spec)
    if file is None or not file.exists():
        open_spec(spec)  # raises what is wrong with the name, unless it is that of a network that ships
    wanted = editor or usual_editor()

    def opened(file: str, line: int) -> str | None:
        if wanted is None:
            raise OSError(0, "say which by --editor, $VISUAL or $EDITOR")
        return open_in_editor(wanted, file, line)

    followed = FollowedSpec(spec, settings, inputs)
    try:
        server = PageServer(followed, port, opened)
    except OSError as error:
        raise click.UsageError(f"cannot listen on port {port}: {(error.strerror or str(error)).lower()}") from None
    stop = threading.Event()
    threading.Thread(target=follow, args=(followed, stop), daemon=True).start()
    say(f"{spec} is at {server.address} (Ctrl-C ends it)")
    sys.stdout.flush()
    if browser:
        click.launch(server.address)
    try:
        server.serve_forever()
    finally:
        stop.set()
        server.server_close()
    return 0

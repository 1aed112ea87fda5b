"""Opens a file at a line in the reader's editor."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import quote

# Editors that answer to addresses of their own, which a browser can go to.
ADDRESSES: Final = {
    "vscode": "vscode://file{path}:{line}",
    "vscodium": "vscodium://file{path}:{line}",
    "cursor": "cursor://file{path}:{line}",
    "zed": "zed://file{path}:{line}",
    "idea": "idea://open?file={path}&line={line}",
    "pycharm": "pycharm://open?file={path}&line={line}",
}
# How a program is told the line, where it is not `+LINE FILE`.
ARGUMENTS: Final = {
    "code": ("--goto", "{path}:{line}"),
    "codium": ("--goto", "{path}:{line}"),
    "cursor": ("--goto", "{path}:{line}"),
    "subl": ("{path}:{line}",),
    "zed": ("{path}:{line}",),
    "hx": ("{path}:{line}",),
}


def open_in_editor(editor: str, file: str, line: int) -> str | None:
    """Open a file in an editor: a name of `ADDRESSES`, whose address is returned, or a command, which is started.

    Raises `OSError` where the command cannot be started.
    """
    path = str(Path(file).resolve())
    if editor in ADDRESSES:
        return ADDRESSES[editor].format(path=quote(path), line=line)
    words = shlex.split(editor)
    shape = ARGUMENTS.get(Path(words[0]).stem, ("+{line}", "{path}"))
    subprocess.Popen([*words, *(word.format(path=path, line=line) for word in shape)])
    return None


def usual_editor() -> str | None:
    """The editor that the environment names."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or None

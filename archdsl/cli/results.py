"""Files that commands write: their place is tried before the work, and a result that cannot be written there in the end
is kept elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archdsl.cli.options import cannot_write
from archdsl.cli.terminal import say
from archdsl.errors import SpecError
from archdsl.write import try_to_write


def try_place(path: Path | None) -> None:
    """Raise `SpecError` where a file could not be written now; None is a file that is not asked for."""
    if path is None:
        return
    try:
        try_to_write(path)
    except OSError as error:
        raise cannot_write(path, error) from None


def write_or_keep(path: Path, write: Callable[[Path], None]) -> None:
    """Write a result to its place; where that fails, to a new folder for temporary files, which the fault names.

    Raises `SpecError` where it could not be written to its place.
    """
    try:
        write(path)
    except OSError as error:
        (fault,) = cannot_write(path, error).diagnostics
        try:
            kept = Path(tempfile.mkdtemp(prefix="archdsl-")) / path.name
            write(kept)
        except OSError:
            raise SpecError([fault]) from None
        raise SpecError([replace(fault, help=f"the result is kept in `{kept}`")]) from None


def wrote(path: Path | str, more: str = "", *, err: bool = False) -> None:
    """Say that a file was written."""
    say(f"wrote {path}{more}", err=err)

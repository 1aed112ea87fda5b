"""Files for what takes long to make: their place is tried before the work, and the result is kept elsewhere where it
cannot be written in the end."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archdsl.cli.options import cannot_write
from archdsl.errors import SpecError


def try_place(path: Path) -> None:
    """Raise `SpecError` where a file could not be written now. Nothing stays behind."""
    real = Path(os.path.realpath(path))
    try:
        if real.is_dir():
            real.open("rb")  # which raises what writing would
        if real.is_file() or not real.exists():  # what is neither, a device say, is opened when there is something
            tempfile.TemporaryFile(dir=real.parent).close()
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

"""Writes files so that either the old or the new one is there, whole; devices and pipes are written to."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path

MAX_LINKS = 40  # followed one by one, as Linux does
DESCRIPTORS = ("/proc/self/fd", "/dev/fd")  # where a process finds its open files; /dev/stdout is a link to one


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file's contents. On any failure the old file is untouched.

    The new file has the old one's mode, or the usual mode of a new file. A symbolic link is replaced in the
    place it points to. What a killed process leaves behind is called `.NAME.archdsl-….tmp`.

    What is no regular file, a device or a pipe, by itself or behind a link, is written to and never replaced; a pipe
    waits for its reader. Raises `OSError`.
    """
    through = _opened(path)
    if through is not None:
        with open(through, "wb") as stream:
            stream.write(data)
        return
    path = Path(os.path.realpath(path))
    try:
        mode = path.stat().st_mode & 0o7777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        mode = 0o666 & ~mask
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:64]}.archdsl-", suffix=".tmp")
    except OSError as error:  # of a name that nobody asked for
        raise OSError(error.errno, error.strerror, str(path)) from None
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_directory(path.parent)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet. Raises `OSError`: `FileExistsError` where it is there."""
    with open(path, "xb") as file:
        try:
            file.write(data)
        except BaseException:
            os.unlink(path)
            raise


def try_to_write(path: Path) -> None:
    """Find out whether a file could be written now, and leave nothing behind. Raises `OSError` where it could not."""
    kind = _kind(path)
    if kind is None or stat.S_ISREG(kind):
        if _descriptor(path) is None:
            tempfile.TemporaryFile(dir=Path(os.path.realpath(path)).parent).close()
    elif stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    elif not os.access(path, os.W_OK):  # a pipe is opened when there is something for its reader
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _opened(path: Path) -> int | None:
    """The descriptor to write to where there is no file to replace; None where there is."""
    number = _descriptor(path)
    if number is not None:
        return os.dup(number)
    kind = _kind(path)
    if kind is None or stat.S_ISREG(kind):
        return None
    return os.open(path, os.O_WRONLY | getattr(os, "O_CLOEXEC", 0))  # a directory cannot be opened so


def _kind(path: Path) -> int | None:
    """The mode of what a path leads to; None where that does not exist."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _descriptor(path: Path) -> int | None:
    """The number of the open file of this process that a path means: 1 for /dev/stdout."""
    folders = {os.path.realpath(folder) for folder in DESCRIPTORS if os.path.isdir(folder)}
    here = os.fspath(path)
    for _ in range(MAX_LINKS):
        folder, name = os.path.split(here)
        if name.isdecimal() and os.path.realpath(folder) in folders:
            return int(name)
        if not os.path.islink(here):
            break
        here = os.path.join(folder, os.readlink(here))
    return None


def _sync_directory(directory: Path) -> None:
    """Make the renaming itself durable, where directories can be opened (not on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

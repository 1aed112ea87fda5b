"""What shape rules take for granted about symbols: an open size is taken to be large enough, and that is noted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from archdsl.dims import Dim, Size
from archdsl.symbolic import at_least

_NOTED: Final[ContextVar[dict[Dim, None] | None]] = ContextVar("assumptions", default=None)


def fits(size: Size, least: int = 1) -> bool:
    """Whether a size can be so large. Where symbols decide, it is taken to be, and noted."""
    if isinstance(size, int):
        return size >= least
    certain = at_least(size, least)
    noted = _NOTED.get()
    if certain is None and noted is not None:
        beyond = size - least
        if isinstance(beyond, Dim):
            noted[beyond] = None
    return certain is not False


@contextmanager
def assumptions() -> Iterator[dict[Dim, None]]:
    """Collect what rules take for granted inside: the sizes that must be 0 or more, in order."""
    noted: dict[Dim, None] = {}
    token = _NOTED.set(noted)
    try:
        yield noted
    finally:
        _NOTED.reset(token)

"""How much a spec may ask for: each limit once, with its default, its option and its diagnostic.

The limits in force are a context variable, as they hold for a whole command or `with` block, not for one call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, NamedTuple


class Limit(NamedTuple):
    """One limit as options and documentation show it; `code` is what a spec beyond it gets."""

    name: str
    default: int
    code: str
    doc: str
    reading: bool  # whether it holds while a text is read, before anything is elaborated


def _limit(default: int, code: str, doc: str, *, reading: bool = False) -> Any:
    return field(default=default, metadata={"code": code, "doc": doc, "reading": reading})


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in force."""

    bytes: int = _limit(256 * 1024, "file-too-large", "bytes of a spec file", reading=True)
    nodes: int = _limit(30_000, "too-many-nodes", "nodes of a spec in YAML", reading=True)
    imports: int = _limit(64, "too-many-imports", "imported files")
    layers: int = _limit(100_000, "too-many-layers", "layers of a network")
    path: int = _limit(512, "path-too-long", "characters of a layer's path")
    work: int = _limit(4_000_000, "too-much-work", "steps of evaluation; a layer counts as 20")


LIMITS: Final = tuple(
    Limit(f.name, f.default, f.metadata["code"], f.metadata["doc"], f.metadata["reading"])  # type: ignore[arg-type]
    for f in fields(Limits)
)
_NAMES: Final = tuple(limit.name for limit in LIMITS)
MAX_FAULTS: Final = 20  # reported in one run; nobody reads more of them
MAX_REPAIRED: Final = 10_000  # looked for in one run, where they are to be fixed

_DEFAULT: Final = Limits()
_IN_FORCE: ContextVar[Limits] = ContextVar("limits", default=_DEFAULT)


_FAULTS: Final[ContextVar[int]] = ContextVar("faults", default=MAX_FAULTS)


def most_faults() -> int:
    """How many faults are looked for: one run reports few, a repair wants them all."""
    return _FAULTS.get()


@contextmanager
def every_fault() -> Iterator[None]:
    """Look for all faults inside."""
    token = _FAULTS.set(MAX_REPAIRED)
    try:
        yield
    finally:
        _FAULTS.reset(token)


def limits() -> Limits:
    """The limits in force."""
    return _IN_FORCE.get()


@contextmanager
def limited(**chosen: int) -> Iterator[None]:
    """Other limits for what is done inside: `with archdsl.limited(layers=200): …`.

    Raises `TypeError` for a limit that does not exist or is no whole number, `ValueError` for one below 1.
    """
    for name, value in chosen.items():
        if name not in _NAMES:
            raise TypeError(f"no limit is called `{name}`; known are {', '.join(_NAMES)}")
        if type(value) is not int:
            raise TypeError(f"the limit `{name}` is a whole number, found {value!r:.40}")
        if value < 1:
            raise ValueError(f"the limit `{name}` is at least 1, found {value}")
    token = _IN_FORCE.set(replace(limits(), **chosen))
    try:
        yield
    finally:
        _IN_FORCE.reset(token)


class TooMuchWork(Exception):
    """A spec asks for more steps of evaluation than it may."""


class Work:
    """The steps that one command has taken for a spec: they bound its time, and its memory too.

    `share` divides the limit.
    """

    __slots__ = ("limit", "spent")

    LAYER: Final = 20  # what making a layer costs, in evaluated expressions
    BLOCK: Final = 60  # a use of a block
    EDGE: Final = 5  # one of its tensors
    CHARACTER: Final = 3  # of a text that is read again to try a fix
    TERM: Final = 40  # a term of a symbolic size, but for the first
    REMAINDERS: Final = 160  # of several symbols, for which two sizes are compared
    ROUND: Final = 3  # of a loop
    NETWORK: Final = 200  # what preparing a network or variant costs

    def __init__(self, share: int = 1) -> None:
        self.limit = limits().work // share
        self.spent = 0

    def spend(self, steps: int) -> None:
        """Count some steps. Raises `TooMuchWork`."""
        self.spent += steps
        if self.spent > self.limit:
            raise TooMuchWork

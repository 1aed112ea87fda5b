"""What goes wrong while a spec runs: faults are raised, recorded, and what depends on them is passed over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

from archdsl.diagnostics import Diagnostic, Note, counted
from archdsl.dims import Size
from archdsl.elaborate.tensor import TensorValue

MAX_KEPT: Final = 1000  # faults
LIMITS: Final = ("too-much-work", "too-many-layers")


class Fault(Exception):
    """A fault found while elaborating.

    `sizes` are those to blame: tensors, and one dimension of each. `instead` are parameters that would fit, and
    `wanted` is what the only size should be, as the parameter `asked` of a block says.
    """

    def __init__(
        self,
        diagnostic: Diagnostic,
        sizes: Iterable[tuple[TensorValue, int]] = (),
        instead: Mapping[str, Any] | None = None,
        wanted: Size | None = None,
        asked: str | None = None,
    ) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic
        self.sizes = tuple(sizes)
        self.instead = dict(instead or {})
        self.wanted = wanted
        self.asked = asked


class Poisoned(Exception):
    """A value was needed that depends on an earlier fault."""


class Poison:
    """The value of an expression that failed; what depends on it is not reported again."""


POISON: Final = Poison()

Occurrence: TypeAlias = tuple[str, tuple[str, int, int] | None]  # a code, and the place of which it is said


class Faults:
    """The faults found so far: each once for each place, a limit that is reached once."""

    def __init__(self) -> None:
        self._first: dict[Occurrence, Diagnostic] = {}
        self._times: Counter[Occurrence] = Counter()

    def record(self, diagnostic: Diagnostic) -> None:
        span = diagnostic.span
        assert span is not None
        place = (span.source.name, span.start, span.end) if diagnostic.code not in LIMITS else None
        key = (diagnostic.code, place)
        if key in self._first or len(self._first) < MAX_KEPT:
            self._first.setdefault(key, diagnostic)
            self._times[key] += 1

    @property
    def met(self) -> int:
        """How often any fault was met: it changes where something goes wrong."""
        return self._times.total()

    def __bool__(self) -> bool:
        return bool(self._first)

    @property
    def found(self) -> list[Diagnostic]:
        """Every fault; of one that a block has in several instances, the first, with their number."""
        return [_counted(diagnostic, self._times[key]) for key, diagnostic in self._first.items()]


def _counted(diagnostic: Diagnostic, times: int) -> Diagnostic:
    if times == 1 or diagnostic.code in LIMITS:
        return diagnostic
    more = Note(f"and in {counted(times - 1, 'more instance')} of this step")
    return replace(diagnostic, notes=(*diagnostic.notes, more))

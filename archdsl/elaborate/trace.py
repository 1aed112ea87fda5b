"""What the steps and names of a spec were worth, as an elaboration found them: for editors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from archdsl.diagnostics import Instance
from archdsl.source import Span


@dataclass(slots=True)
class Trace:
    """The values of each step, by its span, and of each name, by the span that binds it.

    Each with the instances of blocks that it was found in. A spec that is elaborated anew begins anew.
    """

    values: dict[Span, list[tuple[Any, tuple[Instance, ...]]]] = field(default_factory=dict)

    def begin(self) -> None:
        self.values.clear()

    def found(self, span: Span, value: Any, blocks: tuple[Instance, ...]) -> None:
        self.values.setdefault(span, []).append((value, blocks))

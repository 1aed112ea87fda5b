"""What is told of two networks as a whole: their costs, what no layer shows, and how many layers differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from archdsl.compare.difference import Difference, Status
from archdsl.dims import Size
from archdsl.outline.wording import plain
from archdsl.presentation.changes import costs, sentence
from archdsl.sheet.units import magnitude


@dataclass(frozen=True, slots=True)
class Overview:
    names: tuple[str, str]
    counts: Mapping[Status, int]  # of layers
    renamed: int  # layers
    costs: tuple[tuple[str, str, str, str], ...]  # what is counted, in the first, in the second, by how much it differs
    notes: tuple[str, ...]  # on what is no layer: devices, the loss

    @property
    def title(self) -> str:
        return " → ".join(self.names)


def overview(difference: Difference) -> Overview:
    return Overview(
        names=(plain(difference.a.name), plain(difference.b.name)),
        counts=Counter(layer.status for layer in difference.layers),
        renamed=sum(layer.renamed for layer in difference.layers),
        costs=tuple(costs(difference, _brief)),
        notes=tuple(_notes(difference)),
    )


def _notes(difference: Difference) -> Iterator[str]:
    if difference.same:
        yield "both are the same architecture"
    for change in difference.interface:
        if change.what not in ("inputs", "outputs"):  # which are boxes
            yield plain(f"{change.what}: {sentence(change)}")


def _brief(number: Size | None) -> str:
    return magnitude(number) if isinstance(number, int) else str(number)

"""Where the boxes of a table stand, and what is written in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from archdsl.outline.stage import Stage, several
from archdsl.outline.stages import Stages
from archdsl.outline.wording import SYMBOLS, clip, wrapped
from archdsl.sheet.units import magnitude
from viz import lettering, theme

WIDEST: Final = 26  # characters of a title in one line
MORE: Final = 60  # characters of what follows, in one line
WRAP: Final = 46  # characters of a message in one line
LINE: Final = 12.5  # from one line of a box to the next
PADDING: Final = 6.0
GAP: Final = 11.0  # between rows, and between stages side by side
CROSSED: Final = 11.0  # more between rows where edges cross
STACK: Final = 4.0  # how far a stack stands out


@dataclass(frozen=True, slots=True)
class TableForm:
    """How wide a table is."""

    title: int = WIDEST  # characters of a title in one line
    more: int = MORE  # characters of what follows
    named: bool = False  # whether boxes say what they are called, and not a column beside them
    costs: bool = False  # whether they say what they give and cost, and not columns beside them
    bars: bool = True
    tells: bool = True  # whether anything says what they are called


WIDE: Final = TableForm()
CLOSE: Final = TableForm(20, 34, named=True, bars=False)
BARE: Final = TableForm(20, 34, named=True, tells=False, bars=False)
STACKED: Final = TableForm(20, 34, named=True, costs=True)
NARROWEST: Final = TableForm(12, 20, named=True, costs=True)


@dataclass(frozen=True, slots=True)
class StageBox:
    stage: Stage
    lines: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float
    row: int
    first: bool  # of its row
    last: bool


def place(
    stages: Stages, widths: Mapping[int, Sequence[float]], left: float, width: float, top: float, form: TableForm = WIDE
) -> list[StageBox]:
    """Where each stage stands; those of a row share its width."""
    found = []
    crossed = _crossed(stages)
    for number, row in enumerate(stages.rows):
        lines = [_lines(stage, len(row), form) for stage in row]
        height = max(*map(len, lines), 0 if form.costs else len(given(row))) * LINE + PADDING * 1.3
        needed = widths[len(row)]
        even = (width - GAP * (len(row) - 1)) / len(row)
        spare = even - sum(needed) / len(row)
        x = left
        for i, (stage, said) in enumerate(zip(row, lines, strict=True)):
            wide = even if max(needed) <= even else needed[i] + spare
            found.append(StageBox(stage, said, x, top, wide, height, number, i == 0, i == len(row) - 1))
            x += wide + GAP
        stack = STACK * any(stage.count > 1 for stage in row)
        top += height + stack + GAP + CROSSED * (number in crossed)
    return found


def widths(stages: Stages, form: TableForm = WIDE) -> dict[int, list[float]]:
    """By the number of stages in a row, how wide each is at least: the same in all such rows, so that columns stand."""
    found: dict[int, list[float]] = {}
    for row in stages.rows:
        needed = [_width(stage, len(row), form) for stage in row]
        found[len(row)] = list(map(max, needed, found.get(len(row), needed)))
    return found


def _crossed(stages: Stages) -> set[int]:
    """The rows below which an edge goes to another column."""
    places = [(n, i, len(row)) for n, row in enumerate(stages.rows) for i in range(len(row))]
    ends = [(places[link.source], places[link.target]) for link in stages.links]
    return {a[0] for a, b in ends if b[0] == a[0] + 1 and a[1] != b[1] and min(a[2], b[2]) > 1}


def _lines(stage: Stage, abreast: int, form: TableForm) -> tuple[str, ...]:
    name = called(stage) if (abreast > 1 or form.named) and form.tells else ""
    if stage.train and stage.params and not form.costs:
        name = f"{name} · {magnitude(stage.params)} params".removeprefix(" · ")
    more = [clip(stage.more, MORE)] if form is WIDE else wrapped(stage.more, form.more // min(abreast, 2), 3)
    costs = _costs(stage, abreast) if form.costs else []
    return tuple(
        line for line in (*_split(stage, abreast, form), *more, *wrapped(stage.fault, WRAP), name, *costs) if line
    )


def _costs(stage: Stage, abreast: int) -> list[str]:
    """What a stage gives and costs, in a line where it stands alone."""
    said = [(stage.params, "params"), (stage.macs, "MACs")]
    parts = [f"{magnitude(count)} {unit}" for count, unit in said if isinstance(count, int) and count]
    return [" · ".join(filter(None, (stage.shape, ", ".join(parts))))] if abreast == 1 else [stage.shape, *parts]


def _split(stage: Stage, abreast: int, form: TableForm) -> tuple[str, ...]:
    """A long title in two lines: the operator or block, then what is said of it."""
    said = SYMBOLS.get(stage.does, stage.does)
    rest = stage.title.removeprefix(said)
    if len(stage.title) <= form.title or rest == stage.title:
        return (stage.title,)
    return (said, rest.strip()) if form is WIDE else (said, *wrapped(rest.strip(), form.more // min(abreast, 2)))


def _width(stage: Stage, abreast: int, form: TableForm) -> float:
    first, *others = _lines(stage, abreast, form)
    badge = lettering.width(times(stage), theme.SIZE, bold=True) + PADDING if stage.count > 1 else 0.0
    wide = max([lettering.width(first, theme.SIZE) + badge, *(lettering.width(t, theme.SMALL) for t in others)])
    return wide + (4 if form is WIDE else 2) * PADDING


def called(stage: Stage) -> str:
    """What a stage is called; nothing where its title says so already, as that of the second `max_pool_2`."""
    return "" if re.fullmatch(rf"{re.escape(stage.does)}(_\d+)?", stage.label) else _clip_path(stage.label)


def _clip_path(path: str) -> str:
    """A long path by its end, which tells more."""
    return path if len(path) <= 30 else f"…{path[-29:]}"


def times(stage: Stage) -> str:
    return f"× {stage.count}"


def given(row: Sequence[Stage]) -> list[str]:
    """What a row gives: `2 × (48 × 55 × 55)`, or `(384, 256) × 17 × 17` where maps are as large; or a line a shape."""
    shapes = [stage.shape for stage in row if not stage.train and stage.shape] or [row[0].shape]
    if len(set(shapes)) == 1:
        return [several(shapes[0], len(shapes))]
    parts = [shape.partition(" × ") for shape in shapes]
    sizes = {size for _, _, size in parts}
    if len(sizes) == 1 and sizes != {""}:
        return [f"({', '.join(channels for channels, _, _ in parts)}) × {sizes.pop()}"]
    together = ", ".join(shapes)
    return [together] if len(together) <= WIDEST else shapes

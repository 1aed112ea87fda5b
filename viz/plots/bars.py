"""Parameters and multiply-adds as bars: of each stage of a network, or of several networks in all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from archdsl.outline.stages import stages_of
from archdsl.sheet.units import magnitude
from viz import theme
from viz.plots.style import SMALL, Style
from viz.plots.subject import Subject, path_end

MOST: Final = 32  # bars; of more stages those that cost least are one
BAR: Final = 0.19  # inches from one to the next
FRAME: Final = 0.55  # inches above and below them
ROOM: Final = 1.22  # for the figure at the end of the longest bar


class Bar(NamedTuple):
    label: str
    params: int
    macs: int
    train: bool = False  # exists in training only


def height(subjects: Sequence[Subject]) -> float:
    count = len(bars(subjects))
    return FRAME + BAR * count if count else 0.0


def draw(figure: SubFigure, subjects: Sequence[Subject], style: Style) -> None:
    found = bars(subjects)
    of = "" if len(subjects) > 1 else " by stage"
    left, right = figure.subplots(1, 2, sharey=True)
    _draw(left, f"parameters{of}", found, [bar.params for bar in found], style)
    _draw(right, f"MACs{of}", found, [bar.macs for bar in found], style)
    left.set_yticks(range(len(found)), [bar.label for bar in found])
    left.set_ylim(len(found) - 0.4, -0.6)  # from top to bottom
    if any(bar.train for bar in found):
        right.set_xlabel("dashed: in training only, not in the total of the MACs", loc="right")


def bars(subjects: Sequence[Subject]) -> list[Bar]:
    """The bars of a figure, from top to bottom. What costs nothing has none."""
    if len(subjects) > 1:
        return [Bar(s.name, s.report.params, _number(s.report.macs)) for s in subjects]
    found = [
        Bar(path_end(stage.label, 30), stage.params, _number(stage.macs), stage.train)
        for stage in stages_of(subjects[0].graph).listed()
        if stage.params or stage.macs
    ]
    if len(found) <= MOST:
        return found
    most = max(sum(bar.params for bar in found), 1), max(sum(bar.macs for bar in found), 1)
    ranked = sorted(range(len(found)), key=lambda i: -max(found[i].params / most[0], found[i].macs / most[1]))
    kept = sorted(ranked[: MOST - 1])
    rest = [found[i] for i in ranked[MOST - 1 :]]
    others = Bar(f"{len(rest)} others", sum(bar.params for bar in rest), sum(bar.macs for bar in rest))
    return [*(found[i] for i in kept), others]


def _draw(axes: Axes, title: str, found: Sequence[Bar], figures: Sequence[int], style: Style) -> None:
    axes.set_title(title)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="both", length=0)
    axes.set_xticks([])  # every bar says what it is
    longest = max([*figures, 1])
    axes.set_xlim(0, longest * ROOM)
    fill, edge = style.colour(theme.BAR), style.colour(theme.MUTED)
    for place, (bar, figure) in enumerate(zip(found, figures, strict=True)):
        if bar.train:
            axes.barh(place, figure, height=0.7, color="none", edgecolor=edge, linewidth=0.8, linestyle="dashed")
        else:
            axes.barh(place, figure, height=0.72, color=fill)
        if figure:
            axes.text(figure + longest * 0.012, place, magnitude(figure), va="center", fontsize=SMALL)


def _number(size: object) -> int:
    """A size without symbols, which is all that a figure is made of."""
    assert isinstance(size, int)
    return size

"""The figure of a network, or of several side by side: a row for each panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol

from matplotlib.figure import Figure, SubFigure

from archdsl.graph import Graph
from viz.plots import bars, field, memory
from viz.plots.plot import FinishedPlot
from viz.plots.style import SMALL, WIDTH, Style, title
from viz.plots.subject import Subject, without_value
from viz.recolour import Theme
from viz.theme import MUTED


class Panel(Protocol):
    """A row of a figure; a module of this package is one."""

    def height(self, subjects: Sequence[Subject], /) -> float:
        """In inches; 0 where there is nothing to draw."""

    def draw(self, figure: SubFigure, subjects: Sequence[Subject], style: Style, /) -> None: ...


PANELS: Final[Mapping[str, Panel]] = MappingProxyType({"stages": bars, "memory": memory, "fields": field})
TITLE: Final = 0.6  # inches, with the line at the foot


def of_networks(
    graphs: Sequence[Graph], *, panels: Sequence[str] = (), theme: Theme = "light", **conditions: Any
) -> FinishedPlot:
    """The plot of some of the `PANELS`, or of all, for one network or several.

    `conditions` are those of the memory: optimizer, dtype, hardware. Raises `ValueError` for what cannot be plotted:
    sizes left open, a panel with nothing to show, or more networks than lines that can be told apart.
    """
    style = Style(theme)
    for name in panels:
        if name not in PANELS:
            raise ValueError(f"no panel is called {name!r}; known are {', '.join(PANELS)}")
    subjects = [Subject(graph, **conditions) for graph in graphs]
    if len(subjects) > style.most_lines:
        raise ValueError(f"{len(subjects)} networks are more than the {style.most_lines} lines that can be told apart")
    for subject in subjects:
        closed(subject)
    chosen = {name: PANELS[name] for name in PANELS if not panels or name in panels}
    heights = {name: panel.height(subjects) for name, panel in chosen.items()}
    empty = [name for name in panels if not heights[name]]
    if empty:
        raise ValueError(f"{subjects[0].name} has nothing to plot for {empty[0]}")
    shown = {name: height for name, height in heights.items() if height}
    if not shown:
        raise ValueError(f"{subjects[0].name} has nothing to plot")
    with style.context():
        figure = Figure(figsize=(WIDTH, sum(shown.values()) + TITLE))
        _entitle(figure, subjects, style, with_memory="memory" in shown)
        rows = figure.subfigures(len(shown), 1, height_ratios=list(shown.values()), squeeze=False)
        for name, (row,) in zip(shown, rows, strict=True):
            row.set_facecolor("none")
            PANELS[name].draw(row, subjects, style)
    return FinishedPlot(figure, style)


def closed(subject: Subject) -> None:
    """Raise `ValueError` where a network has sizes without a value."""
    if subject.open_sizes:
        given = ",".join(f"{name}={1 if name == 'N' else 224}" for name in subject.open_sizes)
        raise ValueError(f"{without_value(subject.name, subject.open_sizes)} (inputs= in Python), or --at {given}")


def _entitle(figure: Figure, subjects: Sequence[Subject], style: Style, *, with_memory: bool) -> None:
    """What the figure is about above, under which conditions below."""
    names = [subject.report.name if len(subjects) == 1 else subject.name for subject in subjects]
    figure.suptitle(title(names), x=0.012, ha="left")
    shapes = dict.fromkeys(said for s in subjects for said in s.report.typed_inputs)
    said = [f"for {', '.join(shapes)}"]
    if with_memory:
        first = subjects[0]
        hardware = "a GPU" if first.hardware == "cuda" else "the CPU"
        said.append(f"memory in {first.dtype}, {first.optimizer}, on {hardware}")
    figure.supxlabel("; ".join(said), x=0.012, ha="left", fontsize=SMALL, color=style.colour(MUTED))

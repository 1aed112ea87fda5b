"""How plots look: the fonts and colours of diagrams, as settings of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, get_args

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.font_manager import fontManager
from matplotlib.transforms import ScaledTranslation

from archdsl.outline.wording import clip
from viz import recolour, theme
from viz.raster import FAMILY, FONTS
from viz.recolour import Theme

TEXT: Final = 8.5  # points
SMALL: Final = 7.5
WIDTH: Final = 8.4  # of a figure, in inches
LONGEST: Final = 70  # characters of a title
DASHES: Final = ("solid", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
# Lines differ in colour and in dashes, so that two that lie on each other are seen; in black and white in dashes first.
LINES: Final = tuple(
    (device.line, DASHES[(shift + number) % len(DASHES)])
    for shift in range(len(DASHES))
    for number, device in enumerate(theme.DEVICES)
)
GREYS: Final = tuple(product(("#1a1a1a", "#8c8c8c"), DASHES))

for _file in sorted(FONTS.glob("*.ttf")):
    fontManager.addfont(_file)


@dataclass(frozen=True, slots=True)
class Style:
    """The look of a plot in one of the themes. Raises `ValueError` for a theme that there is not."""

    theme: Theme = "light"

    def __post_init__(self) -> None:
        if self.theme not in get_args(Theme):
            raise ValueError(f"no theme is called {self.theme!r}; known are {', '.join(get_args(Theme))}")

    def colour(self, light: str) -> str:
        """What stands for a colour of `viz.theme`."""
        return recolour.colour(light, self.theme)

    @property
    def tint(self) -> float:
        """How much of its colour a line gives to what is below it."""
        return 0.25 if self.theme == "dark" else 0.13

    @property
    def most_lines(self) -> int:
        """How many lines can be told apart."""
        return len(GREYS if self.theme == "print" else LINES)

    def line(self, number: int, *, busy: bool = False) -> dict[str, Any]:
        """The colour and the dashes of one of several lines. A `busy` one, which has no long straight pieces, is
        dashed in black and white only."""
        colour, dashes = (GREYS if self.theme == "print" else LINES)[number % self.most_lines]
        return {"color": self.colour(colour), "linestyle": "solid" if busy and self.theme != "print" else dashes}

    def context(self) -> AbstractContextManager[None]:
        """Where plots are made and written: matplotlib's own settings with ours, whatever else is set."""
        ink, muted, paper = map(self.colour, (theme.INK, theme.MUTED, theme.PAPER))
        ours = {
            "font.family": FAMILY,
            "font.size": TEXT,
            "text.parse_math": False,  # a name with a $ is a name
            "text.color": ink,
            "axes.titlesize": TEXT + 0.5,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelcolor": muted,
            "axes.labelsize": SMALL,
            "axes.edgecolor": muted,
            "axes.linewidth": 0.7,
            "axes.facecolor": paper,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "figure.facecolor": paper,
            "figure.titlesize": theme.SIZE,
            "figure.titleweight": "bold",
            "figure.constrained_layout.use": True,
            "figure.constrained_layout.h_pad": 0.08,
            "figure.constrained_layout.w_pad": 0.08,
            "grid.color": self.colour("#e4e4e4"),
            "grid.linewidth": 0.6,
            "xtick.color": muted,
            "ytick.color": muted,
            "xtick.labelsize": SMALL,
            "ytick.labelsize": SMALL,
            "lines.linewidth": 1.3,
            "lines.markersize": 4,
            "legend.frameon": False,
            "legend.fontsize": SMALL,
            "legend.handlelength": 2.4,
            "legend.borderpad": 0.0,
            "legend.borderaxespad": 0.0,
            "legend.labelspacing": 0.3,
            "savefig.facecolor": paper,
            "svg.fonttype": "none",
            "svg.hashsalt": "archdsl",  # ids that do not differ from run to run
            "pdf.fonttype": 42,
        }
        return matplotlib.style.context(["default", ours])


def title(names: Sequence[str]) -> str:
    """The title of a figure about networks."""
    several = list(dict.fromkeys(names))
    together = ", ".join(several)
    return clip(together, LONGEST) if len(several) == 1 or len(together) <= LONGEST else f"{len(several)} networks"


def tick(value: float, _: float) -> str:
    """A number beside an axis."""
    return f"{value:,g}"


def grid(axes: Axes) -> None:
    """Horizontal lines and no ticks beside them, for reading a height off."""
    axes.grid(visible=True, axis="y")
    axes.yaxis.set_major_formatter(tick)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def below(axes: Axes, points: float) -> None:
    """Put the legend under the axes, on the left, so many points away, where it hides nothing."""
    legend, figure = axes.get_legend(), axes.figure
    assert legend is not None
    legend.set_loc("upper left")
    place = axes.transAxes + ScaledTranslation(0, -points / 72, figure.dpi_scale_trans)
    legend.set_bbox_to_anchor((0, 0), transform=place)

"""What a reader of a drawing may choose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from archdsl.measure.time.device_profile import DeviceProfile
from archdsl.measure.time.gpus import GPUS, USUAL
from archdsl.own_figures import OwnFigure
from viz.figure import Figure
from viz.recolour import Theme

Direction: TypeAlias = Literal["down", "up", "right", "left"]
Engine: TypeAlias = Literal["embedded", "system"]
ViewName: TypeAlias = Literal["graph", "stages", "volumes"]
Arrangement: TypeAlias = Literal["overlaid", "side-by-side"]  # of two networks
BlocksBeside: TypeAlias = (
    bool | Literal["fit"]
)  # whether closed blocks stand beside, open; "fit": where a page needs it
Depth: TypeAlias = int | Literal["fit"] | None  # to which blocks are open; None: whatever the depth


@dataclass(frozen=True, slots=True)
class Look:
    """Where the data flows to, whether edges bear shapes, which colours, whose layout, and the device that times are
    predicted for.

    With `shapes`, an edge says its tensor's shape where it is news: after a layer that changes it, at a fork, and
    between devices; "all" labels every edge. `heat` are figures of the reader's own, the first of which colours.
    """

    direction: Direction = "down"
    shapes: bool | Literal["all"] = True
    theme: Theme = "light"
    engine: Engine = "embedded"
    profile: DeviceProfile = GPUS[USUAL]
    heat: tuple[OwnFigure, ...] = ()
    figure: Figure | None = None  # how large it is in a document; else as large as it comes

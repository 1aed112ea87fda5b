"""Feature maps as a picture: solids in oblique projection, filters on their faces, skips as arcs above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from archdsl.outline.stage import Stage
from archdsl.outline.stages import StageLink
from archdsl.outline.wording import wrapped
from viz import legend, lettering, palette, theme
from viz.canvas import XY, Canvas
from viz.caption import caption
from viz.recolour import Theme
from viz.theme import Colour
from viz.volumes import links as volumes_links
from viz.volumes.names import FIRST, SECOND
from viz.volumes.scale import joins
from viz.volumes.view import SEAM, NamePlace, Solid, Volumes

MARGIN: Final = 16.0
ANGLE: Final = -40.0  # of names, in degrees
COS, SIN = 0.766, 0.643  # of that angle
BEYOND: Final = 12.0  # from a solid to its name
NOTE: Final = 12.0  # from one line below the picture to the next
MESSAGE: Final = 90  # characters of such a line
RULE: Final = "Sides follow the square root of channels, heights and widths."
INSET: Final = 0.12  # of the second outline of weights that are used again, as a share of the face
SIGN: Final = 6.5  # the size of a join's sign of several letters


def draw(volumes: Volumes, shown: Theme = "light") -> Element:
    """The picture as SVG, in the light colours from which those of a theme are made."""
    solids = volumes.solids
    colours = palette.colours((solid.stage.colour for solid in solids), volumes.devices, shown)
    levels = {"above": level(solids, "above"), "below": level(solids, "below")}
    feet = [levels.get(solid.named, solid.bottom + BEYOND) for solid in solids]
    areas = [area(solid, foot) for solid, foot in zip(solids, feet, strict=True)]
    peaks = volumes_links.peaks(volumes, [each.top for each in areas])
    left = MARGIN - min(each.left for each in areas)
    right = left + max(each.right for each in areas)
    head = caption(volumes.title, volumes.totals, right)
    top = head.height + MARGIN - min([*(each.top for each in areas), *peaks.values()])

    canvas = Canvas()
    head.draw(canvas, MARGIN)
    body = Canvas()
    volumes_links.behind(body, volumes, peaks)
    reads: list[list[StageLink]] = [[] for _ in solids]
    for link in volumes.links:
        reads[link.target].append(link)
    for i, solid in enumerate(solids):
        volumes_links.before(body, volumes, reads[i])
        with body.named(f"part{i}"):
            draw_solid(body, solid, colours)
            draw_name(body, solid, feet[i])
    canvas.shifted(body, left, top)
    return finished(canvas, volumes, colours, max(right, MARGIN + head.width), top + max(a.bottom for a in areas))


def finished(
    canvas: Canvas, volumes: Volumes, colours: palette.Colours, right: float, bottom: float, margin: float = MARGIN
) -> Element:
    """The page with the legend and the notes below what is drawn."""
    notes = [RULE, *(line for solid in volumes.solids for line in wrong(solid.stage))]
    width = max(right, *(lettering.width(note, theme.SMALL) + margin for note in notes)) + margin
    key = legend.row(entries(volumes, colours), width)
    canvas.parts.append(key.element(margin - legend.MARGIN, bottom))
    bottom += key.height + NOTE / 2
    for note in notes:
        ink = theme.MUTED if note == RULE else theme.GROUPS["fault"].line
        canvas.text(margin, bottom, note, size=theme.SMALL, colour=ink, anchor="start")
        bottom += NOTE
    return canvas.page(max(width, key.width + margin), bottom)


class SolidArea(NamedTuple):
    """What a solid and its name cover."""

    left: float
    top: float
    right: float
    bottom: float


def area(solid: Solid, foot: float) -> SolidArea:
    across, reach = solid.name.length * COS, solid.name.length * SIN + theme.SMALL * 2
    left, top, right, bottom = solid.x, solid.top, solid.right, solid.bottom
    at = solid.named_at
    if not solid.name.does:
        return SolidArea(left, top, right, bottom)
    if solid.named == "under":
        half = solid.name.length / 2
        return SolidArea(min(left, at - half), top, max(right, at + half), foot + theme.SMALL * 2)
    if solid.named == "above":
        return SolidArea(left, min(top, foot - reach), max(right, at + across), bottom)
    return SolidArea(min(left, at - across), top, right, max(bottom, foot + reach))


def entries(volumes: Volumes, colours: palette.Colours) -> list[legend.LegendEntry]:
    entries = legend.of_colours(colours)
    if any(volumes_links.crosses(volumes.solids[link.source], volumes.solids[link.target]) for link in volumes.links):
        entries.append(legend.CROSSING)
    entries += [legend.SHARED] * any(solid.stage.shared for solid in volumes.solids)
    return entries + [legend.TRAINING] * any(solid.stage.train for solid in volumes.solids)


def wrong(stage: Stage) -> list[str]:
    """What is wrong with a step, for below the picture."""
    return wrapped(f"{stage.label}: {stage.fault}", MESSAGE) if stage.fault else []


def level(solids: Sequence[Solid], place: NamePlace) -> float:
    """The height at which all names above, or all names below, begin."""
    beside = [solid for solid in solids if solid.named == place]
    if place == "above":
        return min((solid.top for solid in beside), default=0.0) - BEYOND / 2
    return max((solid.bottom for solid in beside), default=0.0) + BEYOND


def draw_name(canvas: Canvas, solid: Solid, foot: float) -> None:
    (first, second), x = solid.name, solid.named_at
    if not first:
        return
    if solid.named == "under":
        canvas.text(x, foot, first, size=FIRST, rim=True)
        canvas.text(x, foot + FIRST, second, size=SECOND, colour=theme.MUTED, rim=True)
    elif solid.named == "above":
        canvas.line([(x, foot + 3), (x, solid.top + solid.recess[1] / 2)], theme.FINE, stroke=0.5)
        canvas.text(x - 7, foot - 9, first, size=FIRST, anchor="start", turned=ANGLE, rim=True)
        canvas.text(x, foot, second, size=SECOND, colour=theme.MUTED, anchor="start", turned=ANGLE, rim=True)
    else:
        if foot - solid.bottom > 2 * BEYOND:
            canvas.line([(x, solid.bottom + 2), (x, foot - 8)], theme.FINE, stroke=0.5)
        canvas.text(x + 3, foot, first, size=FIRST, anchor="end", turned=ANGLE, rim=True)
        canvas.text(x + 10, foot + 8.5, second, size=SECOND, colour=theme.MUTED, anchor="end", turned=ANGLE, rim=True)


def draw_solid(canvas: Canvas, solid: Solid, colours: palette.Colours) -> None:
    stage = solid.stage
    colour = colours.groups[stage.colour]
    outline, stroke = (colour.line, 0.8) if stage.device is None else (colours.devices[stage.device].line, 1.4)
    says = f"{stage.label}: {stage.shape}"
    if joins(stage):
        x = solid.x + solid.width / 2
        ring = Colour(colour.fill, outline)
        canvas.circle(x, solid.y, solid.height / 2, ring, stroke=stroke, dashed=stage.train, says=says)
        canvas.text(x, solid.y + FIRST * 0.35, stage.title, size=FIRST if len(stage.title) == 1 else SIGN)
        return
    across, up = solid.recess
    low, high = solid.bottom, solid.y - solid.height / 2
    dark, pale = mixed(colour.fill, colour.line, 0.16), mixed(colour.fill, theme.PAPER, 0.45)
    for slab in range(solid.slabs):
        x = solid.x + slab * (solid.thickness + SEAM)
        end = x + solid.thickness
        faces = (
            (((x, high), (end, high), (end + across, high - up), (x + across, high - up)), pale),
            (((end, high), (end + across, high - up), (end + across, low - up), (end, low)), dark),
            (((x, low), (x, high), (end, high), (end, low)), colour.fill),
        )
        for corners, fill in faces:
            canvas.polygon(corners, Colour(fill, outline), stroke=stroke, dashed=stage.train, says=says)
    if stage.shared:
        _inset(canvas, faces[1][0], Colour("none", outline), stroke / 2)


def _inset(canvas: Canvas, face: Sequence[XY], colour: Colour, stroke: float) -> None:
    """A second outline within a face."""
    a, _, c, _ = face
    middle = (a[0] + c[0]) / 2, (a[1] + c[1]) / 2
    corners = [tuple(p + INSET * (m - p) for p, m in zip(corner, middle, strict=True)) for corner in face]
    canvas.polygon(((x, y) for x, y in corners), colour, stroke=stroke)


def mixed(a: str, b: str, share: float) -> str:
    """A colour with a share of another."""
    parts = [(int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(x + (y - x) * share):02x}" for x, y in parts)

"""The page's colours in each of its themes, as style rules. Dark and print are made from the colours of `viz.theme`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from viz import theme
from viz.palette import Colours
from viz.theme import Colour

READABLE: Final = 4.5  # the least contrast of text, by WCAG 2.2, level AA


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of the page around the drawing, and how those of the drawing are made."""

    paper: str  # behind the drawing
    panel: str  # behind text
    rule: str  # between panels
    ink: str
    muted: str
    accent: str  # what is selected, found or focused
    edge: str
    crossing: str
    clusters: tuple[Colour, Colour]
    heat: tuple[str, ...]  # from nothing to the most
    of: Callable[[Colour], Colour]  # a colour of `viz.theme` in this theme
    outline: Callable[[Colour], Colour]  # the same of a device


def mix(one: str, other: str, part: float) -> str:
    """A colour with a part of another in it."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2 defines it."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _dark(colour: Colour) -> Colour:
    return Colour(mix(DARK_PAPER, colour.line, 0.38), mix(colour.line, "#ffffff", 0.3))


def _grey(colour: Colour) -> Colour:
    level = round(sum(_channels(colour.fill)) / 3)
    return Colour(f"#{level:02x}{level:02x}{level:02x}", "#333333")


DARK_PAPER: Final = "#14171c"

THEMES: Final = MappingProxyType(
    {
        "light": Theme(
            paper=theme.PAPER,
            panel="#f6f7f9",
            rule="#d5d9e0",
            ink=theme.INK,
            muted=theme.MUTED,
            accent="#0b5cad",
            edge=theme.EDGE,
            crossing=theme.CROSSING,
            clusters=theme.CLUSTER,
            heat=("#fff6df", "#fdd592", "#f79d57", "#dd5a3f", "#8f1d3a"),
            of=lambda colour: colour,
            outline=lambda colour: colour,
        ),
        "dark": Theme(
            paper=DARK_PAPER,
            panel="#1d2127",
            rule="#39404a",
            ink="#eceef1",
            muted="#b4bac4",
            accent="#7db8ff",
            edge="#9aa2ad",
            crossing="#ff7b72",
            clusters=(Colour("#1a1e24", "#3a414c"), Colour("#20252c", "#464e5a")),
            heat=("#2a2833", "#5b2f5f", "#a63c5c", "#e2703f", "#fbd56b"),
            of=_dark,
            outline=lambda colour: Colour(mix(DARK_PAPER, colour.line, 0.16), mix(colour.line, "#ffffff", 0.35)),
        ),
        "print": Theme(
            paper="#ffffff",
            panel="#ffffff",
            rule="#999999",
            ink="#000000",
            muted="#444444",
            accent="#000000",
            edge="#222222",
            crossing="#000000",
            clusters=(Colour("#ffffff", "#888888"), Colour("#f7f7f7", "#777777")),
            heat=("#ffffff", "#dddddd", "#b4b4b4", "#828282", "#4a4a4a"),
            of=_grey,
            outline=lambda colour: Colour("#ffffff", "#000000"),
        ),
    }
)


def css(colours: Colours) -> str:
    """The rules of all themes: one class for each colour group (`c0`) and device (`d0`), by their order."""
    return "\n".join(rule for name in THEMES for rule in _rules(name, colours)) + "\n"


def text_on(fill: str, chosen: Theme) -> tuple[str, str]:
    """The colours of what is written on a fill: first line, and second line, which is quieter where it can be."""
    ink = max((theme.INK, chosen.ink, chosen.paper), key=lambda colour: contrast(colour, fill))
    quiet = chosen.muted if contrast(chosen.muted, fill) >= READABLE else ink
    return ink, quiet


def _rules(name: str, colours: Colours) -> Iterator[str]:
    chosen = THEMES[name]
    root = f':root[data-theme="{name}"]'
    plain = {
        field: getattr(chosen, field)
        for field in ("paper", "panel", "rule", "ink", "muted", "accent", "edge", "crossing")
    }
    plain |= {f"heat-{i}": colour for i, colour in enumerate(chosen.heat)}
    for i, colour in enumerate(chosen.clusters):
        plain |= {f"cluster-{i}": colour.fill, f"cluster-{i}-line": colour.line}
    yield _rule(root, {"color-scheme": "dark" if name == "dark" else "light"}, plain)
    for i, group in enumerate(colours.groups.values()):
        fill, line = chosen.of(group)
        ink, quiet = text_on(fill, chosen)
        yield _rule(f"{root} .c{i}", {}, {"fill": fill, "line": line, "text": ink, "quiet": quiet})
    for i, device in enumerate(colours.devices.values()):
        tint, line = chosen.outline(device)
        yield _rule(f"{root} .d{i}", {}, {"line": line, "tint": tint})


def _rule(selector: str, properties: dict[str, str], variables: dict[str, str]) -> str:
    said = [f"{name}: {value}" for name, value in properties.items()]
    said += [f"--{name}: {value}" for name, value in variables.items()]
    return f"{selector} {{ {'; '.join(said)} }}"


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    parts = [channel / 255 for channel in _channels(colour)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

"""The page's colours as style rules. All are light colours, from which `viz.recolour` makes those of the other themes.

A rule for each theme says what the light colours are there, in variables: the page's own by their purpose (`--paper`),
those of the drawings by their name (`--c3d9f3`). All else refers to these.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final, get_args

from viz import heat_scale, theme
from viz.palette import Colours
from viz.recolour import Theme, colour
from viz.theme import contrast

READABLE: Final = 4.5  # the least contrast of text, by WCAG 2.2, level AA

PAGE: Final = MappingProxyType(
    {
        "paper": theme.PAPER,  # behind the drawing
        "panel": "#f7f7f7",  # behind text
        "rule": "#bfc5cf",  # between panels
        "ink": theme.INK,
        "muted": theme.MUTED,
        "accent": "#0b5cad",  # what is selected, found or focused
        "edge": theme.EDGE,
        "crossing": theme.CROSSING,
        "cluster-0": theme.CLUSTER[0].fill,
        "cluster-0-line": theme.CLUSTER[0].line,
        "cluster-1": theme.CLUSTER[1].fill,
        "cluster-1-line": theme.CLUSTER[1].line,
        **{f"cool-{i}": colour for i, colour in enumerate(heat_scale.COOL)},
        **{f"heat-{i}": colour for i, colour in enumerate(heat_scale.HEAT)},
    }
)


def css(colours: Colours, pictures: Iterable[str] = ()) -> str:
    """The rules of all themes for these colours and those of pictures; and a class for each colour group (`c0`) and
    device (`d0`), by their order."""
    pairs = (*colours.groups.values(), *colours.devices.values())
    named = dict.fromkeys([*(light for pair in pairs for light in pair), *pictures])
    rules = []
    for name in get_args(Theme):
        variables = {f"--{purpose}": colour(light, name) for purpose, light in PAGE.items()}
        variables |= {_name(light): colour(light, name) for light in named}
        scheme = {"color-scheme": "dark" if name == "dark" else "light"}
        rules.append(_rule(f':root[data-theme="{name}"]', scheme | variables))
    for i, (fill, line) in enumerate(colours.groups.values()):
        ink, quiet = (f"var(--{purpose})" for purpose in text_on(fill))
        rules.append(
            _rule(f".c{i}", {"--fill": variable(fill), "--line": variable(line), "--text": ink, "--quiet": quiet})
        )
    for i, (tint, line) in enumerate(colours.devices.values()):
        rules.append(_rule(f".d{i}", {"--line": variable(line), "--tint": variable(tint)}))
    return "\n".join(rules) + "\n"


def css_of_changes() -> str:
    """The same for the statuses of two networks' parts, in the order of the theme, and for what flows in one only."""
    rules = css(Colours(theme.CHANGES, {}))
    for side, status in (("a", "removed"), ("b", "added")):
        rules += _rule(f".in-{side}", {"--line": variable(theme.CHANGES[status].line)}) + "\n"
    return rules


def variable(light: str) -> str:
    """How the page says a light colour, so that it follows the theme."""
    return f"var({_name(light)})"


def text_on(fill: str) -> tuple[str, str]:
    """Which of the page's colours to write with on a fill: the first line, and the second, quieter where it can be."""
    ink = max(("ink", "paper"), key=lambda purpose: contrast(PAGE[purpose], fill))
    return ink, "muted" if contrast(theme.MUTED, fill) >= READABLE else ink


def _name(light: str) -> str:
    return f"--{light.removeprefix('#')}"


def _rule(selector: str, properties: dict[str, str]) -> str:
    return f"{selector} {{ {'; '.join(f'{name}: {value}' for name, value in properties.items())} }}"

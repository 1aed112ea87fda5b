"""DOT, the language of Graphviz: the one place that quotes its text and says how long it may search."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import graphviz

from viz.look import Direction

RANKDIR: Final = MappingProxyType({"down": "TB", "up": "BT", "right": "LR", "left": "RL"})
STEPS: Final = 5_000


def layered(direction: Direction, edges: int) -> dict[str, str]:
    """The attributes of a graph whose data flows in a direction, in layers."""
    # The search for the best layout stops after so many steps a node: in large graphs it would take minutes.
    steps = max(1, STEPS // edges) if edges else 1
    return {
        "rankdir": RANKDIR[direction],
        "newrank": "true",  # else groups are ranked apart, and edges between them may point upwards
        "nslimit": f"{steps}",
        "nslimit1": f"{steps}",
        "mclimit": "1",
    }


def text(*lines: str, left: bool = False) -> str:
    """A label of some lines. Whatever they hold is shown as it is: no HTML, entities or escape sequences."""
    quoted = [graphviz.escape(line.replace("&", "&amp;")) for line in lines if line]
    label: str = graphviz.nohtml("".join(f"{line}\\l" for line in quoted) if left else "\\n".join(quoted))
    return label

"""The networks that ship with archdsl."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archdsl.dims import Size, show
from archdsl.graph import header
from archdsl.measure.network.analyse import analyse
from archdsl.pipeline import check
from archdsl.sheet.sheet import Column, Line, Sheet
from archdsl.shipped import shipped_specs


@dataclass(frozen=True, slots=True)
class ShippedNetwork:
    """A shipped network: its figures for a batch of 1, and where it comes from."""

    name: str
    network: str
    input: str
    params: int
    macs: Size
    file: str
    source: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def entries() -> list[ShippedNetwork]:
    """Every variant of every file in specs/, in the order of the files."""
    found = []
    for file in shipped_specs():
        source = title(file)
        for graph in check(file):
            variant = header(graph)["variant"]
            if variant is None:
                continue
            report = analyse(graph)
            inputs = ", ".join(show(shape[1:]) for _, shape in report.inputs)
            found.append(ShippedNetwork(variant, report.network, inputs, report.params, report.macs, file.name, source))
    return found


def sheet() -> Sheet:
    """Every network with what it costs, below the paper that it comes from."""
    found = entries()
    columns = (
        Column("network"),
        Column("input", rank=1),
        Column("params", "count"),
        Column("MACs", "count"),
        Column("source", group=True),
        Column("file", group=True),
    )
    return Sheet(
        title="networks that ship with archdsl",
        columns=columns,
        lines=tuple(Line((e.name, e.input, e.params, e.macs, e.source, e.file)) for e in found),
        document={"archdsl": 1, "networks": [entry.to_dict() for entry in found]},
    )


def title(file: Path) -> str:
    """What a spec's first comment says it is: the network and, in parentheses, its paper."""
    lines = []
    for line in file.read_text(encoding="utf-8").split("\n"):
        if not line.startswith("# "):
            break
        lines.append(line.removeprefix("# ").strip())
    found = re.match(r"[^()]*\([^()]*\)", " ".join(lines))
    return found.group() if found else " ".join(lines)

"""The stages of a network as papers print them: a line for each, with its output, what it is made of, and its costs."""

from __future__ import annotations

from collections.abc import Container
from itertools import groupby

import networkx as nx

from archdsl.dims import Shape, show
from archdsl.graph import Graph, header, layer
from archdsl.measure.network.report import Report
from archdsl.outline.stage import Stage
from archdsl.outline.stages import stages_of
from archdsl.sheet.sheet import Column, Line, Sheet, named

COLUMNS = (
    Column("stage"),
    Column("output", rank=2),
    Column("blocks", rank=1),
    Column("params", "count"),
    Column("MACs", "count"),
)
GROUPS = 4  # of blocks that a line can name


def stages(graph: Graph, report: Report) -> Sheet:
    """A line for each stage of a network, which the report is of."""
    read = {key for name in header(graph)["inputs"] for key in (name, *nx.descendants(graph, name))}
    lines = tuple(
        Line(
            (
                stage.label,
                show(_output(graph, stage, read)),
                _made_of(stage) + (" (training only)" if stage.train else ""),
                stage.params or None,
                stage.macs or None,
            )
        )
        for stage in stages_of(graph).listed()
    )
    notes = ["output: without the batch"]
    if any(row.phase == "train" for row in report.nodes):
        notes.append("what exists in training only is not in the total of the MACs")
    return Sheet(
        title=report.name,
        columns=COLUMNS,
        lines=lines,
        total=Line(("total", None, None, report.params, report.macs)),
        notes=tuple(notes),
        document={
            "archdsl": 1,
            "network": report.network,
            "variant": report.variant,
            "hash": report.hash,
            "stages": named(COLUMNS, lines),
        },
    )


def _output(graph: Graph, stage: Stage, read: Container[str]) -> Shape:
    """What a stage gives, without the batch; a constant has none, unless it is made to stretch over it."""
    key = next((key for key in reversed(stage.keys) if layer(graph, key)["op"] != "weight"), stage.keys[-1])
    shape: Shape = layer(graph, key)["shape"]
    return shape[1:] if key in read or (len(shape) > 1 and shape[0] == 1) else shape


def _made_of(stage: Stage) -> str:
    """`bottleneck × 3`, `conv, batch_norm, relu`, or `(conv, relu) × 2`."""
    runs = [(name, len(list(run))) for name, run in groupby(stage.parts)]
    if len(runs) > GROUPS:
        said, alone = f"{len(stage.keys)} layers", False
    elif len(runs) == 1:
        return _times(runs[0][0], runs[0][1] * stage.count)
    else:
        said, alone = ", ".join(_times(*run) for run in runs), True
    return f"({said}) × {stage.count}" if stage.count > 1 and alone else _times(said, stage.count)


def _times(said: str, count: int) -> str:
    return said if count == 1 else f"{said} × {count}"

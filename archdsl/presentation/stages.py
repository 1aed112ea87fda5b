"""The stages of a network as papers print them: a line for each, with its output, what it is made of, and its costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from archdsl.dims import Shape, Size, show
from archdsl.measure.network.report import Report
from archdsl.presentation.outline import Part, outline
from archdsl.sheet.sheet import Column, Line, Sheet, named

COLUMNS = (
    Column("stage"),
    Column("output"),
    Column("blocks", rank=1),
    Column("params", "count"),
    Column("MACs", "count"),
)
GROUPS = 4  # of blocks that a line can name


class Stage(NamedTuple):
    """Parts of a network that a paper's table has on one line. `layers` are their paths."""

    path: str
    shape: Shape  # of its output
    blocks: str  # what it is made of
    params: int
    macs: Size
    layers: tuple[str, ...]
    train: bool  # exists in training only


def stages_of(report: Report) -> tuple[Stage, ...]:
    """A stage is what stands at the top: a block or a labelled sequence.

    A single layer that keeps the shape (a norm, an activation) belongs to the stage before it; of a sequence too long
    to be named in a line, the parts are stages.
    """
    found: list[list[Part]] = []
    for part in _opened(outline(report)):
        if found and not part.parts and part.row.shape == found[-1][-1].row.shape and not part.macs:
            found[-1].append(part)
        else:
            found.append([part])
    return tuple(map(_stage, found))


def _stage(parts: list[Part]) -> Stage:
    rows = [row for part in parts for row in part.rows]
    return Stage(
        path=parts[0].path,
        shape=parts[-1].row.shape,
        blocks=_made_of(parts),
        params=sum(part.params for part in parts),
        macs=sum((part.macs for part in parts), 0),
        layers=tuple(row.path for row in rows),
        train=all(row.phase == "train" for row in rows),
    )


def stages(report: Report) -> Sheet:
    """A line for each stage."""
    lines = tuple(
        Line(
            (
                stage.path,
                show(stage.shape[1:]),
                stage.blocks + (" (training only)" if stage.train else ""),
                stage.params or None,
                stage.macs or None,
            )
        )
        for stage in stages_of(report)
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


def _opened(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        if part.parts and part.block is None and len(_groups(_kinds(part))) > GROUPS:
            yield from _opened(part.parts)
        else:
            yield part


def _made_of(parts: list[Part]) -> str:
    """`bottleneck × 3`, or `conv, batch_norm, relu`."""
    groups = _groups([*_kinds(parts[0]), *(part.row.op for part in parts[1:])])
    return ", ".join(kind if count == 1 else f"{kind} × {count}" for kind, count in groups)


def _groups(kinds: Iterable[str]) -> list[tuple[str, int]]:
    return [(kind, len(list(run))) for kind, run in groupby(kinds)]


def _kinds(part: Part) -> Iterator[str]:
    """What a stage is: its block, or the blocks and layers in it."""
    if part.block is not None:
        yield part.block
    elif not part.parts:
        yield part.row.op
    else:
        for inner in part.parts:
            yield from _kinds(inner)

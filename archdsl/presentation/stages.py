"""The stages of a network as papers print them: a line for each, with its output, what it is made of, and its costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from archdsl.dims import show
from archdsl.measure.report import Report
from archdsl.presentation.outline import Part, outline
from archdsl.presentation.sheet import Column, Line, Sheet, named

COLUMNS = (
    Column("stage"),
    Column("output"),
    Column("blocks", rank=1),
    Column("params", "count"),
    Column("MACs", "count"),
)
GROUPS = 4  # of blocks that a line can name


def stages(report: Report) -> Sheet:
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
    lines = tuple(
        Line(
            (
                parts[0].path,
                show(parts[-1].row.shape[1:]),
                _made_of(parts),
                sum(part.params for part in parts) or None,
                sum((part.macs for part in parts), 0) or None,
            )
        )
        for parts in found
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
    train = " (training only)" if all(row.phase == "train" for part in parts for row in part.rows) else ""
    return ", ".join(kind if count == 1 else f"{kind} × {count}" for kind, count in groups) + train


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

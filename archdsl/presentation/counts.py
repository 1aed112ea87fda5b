"""What a network computes, added up by operator, block, stage or device; and why tools print other figures."""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.dims import Size
from archdsl.graph import Graph, batch_in_words, content_hash, header, plain
from archdsl.measure.network.conventions import CONVENTIONS, figure
from archdsl.measure.network.counts import GROUPS, Count, added, grouped, total
from archdsl.outline.stages import stages_of
from archdsl.sheet.sheet import Column, Line, Sheet, named

BY = (*GROUPS, "stage")
COLUMNS = (
    Column("layers", "count", 6),
    Column("params", "count"),
    Column("trainable", "count", 5),
    Column("MACs", "count"),
    Column("FLOPs", "count", 4),
    Column("backward", "count", 2),
    Column("step", "count", 1),
    Column("other", "count", 3),
)
NOTES = (
    "FLOPs     2 × MACs, in inference",
    "backward  FLOPs of the gradients",
    "step      FLOPs of a step of training: forward (with a checkpoint twice, but for its end), backward, no optimizer",
    "other     operations that are no multiply-adds, in inference: biases, norms, activations, pooling, sums",
)


def counts(graph: Graph, by: str) -> Sheet:
    """The counts of a network by one of `BY`."""
    columns = (Column(by), *COLUMNS)
    lines = tuple(_line(name, count) for name, count in _grouped(graph, by).items())
    return Sheet(
        title=_name(graph),
        columns=columns,
        lines=lines,
        total=_line("total", total(graph)),
        notes=(*NOTES, *_batch(graph)),
        document={**_head(graph), "by": by, "counts": named(columns, lines)},
    )


def _grouped(graph: Graph, by: str) -> dict[str, Count]:
    if by != "stage":
        return grouped(graph, by)
    table = stages_of(graph)
    homes = table.homes()
    found = added(graph, lambda key, node: homes[key].label)
    return {stage.label: found[stage.label] for stage in table.listed()}


def explanation(graph: Graph, printed: Iterable[tuple[str, str, str]] = ()) -> Sheet:
    """The figures that tools give of a network, each with the terms that it adds up.

    `printed` are figures of papers: what is printed, where, and why ours is another.
    """
    columns = (Column("counted by", wrap=True), Column("figure", "count"), Column("unit", rank=1, wrap=True))
    lines: list[Line] = []
    document: list[dict[str, object]] = []
    for convention in CONVENTIONS:
        terms = figure(graph, convention)
        value: Size = sum((term.value for term in terms), 0)
        lines.append(Line((convention.tool, value, convention.unit)))
        lines += [Line((term.title, term.value, None), depth=1) for term in terms]
        document.append(
            {
                "tool": convention.tool,
                "unit": convention.unit,
                "figure": plain(value),
                "terms": [{"title": term.title, "value": plain(term.value)} for term in terms],
                "remark": convention.remark,
            }
        )
    notes = [f"{c.tool}: {c.remark}" for c in CONVENTIONS if c.remark]
    for text, source, note in printed:
        lines.append(Line((source, None, text)))
        notes += [f"{source}: {note}"] if note else []
    return Sheet(
        title=_name(graph),
        columns=columns,
        lines=tuple(lines),
        notes=(*notes, *_batch(graph)),
        document={**_head(graph), "conventions": document},
    )


def _line(name: str, count: Count) -> Line:
    flops = (count.macs * 2, count.macs_backward * 2, count.macs_step * 2)
    figures = (count.params, count.trainable, count.macs, *flops, count.operations)
    return Line((name, count.layers, *(None if value == 0 else value for value in figures)))


def _name(graph: Graph) -> str:
    head = header(graph)
    return head["network"] if head["variant"] is None else f"{head['variant']} ({head['network']})"


def _head(graph: Graph) -> dict[str, object]:
    head = header(graph)
    return {"archdsl": 1, "network": head["network"], "variant": head["variant"], "hash": content_hash(graph)}


def _batch(graph: Graph) -> tuple[str, ...]:
    assumed = header(graph)["least_batch"]
    return (batch_in_words(assumed),) if assumed else ()

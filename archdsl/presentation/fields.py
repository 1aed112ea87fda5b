"""The receptive field of each output of a network."""

from __future__ import annotations

from archdsl.dims import show
from archdsl.graph import Graph, header, plain
from archdsl.lint import lint
from archdsl.measure.network.report import Report
from archdsl.presentation.receptive_field import field, offset, stride
from archdsl.sheet.sheet import Column, Line, Sheet

COLUMNS = (
    Column("output"),
    Column("layer", rank=2),
    Column("shape", rank=1),
    Column("size", "figure"),
    Column("stride", "figure"),
    Column("offset", "figure"),
)
NOTES = (
    "size    positions of the input that one of the output can depend on, the border included; behind upsampling",
    "        from those of the position that sees least to those of the one that sees most",
    "stride  positions from what one sees to what the next sees, on average; none where all see the same",
    "offset  the first position that the first one sees, negative in the border",
    "Where they differ, there is one for each spatial dimension.",
)


def fields(graph: Graph, report: Report) -> Sheet:
    """A line for each output, and a warning wherever branches meet that look at different places."""
    rows = {row.path: row for row in report.nodes}
    lines, document = [], []
    for output, (name, shape, phase) in zip(header(graph)["outputs"], report.outputs, strict=True):
        if output["node"] not in rows:  # an input, as it is
            continue
        seen = rows[output["node"]].field
        train = " (training only)" if phase == "train" else ""
        lines.append(Line((name + train, output["node"], show(shape), field(seen), stride(seen), offset(seen))))
        document.append(
            {
                "name": name,
                "node": output["node"],
                "shape": plain(shape),
                "phase": phase,
                "size": None if seen is None else [f.size for f in seen],
                "smallest": None if seen is None else [f.smallest for f in seen],
                "stride": None if seen is None else [None if f.jump is None else str(f.jump) for f in seen],
                "offset": None if seen is None else [None if f.offset is None else str(f.offset) for f in seen],
            }
        )
    head = {"archdsl": 1, "network": report.network, "variant": report.variant, "hash": report.hash}
    apart = [finding for finding in lint([graph]) if finding.diagnostic.code == "misaligned-branches"]
    warnings = [f"warning: at `{finding.layers[0]}`, {finding.diagnostic.message}" for finding in apart]
    met = [{"layers": list(finding.layers), "message": finding.diagnostic.message} for finding in apart]
    return Sheet(
        report.name,
        COLUMNS,
        tuple(lines),
        notes=(*warnings, *[""] * bool(warnings), *NOTES),
        document={**head, "outputs": document, "misaligned": met},
    )

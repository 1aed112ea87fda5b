"""Works out the report of an elaborated graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from archdsl.diagnostics import Diagnostic
from archdsl.dims import MAX_TERMS, Size, Undecided, total
from archdsl.errors import SpecError
from archdsl.graph import Edge, Graph, content_hash, header, layer, layers, live, operands
from archdsl.measure.memory.ledger import inference_peak
from archdsl.measure.network import cost
from archdsl.measure.network.receptive_field import receptive_fields
from archdsl.measure.network.report import Report, Row
from archdsl.measure.run.execution import Setting
from archdsl.measure.run.saved import kept_for_backward


def analyse(graph: Graph) -> Report:
    """The report of an elaborated graph. Batch symbols without a value count as 1.

    Raises `SpecError` where symbols make its figures longer than anybody can read.
    """
    try:
        return _analyse(graph)
    except Undecided as error:
        message = f"a figure of the report has more than {MAX_TERMS} terms"
        help = "give symbols a value: write numbers in the inputs' shapes, or use --input"
        span = next(node["span"] for _, node in layers(graph))
        raise SpecError([Diagnostic("undecided", message, span, help=help)]) from error


def _analyse(graph: Graph) -> Report:
    head = header(graph)
    ones = head["least_batch"]
    fields = receptive_fields(graph)
    runs = live(graph, training=False)
    rows = []
    trainable = param_bytes = 0
    for key, node in layers(graph):
        if node["op"] == "input":
            continue
        own = cost.params(node)
        reads = tuple(operands(graph, key))
        own_macs = cost.macs(graph, node, reads, ones)
        rows.append(
            Row(
                path=key,
                op=node["op"],
                operator=node["operator"],
                reads=reads,
                shape=cost.fixed(node["shape"], ones),
                params=own,
                buffers=cost.buffers(node),
                macs=own_macs,
                field=fields[key],
                device=node["device"],
                phase=node["phase"],
                frozen=node["frozen"],
                blocks=node["blocks"],
                line=node["span"].line,
            )
        )
        trainable += 0 if node["frozen"] else own
        param_bytes += cost.param_bytes(node)
    return Report(
        network=head["network"],
        variant=head["variant"],
        hash=content_hash(graph),
        assumed=head["batch"],
        least_batch=head["least_batch"],
        requires=head["requires"],
        nodes=tuple(rows),
        inputs=tuple((name, cost.fixed(layer(graph, name)["shape"], ones)) for name in head["inputs"]),
        outputs=tuple((o["name"], cost.fixed(o["shape"], ones), o["phase"]) for o in head["outputs"]),
        devices=tuple(_devices(graph, rows, runs, ones)),
        params=sum(row.params for row in rows),
        trainable_params=trainable,
        buffers=sum(row.buffers for row in rows),
        macs=total(row.macs for row in rows if row.path in runs),
        param_bytes=param_bytes,
        activation_bytes_inference_peak=inference_peak(graph, Setting(values=ones)),
        activation_bytes_training=kept_for_backward(graph, Setting(values=ones)),
    )


def _devices(
    graph: Graph, rows: list[Row], runs: set[str], values: Mapping[str, int]
) -> list[tuple[str, dict[str, Size]]]:
    """Parameters and MACs of each logical device, and the bytes that enter and leave it in a training step's
    forward pass: each tensor once for each device that reads it."""
    found: dict[str, dict[str, Size]] = {
        name: {"params": 0, "macs": 0, "bytes_in": 0, "bytes_out": 0} for name in header(graph)["devices"]
    }
    if not found:
        return []
    sizes = cost.tensor_bytes(graph, values)
    for row in rows:
        if row.device is not None:
            figures = found[row.device]
            figures["params"] = figures["params"] + row.params
            figures["macs"] = figures["macs"] + (row.macs if row.path in runs else 0)
    used = live(graph, training=True)
    crossings = set()
    for producer, consumer, edge in graph.edges(data=True):
        source, target = graph.nodes[producer]["device"], graph.nodes[consumer]["device"]
        if source != target and target is not None and consumer in used:
            crossings.add((producer, cast(Edge, edge)["output"], source, target))
    for producer, output, source, target in crossings:
        size = sizes[producer, output]
        found[target]["bytes_in"] = found[target]["bytes_in"] + size
        if source is not None:
            found[source]["bytes_out"] = found[source]["bytes_out"] + size
    return list(found.items())

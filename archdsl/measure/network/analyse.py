"""Works out the report of an elaborated graph."""

from __future__ import annotations

from archdsl.diagnostics import Diagnostic
from archdsl.dims import MAX_TERMS, Size, Undecided, total
from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash
from archdsl.measure.memory.ledger import inference_peak
from archdsl.measure.network import cost
from archdsl.measure.network.receptive_field import receptive_fields
from archdsl.measure.network.report import Report, Row
from archdsl.measure.run.execution import Runs
from archdsl.measure.run.saved import kept_by_device
from archdsl.net_view import NetView
from archdsl.symbolic import where_decided


def analyse(graph: Graph, runs: Runs | None = None) -> Report:
    """The report of an elaborated graph; `runs` are its executions, where there are some already.

    Raises `SpecError` where symbols make its figures longer than anybody can read.
    """
    try:
        net = NetView(graph)
        return _analyse(net, runs or Runs(net))
    except Undecided as error:
        message = f"a figure of the report has more than {MAX_TERMS} terms"
        help = "give symbols a value: write numbers in the inputs' shapes, or use --input"
        span = next(iter(net.layers.values()))["span"]
        raise SpecError([Diagnostic("undecided", message, span, help=help)]) from error


def _analyse(net: NetView, runs: Runs) -> Report:
    head = net.header
    fields = receptive_fields(net)
    inferred = net.live(training=False)
    rows = []
    trainable = param_bytes = 0
    for key, node in net.layers.items():
        if node["op"] == "input":
            continue
        own = cost.params(node)
        rows.append(
            Row(
                path=key,
                op=node["op"],
                operator=node["operator"],
                reads=net.operands(key),
                shape=net.counted(node["shape"]),
                dtype=node["dtype"],
                params=own,
                buffers=cost.buffers(node),
                macs=cost.macs(net, key),
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
        hash=content_hash(net.graph),
        assumed=head["batch"],
        least_batch=head["least_batch"],
        requires=head["requires"],
        nodes=tuple(rows),
        inputs=tuple((name, net.counted(net.layers[name]["shape"])) for name in head["inputs"]),
        outputs=tuple((o["name"], net.counted(o["shape"]), o["phase"]) for o in head["outputs"]),
        dtypes=(
            tuple(net.layers[name]["dtype"] for name in head["inputs"]),
            tuple(o["dtype"] for o in head["outputs"]),
        ),
        devices=tuple(_devices(net, rows)),
        params=sum(row.params for row in rows),
        trainable_params=trainable,
        buffers=sum(row.buffers for row in rows),
        macs=total(row.macs for row in rows if row.path in inferred),
        param_bytes=param_bytes,
        activation_bytes_inference_peak=where_decided(lambda: inference_peak(runs.inference)),
        activation_bytes_training=where_decided(lambda: sum(kept_by_device(net.graph, runs.training).values(), 0)),
    )


def _devices(net: NetView, rows: list[Row]) -> list[tuple[str, dict[str, Size]]]:
    """Parameters and MACs of each logical device, and the bytes that enter and leave it in a training step's
    forward pass: each tensor once for each device that reads it."""
    found: dict[str, dict[str, Size]] = {
        name: {"params": 0, "macs": 0, "bytes_in": 0, "bytes_out": 0} for name in net.header["devices"]
    }
    if not found:
        return []
    inferred = net.live(training=False)
    for row in rows:
        if row.device is not None:
            figures = found[row.device]
            figures["params"] = figures["params"] + row.params
            figures["macs"] = figures["macs"] + (row.macs if row.path in inferred else 0)
    crossings = {
        (tensor, source, target)
        for key in net.live(training=True)
        if (target := net.layers[key]["device"]) is not None
        for tensor in net.operands(key)
        if (source := net.layers[tensor[0]]["device"]) != target
    }
    for tensor, source, target in crossings:
        size = cost.tensor_bytes(net, tensor)
        found[target]["bytes_in"] = found[target]["bytes_in"] + size
        if source is not None:
            found[source]["bytes_out"] = found[source]["bytes_out"] + size
    return list(found.items())

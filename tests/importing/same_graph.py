"""Whether two elaborated graphs compute the same: walked from their outputs to their inputs, layer by layer.

Layers with weights must have the same paths, and every layer must be the same to torch. Names of other layers,
of outputs, and the order of statements do not matter; nor do losses, and how weights start.
"""

from __future__ import annotations

from typing import Any

from archdsl.graph import Graph, header, input_shapes, layer, operands

Value = tuple[str, int]


def difference(one: Graph, other: Graph) -> str | None:
    """The first thing in which they differ, in words; None where they are the same."""
    outputs = [[(o["node"], o["output"]) for o in header(graph)["outputs"]] for graph in (one, other)]
    if len(outputs[0]) != len(outputs[1]):
        return f"{len(outputs[0])} and {len(outputs[1])} outputs"
    inputs = [header(graph)["inputs"] for graph in (one, other)]
    names = dict(zip(*inputs, strict=True))
    pending: list[tuple[Value, Value]] = list(zip(*outputs, strict=True))
    seen: set[tuple[Value, Value]] = set()
    while pending:
        a, b = pair = passed(one, pending[-1][0]), passed(other, pending.pop()[1])
        if pair in seen:
            continue
        seen.add(pair)
        x, y = layer(one, a[0]), layer(other, b[0])
        if x["op"] == "input" or y["op"] == "input":
            if names.get(a[0]) != b[0]:
                return f"{a[0]} is not {b[0]}"
            continue
        if a[1] != b[1] or computed(one, a[0]) != computed(other, b[0]):
            return f"{a[0]} is {computed(one, a[0])}, {b[0]} is {computed(other, b[0])}"
        reads = summed(one, a[0]), summed(other, b[0])
        if len(reads[0]) != len(reads[1]):
            return f"{a[0]} reads {reads[0]}, {b[0]} reads {reads[1]}"
        pending += zip(*reads, strict=True)
    return None


def passed(graph: Graph, value: Value) -> Value:
    """The value behind layers that do nothing."""
    while (node := layer(graph, value[0]))["op"] == "identity" or (
        node["operator"].group == "regularization" and node["params"].get("p") == 0
    ):
        value = operands(graph, value[0])[0]
    return value


def summed(graph: Graph, key: str) -> list[Value]:
    """What a layer reads; of a sum whose first term is a sum, the terms of both, which are added in this order."""
    reads = operands(graph, key)
    nested = bool(reads) and sums(graph, (key, 0)) and sums(graph, reads[0])
    return [*summed(graph, reads[0][0]), *reads[1:]] if nested else reads


def sums(graph: Graph, value: Value) -> bool:
    return layer(graph, value[0])["op"] == "add" and len(operands(graph, value[0])) > 1


def computed(graph: Graph, key: str) -> Any:
    """What a layer is to torch, with the names and shapes of its weights, and in which phase these are there."""
    node = layer(graph, key)
    target = node["operator"].target(*input_shapes(graph, key))
    kwargs = {name: short(value) for name, value in target.kwargs.items() if value is not None and value is not False}
    weights = [(node["path"], weight.name, weight.shape, node["phase"]) for weight in node["weights"]]
    return target.name, str(kwargs), str(short(target.args)), str(node["outputs"]), node["dtypes"], weights


def short(value: Any) -> Any:
    """Sizes that are all the same as one of them, and numbers without what arithmetic adds to them."""
    if isinstance(value, (tuple, list)):
        return short(value[0]) if value and len(set(map(str, value))) == 1 else tuple(map(short, value))
    if value == "valid":  # torch's word for no padding
        return 0
    return float(f"{value:.9g}") if isinstance(value, float) else value

"""Bytes of activations: the peak in inference, and what autograd keeps for backward in training.

Tensors are identified with the storage they share: an operator that makes a view adds none.
"""

from __future__ import annotations

from collections.abc import Mapping

from archdsl.dims import Dim, Size, at_least, product, substitute, total
from archdsl.graph import Graph, header, layer, layers, live, operands
from archdsl.measure.cost import BYTES

MAX_ALIVE = 256  # terms of the bytes alive at once; more are not compared

Storage = tuple[str, int]  # the node that made it, and which of its outputs


def storages(graph: Graph) -> dict[Storage, Storage]:
    """For each tensor the tensor whose storage it uses."""
    found: dict[Storage, Storage] = {}
    for key, node in layers(graph):
        for i in range(len(node["outputs"])):
            found[key, i] = found[operands(graph, key)[0]] if node["operator"].view else (key, i)
    return found


def tensor_bytes(graph: Graph, values: Mapping[str, int]) -> dict[Storage, Size]:
    """The bytes of every tensor, with values put in for symbols."""
    return {
        (key, i): product(substitute(size, values) for size in shape) * BYTES[node["dtype"]]
        for key, node in layers(graph)
        for i, shape in enumerate(node["outputs"])
    }


def inference_peak(graph: Graph, sizes: Mapping[Storage, Size]) -> Size | None:
    """The most bytes of tensors alive at once when layers run in order and each tensor is freed after its last use.

    `sizes` are the tensors' bytes. The network's inputs count. None where symbols leave the greatest open.
    """
    needed = live(graph, training=False)
    order = [key for key, _ in layers(graph) if key in needed]
    shares = storages(graph)
    last_use: dict[Storage, int] = {}
    for position, key in enumerate(order):
        for tensor in [*operands(graph, key), *((key, i) for i in range(len(layer(graph, key)["outputs"])))]:
            last_use[shares[tensor]] = position
    for output in header(graph)["outputs"]:
        if output["node"] in needed:
            last_use[shares[output["node"], output["output"]]] = len(order)
    ends: dict[int, list[Storage]] = {}
    for storage, position in last_use.items():
        ends.setdefault(position, []).append(storage)
    alive: Size = sum((sizes[k, 0] for k in order if layer(graph, k)["op"] == "input"), 0)
    peak = alive
    for position, key in enumerate(order):
        node = layer(graph, key)
        if node["op"] != "input" and not node["operator"].owns_storage:
            for i in range(len(node["outputs"])):
                if shares[key, i] == (key, i):
                    alive = alive + sizes[key, i]
        larger = at_least(alive, peak)
        if larger is None or (isinstance(alive, Dim) and alive.weight > MAX_ALIVE):
            return None
        peak = alive if larger else peak
        for storage in ends.get(position, ()):
            if not layer(graph, storage[0])["operator"].owns_storage:
                alive = alive - sizes[storage]
    return peak


def kept_for_backward(graph: Graph, sizes: Mapping[Storage, Size], values: Mapping[str, int]) -> Size:
    """Bytes that autograd keeps from the forward pass of training: each storage once, masks and indices added.

    `sizes` are the tensors' bytes, `values` those of symbols. Where `@checkpoint` recomputes, only what enters the
    recomputed part is kept. Weights do not count.
    """
    needed = live(graph, training=True)
    shares = storages(graph)
    kept: dict[Storage, None] = {}
    extra: list[Size] = []
    with_gradient: set[str] = set()
    for key, node in layers(graph):
        if key not in needed:
            continue
        reads = operands(graph, key)
        trainable = not node["frozen"] and any(w.role != "buffer" for w in node["weights"])
        trainable |= "#" in key and not node["frozen"]
        if not trainable and not any(producer in with_gradient for producer, _ in reads):
            continue
        with_gradient.add(key)
        if node["checkpoint"] is not None:
            entering = [r for r in reads if layer(graph, r[0])["checkpoint"] != node["checkpoint"]]
            kept.update(dict.fromkeys(shares[r] for r in entering))
            continue
        saves = node["operator"].saves
        if "input" in saves:
            kept.update(dict.fromkeys(shares[r] for r in reads[:1]))
        if "other" in saves:
            kept.update(dict.fromkeys(shares[r] for r in reads[1:]))
        if "output" in saves:
            kept[shares[key, 0]] = None
        inputs = [layer(graph, producer)["outputs"][output] for producer, output in reads]
        also = node["operator"].also_saves(inputs, node["shape"])
        extra.append(substitute(also, values) * BYTES["float32"])
        elements = sizes[key, 0] // BYTES[node["dtype"]]
        if "mask" in saves:
            extra.append(elements)
        if "index" in saves:
            extra.append(elements * BYTES["int64"])
    return total([*extra, *(sizes[s] for s in kept if not layer(graph, s[0])["operator"].owns_storage)])

"""What a layer computes, whatever it is called and however that is said; and layers that correspond because of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from archdsl.dims import Undecided, each_in_symbols
from archdsl.graph import Graph, header, input_shapes, layer, layers, operands


def computed(graph: Graph, key: str) -> Hashable:
    """What a layer is to torch, and the sizes of what it makes: a pool with the stride of its kernel is one without a
    stride. How weights start is no part of it."""
    node = layer(graph, key)
    outputs = str(each_in_symbols(node["outputs"]))
    try:
        target = node["operator"].target(*input_shapes(graph, key))
    except Undecided:  # what torch must know beforehand is open
        return node["op"], str(node["params"]), outputs
    kwargs = {name: _short(value) for name, value in target.kwargs.items() if value is not None and value is not False}
    return target.name, target.kind, str(kwargs), str(_short(target.args)), outputs, tuple(node["dtypes"])


def _short(value: Any) -> Any:
    """Sizes that are all the same as one of them, and numbers without what arithmetic adds to them."""
    if isinstance(value, (tuple, list)):
        items = [_short(one) for one in value]
        return items[0] if items and all(str(one) == str(items[0]) for one in items) else tuple(items)
    if value == "valid":  # torch's word for no padding
        return 0
    return float(f"{value:.12g}") if isinstance(value, float) else each_in_symbols(value)


def same_network(a: Graph, b: Graph) -> dict[str, str] | None:
    """The layers of the second network by those of the first, where both are one network that is written in two orders
    or with other names for layers without weights; None where they are not."""
    if header(a)["inputs"] != header(b)["inputs"] or len(a) != len(b):
        return None
    known: dict[Hashable, int] = {}
    sides = [_wired(graph, known) for graph in (a, b)]
    partners: defaultdict[int, list[str]] = defaultdict(list)
    for key, number in sides[1].items():
        partners[number].append(key)
    found = {}
    for key, number in sides[0].items():
        if not partners[number]:
            return None
        found[key] = partners[number].pop(0)
    return found


def _wired(graph: Graph, known: dict[Hashable, int]) -> dict[str, int]:
    """A number for each layer: that of all that compute the same of the same, from the inputs on, with weights of the
    same path."""
    numbers: dict[str, int] = {}
    for key, node in layers(graph):
        path = node["path"] if node["weights"] or node["op"] == "input" else ""
        reads: Sequence[Hashable] = [(numbers[producer], output) for producer, output in operands(graph, key)]
        what = key if node["op"] == "input" else computed(graph, key)
        numbers[key] = known.setdefault((what, path, tuple(reads)), len(known))
    return numbers

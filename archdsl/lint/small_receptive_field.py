"""Classifiers whose convolutions see only a part of the input."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.lint._rule import Found, Net, rule
from archdsl.ops.conv import Conv
from archdsl.ops.pool import AdaptiveAvgPool, GlobalAvgPool
from archdsl.ops.reduce import Mean


@rule("small-receptive-field")
def check(net: Net) -> Iterator[Found]:
    if not _one_image(net):
        return
    convolved: set[str] = set()  # layers after a convolution
    classify = _classifiers(net)
    for key, node in net.layers.items():
        reads = [producer for producer, _ in net.operands(key)]
        if isinstance(node["operator"], Conv) or not convolved.isdisjoint(reads):
            convolved.add(key)
        # Only means are left to join positions: what no position saw as a whole, no later layer can find.
        if key not in convolved or not _averages(net, key) or key not in classify:
            continue
        field = net.fields[reads[0]]
        sizes = net.layers[net.header["inputs"][0]]["shape"][2:]
        if field is None or len(field) != len(sizes):
            continue
        for part, size in zip(field, sizes, strict=True):
            if isinstance(size, int) and part.jump != 0 and part.size < size:
                message = f"each position that is averaged here has seen {part.size} of {size} positions of the input"
                help = "an earlier stride, dilation or more layers let the last maps see the whole input"
                yield Found(key, message, help)
                break


def _one_image(net: Net) -> bool:
    inputs = net.header["inputs"]
    return len(inputs) == 1 and len(net.layers[inputs[0]]["shape"]) >= 3


def _averages(net: Net, key: str) -> bool:
    """Whether a layer is the mean over all positions."""
    operator, (shape, *_) = net.operator(key), net.input_shapes(key)
    if isinstance(operator, Mean):
        return len(shape) >= 3 and operator.reduced(shape) == set(range(2, len(shape)))
    if isinstance(operator, AdaptiveAvgPool):
        return set(net.layers[key]["shape"][2:]) == {1}
    return isinstance(operator, GlobalAvgPool)


def _classifiers(net: Net) -> set[str]:
    """The layers on a straight way to a vector that is an output, as no squeeze-and-excitation block is."""
    found = {o["node"] for o in net.header["outputs"] if o["phase"] == "both" and len(o["shape"]) == 2}
    for key in reversed(list(net.layers)):
        if any(reader in found and len(net.operands(reader)) == 1 for reader in net.readers[key]):
            found.add(key)
    return found

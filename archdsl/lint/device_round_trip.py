"""Tensors that cross to another device and come straight back."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.diagnostics import Label
from archdsl.lint._rule import Found, Net, rule


@rule("device-round-trip")
def check(net: Net) -> Iterator[Found]:
    if len(net.header["devices"]) < 2:
        return
    came: dict[str, str] = {}  # for layers that hardly compute: the device from which their value came
    for key, node in net.layers.items():
        reads = net.operands(key)
        if len(reads) != 1 or not _cheap(net, key):
            continue
        before = net.layers[reads[0][0]]["device"]
        origin = came.get(reads[0][0]) if before == node["device"] else before
        if origin is not None and origin != node["device"]:
            came[key] = origin
        back = [r for r in net.readers[key] if net.layers[r]["device"] == origin]
        if key in came and back and len(back) == len(net.readers[key]):
            message = (
                f"this `{node['op']}` runs on {node['device']}, but its value comes from {origin} and goes back there"
            )
            labels = (Label(net.layers[back[0]]["span"], f"reads it on {origin}"),)
            yield Found(key, message, f"run it on {origin}: two transfers less", labels)


def _cheap(net: Net, key: str) -> bool:
    """Whether a layer has no weights and multiplies no matrices, so that moving its tensor costs more than it does."""
    node = net.layers[key]
    return not net.layers[node["path"]]["weights"] and node["operator"].macs(net.input_shapes(key), node["shape"]) == 0

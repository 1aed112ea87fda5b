"""Compares a step of training with `torch.utils.flop_counter` on the meta device, for every network of specs/.

Prints a table of Markdown; the last column is what torch counts more, all of it weight gradients of grouped
convolutions, which it counts once for every group.
"""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.graph import header, layer, layers
from archdsl.measure.network.counts import counts, total
from archdsl.network import Network
from archdsl.shipped import zoo

BATCH = 2  # norms of one value cannot be trained


def flops_of_torch(net: Network) -> tuple[int, int]:
    """Forward and backward, for a batch of 1."""
    model = net.compile(devices="meta").train()
    images = [
        torch.empty(
            [size if isinstance(size, int) else BATCH for size in layer(net.graph, key)["shape"]], device="meta"
        )
        for key in header(net.graph)["inputs"]
    ]
    with FlopCounterMode(display=False) as counter:
        found = model(*images)
        forward = counter.get_total_flops()
        torch.autograd.backward([output.sum() for output in ([found] if isinstance(found, torch.Tensor) else found)])
    return forward // BATCH, (counter.get_total_flops() - forward) // BATCH


def of_groups(net: Network) -> int:
    """FLOPs that torch counts too many."""
    found, each = 0, counts(net.graph)
    for key, node in layers(net.graph):
        groups = node["params"].get("groups", 1)
        if node["op"] in ("conv", "conv_transpose") and groups > 1 and not node["frozen"]:
            macs = each[key].macs_training
            assert isinstance(macs, int)
            found += 2 * (groups - 1) * macs
    return found


def main() -> None:
    print("| network | forward | backward | of torch, more |\n|---|--:|--:|--:|")
    for variant in zoo():
        net = archdsl.load(variant)
        ours = total(net.graph)
        forward, backward = flops_of_torch(net)
        assert ours.macs_training * 2 == forward, variant
        more = backward - ours.macs_backward * 2
        assert more == of_groups(net), variant
        print(f"| {variant} | {forward:,} | {ours.macs_backward * 2:,} | {more:,} |", flush=True)


if __name__ == "__main__":
    main()

"""The torch back end: elaborated graph to a `torch.fx.GraphModule` placed on devices."""

from __future__ import annotations

from torch import fx, nn

from archdsl.graph import Graph, header
from compiler.devices import Devices, assign
from compiler.lower import Places, lower, lower_loss
from compiler.model import CompiledNetwork
from compiler.modules import build
from compiler.training import digits, steps_of, train
from compiler.weights import save_weights

__all__ = ["CompiledNetwork", "compile_graph", "digits", "save_weights", "steps_of", "train"]


def compile_graph(graph: Graph, devices: Devices = None) -> CompiledNetwork:
    """Compile an elaborated graph; the model is in training mode, as a new torch module is.

    `devices` maps the logical devices that the network declares to real ones (`{"gpu0": "cuda:0", …}`), or is one
    device for all, or "auto"; by default all is on the CPU. Raises `SpecError` where that does not fit.
    """
    places = assign(header(graph)["devices"], devices)
    root = build(graph, places)
    training, regions = lower(graph, places, training=True)
    for path, region in regions.items():
        _make_region(root, path, region)
    phased = any(node["phase"] == "train" for _, node in graph.nodes(data=True))
    inference = lower(graph, places, training=False)[0] if phased or regions else training
    return CompiledNetwork(root, {True: training, False: inference}, _losses(graph, places))


def _make_region(root: nn.Module, path: str, graph: fx.Graph) -> None:
    """Turn the module at a path into one that runs a graph over its own children."""
    parent, _, name = path.rpartition(".")
    owner = root.get_submodule(parent)
    module = owner.get_submodule(name)
    if module._modules:
        region = fx.GraphModule(module, graph, "Region")
        region._modules.clear()
        region._modules.update(module._modules)
        setattr(owner, name, region)


def _losses(graph: Graph, places: Places) -> dict[int, fx.GraphModule]:
    """The loss for all outputs and, where it has a meaning, for those of inference."""
    head = header(graph)
    if head["loss"] is None:
        return {}
    found = {}
    for training in (False, True):
        count = len([o for o in head["outputs"] if training or o["phase"] == "both"])
        try:
            lowered = lower_loss(graph, places, training)
        except LookupError:
            continue
        found[count] = fx.GraphModule(nn.Module(), lowered, "Loss")
    return found

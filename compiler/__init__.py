"""The torch back end: elaborated graph to a `torch.GraphModule` placed on devices."""

from __future__ import annotations

from torch.fx import GraphModule

from archdsl.graph import Graph, header
from compiler.bench.calibration import calibrate
from compiler.bench.stopwatch import measure
from compiler.devices import CPU, Devices, assign
from compiler.fx.lower import Places, lower, lower_loss
from compiler.fx.model import CompiledNetwork
from compiler.fx.modules import build
from compiler.memory import refuse_what_cannot_fit
from compiler.training import DATA_SETS, steps_of, train
from compiler.weights import save_weights

__all__ = [
    "DATA_SETS",
    "CompiledNetwork",
    "calibrate",
    "compile_graph",
    "measure",
    "save_weights",
    "steps_of",
    "train",
]


def compile_graph(graph: Graph, devices: Devices = None, *, force: bool = False) -> CompiledNetwork:
    """Compile an elaborated graph; the model is in training mode, as a new torch module is.

    `devices` maps the logical devices that the network declares to real ones (`{"gpu0": "cuda:0", …}`), or is one
    device for all, or "auto"; by default all is on the CPU. Raises `SpecError` where that does not fit, and, unless
    by `force`, where a device has not the memory for the weights.
    """
    places = assign(header(graph)["devices"], devices)
    if not force:
        refuse_what_cannot_fit(graph, places)
    root = build(graph, places)
    training = lower(graph, places, training=True)
    phased = any(node["phase"] == "train" or node["checkpoint"] for _, node in graph.nodes(data=True))
    inference = lower(graph, places, training=False) if phased else training
    return CompiledNetwork(root, {True: training, False: inference}, _losses(graph, places))


def _losses(graph: Graph, places: Places) -> dict[int, GraphModule | None]:
    """The loss by the number of outputs it takes: those of inference (None where nothing is left of it), and all."""
    head = header(graph)
    if head["loss"] is None:
        return {}
    found: dict[int, GraphModule | None] = {}
    for loss, outputs in (
        (head["inference_loss"], [o for o in head["outputs"] if o["phase"] == "both"]),
        (head["loss"], head["outputs"]),
    ):
        found[len(outputs)] = None
        if loss is not None:
            lowered = lower_loss(loss, moved=bool(head["devices"]) and any(p.type != "cpu" for p in places.values()))
            found[len(outputs)] = GraphModule(build(loss, {None: CPU}), lowered, "Loss")
    return found

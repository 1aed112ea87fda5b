"""Compiles a network: its program, lowered to fx graphs over the modules that it calls."""

from __future__ import annotations

import torch
from torch import fx, nn

from archdsl.errors import SpecError
from archdsl.graph import Graph, Rewriting, header
from archdsl.measure.time.gpus import GPUS, USUAL
from archdsl.measure.time.roofline import predict_inference
from compiler.derived_weights import derived
from compiler.devices import DeviceChoice, assign
from compiler.fx.lower import Places, lower
from compiler.fx.model import CompiledNetwork
from compiler.fx.modules import build
from compiler.lowering import assemble
from compiler.memory import refuse_what_cannot_fit
from compiler.program import Assembly, Routine
from compiler.streams import LayerSeconds, StreamedInstruction, on_streams


def compile_graph(
    graph: Graph,
    devices: DeviceChoice = None,
    *,
    force: bool = False,
    seed: int | None = None,
    streams: bool = False,
) -> CompiledNetwork:
    """Compile an elaborated graph; the model is in training mode, as a new torch module is.

    `devices` maps the logical devices that the network declares to real ones (`{"gpu0": "cuda:0", …}`), or is one
    device for all, or "auto"; by default all is on torch's default device, the CPU. With `seed`, weights are drawn from
    it, those of each layer apart from all others. Raises `SpecError` where devices do not fit, where a size must be
    known that is open, and, unless by `force`, where a device has not the memory for the weights. With `streams`,
    branches of inference run beside one another on GPUs, where that is predicted to pay.

    A graph that was rewritten has the weights that the graph before is drawn with, changed as the rewrites say. One
    that was rewritten for inference is in inference, and stays there.
    """
    rewriting = header(graph)["rewriting"]
    assembly = assemble(graph)
    places = assign(assembly.devices, devices)
    if not force:
        refuse_what_cannot_fit(assembly.holders, places)
    if rewriting is None:
        root = build(assembly.holders, places, seed=seed)
    else:
        before = compile_graph(rewriting.before, devices, force=True, seed=seed)
        with torch.random.fork_rng(devices=()):  # what is drawn here is written over
            root = build(assembly.holders, places)
        carry_over(root, before, rewriting)
    streamed = _streamed(graph, assembly.inference, places) if streams else None
    graphs = {False: lower(assembly.inference, places, streamed)}
    if rewriting is None or rewriting.phase == "training":
        same = assembly.inference is assembly.training and streamed is None
        graphs[True] = graphs[False] if same else lower(assembly.training, places)
    else:
        root.eval()
    return CompiledNetwork(root, graphs, _losses(assembly, places), assembly.targets, assembly.aliases)


def _streamed(graph: Graph, routine: Routine, places: Places) -> tuple[StreamedInstruction, ...] | None:
    """The steps of inference over streams of the GPUs among the devices, or None where there is none."""
    gpus = {name: str(place) for name, place in places.items() if place.type == "cuda"}
    return on_streams(routine, gpus, layer_seconds(graph)) if gpus else None


def layer_seconds(graph: Graph) -> LayerSeconds | None:
    """The times of one sample in inference on a usual GPU; None where a size is left open."""
    head, profile = header(graph), GPUS[USUAL]
    try:
        works = predict_inference(graph, profile, values={**head["least_batch"], **dict.fromkeys(head["batch"], 1)})
    except SpecError:
        return None
    return LayerSeconds({name: work.seconds for name, work in works.items()}, profile.launch)


def carry_over(root: nn.Module, before: nn.Module, rewriting: Rewriting) -> None:
    """Give what a rewritten graph was built to the weights of the network before."""
    given, wanted = before.state_dict(), root.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, expression in rewriting.weights.items():
            wanted[name].copy_(derived(expression, given))


def _losses(assembly: Assembly, places: Places) -> dict[int, fx.GraphModule | None]:
    """The loss by the number of outputs it takes: those of inference (None where nothing is left of it), and all."""
    if assembly.training_loss is None:
        return {}
    found: dict[int, fx.GraphModule | None] = {}
    for routine, loss in (
        (assembly.inference, assembly.inference_loss),
        (assembly.training, assembly.training_loss),
    ):
        found[len(routine.results)] = None
        if loss is not None:
            found[len(routine.results)] = fx.GraphModule(build(loss.holders, places), lower(loss, places), "Loss")
    return found

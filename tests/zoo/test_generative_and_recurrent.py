"""Networks that read steps and words, or draw what they return, are modules written by hand: the same tensors under the
same names, the same multiply-adds, and the same values, losses and memory from the same checkpoint.

Names and figures are compared in full size, without values; values with small ones of the same form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.graph import header
from archdsl.measure.run.execution import Setting
from archdsl.measure.run.saved import kept_for_backward
from compiler.fx.model import CompiledNetwork
from tests.measure.layouts import kept_with_the_outputs
from tests.zoo.graphs import elements, multiply_adds, names_and_shapes, one_image
from tests.zoo.pairs import Shapes, with_weights
from tests.zoo.published import PUBLISHED
from tests.zoo.references_generative import MODELS as GENERATIVE
from tests.zoo.references_recurrent import MODELS as RECURRENT

MODELS = {**GENERATIVE, **RECURRENT}
UNET = {"factors": [1, 2, 2], "attention": [1], "width": 32, "depth": 1, "size": 8}
SHORT = {"words": (1, 9)}
TEXT = {"vocabulary": 30, "width": 5, "hidden": 6}
# Settings of small networks of the same form
SMALL: dict[str, dict[str, Any]] = {
    "vae_mnist": {"hidden": 12, "latent": 3},
    "ddpm_cifar10": UNET,
    "lstm_classifier": TEXT,
    "gru_classifier": TEXT,
}


def meta(graph: Any) -> list[torch.Tensor]:
    """Inputs of one sample without values."""
    nodes = [graph.nodes[name] for name in header(graph)["inputs"]]
    return [
        torch.empty(*map(one_image, node["shape"]), device="meta", dtype=getattr(torch, node["dtypes"][0]))
        for node in nodes
    ]


@pytest.mark.parametrize("variant", MODELS)
def test_has_the_tensors_and_figures_of_the_model(variant: str) -> None:
    graph, published = archdsl.load(variant).graph, PUBLISHED[variant]
    with torch.device("meta"):
        module = MODELS[variant]().eval()
    assert names_and_shapes(graph) == {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    assert elements(graph, "weight", "bias") == published["params"]["value"]
    assert elements(graph, "buffer") == published["buffers"]["value"] == 0
    assert multiply_adds(graph) == published["macs"]["value"]
    counted = archdsl.load(variant, inputs=SHORT).graph if variant in RECURRENT else graph
    # oneDNN's recurrent layers are one kernel, of which torch counts nothing.
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter, torch.no_grad():
        module(*meta(counted))
    assert 2 * multiply_adds(counted) == counter.get_total_flops()


def for_samples(variant: str, samples: int, shapes: dict[str, Any], **settings: Any) -> archdsl.Network:
    """A variant for so many samples."""
    graph = archdsl.load(variant, inputs=shapes, **settings).graph
    full = {name: (samples, *graph.nodes[name]["shape"][1:]) for name in header(graph)["inputs"]}
    return archdsl.load(variant, inputs=full, **settings)


@dataclass(frozen=True)
class Both:
    """A small network and its reference, with the same weights."""

    network: archdsl.Network
    model: CompiledNetwork
    reference: nn.Module
    inputs: list[torch.Tensor]

    def outputs(self, *, training: bool) -> tuple[tuple[torch.Tensor, ...], tuple[torch.Tensor, ...]]:
        """What both make of the inputs, from the same seed."""
        made = []
        for module in (self.model, self.reference):
            module.train(training)
            torch.manual_seed(7)
            made.append(module(*self.inputs))
        found, wanted = (each if isinstance(each, tuple) else (each,) for each in made)
        return found, wanted


@pytest.fixture(scope="module", params=SMALL)
def both(request: pytest.FixtureRequest) -> Both:
    variant = request.param
    settings = SMALL[variant]
    network = for_samples(variant, 3, SHORT if variant in RECURRENT else {}, **settings)
    with torch.device("meta"):
        reference = MODELS[variant](**settings)
    reference = with_weights(reference)
    model = network.compile()
    model.load_state_dict(reference.state_dict(), strict=True)
    generator, inputs = torch.Generator().manual_seed(1), []
    for name in header(network.graph)["inputs"]:
        node = network.graph.nodes[name]
        if node["dtypes"][0] == "int64":
            inputs.append(torch.randint(30, node["shape"], generator=generator))
        else:
            inputs.append(torch.rand(node["shape"], generator=generator))
    return Both(network, model, reference, inputs)


@pytest.mark.parametrize("training", [False, True])
def test_computes_what_the_model_computes(both: Both, training: bool) -> None:
    """What is drawn and dropped is drawn in the same order."""
    found, wanted = both.outputs(training=training)
    assert all(output.std() > 0 for output in wanted)
    assert len(found) == len(wanted)
    assert all(map(torch.equal, found, wanted))


def test_has_the_loss_of_its_paper(both: Both) -> None:
    outputs, _ = both.outputs(training=True)
    generator = torch.Generator().manual_seed(2)
    target = torch.rand(outputs[0].shape, generator=generator).round()
    found = both.model.loss(outputs if len(outputs) > 1 else outputs[0], target)
    compare: Callable[..., torch.Tensor] = both.reference.loss  # type: ignore[assignment]
    wanted = compare(outputs, target)
    torch.testing.assert_close(found, wanted)
    weights = list(both.model.parameters())
    for ours, theirs in zip(
        torch.autograd.grad(found, weights, retain_graph=True), torch.autograd.grad(wanted, weights), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_every_layer_makes_the_shapes_that_the_graph_says(both: Both) -> None:
    shapes = Shapes(both.model.train())
    with torch.no_grad():
        shapes.run(*both.inputs)
    wanted = {layer: list(node["outputs"]) for layer, node in both.network.graph.nodes(data=True)}
    assert shapes.found == wanted


def test_keeps_for_backward_what_autograd_keeps(both: Both) -> None:
    with torch.backends.mkldnn.flags(enabled=False):
        assert kept_for_backward(both.network.graph, Setting(hardware="cpu")) == kept_with_the_outputs(both.network)

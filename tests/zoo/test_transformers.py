"""Transformers are the models of transformers and torchvision: the same tensors under the same names, the same
multiply-adds, and the same values, losses and memory from the same checkpoint.

Names and figures are compared in full size, without values; values with small ones of the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import networkx
import pytest
import torch
from torch import fx, nn
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.graph import header
from archdsl.measure.run.execution import Setting
from archdsl.measure.run.saved import kept_for_backward
from compiler.fx.model import CompiledNetwork
from tests.measure.layouts import kept_with_the_outputs
from tests.zoo.graphs import elements, multiply_adds, names_and_shapes, one_image
from tests.zoo.pairs import Shapes
from tests.zoo.published import PUBLISHED, TRANSFORMERS
from tests.zoo.references_transformers import built, outputs

# Those that differ from others in numbers alone
ALIKE = {
    "swin_s",
    "swin_b",
    "bert_large",
    "gpt2_medium",
    "gpt2_large",
    "gpt2_xl",
    "llama_15m",
    "llama_7b",
    "llama_3_8b",
}
WORDS = 30  # in the vocabulary of a small network
LENGTH = 9
TEXT = (2, LENGTH)
BERT = {"width": 12, "depth": 2, "heads": 3, "vocabulary": WORDS, "places": LENGTH}
LLAMA = {"width": 24, "depth": 2, "heads": 4, "groups": 2, "hidden": 20, "vocabulary": WORDS}
MIXTRAL = {"width": 12, "depth": 2, "heads": 2, "groups": 1, "hidden": 10, "vocabulary": WORDS, "experts": 4}
CLIP = {"patch": 8, "width": 6, "words": WORDS, "places": LENGTH, "image_width": 12, "image_depth": 2}
CLIP |= {"image_heads": 3, "text_width": 8, "text_depth": 1, "text_heads": 2}
SWIN: dict[str, Any] = {"depths": [1, 2, 1, 1], "heads": [1, 2, 3, 4], "width": 12, "window": 2, "classes": 5}


@dataclass(frozen=True)
class Small:
    """A small network of the form of a variant: its settings, and by how much its outputs may differ from those of the
    model where sums are taken in another order."""

    variant: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, tuple[int, ...]]
    differs: float = 0.0

    def network(self) -> archdsl.Network:
        return archdsl.load(self.variant, inputs=self.inputs, **self.settings)


READ = {"input_ids": TEXT}
MASKED = {"input_ids": TEXT, "token_type_ids": TEXT, "attention_mask": TEXT}
SMALL = {
    small.variant: small
    for small in (
        Small("swin_t", SWIN, {"image": (2, 3, 64, 64)}),
        Small("bert_base", BERT, MASKED),
        Small("bert_base_pretraining", BERT, MASKED),
        Small("gpt2", BERT, READ),
        Small("llama_260k", LLAMA, READ),
        Small("llama_3_8b", LLAMA, READ),
        Small("llama_3_2_1b", LLAMA | {"context": 8}, READ),
        # That library adds up the experts one after the other, whichever of a token's is greater.
        Small("moe_small", MIXTRAL, READ, 1e-5),
        Small("moe_small_dense", MIXTRAL, READ, 1e-5),
        # That library divides by a root of a sum of squares of its own.
        Small("clip_small", CLIP, {"input_ids": (3, LENGTH), "pixel_values": (3, 3, 16, 16)}, 1e-5),
    )
}


def values(network: archdsl.Network) -> dict[str, torch.Tensor]:
    """Inputs of a small network. Texts end with the last word of the vocabulary, and are of different lengths."""
    generator = torch.Generator().manual_seed(1)
    found: dict[str, torch.Tensor] = {}
    for name in header(network.graph)["inputs"]:
        node = network.graph.nodes[name]
        match name, node["dtypes"][0]:
            case "token_type_ids", _:
                found[name] = torch.randint(2, node["shape"], generator=generator)
            case _, "int64":
                found[name] = torch.randint(WORDS - 1, node["shape"], generator=generator)
                found[name][:, -2] = WORDS - 1
            case _, "bool":
                found[name] = torch.arange(node["shape"][1]) < torch.tensor([[LENGTH], [LENGTH - 4]])
            case _:
                found[name] = torch.randn(node["shape"], generator=generator)
    return found


@dataclass(frozen=True)
class Both:
    """A small network and the model that it is named after, with the same weights."""

    small: Small
    network: archdsl.Network
    model: CompiledNetwork
    reference: nn.Module
    inputs: dict[str, torch.Tensor]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Their names, of those that there are in the phase."""
        found = header(self.network.graph)["outputs"]
        return tuple(o["name"] for o in found if self.model.training or o["phase"] == "both")

    def ours(self) -> dict[str, torch.Tensor]:
        torch.manual_seed(7)
        made = self.model(*self.inputs.values())
        return dict(zip(self.outputs, [made] if isinstance(made, torch.Tensor) else made, strict=True))

    def theirs(self, **targets: torch.Tensor) -> Any:
        torch.manual_seed(7)
        return outputs(self.reference, self.inputs, **targets)

    def train(self, mode: bool) -> None:
        self.model.train(mode)
        self.reference.train(mode)


def both(small: Small) -> Both:
    network = small.network()
    reference = built(network)
    generator = torch.Generator().manual_seed(20)
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.uniform_(-0.5, 0.5, generator=generator)
    model = network.compile()
    model.load_state_dict(reference.state_dict())
    return Both(small, network, model, reference, values(network))


@pytest.fixture(scope="module", params=SMALL)
def pair(request: pytest.FixtureRequest) -> Both:
    return both(SMALL[request.param])


def saved(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """The tensors of a model's checkpoint, those once that are there under two names."""
    state = model.state_dict()
    tensors = [*model.named_parameters(), *(found for found in model.named_buffers() if found[0] in state)]
    return {name: tuple(tensor.shape) for name, tensor in tensors}


# --- full size


@pytest.mark.parametrize(
    "variant", [pytest.param(v, marks=pytest.mark.heavy if v in ALIKE else ()) for v in TRANSFORMERS]
)
def test_has_the_tensors_and_figures_of_the_model(variant: str) -> None:
    network, published = archdsl.load(variant), PUBLISHED[variant]
    graph = network.graph
    with torch.device("meta"):
        reference = built(network).eval()
    assert names_and_shapes(graph) == saved(reference)
    assert elements(graph, "weight", "bias") == published["params"]["value"]
    assert elements(graph, "buffer") == published["buffers"]["value"]
    assert multiply_adds(graph) == published["macs"]["value"]
    if header(graph)["network"] != "Mixtral":  # whose model looks at values to route
        nodes = {
            name: graph.nodes[name] for name in header(graph)["inputs"] if name != "attention_mask"
        }  # it costs nothing
        with FlopCounterMode(display=False) as counter, torch.no_grad(), torch.device("meta"):
            outputs(
                reference,
                {
                    name: torch.empty(*map(one_image, node["shape"]), dtype=getattr(torch, node["dtypes"][0]))
                    for name, node in nodes.items()
                },
            )
        assert counter.get_total_flops() == 2 * published["macs"]["value"]


@pytest.mark.heavy
@pytest.mark.parametrize("variant", ["swin_t", "bert_base", "gpt2", "llama_15m", "clip_vit_b_32"])
def test_computes_what_the_model_computes_in_full_size(variant: str) -> None:
    text = (2, 77 if variant.startswith("clip") else 33)
    inputs = archdsl.load(variant).graph
    shapes = {
        name: text if inputs.nodes[name]["dtypes"][0] != "float32" else (2, *inputs.nodes[name]["shape"][1:])
        for name in header(inputs)["inputs"]
    }
    pair = both(Small(variant, {}, shapes))
    pair.train(False)
    with torch.no_grad():
        theirs = pair.theirs()
        for name, found in pair.ours().items():
            torch.testing.assert_close(found, theirs[name], rtol=1e-4, atol=1e-4)


# --- small ones


@pytest.mark.parametrize("training", [False, True], ids=["inference", "training"])
def test_computes_what_the_model_computes(pair: Both, training: bool) -> None:
    """What is dropped is drawn in the same order."""
    pair.train(training)
    with torch.no_grad():
        ours, theirs = pair.ours(), pair.theirs()
    assert ours
    for name, found in ours.items():
        assert (found - theirs[name]).abs().max() <= pair.small.differs
        assert found.dim() == 0 or found.std() > 0.005


def test_every_layer_makes_the_shapes_that_the_graph_says(pair: Both) -> None:
    shapes = Shapes(pair.model.train())
    with torch.no_grad():
        shapes.run(*pair.inputs.values())
    graph = pair.network.graph
    computed = {layer for name in pair.inputs for layer in networkx.descendants(graph, name)}
    assert computed <= shapes.found.keys()
    assert shapes.found == {layer: list(graph.nodes[layer]["outputs"]) for layer in shapes.found}


def test_keeps_for_backward_what_autograd_keeps(pair: Both) -> None:
    found = kept_for_backward(pair.network.graph, Setting(hardware="cpu"))
    assert found == kept_with_the_outputs(pair.network)


def targets_of(pair: Both) -> dict[str, torch.Tensor]:
    """The targets that a loss declares; the words themselves where it reads words."""
    loss = header(pair.network.graph)["loss"]
    assert loss is not None
    said = {"labels": pair.inputs.get("input_ids"), "next_sentence_label": torch.tensor([1, 0])}
    return {name: target for name in header(loss)["targets"] if (target := said.get(name)) is not None}


@pytest.mark.parametrize(
    "variant", ["bert_base_pretraining", "gpt2", "llama_260k", "moe_small", "moe_small_dense", "clip_small"]
)
def test_has_the_loss_of_the_model(variant: str) -> None:
    """In training, where dropout has drawn the same; and a step of descent lowers it."""
    pair = both(SMALL[variant])
    pair.train(True)
    targets = targets_of(pair)
    if variant == "bert_base_pretraining":  # words that were not hidden do not count
        targets["labels"] = targets["labels"].masked_fill(targets["labels"] > 12, -100)
    theirs = pair.theirs(**(targets or {"return_loss": torch.tensor(True)})).loss

    def loss() -> torch.Tensor:
        made = tuple(pair.ours().values())
        return pair.model.loss(made if len(made) > 1 else made[0], *[targets] * bool(targets))

    before = loss()
    torch.testing.assert_close(before, theirs, rtol=1e-5, atol=1e-5)
    before.backward()
    gradients = [parameter.grad for parameter in pair.model.parameters()]
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
    steepness = sum(gradient.square().sum().item() for gradient in gradients if gradient is not None)
    torch.optim.SGD(pair.model.parameters(), lr=0.002 * before.item() / steepness).step()
    with torch.no_grad():
        assert loss() < before


@pytest.mark.parametrize("variant", ["bert_base", "gpt2", "llama_3_2_1b", "moe_small"])
def test_a_compiled_network_takes_texts_of_any_length(variant: str) -> None:
    pair = both(SMALL[variant])
    pair.train(False)
    for length in (LENGTH - 2, 2):
        shorter = replace(pair, inputs={name: tensor[:, :length] for name, tensor in pair.inputs.items()})
        with torch.no_grad():
            ours, theirs = shorter.ours(), shorter.theirs()
        assert all((found - theirs[name]).abs().max() <= 1e-5 for name, found in ours.items())


@pytest.mark.parametrize(
    "variant",
    [
        "gpt2",
        "moe_small",
        *(pytest.param(v, marks=pytest.mark.heavy) for v in ("bert_base_pretraining", "llama_3_2_1b", "clip_small")),
    ],
)
def test_an_exported_network_takes_texts_of_any_length_and_batches_of_any_size(variant: str, tmp_path: Path) -> None:
    small, file = SMALL[variant], tmp_path / "net.pt2"
    network = archdsl.load(variant, **small.settings)  # with the length that the spec says
    model = network.compile().eval()
    network.export(file, model, open_sizes=True)
    again = torch.export.load(file).module()
    for batch, length in ((1, LENGTH), (4, LENGTH - 3)):
        inputs = []
        for name, text in values(small.network()).items():
            node = network.graph.nodes[name]
            whole = text if node["dtypes"][0] != "float32" else torch.randn(3, *node["shape"][1:])
            inputs.append(torch.cat([whole, whole])[:batch, :length])
        with torch.no_grad():
            found, wanted = again(*inputs), model(*inputs)
        pairs = [(found, wanted)] if isinstance(wanted, torch.Tensor) else zip(found, wanted, strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


# --- what each is about


@pytest.mark.parametrize(
    ("variant", "alias", "name"),
    [
        ("gpt2", "lm_head.weight", "transformer.wte.weight"),
        ("llama_3_2_1b", "lm_head.weight", "model.embed_tokens.weight"),
        ("bert_base_pretraining", "cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"),
        ("bert_base_pretraining", "cls.predictions.decoder.bias", "cls.predictions.bias"),
    ],
)
def test_a_tied_head_loads_from_checkpoints_with_either_name(variant: str, alias: str, name: str) -> None:
    model = SMALL[variant].network().compile()
    state = model.state_dict()
    assert name in state
    assert alias not in state
    state[alias] = state.pop(name) + 1
    model.load_state_dict(state)
    assert torch.equal(model.state_dict()[name], state[alias])


class Kept(fx.Interpreter):
    """Runs a compiled network and keeps what the layers make whose paths end so."""

    def __init__(self, model: fx.GraphModule, ending: str) -> None:
        super().__init__(model)
        self.ending = ending
        self.found: list[torch.Tensor] = []

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if n.meta.get("archdsl", "").endswith(self.ending):
            self.found.append(value)
        return value


def test_windows_of_swin_over_an_edge_see_no_other_part_of_the_image() -> None:
    network = SMALL["swin_t"].network()
    run = Kept(network.compile().eval(), "mask.masked_fill")
    with torch.no_grad():
        run.run(*values(network).values())
    (mask,) = run.found
    seen = mask.reshape(4, 4, 4, 4) == 0  # windows of 2 × 2 on 8 × 8 positions, of the second stage
    assert seen[:-1, :-1].all()
    assert seen[-1, 0].sum() == seen[0, -1].sum() == 8  # two halves
    assert seen[-1, -1].sum() == 4  # four parts of one position


def test_both_forms_of_a_mixture_compute_the_same() -> None:
    gathered, dense = both(SMALL["moe_small"]), both(SMALL["moe_small_dense"])
    dense.model.load_state_dict(gathered.model.state_dict())
    for pair in (gathered, dense):
        pair.train(True)
    found, wanted = gathered.ours(), dense.ours()
    for name in found:
        torch.testing.assert_close(found[name], wanted[name], rtol=0, atol=1e-5)
    for pair, made in ((gathered, found), (dense, wanted)):
        pair.model.loss(tuple(made.values()), pair.inputs["input_ids"]).backward()
    for one, other in zip(gathered.model.parameters(), dense.model.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=0, atol=1e-5)


def test_a_gathered_mixture_computes_no_more_than_the_model() -> None:
    """Which computes each expert for the tokens that come to it."""
    pair = both(SMALL["moe_small"])
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        pair.theirs()
    layers = [node for _, node in pair.network.graph.nodes(data=True) if node["op"] == "scaled_dot_product_attention"]
    attention = sum(2 * node["shape"][0] * node["shape"][1] * LENGTH**2 * node["shape"][3] for node in layers)
    assert multiply_adds(pair.network.graph) == counter.get_total_flops() // 2 + attention  # which torch has as one
    assert multiply_adds(SMALL["moe_small_dense"].network().graph) > multiply_adds(pair.network.graph)

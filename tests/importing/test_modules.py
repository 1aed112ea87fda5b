"""Modules of torch become specs that a person would have written, and are the same network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archdsl
import compiler
from archdsl.errors import SpecError
from archdsl.imported import ImportedNetwork, from_sources
from tests.importing import nets
from tests.zoo import references_libraries

IMAGE = (2, 3, 16, 16)


def imported(model: nn.Module, *shape: int) -> ImportedNetwork:
    torch.manual_seed(0)
    return archdsl.from_module(model, {"image": torch.randn(shape or IMAGE)})


def vision_model(name: str) -> nn.Module:
    from torchvision import models

    assert references_libraries.MODELS  # by which torchvision could be imported
    model: nn.Module = models.get_model(name, weights=None)
    return model


def written(source: str) -> str:
    """The spec of what a factory makes, which says what numbers are called."""
    return from_sources([f"tests.importing.nets:{source}"], {"image": IMAGE})[0].text


def lines(network: ImportedNetwork) -> int:
    return sum(bool(line.strip()) for line in network.text.splitlines())


@pytest.mark.parametrize(
    "model",
    [nets.Stages, nets.dense, nets.WithHead, lambda: nets.Stages((1, 1, 2)), nets.Placed, nets.Interrupted],
    ids=["stages", "dense", "head", "deep", "placed", "interrupted"],
)
def test_an_imported_network_is_the_original(model: Any) -> None:
    torch.manual_seed(1)
    proof = imported(model()).proof
    assert proof is not None
    assert proof.equal, str(proof)


def test_attention_written_out_is_the_original() -> None:
    network = archdsl.from_module(nets.Attention(), [torch.randn(2, 5, 16)])
    assert network.proof is not None
    assert network.proof.equal


def test_what_differs_among_instances_is_found_again() -> None:
    text = written("Stages")
    assert "block residual(x: [N, C, H, W], width, stride = 1)" in text
    assert "4 * width" in text
    assert "if stride > 1 or C != 4 * width { shortcut: conv(4 * width, 1, stride = stride) }" in text


def test_a_block_that_needs_the_batch_alone_is_given_a_tensor() -> None:
    text = imported(nets.Placed()).text
    assert "block places(x: [N, ...]) {" in text
    assert "places: places" in text


def test_how_tensors_lie_in_memory_is_said_where_the_outputs_need_it() -> None:
    model = nets.LaidOut()
    given = compiler.given(compiler.subject_of(model, None), [torch.randn(IMAGE)], ["image"])
    plain, laid = (spec.text for spec in compiler.import_modules([compiler.subject_of(model, None)], given))
    assert "contiguous" not in plain
    assert laid.count("contiguous") == 1
    assert "permute([0, 3, 1, 2]) -> contiguous" in laid


@pytest.mark.parametrize(
    ("mask", "written"),
    [
        (lambda n, t: torch.ones(1, 1, t, 1).bool().expand(n, 1, t, t), "(x, x, x)"),
        (lambda n, t: torch.ones(t, t).tril().bool()[None, None].expand(n, -1, -1, -1), "(x, x, x, true)"),
        (lambda n, t: torch.full((t, t), -torch.inf).triu(1)[None, None].expand(n, -1, -1, -1), "(x, x, x, true)"),
        (lambda n, t: (torch.arange(t) < 3).expand(n, 1, t, t), "tensor([true, true, true, false, false])"),
    ],
    ids=["nothing", "causal", "added", "other"],
)
def test_a_mask_is_said_as_what_it_does(mask: Any, written: str) -> None:
    network = archdsl.from_module(nets.Masked(mask), [torch.randn(2, 2, 5, 4)])
    assert network.proof is not None
    assert network.proof.equal
    assert written in network.text


@pytest.mark.parametrize(
    ("model", "inputs", "written"),
    [
        (nets.Siamese(), [torch.randn(2, 6), torch.randn(2, 6)], "encoder.0.weight: parameter([4, 6])"),
        (nets.Tied(), [torch.randint(0, 11, (2, 4))], "linear(bias = false, weight = weight)"),
    ],
    ids=["siamese", "tied"],
)
def test_a_weight_of_several_layers_is_lent_to_them(model: nn.Module, inputs: Any, written: str) -> None:
    network = archdsl.from_module(model, inputs)
    assert network.proof is not None
    assert network.proof.equal, str(network.proof)
    assert written in network.text
    assert network.report().params == sum(parameter.numel() for parameter in model.parameters())


def test_a_layer_of_several_blocks_has_one_name() -> None:
    model = nets.passed()
    proof = archdsl.from_module(model, [torch.randn(2, 6)]).proof
    assert proof is not None
    assert proof.inference == proof.training == 0
    assert not proof.missing
    names = {name for name in model.state_dict() if "layer" in name}
    assert set(proof.unexpected) < names


def test_statistics_cannot_be_lent() -> None:
    with pytest.raises(SpecError, match="2 × a weight, first in `norm`: used by several layers at once"):
        archdsl.from_module(nets.Twice(), [torch.randn(4, 6)])


def test_a_long_constant_is_said_as_it_is_made() -> None:
    network = archdsl.from_module(nets.Rotary(), [torch.randn(2, 9, 8)])
    assert network.proof is not None
    assert network.proof.equal
    assert "concat(freqs, freqs, -1)" in network.text
    assert len(network.text) < 900


def test_what_is_no_tensor_among_the_outputs_is_left_out() -> None:
    network = archdsl.from_module(nets.WithCache(), [torch.randn(2, 5, 16)])
    assert network.proof is not None
    assert network.proof.equal


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("kind", "config", "most"),
    [
        ("BertModel", "BertConfig", 60),
        ("GPT2Model", "GPT2Config", 50),
        ("GPT2LMHeadModel", "GPT2Config", 55),
        ("LlamaModel", "LlamaConfig", 80),
        ("LlamaForCausalLM", "LlamaConfig", 85),
    ],
)
def test_language_models_are_readable_and_equal(kind: str, config: str, most: int) -> None:
    assert references_libraries.MODELS  # by which transformers can be imported
    import transformers

    model = getattr(transformers, kind)(nets.small(getattr(transformers, config)))
    network = archdsl.from_module(model, {"ids": torch.randint(0, 50, (2, 7))})
    assert network.proof is not None
    assert network.proof.equal, str(network.proof)
    assert lines(network) <= most
    assert "repeat 3 {" in network.text
    assert "mask" not in network.text


def test_windows_are_parts_of_the_size_and_moved_under_a_condition() -> None:
    network = archdsl.from_module(nets.Windowed(), [torch.randn(2, 3, 24, 24)])
    assert network.proof is not None
    assert network.proof.equal
    assert network.text.count("block windows(") == 1
    assert "block windows(x: [N, H, W, C], shift)" in network.text
    assert "reshape([-1, H // 3, 3, W // 3, 3, C])" in network.text
    assert re.search(r"if shift [>=]+ \d { \w+ \+ shifted_window_mask\(H\) } else { \w+ }", network.text)


def test_a_path_that_is_never_dropped_is_one_with_the_probability_0() -> None:
    network = archdsl.from_module(nets.Dropping((0.0, 0.1, 0.2)), [torch.randn(2, 4)])
    assert network.proof is not None
    assert network.proof.equal
    assert "for p in [0.0, 0.1, 0.2]" in network.text
    assert "if" not in network.text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ((2, 6, 4), (2, 24), "flatten"),
        ((2, 24), (2, 6, 4), "unflatten"),
        ((2, 6, 4), (2, 6, 1, 4), "unflatten(2, [1, 4])"),
        ((2, 6, 1, 4), (2, 6, 4), "flatten(2)"),
        ((2, 7, 7, 4), (2, 1, 7, 1, 7, 4), "reshape([-1, 1, 7, 1, 7, 4])"),
        ((2, 5, 1, 1), (2, 5), "flatten"),
        ((2, 4, 6), (8, 6), "reshape([-1, 6])"),
    ],
)
def test_a_view_is_said_by_the_dimensions_that_it_joins(old: tuple[int, ...], new: tuple[int, ...], said: str) -> None:
    class View(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.reshape(x.shape[0] if new[0] == old[0] else -1, *new[1:])

    network = archdsl.from_module(View(), [torch.randn(old)])
    assert f"-> {said}" in network.text
    assert network.proof is not None
    assert network.proof.equal


def test_like_blocks_in_a_row_are_a_loop() -> None:
    text = written("Stages(depths=(4,))")
    assert "stage1: { residual(stride = 2) -> repeat 3 { residual } }" in text


def test_a_list_that_grows_is_a_loop_that_adds_to_it() -> None:
    text = written("dense")
    assert "features + [features -> layer${i}: layer]" in text
    assert "[x] -> for i in range(1, count + 1) { add_layer(i) } -> concat" in text
    assert text.count("block layer(") == 1


def test_what_inference_does_not_call_is_marked() -> None:
    text = imported(nets.WithHead()).text
    assert re.search(r"output auxiliary = .* -> aux: linear\(4\) @train", text)
    assert "output logits" in text


def test_the_batch_is_open() -> None:
    network = imported(nets.Stages())
    assert "image: [N, 3, 16, 16]" in network.text
    assert network.compile().eval()(torch.randn(5, 3, 16, 16)).shape == (5, 5)


def test_the_original_is_as_it_was() -> None:
    model = nets.WithHead().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    imported(model)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_calls_that_no_operator_says_are_listed_with_place_and_number() -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nets.Indexed()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.inner(x)
            return found

    with pytest.raises(SpecError) as caught:
        imported(Around())
    assert [(one.code, one.message) for one in caught.value.diagnostics] == [
        ("not-imported", "2 × aten.special_bessel_j0, first in `inner`")
    ]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nets.PartsInPlace(), "3 × aten.copy_: changes a part of a tensor in place"),
        (nets.Counting(), "1 × aten.add_: changes a weight or buffer"),
        (nets.Steps(), "1 × torch.export: GuardOnDataDependentSymNode"),
        (nets.Scaled(), "1 × a number: that depends on values of tensors"),
        (nets.Still(), "1 × torch.no_grad"),
        (
            nn.Linear(16, 2).double(),
            "2 × a weight, first in `weight`: of the type float64; `model.float()` has float32",
        ),
        (torch.jit.script(nn.Linear(16, 2)), "1 × TorchScript: holds no Python to follow"),
        (nn.Linear(3, 2), "1 × the module itself: does not run with image=2x3x16x16: RuntimeError"),
        (nets.Text(), "1 × the output: the module gives no tensor"),
        (nets.SmallNumbers(), "1 × a buffer, first in `steps`: of the type int8"),
        (nets.Named("日本"), "the language does not say this: unexpected character `日`"),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, nn.Module) else "",
)
def test_what_cannot_be_imported_is_said(model: nn.Module, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        archdsl.from_module(model, {"image": torch.randn(IMAGE, dtype=next(model.parameters(), torch.zeros(1)).dtype)})
    assert {one.code for one in caught.value.diagnostics} == {"not-imported"}
    assert any(message in one.message for one in caught.value.diagnostics), str(caught.value)


@pytest.mark.parametrize("value", [[torch.zeros(2)], torch.tensor(1.0), 3])
def test_an_input_is_a_tensor_with_a_batch(value: Any) -> None:
    with pytest.raises(SpecError, match="the input: `image`"):
        archdsl.from_module(nn.ReLU(), {"image": value})


def test_what_is_no_module_is_refused() -> None:
    model: Any = 3
    with pytest.raises(TypeError, match=r"a torch\.nn\.Module is imported, found a int"):
        archdsl.from_module(model, [torch.zeros(2, 3)])


def test_the_transformer_of_torch_is_equal_in_training_too() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    proof = archdsl.from_module(nn.TransformerEncoder(layer, 2), [torch.randn(2, 4, 8)]).proof
    assert proof is not None
    assert proof.equal, str(proof)


def test_a_network_that_is_not_the_same_is_said_to_differ() -> None:
    class Unused(nets.Unit):
        def __init__(self) -> None:
            super().__init__(3, 4)
            self.spare = nn.Linear(2, 2)

    proof = imported(Unused()).proof
    assert proof is not None
    assert proof.unexpected == ("spare.bias", "spare.weight")
    assert not proof.equal
    assert proof.inference == proof.training == 0


@pytest.mark.parametrize(
    ("name", "size", "most"),
    [
        ("resnet18", 32, 25),
        pytest.param("resnet50", 32, 30, marks=pytest.mark.heavy),
        pytest.param("mobilenet_v2", 32, 45, marks=pytest.mark.heavy),
        ("squeezenet1_1", 64, 25),
        pytest.param("googlenet", 64, 45, marks=pytest.mark.heavy),
        pytest.param("densenet121", 64, 60, marks=pytest.mark.heavy),
        pytest.param("vit_b_16", 224, 30, marks=pytest.mark.heavy),
        pytest.param("swin_t", 224, 90, marks=pytest.mark.heavy),
    ],
)
def test_known_networks_are_short_and_equal(name: str, size: int, most: int) -> None:
    network = imported(vision_model(name), 2, 3, size, size)
    assert network.proof is not None
    assert network.proof.equal, str(network.proof)
    assert lines(network) <= most


def test_the_command_writes_the_spec_and_says_what_was_proved(tmp_path: Path, command_line: Any) -> None:
    out = tmp_path / "net.yaml"
    source = "tests.importing.nets:Stages(depths=(1, 2))"
    said = command_line("import", source, "--input", "image=1x3x16x16", "-o", str(out))
    assert said.status == 0, said.err
    assert "proved equal" in said.err
    assert archdsl.load(out).compile().eval()(torch.randn(1, 3, 16, 16)).shape == (1, 5)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere:net", "cannot import `nowhere`"),
        ("tests.importing.nets:nothing", "has no `nothing`"),
        ("tests.importing.nets:Stages(", "is not MODULE:FACTORY"),
        ("tests.importing.nets:Stages(depths=3)", "failed: TypeError"),
        ("tests.importing.nets:Outputs(1, 2)", "gives a Outputs, no torch.nn.Module"),
    ],
)
def test_what_cannot_be_made_is_said(source: str, message: str, command_line: Any) -> None:
    said = command_line("import", source)
    assert said.status == 2
    assert "no-such-module" in said.err
    assert message in said.err


@pytest.mark.parametrize(
    "spec",
    [
        "lenet5",
        pytest.param("mobilenet_v2", marks=pytest.mark.heavy),
        pytest.param("googlenet", marks=pytest.mark.heavy),
        pytest.param("vgg11", marks=pytest.mark.heavy),
    ],
)
def test_what_a_spec_compiles_to_is_imported_again(spec: str) -> None:
    original = archdsl.load(spec)
    (name,) = original.graph.graph["inputs"]
    shape = [2 if i == 0 else size for i, size in enumerate(original.graph.nodes[name]["outputs"][0])]
    network = archdsl.from_module(original.compile(), {name: torch.randn(*shape)})
    assert network.proof is not None
    assert network.proof.equal, str(network.proof)
    assert network.report().params == original.report().params

"""Caffe's networks: which layers are there in which phase, what they compute, and their losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from archdsl.errors import SpecError
from archdsl.imported import ImportedNetwork, from_file
from tests.importing.caffe import conv, layer, pool, product

Importing = Callable[..., ImportedNetwork]
IMAGE = 'input: "data" input_dim: 2 input_dim: 3 input_dim: 8 input_dim: 8\n'
LABEL = 'layer { name: "l" type: "Input" top: "label" input_param { shape { dim: 2 } } }\n'
TRAIN, TEST = "include { phase: TRAIN }", "include { phase: TEST }"


@pytest.fixture
def imported(import_text: Importing) -> Importing:
    return partial(import_text, "net.prototxt")


def value_of(network: ImportedNetwork, *inputs: Tensor) -> Tensor:
    found: Tensor = network.compile().eval()(*inputs)
    return found


# --- phases


def test_what_only_trains_is_marked(imported: Importing) -> None:
    text = IMAGE + conv("conv1", "data", 4, 3) + product("fc", "conv1", 5)
    text += layer("InnerProduct", "aux", "conv1", rest=f"inner_product_param {{ num_output: 2 }} {TRAIN}")
    written = imported(text).text
    assert "output aux = relu -> flatten -> aux: linear(2) @train" in written
    assert "fc: linear(5)\n" in written


def test_what_only_tests_is_left_out_with_a_word(imported: Importing) -> None:
    text = IMAGE + product("fc", "data", 5) + layer("Softmax", "prob", "fc", rest=TEST)
    text += layer("Accuracy", "accuracy", ["fc", "label"]) + LABEL
    written = imported(text).text
    assert "# Left out of the file: 1 Softmax, 1 Accuracy" in written
    assert "softmax" not in written


def test_dropout_that_only_trains_is_dropout(imported: Importing) -> None:
    text = IMAGE + product("fc", "data", 5) + layer("Dropout", "drop", "fc", "fc", TRAIN) + product("out", "fc", 2)
    assert "fc: linear(5) -> dropout -> out: linear(2)" in imported(text).text


def test_a_blob_that_one_phase_lacks_is_said(imported: Importing) -> None:
    text = IMAGE + layer("ReLU", "relu", "data", "relu", TRAIN) + product("fc", "relu", 5)
    with pytest.raises(SpecError, match="reads `relu`, which nothing makes in the phase TEST"):
        imported(text)


def test_a_blob_that_is_another_in_testing_is_said(imported: Importing) -> None:
    text = IMAGE + layer("ReLU", "relu", "data", "data", TRAIN) + product("fc", "data", 5)
    with pytest.raises(SpecError, match="reads another `data` in training than in testing"):
        imported(text)


@pytest.mark.parametrize(
    ("rule", "there"),
    [
        ('include { stage: "deploy" }', True),
        ('include { stage: "other" }', False),
        ('include { not_stage: "deploy" }', False),
        ("include { min_level: 2 }", False),
        ("include { max_level: 1 }", True),
        ('exclude { stage: "deploy" }', False),
        ('exclude { stage: "other" }', True),
        ('include { stage: "other" } include { min_level: 1 }', True),
    ],
)
def test_rules_are_met_by_levels_and_stages(rule: str, there: bool, imported: Importing) -> None:
    text = 'state { level: 1 stage: "deploy" }\n' + IMAGE + product("fc", "data", 5)
    text += layer("Sigmoid", "last", "fc", "fc", rule)
    assert ("sigmoid" in imported(text).text) == there


def test_rules_of_both_kinds_are_refused(imported: Importing) -> None:
    text = IMAGE + layer("Sigmoid", "last", "data", "out", f"{TEST} exclude {{ phase: TRAIN }}")
    with pytest.raises(SpecError, match=r"net.prototxt:2: `last` has rules of both kinds"):
        imported(text)


# --- losses


def test_losses_count_by_their_weights(imported: Importing) -> None:
    data = 'layer { name: "data" type: "Data" top: "data" top: "label" transform_param { crop_size: 8 } }\n'
    text = data + product("fc", "data", 5) + product("aux", "data", 5)
    text += layer("SoftmaxWithLoss", "loss", ["fc", "label"])
    text += layer("SoftmaxWithLoss", "half", ["aux", "label"], rest="loss_weight: 0.3")
    network = imported(text)
    assert "loss cross_entropy(fc) + 0.3 * cross_entropy(aux)" in network.text
    compiled, image, label = network.compile(), torch.rand(2, 3, 8, 8), torch.tensor([1, 4])
    fc, aux = compiled(image)
    wanted = functional.cross_entropy(fc, label) + 0.3 * functional.cross_entropy(aux, label)
    assert torch.equal(compiled.loss((fc, aux), label), wanted)


def test_a_squared_distance_is_half_of_that_of_each_sample(imported: Importing) -> None:
    text = IMAGE + product("fc", "data", 5) + layer("EuclideanLoss", "loss", ["fc", "label"])
    text += 'layer { name: "l" type: "Input" top: "label" input_param { shape { dim: 2 dim: 5 } } }\n'
    network = imported(text)
    assert "target label: [N, 5]" in network.text
    a, b = torch.rand(2, 5), torch.rand(2, 5)
    torch.testing.assert_close(network.compile().loss(a, b), ((a - b) ** 2).sum() / (2 * 2))


def test_sigmoid_and_cross_entropy_are_summed_within_a_sample(imported: Importing) -> None:
    text = IMAGE + product("fc", "data", 5) + layer("SigmoidCrossEntropyLoss", "loss", ["fc", "label"]) + LABEL
    a, b = torch.randn(2, 5), torch.rand(2, 5)
    wanted = functional.binary_cross_entropy_with_logits(a, b, reduction="sum") / 2
    torch.testing.assert_close(imported(text).compile().loss(a, b), wanted)


def test_a_label_that_does_not_count_is_said(imported: Importing) -> None:
    text = IMAGE + LABEL + conv("score", "data", 5, 1)
    text += layer("SoftmaxWithLoss", "loss", ["score", "label"], rest="loss_param { ignore_label: 3 }")
    assert "loss cross_entropy(score, ignore_index = 3)" in imported(text).text


def test_a_loss_that_the_language_has_not_is_left_out_with_a_word(imported: Importing) -> None:
    text = IMAGE + LABEL + product("fc", "data", 5) + layer("HingeLoss", "loss", ["fc", "label"])
    written = imported(text).text
    assert "# Left out of the file: 1 HingeLoss" in written
    assert "loss" not in written.partition("{")[2]


# --- data


def test_images_have_the_size_that_they_are_cut_to(imported: Importing) -> None:
    data = 'layer { type: "ImageData" name: "d" top: "data" transform_param { crop_size: 9 force_gray: true } }\n'
    assert "data: [N, 1, 9, 9]" in imported(data + product("fc", "data", 2)).text


def test_sizes_that_are_in_a_data_base_must_be_said(imported: Importing) -> None:
    text = 'layer { name: "d" type: "Data" top: "data" top: "label" }\n' + product("fc", "data", 2)
    text += layer("SoftmaxWithLoss", "loss", ["fc", "label"])
    with pytest.raises(SpecError, match=r"say them with --input data=1x3x224x224"):
        imported(text)
    assert "data: [N, 1, 28, 28]" in imported(text, data=(1, 1, 28, 28)).text


# --- layers


def test_caffes_first_form_of_layers_is_read(imported: Importing) -> None:
    text = IMAGE + 'layers { name: "c" type: CONVOLUTION bottom: "data" top: "c" convolution_param { num_output: 2\n'
    text += 'kernel_size: 3 } }\nlayers { name: "r" type: RELU bottom: "c" top: "c" }\n'
    text += 'layers { name: "s" type: SOFTMAX bottom: "c" top: "s" }'
    assert "data -> c: conv(2, 3) -> relu -> softmax(1)" in imported(text).text


def test_caffes_very_first_form_is_refused_with_a_way_out(imported: Importing) -> None:
    text = IMAGE + 'layers { layer { name: "c" type: "conv" num_output: 2 } bottom: "data" top: "c" }'
    with pytest.raises(SpecError, match="upgrade_net_proto_text"):
        imported(text)


X = torch.rand(2, 3, 8, 8) - 0.5


@pytest.mark.parametrize(
    ("kind", "rest", "wanted"),
    [
        ("Power", "power_param { scale: 2 shift: 3 power: 2 }", (3 + 2 * X) ** 2),
        ("AbsVal", "", X.abs()),
        ("BNLL", "", (1 + X.exp()).log()),
        ("Clip", "clip_param { min: -0.25 max: 0.25 }", X.clamp(-0.25, 0.25)),
        ("ELU", "elu_param { alpha: 0.5 }", functional.elu(X, 0.5)),
        ("ReLU", "relu_param { negative_slope: 0.1 }", functional.leaky_relu(X, 0.1)),
        ("TanH", "", X.tanh()),
        ("Flatten", "flatten_param { axis: 2 }", X.flatten(2)),
        ("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: 4 } }", X.reshape(2, -1, 4)),
        ("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 2 }",
         functional.avg_pool2d(X, 3, 2, ceil_mode=True)),
        ("Pooling", "pooling_param { pool: 0 global_pooling: true }", X.amax((2, 3), keepdim=True)),
        ("LRN", "lrn_param { local_size: 3 alpha: 0.1 k: 2 }", functional.local_response_norm(X, 3, 0.1, 0.75, 2)),
    ],
)  # fmt: skip
def test_a_layer_computes_what_caffe_defines(kind: str, rest: str, wanted: Tensor, imported: Importing) -> None:
    network = imported(IMAGE + layer(kind, "out", "data", rest=rest))
    torch.testing.assert_close(value_of(network, X), wanted)


def test_slices_are_cut_at_points_or_into_equal_parts(imported: Importing) -> None:
    cut = 'layer { name: "s" type: "Slice" bottom: "data" top: "a" top: "b" slice_param { axis: 1 slice_point: 1 } }\n'
    text = IMAGE + cut + layer("Concat", "out", ["b", "a"])
    assert torch.equal(value_of(imported(text), X), torch.cat([X[:, 1:], X[:, :1]], 1))


def test_terms_of_a_sum_have_factors(imported: Importing) -> None:
    text = IMAGE + layer("Sigmoid", "s", "data")
    text += layer("Eltwise", "out", ["data", "s"], rest="eltwise_param { coeff: 2 coeff: -0.5 }")
    torch.testing.assert_close(value_of(imported(text), X), 2 * X - 0.5 * X.sigmoid())


def test_a_norm_and_the_scale_behind_it_are_one(imported: Importing) -> None:
    text = IMAGE + layer("BatchNorm", "bn", "data", "data") + layer("Scale", "scale", "data", "data")
    network = imported(text)
    assert "bn: batch_norm(momentum = 0.001, bias = false)" in network.text
    assert [name for name, _ in network.compile().named_parameters()] == ["bn.weight"]


def test_outputs_are_what_nobody_reads(imported: Importing) -> None:
    text = IMAGE + conv("a", "data", 2, 1) + pool("b", "a", 2, 2) + pool("c", "a", 4, 4)
    written = imported(text).text
    assert "output b =" in written
    assert "output c =" in written


def test_what_no_text_of_the_format_is_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text('name: "a"\nlayer { name: "b" type: "ReLU" bottom: "x" top: }', encoding="utf-8")
    with pytest.raises(SpecError, match=r"net.prototxt:2: the field `top` has no value"):
        from_file(str(path))

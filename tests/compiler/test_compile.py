"""What a compiled network does, beside computing the right thing (tests/zoo has that)."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import fx, nn

import archdsl
from archdsl.errors import SpecError
from archdsl.network import Network

Build = Callable[..., Network]

BRANCHES = """
block head(x, classes) { x -> global_avg_pool -> flatten -> fc: linear(classes) }

network Net(image: [N, 3, 8, 8], classes = 10) {
    stem = image -> conv(8, 3, padding = 1) -> batch_norm -> relu
    output logits = stem -> conv(8, 3) -> relu -> head: head(classes)
    output aux = stem -> aux: head(classes) @train
    loss cross_entropy(logits) + 0.3 * cross_entropy(aux)
}
"""

TOWERS = """
network Net(x: [N, 4]) {
    device gpu0, gpu1
    a = x -> a: linear(8) @gpu0 -> relu @gpu0
    b = x -> b: linear(8) @gpu1 -> relu @gpu1
    p = concat(a, b) @gpu0 -> p: linear(2) @gpu0
    q = concat(a, b) @gpu1 -> q: linear(2) @gpu1
    p + q
}
"""


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def test_the_model_is_a_graph_module_in_training_mode(network_of: Build) -> None:
    model = network_of(BRANCHES).compile()
    assert isinstance(model, fx.GraphModule)
    assert model.training


def test_train_and_eval_switch_between_two_graphs_over_the_same_parameters(network_of: Build) -> None:
    model = network_of(BRANCHES).compile()
    keys = list(model.state_dict())
    image = torch.randn(2, 3, 8, 8)
    both = model(image)
    assert both._fields == ("logits", "aux")
    model.eval()
    assert isinstance(model(image), torch.Tensor)
    assert "aux" not in model.code
    assert list(model.state_dict()) == keys
    assert model.train()(image)._fields == ("logits", "aux")


def test_the_loss_is_the_weighted_sum_and_leaves_out_what_inference_has_not(network_of: Build) -> None:
    model = network_of(BRANCHES).compile()
    image, target = torch.randn(2, 3, 8, 8), torch.tensor([1, 7])
    logits, aux = outputs = model(image)
    entropy = nn.functional.cross_entropy
    assert torch.equal(model.loss(outputs, target), entropy(logits, target) + 0.3 * entropy(aux, target))
    assert torch.equal(model.loss(logits, target), entropy(logits, target))


def test_a_training_step_lowers_the_loss(network_of: Build) -> None:
    model = network_of(BRANCHES).compile()
    image, target = torch.randn(8, 3, 8, 8), torch.arange(8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.loss(model(image), target)
    before.backward()
    optimizer.step()
    assert model.loss(model(image), target) < before


def test_state_dict_keys_are_the_specs_paths(network_of: Build) -> None:
    keys = set(network_of(BRANCHES).compile().state_dict())
    assert {"conv.weight", "batch_norm.running_mean", "head.fc.bias", "aux.fc.weight"} <= keys


def test_the_code_is_readable(network_of: Build) -> None:
    code = network_of(BRANCHES).compile().code
    assert "conv = self.conv(image)" in code
    assert "head_fc = self.head.fc(head_flatten)" in code
    assert "NetOutput(head_fc, aux_fc)" in code


def test_a_deep_copy_is_independent(network_of: Build) -> None:
    model = network_of(BRANCHES).compile().eval()
    copied = copy.deepcopy(model)
    image = torch.randn(2, 3, 8, 8)
    assert torch.equal(model(image), copied(image))
    assert not copied.training
    with torch.no_grad():
        copied.get_parameter("conv.weight").zero_()
    assert not torch.equal(model(image), copied(image))
    assert copied.train()(image)._fields == ("logits", "aux")


def test_the_state_dict_saves_and_loads(network_of: Build) -> None:
    first, second = network_of(BRANCHES).compile().eval(), network_of(BRANCHES).compile().eval()
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True), strict=True)
    image = torch.randn(2, 3, 8, 8)
    assert torch.equal(first(image), second(image))


def test_a_model_is_not_pickled(network_of: Build) -> None:
    with pytest.raises(TypeError, match="save `state_dict\\(\\)`"):
        torch.save(network_of(BRANCHES).compile(), io.BytesIO())


def test_weights_depend_on_the_seed_alone(network_of: Build) -> None:
    models = []
    for _ in range(2):
        torch.manual_seed(5)
        models.append(network_of(BRANCHES).compile())
    assert all(torch.equal(a, b) for a, b in zip(*(m.state_dict().values() for m in models), strict=True))


@pytest.mark.parametrize("training", [True, False])
def test_torch_compile_gives_the_same_outputs(network_of: Build, training: bool) -> None:
    model = network_of(BRANCHES).compile().train(training)
    image = torch.randn(2, 3, 8, 8)
    expected, found = model(image), torch.compile(copy.deepcopy(model), backend="aot_eager")(image)
    torch.testing.assert_close(
        found if isinstance(found, torch.Tensor) else found[0],
        expected if isinstance(expected, torch.Tensor) else expected[0],
    )


def test_torch_export_gives_the_same_outputs_for_any_batch(network_of: Build) -> None:
    model = network_of(BRANCHES).compile().eval()
    batch = {"image": {0: torch.export.Dim("N", min=1, max=64)}}
    exported = torch.export.export(model, (torch.randn(2, 3, 8, 8),), dynamic_shapes=batch).module()
    image = torch.randn(5, 3, 8, 8)
    assert torch.equal(exported(image), model(image))


def test_every_lowered_graph_is_well_formed(network_of: Build) -> None:
    model = network_of(BRANCHES).compile()
    for mode in (True, False):
        model.train(mode).graph.lint()


# --- initialisation


@pytest.mark.parametrize(
    ("init", "check"),
    [
        ("zeros", lambda w: w.eq(0).all()),
        ("ones", lambda w: w.eq(1).all()),
        ("constant(0.5)", lambda w: w.eq(0.5).all()),
        ("normal(0.01)", lambda w: 0.009 < w.std() < 0.011),
        ("kaiming_normal", lambda w: 0.95 < w.std() / (2 / (64 * 9)) ** 0.5 < 1.05),
        ("xavier_uniform", lambda w: 0.95 < w.abs().max() / (6 / (64 * 9 + 128 * 9)) ** 0.5 <= 1.0),
        ("signs", lambda w: w.abs().eq(1).all() and 0.45 < w.gt(0).float().mean() < 0.55),
    ],
)
def test_init_chooses_how_weights_start(network_of: Build, init: str, check: Callable[[torch.Tensor], bool]) -> None:
    model = network_of(f"network Net(x: [N, 64, 8, 8]) {{ x -> conv(128, 3, init = {init}) }}").compile()
    assert check(model.get_parameter("conv.weight").detach())
    assert model.get_parameter("conv.bias").eq(0).all()


def test_bias_init_chooses_how_biases_start(network_of: Build) -> None:
    model = network_of("network Net(x: [N, 4]) { x -> linear(8, bias_init = ones) }").compile()
    assert model.get_parameter("linear.bias").eq(1).all()


def test_without_init_weights_start_as_torch_starts_them(network_of: Build) -> None:
    torch.manual_seed(3)
    model = network_of("network Net(x: [N, 4]) { x -> linear(8) -> linear(2) }").compile()
    torch.manual_seed(3)
    expected = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    assert torch.equal(model.get_parameter("linear_2.weight"), expected.get_parameter("1.weight"))


# --- marks


def test_frozen_parameters_take_no_gradient(network_of: Build) -> None:
    net = network_of("network Net(x: [N, 4]) { x -> a: linear(4) @frozen -> b: linear(2) }")
    assert [p.requires_grad for p in net.compile().parameters()] == [False, False, True, True]
    assert net.report().trainable_params == 10


def test_checkpoint_recomputes_and_gives_the_same_gradients(network_of: Build) -> None:
    body = "body: {{ linear(8) -> relu -> dropout -> linear(8) }} {}"
    code = f"network Net(x: [N, 4]) {{{{ x -> stem: linear(8) -> {body} -> linear(1) }}}}"
    plain, recomputed = (network_of(code.format(mark)).compile() for mark in ("", "@checkpoint"))
    recomputed.load_state_dict(plain.state_dict())
    calls = []
    recomputed.get_submodule("body.0").register_forward_hook(lambda *_: calls.append(1))
    x = torch.randn(3, 4)
    for model in (plain, recomputed):
        torch.manual_seed(1)
        model(x).sum().backward()
    assert len(calls) == 2
    for a, b in zip(plain.parameters(), recomputed.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    assert torch.equal(plain.eval()(x), recomputed.eval()(x))


def test_a_shared_module_has_its_weights_once(network_of: Build) -> None:
    code = "network Net(a: [N, 4], b: [N, 4]) { f = shared: module linear(3)\n (a -> f) - (b -> f) }"
    model = network_of(code).compile()
    assert list(model.state_dict()) == ["shared.weight", "shared.bias"]
    x = torch.randn(2, 4)
    assert model(x, x).eq(0).all()


# --- devices


def transfers(model: fx.GraphModule) -> list[str]:
    return [node.name for node in model.graph.nodes if "transfer" in node.meta]


def test_on_one_cpu_nothing_is_transferred(network_of: Build) -> None:
    model = network_of(TOWERS).compile()
    assert transfers(model) == []
    assert model(torch.randn(3, 4)).shape == (3, 2)


def test_a_tensor_is_transferred_once_to_each_device_that_needs_it(network_of: Build) -> None:
    model = network_of(TOWERS).compile(devices={"gpu0": "cpu", "gpu1": "meta"})
    assert transfers(model) == ["x_to_cpu", "x_to_meta", "relu_to_meta", "relu_2_to_cpu", "add_1_to"] or transfers(
        model
    ) == ["x_to_cpu", "x_to_meta", "relu_to_meta", "relu_2_to_cpu", "q_to_cpu"]


def test_parameters_are_on_the_device_of_their_layer(network_of: Build) -> None:
    model = network_of(TOWERS).compile(devices={"gpu0": "cpu", "gpu1": "meta"})
    assert model.get_parameter("a.weight").device.type == "cpu"
    assert model.get_parameter("b.weight").device.type == "meta"


def test_auto_uses_what_the_machine_has(network_of: Build) -> None:
    model = network_of(TOWERS).compile(devices="auto")
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert model.get_parameter("a.weight").device.type == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_two_devices_give_what_one_gives(network_of: Build) -> None:
    net = network_of(TOWERS)
    one = net.compile()
    two = net.compile(devices={"gpu0": "cuda:0", "gpu1": "cpu"})
    two.load_state_dict(one.state_dict())
    x = torch.randn(3, 4)
    torch.testing.assert_close(two(x).cpu(), one(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        ({"gpu0": "cpu"}, "says nothing of `gpu1`"),
        ({"gpu0": "cpu", "gpu1": "cpu", "gpu2": "cpu"}, "no device `gpu2`"),
        ({"gpu0": "cuda:99", "gpu1": "cpu"}, "is not here"),
        ("graphics card", "is no device"),
    ],
)
def test_devices_that_do_not_fit_are_refused(network_of: Build, devices: object, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        network_of(TOWERS).compile(devices=devices)  # type: ignore[call-overload]


# --- size and safety


def test_ten_thousand_layers_compile_and_run(network_of: Build) -> None:
    model = network_of("network Net(x: [N, 4]) { x -> repeat 5000 { linear(4) -> relu } }").compile()
    model(torch.randn(2, 4)).sum().backward()
    assert model.eval()(torch.randn(2, 4)).shape == (2, 4)


def test_weights_are_written_as_safetensors(network_of: Build, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    net = network_of(BRANCHES)
    model = net.compile()
    net.export(tmp_path / "net.safetensors", model)
    loaded = load_file(tmp_path / "net.safetensors")
    assert all(torch.equal(loaded[name], tensor) for name, tensor in model.state_dict().items())


def test_the_public_interface_of_the_readme(tmp_path: Path) -> None:
    net = archdsl.load("resnet18", classes=10, inputs={"image": (2, 3, 64, 64)})
    assert net.report().params == 11_181_642
    assert net.compile().eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 10)
    net.draw(tmp_path / "resnet18.svg")
    assert (tmp_path / "resnet18.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")


def test_a_network_shows_itself_in_a_notebook(network_of: Build) -> None:
    net = network_of(BRANCHES)
    assert "head(classes)" not in (net._repr_svg_() or "")
    assert "head classes 10" in (net._repr_svg_() or "")
    assert repr(net) == "<archdsl.Network Net, 11 layers>"

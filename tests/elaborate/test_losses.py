"""Losses: named targets, any scalar of outputs, and torch's arguments; values and gradients are torch's own."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

import archdsl
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layer
from archdsl.measure.run.execution import Runs, Setting
from archdsl.measure.run.saved import saved
from archdsl.net_view import NetView
from archdsl.network import Network
from archdsl.pipeline import convert_source
from archdsl.source import Source

Build = Callable[..., Graph]
BuildNetwork = Callable[..., Network]

HEAD = "network Net(x: [N, 4], z: [N, 4]) {"
TWO = "output a = x -> la: linear(6)\n output b = z -> lb: linear(6)"


def network(loss: str, targets: str = "") -> str:
    return f"{HEAD}\n {TWO}\n {targets}\n loss {loss}\n}}"


def given(*shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return [torch.rand(shape, generator=generator) for shape in shapes]


LABELS = torch.tensor([1, 5, 0])
VALUES, OTHERS = given((3, 6), (3, 6))
SIGNS = torch.tensor([1.0, -1.0, 1.0])
LENGTHS = torch.tensor([2, 2])


def weight(*values: float) -> Tensor:
    return torch.tensor(values)


# loss, targets with what they are given, and the same in torch.
LOSSES: list[tuple[str, dict[str, tuple[str, Tensor]], Callable[..., Tensor]]] = [
    ("cross_entropy(a, t)", {"t": ("[N] int64", LABELS)}, functional.cross_entropy),
    (
        "cross_entropy(a, t, weight = [1, 2, 3, 4, 5, 0.5], ignore_index = 0, label_smoothing = 0.1)",
        {"t": ("[N] int64", LABELS)},
        lambda a, b, t: functional.cross_entropy(
            a, t, weight=weight(1, 2, 3, 4, 5, 0.5), ignore_index=0, label_smoothing=0.1
        ),
    ),
    (
        "cross_entropy(a, t, label_smoothing = 0.2, reduction = sum)",
        {"t": ("[N, 6]", VALUES)},
        lambda a, b, t: functional.cross_entropy(a, t, label_smoothing=0.2, reduction="sum"),
    ),
    (
        "nll_loss(log_softmax(a, 1), t, reduction = sum)",
        {"t": ("[N] int64", LABELS)},
        lambda a, b, t: functional.nll_loss(functional.log_softmax(a, 1), t, reduction="sum"),
    ),
    (
        "binary_cross_entropy(sigmoid(a), t, weight = [1, 2, 1, 1, 1, 3])",
        {"t": ("[N, 6]", VALUES)},
        lambda a, b, t: functional.binary_cross_entropy(a.sigmoid(), t, weight=weight(1, 2, 1, 1, 1, 3)),
    ),
    (
        "binary_cross_entropy_with_logits(a, t, pos_weight = [1, 2, 1, 1, 1, 3])",
        {"t": ("[N, 6]", VALUES)},
        lambda a, b, t: functional.binary_cross_entropy_with_logits(a, t, pos_weight=weight(1, 2, 1, 1, 1, 3)),
    ),
    (
        "kl_div(log_softmax(a, 1), t, reduction = batchmean)",
        {"t": ("[N, 6]", VALUES)},
        lambda a, b, t: functional.kl_div(functional.log_softmax(a, 1), t, reduction="batchmean"),
    ),
    (
        "kl_div(log_softmax(a, 1), log_softmax(b, 1), log_target = true, reduction = sum)",
        {},
        lambda a, b: functional.kl_div(
            functional.log_softmax(a, 1), functional.log_softmax(b, 1), log_target=True, reduction="sum"
        ),
    ),
    (
        "huber_loss(a, t, delta = 0.3)",
        {"t": ("[N, 6]", VALUES)},
        lambda a, b, t: functional.huber_loss(a, t, delta=0.3),
    ),
    (
        "triplet_margin_loss(a, b, t, margin = 2, swap = true)",
        {"t": ("[N, 6]", VALUES)},
        lambda a, b, t: functional.triplet_margin_loss(a, b, t, margin=2.0, swap=True),
    ),
    (
        "cosine_embedding_loss(a, b, t, margin = 0.1)",
        {"t": ("[N]", SIGNS)},
        lambda a, b, t: functional.cosine_embedding_loss(a, b, t, margin=0.1),
    ),
    ("mse_loss(a, b)", {}, functional.mse_loss),
    ("mean(a * b, [0, 1]) + 0.1 * sum(abs(b), [0, 1])", {}, lambda a, b: (a * b).mean() + 0.1 * b.abs().sum()),
    (
        "cross_entropy(a, labels) + 0.5 * smooth_l1_loss(b, boxes)",
        {"labels": ("[N] int64", LABELS), "boxes": ("[N, 6]", VALUES)},
        lambda a, b, labels, boxes: functional.cross_entropy(a, labels) + 0.5 * functional.smooth_l1_loss(b, boxes),
    ),
    (
        "mean(mse_loss(a, t, reduction = none) * m, [0, 1])",
        {"t": ("[N, 6]", VALUES), "m": ("[N, 6]", OTHERS)},
        lambda a, b, t, m: (functional.mse_loss(a, t, reduction="none") * m).mean((0, 1)),
    ),
    (
        "ctc_loss(permute(log_softmax(reshape(a, [1, N, 6]), 2), [1, 0, 2]), t, n, m, zero_infinity = true)",
        {
            "t": ("[1, 2] int64", torch.tensor([[1, 2]])),
            "n": ("[1] int64", LENGTHS[:1] + 1),
            "m": ("[1] int64", LENGTHS[:1]),
        },
        lambda a, b, t, n, m: functional.ctc_loss(
            a[None].log_softmax(2).permute(1, 0, 2), t, n, m, zero_infinity=True
        ),
    ),
]  # fmt: skip


def declared(targets: Mapping[str, tuple[str, Tensor]]) -> str:
    return "\n ".join(f"target {name}: {kind}" for name, (kind, _) in targets.items())


def compiled(network_of: BuildNetwork, loss: str, targets: Mapping[str, tuple[str, Tensor]]) -> Any:
    torch.manual_seed(0)
    return network_of(network(loss, declared(targets))).compile()


@pytest.mark.parametrize(("loss", "targets", "reference"), LOSSES, ids=[loss for loss, _, _ in LOSSES])
def test_a_loss_and_its_gradients_are_torchs_to_the_last_bit(
    network_of: BuildNetwork, loss: str, targets: dict[str, tuple[str, Tensor]], reference: Callable[..., Tensor]
) -> None:
    ours = compiled(network_of, loss, targets)
    theirs = copy.deepcopy(ours)
    x, z = given((3, 4), (3, 4))
    found = ours.loss(ours(x, z), {name: tensor for name, (_, tensor) in targets.items()})
    wanted_of = [tensor for _, tensor in targets.values()]
    a, b = theirs(x, z)
    takes_both = reference not in (functional.cross_entropy,)
    wanted = reference(a, b, *wanted_of) if takes_both else reference(a, *wanted_of)
    assert found.equal(wanted.reshape(()))
    found.backward()
    wanted.backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        assert one.grad is None or one.grad.equal(other.grad)


@pytest.mark.parametrize(("loss", "targets", "_reference"), LOSSES, ids=[loss for loss, _, _ in LOSSES])
def test_a_network_with_targets_is_the_same_in_both_forms(
    graph_of: Build, loss: str, targets: dict[str, tuple[str, Tensor]], _reference: Any
) -> None:
    text = network(loss, declared(targets))
    graph = graph_of(text)
    again = graph_of(convert_source(Source("a.arch", text), "yaml"))
    assert header(graph)["targets"] == header(again)["targets"] == tuple(targets)
    assert header(graph)["loss"] is not None


# --- what model.loss takes

BOTH = {"labels": ("[N] int64", LABELS), "boxes": ("[N, 6]", VALUES)}
LOSS = "cross_entropy(a, labels) + smooth_l1_loss(b, boxes)"


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        (LABELS, "takes several targets: give a mapping of `labels` and `boxes`"),
        (None, "compares outputs with `labels` and `boxes`"),
        ({"labels": LABELS}, "the target lacks `boxes`: it takes `labels` and `boxes`"),
        ({"labels": LABELS, "box": VALUES}, "lacks `boxes` and has `box`, which the loss does not take"),
        ({"labels": VALUES, "boxes": VALUES}, "`labels` holds float32, but the network takes int64"),
        ({"labels": LABELS[:2], "boxes": VALUES}, "`labels`: dimension 0 is 2"),
    ],
)
def test_a_wrong_target_is_told_by_name(network_of: BuildNetwork, target: Any, wrong: str) -> None:
    model = compiled(network_of, LOSS, BOTH)
    with pytest.raises(ValueError, match=wrong):
        model.loss(model(*given((3, 4), (3, 4))), target)


def test_one_declared_target_is_a_tensor_or_a_mapping_of_one(network_of: BuildNetwork) -> None:
    model = compiled(network_of, "mse_loss(a, t)", {"t": ("[N, 6]", VALUES)})
    outputs = model(*given((3, 4), (3, 4)))
    assert model.loss(outputs, VALUES).equal(model.loss(outputs, {"t": VALUES}))


def test_a_loss_of_outputs_alone_takes_no_target(network_of: BuildNetwork) -> None:
    model = compiled(network_of, "mse_loss(a, b)", {})
    outputs = model(*given((3, 4), (3, 4)))
    assert model.loss(outputs).equal(functional.mse_loss(*outputs))
    with pytest.raises(ValueError, match="takes no target"):
        model.loss(outputs, VALUES)


def test_without_a_declaration_there_is_one_target_that_losses_take_themselves(graph_of: Build) -> None:
    graph = graph_of(network("mse_loss(a) + 0.5 * l1_loss(b)"))
    assert header(graph)["targets"] == ("target",)


def test_a_copy_takes_the_same_targets(network_of: BuildNetwork) -> None:
    model = copy.deepcopy(compiled(network_of, LOSS, BOTH))
    with pytest.raises(ValueError, match="lacks `boxes`"):
        model.loss(model(*given((3, 4), (3, 4))), {"labels": LABELS})


def test_a_loss_of_outputs_that_only_train_is_0_in_inference(network_of: BuildNetwork) -> None:
    code = """
        network Net(x: [N, 4]) {
            output a = x -> la: linear(6)
            output b = x -> lb: linear(6) @train
            target labels: [N] int64
            target values: [N, 6]
            loss cross_entropy(a, labels) + 0.3 * mse_loss(b, values) + 0.1 * mse_loss(a, b)
        }
        """
    model = network_of(code).compile().eval()
    outputs = model(given((3, 4))[0])
    assert model.loss(outputs, {"labels": LABELS, "values": VALUES}).equal(functional.cross_entropy(outputs, LABELS))


def test_a_targets_sizes_may_be_symbols_of_its_own(network_of: BuildNetwork) -> None:
    code = network("mean(a, [0, 1]) + mean(t, [0, 1])", "target t: [N, M]")
    model = network_of(code).compile()
    outputs = model(*given((3, 4), (3, 4)))
    for count in (1, 5):
        (target,) = given((3, count))
        assert model.loss(outputs, target).isfinite()
    with pytest.raises(ValueError, match="dimension 0 is 2"):
        model.loss(outputs, given((2, 5))[0])


def test_a_number_in_a_targets_shape_is_that_of_the_input(tmp_path: Path) -> None:
    code = "network Net(x: [3, 4]) {\n output y = x -> linear(6)\n target t: [3] int64\n loss cross_entropy(y, t)\n}"
    (tmp_path / "net.arch").write_text(code, encoding="utf-8")
    model = archdsl.load(tmp_path / "net.arch").compile()
    x = torch.randn(5, 4)
    assert model.loss(model(x), torch.zeros(5, dtype=torch.long)).isfinite()


# --- figures


def kept_for_loss(net: Network) -> Any:
    """Bytes that autograd keeps of the loss, on the CPU."""
    run = Runs(NetView(net.graph), Setting(hardware="cpu")).training
    own = [of for name, of in saved(run).items() if name.startswith("loss: ")]
    storages = {storage for of in own for storage, _ in of.storages}
    return sum(of.extra for of in own) + sum(run.sizes[storage[:2]] for storage in storages)


@pytest.mark.parametrize(("loss", "targets", "_reference"), LOSSES, ids=[loss for loss, _, _ in LOSSES])
def test_what_a_loss_keeps_is_what_torch_keeps(
    network_of: BuildNetwork, loss: str, targets: dict[str, tuple[str, Tensor]], _reference: Any
) -> None:
    net = network_of(network(loss, declared(targets)), inputs={"x": (3, 4), "z": (3, 4)})
    model = net.compile()
    x, z = given((3, 4), (3, 4))
    outputs = tuple(output.detach().requires_grad_() for output in model(x, z))
    kept: dict[int, int] = {}
    alive = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.loss(outputs, {name: tensor for name, (_, tensor) in targets.items()})
    assert kept_for_loss(net) == sum(kept.values())


def test_the_loss_counts_in_memory_and_time(network_of: BuildNetwork) -> None:
    one = network_of(network(LOSS, declared(BOTH)), inputs={"x": (3, 4), "z": (3, 4)})
    assert "labels" in header(one.graph)["targets"]
    assert layer(header(one.graph)["loss"], "labels")["dtype"] == "int64"  # type: ignore[arg-type]
    assert str(one.memory())


def test_a_wrong_loss_is_told_where_it_stands(graph_of: Build) -> None:
    with pytest.raises(SpecError, match=r"needs what it compares with: `labels` or `boxes`"):
        graph_of(network("cross_entropy(a) + mse_loss(b, boxes)", declared(BOTH)))

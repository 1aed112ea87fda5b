"""Calls of torch that are said by one operator, or in the shortest words."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import archdsl
from archdsl.imported import ImportedNetwork
from archdsl.importing.program import ForeignProgram, PlacedCall
from archdsl.importing.spec import spec_of
from archdsl.ops.foreign import ForeignCall, ForeignTensor


def imported(model: nn.Module, *inputs: Tensor) -> ImportedNetwork:
    torch.manual_seed(0)
    network = archdsl.from_module(model, list(inputs))
    assert network.proof is not None
    assert network.proof.equal, str(network.proof)
    return network


class Recurrent(nn.Module):
    """Reads a sequence with one recurrent layer, and says something of its last state."""

    def __init__(self, read: nn.Module, features: int) -> None:
        super().__init__()
        self.read = read
        self.fc = nn.Linear(features, 2)

    def forward(self, x: Tensor) -> Tensor:
        sequence, _ = self.read(x)
        found: Tensor = self.fc(sequence[:, -1])
        return found


@pytest.mark.parametrize(
    ("layer", "features", "said"),
    [
        (nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True, dropout=0.5), 8,
         "read: lstm(4, 2, dropout = 0.5, bidirectional = true)"),
        (nn.LSTM(3, 4, batch_first=True, proj_size=2, bias=False), 2, "read: lstm(4, bias = false, proj_size = 2)"),
        (nn.GRU(3, 4, batch_first=True), 4, "read: gru(4)"),
        (nn.RNN(3, 4, batch_first=True, nonlinearity="relu"), 4, "read: rnn(4, nonlinearity = relu)"),
    ],
    ids=["lstm", "projected", "gru", "rnn"],
)  # fmt: skip
def test_a_recurrent_layer_is_one_operator(layer: nn.Module, features: int, said: str) -> None:
    assert said in imported(Recurrent(layer, features), torch.rand(2, 3, 3)).text


def test_a_first_state_that_is_given_is_said() -> None:
    class Begun(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.read = nn.GRU(3, 4, batch_first=True)

        def forward(self, x: Tensor, begin: Tensor) -> Tensor:
            found: Tensor = self.read(x, begin.unsqueeze(0))[0]
            return found

    assert "gru(x, begin -> unsqueeze(0), 4)" in imported(Begun(), torch.rand(2, 3, 3), torch.rand(2, 4)).text


def test_response_normalisation_is_one_operator() -> None:
    text = imported(nn.Sequential(nn.LocalResponseNorm(3, 0.01, 0.5, 2.0)), torch.rand(2, 4, 3, 3)).text
    assert "local_response_norm(3, 0.01, 0.5, 2.0)" in text


def test_the_mean_of_everything_is_said_so() -> None:
    text = imported(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d(1)), torch.rand(2, 3, 4, 4)).text
    assert "global_avg_pool -> global_avg_pool" in text


def test_what_goes_without_saying_is_not_said() -> None:
    model = nn.Sequential(nn.AvgPool2d(2, 2), nn.LayerNorm(4))
    assert "avg_pool(2) -> 1: layer_norm" in imported(model, torch.rand(2, 3, 8, 8)).text


def test_a_long_table_is_said_as_it_was_worked_out() -> None:
    class Turned(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            speeds = 100.0 ** (-torch.arange(0, 16, 2, dtype=torch.float32) / 16)
            angles = torch.arange(20, dtype=torch.float32).unsqueeze(1) * speeds
            return x * angles.cos() + x * angles.sin()

    text = imported(Turned(), torch.rand(2, 20, 8)).text
    assert "angles -> cos" in text
    assert text.count("arange(20,") == 1


def test_ones_on_a_diagonal_are_said_so() -> None:
    class Added(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.eye(9)

    assert "x + eye(9)" in imported(Added(), torch.rand(2, 9, 9)).text


def test_an_output_that_only_training_has_is_marked_where_nothing_before_it_is() -> None:
    class WithPenalty(nn.Module):
        def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
            return (x.relu(), x.square().mean((0, 1))) if self.training else x.relu()

    network = imported(WithPenalty(), torch.rand(2, 3))
    assert "@train" in network.text
    assert isinstance(network.compile().eval()(torch.rand(2, 3)), Tensor)


def test_a_value_is_never_called_as_an_operator_that_takes_words() -> None:
    class Twice(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            interpolate = nn.functional.interpolate(x, size=(8, 8), mode="bilinear")
            return nn.functional.interpolate(interpolate + interpolate, size=(9, 9), mode="bilinear")

    assert "interpolate_2 = x -> interpolate(8, mode = bilinear)" in imported(Twice(), torch.rand(2, 3, 4, 4)).text


def test_a_network_deeper_than_the_interpreter_recurses_is_written() -> None:
    image = value = ForeignTensor("image", (2, 2))
    calls = []
    for i in range(500):
        call = ForeignCall(("aten.relu", "aten.tanh")[i % 2], {"self": value})
        value = ForeignTensor(f"value{i}", (2, 2), made_by=call)
        calls.append(PlacedCall(ForeignCall(call.name, call.arguments, value)))
    assert "image -> repeat 250 { relu -> tanh }" in spec_of(ForeignProgram("Deep", [image], calls, [value])).text

"""A receptive field is told beside the size of the input."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from archdsl.graph import Graph
from archdsl.network import Network, load
from archdsl.presentation.receptive_field import percent
from archdsl.presentation.summary import summary

CODE = """
network Net(x: [1, 1, {h}, {w}]) {{
    x -> c1: conv(1, 3, stride = 2) -> c2: conv(1, [3, 5]) -> global_avg_pool -> flatten -> linear(2)
}}
"""


def told(network: Network) -> list[str]:
    return [line for line in summary(network.report()) if line.startswith("receptive field")]


@pytest.mark.parametrize(("h", "w"), [(20, 40), (64, 64)])
def test_the_share_is_that_of_the_positions_with_a_gradient(graph_of: Callable[..., Graph], h: int, w: int) -> None:
    body = nn.Sequential(nn.Conv2d(1, 1, 3, stride=2), nn.Conv2d(1, 1, (3, 5)))
    for parameter in body.parameters():
        nn.init.ones_(parameter)
    x = torch.zeros(1, 1, h, w, requires_grad=True)
    y = body(x)
    y[0, 0, y.shape[2] // 2, y.shape[3] // 2].backward()
    assert x.grad is not None
    seen = x.grad[0, 0] != 0
    rows, columns = int(seen.any(dim=1).sum()), int(seen.any(dim=0).sum())
    (line,) = told(Network(graph_of(CODE.format(h=h, w=w))))
    shares = f"{percent(rows, h)} × {percent(columns, w)}"
    extents = f"{h} × {w}" if h != w else str(h)
    assert line == f"receptive field {rows} × {columns} ({shares} of {extents}) at c2"


@pytest.mark.parametrize(
    ("part", "whole", "said"), [(427, 224, "191 %"), (5, 224, "2.23 %"), (1, 1, "100 %"), (3000, 2, "150,000 %")]
)
def test_a_share_has_three_digits(part: int, whole: int, said: str) -> None:
    assert percent(part, whole) == said


def test_resnet_sees_nearly_twice_its_input() -> None:
    assert told(load("resnet50")) == ["receptive field 427 (191 % of 224) at layer4.2.relu_3"]


def test_without_an_input_of_positions_nothing_is_said_and_of_open_sizes_no_share(
    graph_of: Callable[..., Graph],
) -> None:
    assert told(Network(graph_of("network Net(x: [2, 4]) { x -> linear(2) }"))) == []
    (line,) = told(Network(graph_of("network Net(x: [1, 3, H, W]) { x -> c: conv(4, 3) }")))
    assert line == "receptive field 3 at c"

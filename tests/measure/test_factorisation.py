"""docs/factorisation.md: what two 3 × 3 convolutions save in the place of a 5 × 5 one, and that they differ."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional

import archdsl
from archdsl.network import Network

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "factorisation.md").read_text(encoding="utf-8")


def block(variant: str, c: int) -> Network:
    return archdsl.load(f"{DOCS / 'factorisation.arch'}:{variant}", c=c)


@pytest.mark.parametrize("c", [1, 8, 64])
def test_two_3x3_cost_18_c_squared_where_a_5x5_costs_25(c: int) -> None:
    five, threes = block("five", c).report(), block("threes", c).report()
    assert (five.params, threes.params) == (25 * c**2, 18 * c**2)
    assert (five.macs, threes.macs) == (25 * c**2 * 35**2, 18 * c**2 * 35**2)


def test_the_comparison_shows_the_saving_and_the_same_receptive_field() -> None:
    difference = block("five", 64).diff(block("threes", 64))
    assert "−28.0%" in str(difference)
    assert difference.a.receptive_field == difference.b.receptive_field == (5, 5)


def test_they_are_not_the_same_function() -> None:
    """A 5 × 5 kernel that composes the two 3 × 3 ones gives the same result without the ReLU in between, and only
    then."""
    torch.manual_seed(0)
    five, threes = block("five", 1).compile().eval(), block("threes", 1).compile().eval()
    first, second = torch.randn(1, 1, 3, 3), torch.randn(1, 1, 3, 3)
    composed = functional.conv_transpose2d(first, second)
    threes.load_state_dict({"first.weight": first, "second.weight": second})
    five.load_state_dict({"conv.weight": composed})
    x = torch.randn(1, 1, 35, 35)
    inner = (..., slice(2, -2), slice(2, -2))  # where no padding is read
    linear = functional.conv2d(functional.conv2d(x, first, padding=1), second, padding=1).relu()
    torch.testing.assert_close(five(x)[inner], linear[inner], rtol=1e-4, atol=1e-4)
    assert (five(x) - threes(x)).abs().max() > 0.1


def test_two_3x3_kernels_reach_only_17_dimensions_of_the_25_of_5x5_kernels() -> None:
    torch.manual_seed(0)
    factors = torch.randn(2, 3, 3, dtype=torch.float64)

    def composed(pair: torch.Tensor) -> torch.Tensor:
        return functional.conv_transpose2d(pair[:1, None], pair[1:, None]).flatten()

    jacobian = torch.autograd.functional.jacobian(composed, factors).reshape(25, 18)
    assert torch.linalg.matrix_rank(jacobian) == 17


def test_the_page_shows_the_spec_and_what_the_command_prints() -> None:
    assert (DOCS / "factorisation.arch").read_text(encoding="utf-8") in PAGE
    shown = re.findall(r"^```text\n(.*?)^```", PAGE, re.M | re.S)
    assert shown == [str(block("five", 64).diff(block("threes", 64)))]

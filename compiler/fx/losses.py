"""Losses whose arguments a spec says as numbers where torch takes tensors, or that torch warns of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

REDUCTIONS: Final = {"none": 0, "mean": 1, "sum": 2, "batchmean": 2}  # as torch numbers them


def cross_entropy(input: Tensor, target: Tensor, **arguments: Any) -> Tensor:
    return _weighted(functional.cross_entropy, input, target, arguments)


def nll_loss(input: Tensor, target: Tensor, **arguments: Any) -> Tensor:
    return _weighted(functional.nll_loss, input, target, arguments)


def binary_cross_entropy(input: Tensor, target: Tensor, **arguments: Any) -> Tensor:
    return _weighted(functional.binary_cross_entropy, input, target, arguments)


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, **arguments: Any) -> Tensor:
    return _weighted(functional.binary_cross_entropy_with_logits, input, target, arguments)


def kl_div(input: Tensor, target: Tensor, *, reduction: str, log_target: bool) -> Tensor:
    """`torch.nn.functional.kl_div`, which warns of `mean` each time it is called."""
    loss = torch.kl_div(input, target, REDUCTIONS[reduction], log_target=log_target)
    return loss / input.size()[0] if reduction == "batchmean" else loss


def _weighted(
    function: Callable[..., Tensor], input: Tensor, target: Tensor, arguments: dict[str, Sequence[float] | Any]
) -> Tensor:
    """A loss with its lists of numbers as tensors."""
    as_tensors = {
        name: torch.tensor(value, dtype=input.dtype, device=input.device) if isinstance(value, (list, tuple)) else value
        for name, value in arguments.items()
    }
    return function(input, target, **as_tensors)

"""The tensors at a stage's boundary as torch's runtime is told of them: static, on no device.

Torch would find them by running real layers on buffers that hold nothing, which spoils running statistics.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from archdsl.dims import numbers
from compiler.distributed.cut import Crossing


def metas(crossings: Iterable[Crossing]) -> tuple[torch.Tensor, ...]:
    """What enters a stage, or leaves it, with the `requires_grad` that it has."""
    return tuple(
        torch.empty(numbers(one.shape) or (), dtype=getattr(torch, one.dtype), device="meta").requires_grad_(
            one.gradient
        )
        for one in crossings
    )

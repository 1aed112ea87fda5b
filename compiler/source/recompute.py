"""Activations that are computed again in backward, for source that people can take with them."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint


def recompute(function: Any, *tensors: Any, owner: nn.Module) -> Any:
    """Compute the activations again in backward, where the batch counts in no running statistics."""
    computed = False

    def run(*tensors: Any) -> Any:
        nonlocal computed
        kept = [(part, part._buffers) for part in owner.modules()] if computed else []
        computed = True
        for part, buffers in kept:
            part._buffers = {name: None if held is None else held.clone() for name, held in buffers.items()}
        try:
            return function(*tensors)
        finally:
            for part, buffers in kept:
                part._buffers = buffers

    return checkpoint(run, *tensors, use_reentrant=False)

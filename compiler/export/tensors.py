"""Weights alone, as safetensors."""

from __future__ import annotations

from safetensors.torch import save

from compiler.export.formats import Export


def render(what: Export) -> bytes:
    """The `state_dict`, never a pickle. A tensor that has two names is written under both."""
    state = what.model.state_dict()
    return save({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, what.metadata)

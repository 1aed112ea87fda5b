"""Saves weights as safetensors, never as a pickle."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save

from archdsl.write import write_atomically
from compiler.fx.model import CompiledNetwork


def save_weights(model: CompiledNetwork, path: Path, architecture: str) -> None:
    """Write the `state_dict` to a .safetensors file, atomically; the architecture's hash goes into its metadata.

    Raises `OSError` where it cannot write.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_atomically(path, save(tensors, {"architecture": architecture}))

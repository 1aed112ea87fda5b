"""Weights alone, as safetensors."""

from __future__ import annotations

import json
from typing import Final

from safetensors.torch import save

from compiler.export.formats import Export

LENGTH: Final = 8  # bytes, of the number that says how long the header is; it is padded to as many
METADATA: Final = "__metadata__"


def render(what: Export) -> bytes:
    """The `state_dict`, never a pickle. A tensor that has two names is written under both."""
    state = what.model.state_dict()
    saved = save({name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}, what.metadata)
    return _in_order(saved)


def _in_order(saved: bytes) -> bytes:
    """The same file with its metadata in order: the library writes them in another one each time."""
    end = LENGTH + int.from_bytes(saved[:LENGTH], "little")
    header = json.loads(saved[LENGTH:end])
    header[METADATA] = dict(sorted(header[METADATA].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % LENGTH)
    return b"".join((len(text).to_bytes(LENGTH, "little"), text, memoryview(saved)[end:]))

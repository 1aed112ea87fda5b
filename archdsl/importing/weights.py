"""Raw tensors of a file, and the safetensors file that they are written to. Numbers are read with the library's own."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

FORMATS: Final = {"float32": "f", "float64": "d", "int64": "q", "int32": "i", "bool": "?", "float16": "e"}
SAFE: Final = {
    "float32": "F32",
    "float64": "F64",
    "int64": "I64",
    "int32": "I32",
    "bool": "BOOL",
    "float16": "F16",
    "bfloat16": "BF16",
}
WIDTHS: Final = {"float32": 4, "float64": 8, "int64": 8, "int32": 4, "bool": 1, "float16": 2, "bfloat16": 2}


@dataclass(frozen=True)
class RawTensor:
    """A tensor as bytes, little-endian, with its strides and offset in numbers."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes
    strides: tuple[int, ...] | None = None
    offset: int = 0

    @property
    def in_order(self) -> bytes:
        """The bytes of the numbers in order."""
        width, count = WIDTHS[self.dtype], math.prod(self.shape)
        step, plain = 1, True
        for size, stride in zip(reversed(self.shape), reversed(self.strides or ()), strict=False):
            plain = plain and (size == 1 or stride == step)
            step *= size
        if plain:
            return self.data[self.offset * width : (self.offset + count) * width]
        return b"".join(self.data[at * width : (at + 1) * width] for at in self._places())

    def _places(self) -> Iterator[int]:
        places = [self.offset]
        for size, stride in zip(self.shape, self.strides or (), strict=True):
            places = [place + i * stride for place in places for i in range(size)]
        return iter(places)

    def tolist(self) -> Any:
        """The numbers in lists of lists."""
        kind = FORMATS[self.dtype]
        flat = list(struct.unpack(f"<{math.prod(self.shape)}{kind}", self.in_order))
        for size in reversed(self.shape[1:]):
            flat = [flat[i : i + size] for i in range(0, len(flat), size)]
        return flat if self.shape else flat[0]


def safetensors(tensors: Mapping[str, RawTensor]) -> bytes:
    """Tensors as a file of the safetensors format: the length of a header, the header in JSON, the numbers."""
    header: dict[str, Any] = {}
    parts = []
    place = 0
    for name, tensor in tensors.items():
        data = tensor.in_order
        header[name] = {
            "dtype": SAFE[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [place, place + len(data)],
        }
        parts.append(data)
        place += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)

"""Texts packed for a page that unpacks them itself (`notebook/unpack.js`): LZMA, which takes three quarters of gzip."""

from __future__ import annotations

import base64
import lzma
import struct
from typing import Final

# No position bits, as texts have none; the last four bits of a letter tell most of the one after it.
FILTERS: Final = (
    {"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0, "dict_size": 1 << 21},
)
SIZE: Final = slice(5, 13)  # where the header of a .lzma file says how long the text is


def packed(text: bytes) -> bytes:
    """A text as a .lzma file that says how long it is, which Python's compressor leaves open."""
    data = bytearray(lzma.compress(text, format=lzma.FORMAT_ALONE, filters=list(FILTERS)))
    data[SIZE] = struct.pack("<Q", len(text))
    return bytes(data)


def spelt(data: bytes) -> str:
    """Bytes as letters that need no escape in a script element or an attribute."""
    return base64.b64encode(data).decode()

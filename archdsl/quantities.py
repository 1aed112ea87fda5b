"""Quantities as people write them: `24GiB`, `25GB/s`, `10us`."""

from __future__ import annotations

import re
from typing import Final

POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
SECONDS: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
POINTS: Final = {"in": 72.0, "cm": 72 / 2.54, "mm": 7.2 / 2.54, "pt": 1.0}
NUMBER: Final = r"(\d{1,12}(?:\.\d{1,6})?)"


def size_in_bytes(text: str) -> int | None:
    """The bytes of `24GiB`, `80GB` or `4096`; None for what is no size."""
    match = re.fullmatch(rf"{NUMBER}\s*([kmgt]?)(i?)b?", text.strip().lower())
    if match is None:
        return None
    number, letter, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** POWERS[letter])


def bytes_a_second(text: str) -> float | None:
    """The rate of `25GB/s` or `100Gbit/s`; None for what is none, and for a rate of 0."""
    amount, slash, second = text.strip().rpartition("/")
    if not slash or second.strip().lower() != "s":
        return None
    bits = re.fullmatch(rf"{NUMBER}\s*([kmgt]?)bit", amount.strip().lower())
    if bits is not None:
        return float(bits[1]) * 1000 ** POWERS[bits[2]] / 8 or None
    found = size_in_bytes(amount)
    return float(found) if found else None


def seconds(text: str) -> float | None:
    """The seconds of `10us` or `0.5ms`; None for what is no time."""
    match = re.fullmatch(rf"{NUMBER}\s*(s|ms|us|µs|ns)", text.strip())
    return float(match[1]) * SECONDS[match[2]] if match is not None else None


def points(text: str) -> float | None:
    """The points, of 72 to an inch, of `3.5in`, `88mm`, `8.8cm` or `252pt`; None for what is no length, and for 0."""
    match = re.fullmatch(rf"{NUMBER}\s*(in|mm|cm|pt)", text.strip().lower())
    return float(match[1]) * POINTS[match[2]] or None if match is not None else None

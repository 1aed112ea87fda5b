"""The units of an axis: binary for bytes, decimal for counts."""

from __future__ import annotations

from typing import Final, NamedTuple

from archdsl.sheet.units import UNITS


class Unit(NamedTuple):
    factor: int
    name: str

    def of(self, title: str) -> str:
        """The title of an axis in this unit."""
        return f"{title} ({self.name})" if self.name else title


BYTES: Final = (Unit(2**40, "TiB"), Unit(2**30, "GiB"), Unit(2**20, "MiB"), Unit(2**10, "KiB"), Unit(1, "bytes"))
COUNTS: Final = (*(Unit(*unit) for unit in UNITS), Unit(1, ""))


def unit(most: int, *, bytes: bool) -> Unit:
    """The largest unit of which the greatest figure has at least one."""
    units = BYTES if bytes else COUNTS
    return next((found for found in units if most >= found.factor), units[-1])

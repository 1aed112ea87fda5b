"""What libraries call the weights of the networks that ship, where that is not what the specs call them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from archdsl.shipped import SPECS, zoo

FILE: Final = SPECS / "names.json"


@dataclass(frozen=True, slots=True)
class LibraryNames:
    """How a library's names become those of a spec.

    `steps` are applied one after the other, in each the first pattern that fits. The tensors that a pattern of
    `reshaped` fits have another shape in the library, with the same numbers in the same order; those that one of
    `absent` fits are constants that it does not save.
    """

    steps: tuple[Mapping[str, str], ...]
    reshaped: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def libraries() -> tuple[str, ...]:
    """The libraries of which names are known."""
    return tuple(name for name in json.loads(FILE.read_bytes()) if name != "about")


def library_names(library: str, variant: str | None) -> LibraryNames | None:
    """The names in a library of the weights of a variant that ships; None where they are those of the spec."""
    file = zoo().get(variant or "")
    found = json.loads(FILE.read_bytes()).get(library, {}).get(file.stem) if file is not None else None
    if found is None:
        return None
    return LibraryNames(tuple(found["names"]), tuple(found.get("reshaped", ())), tuple(found.get("absent", ())))

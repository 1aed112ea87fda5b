"""The specs that ship with archdsl, and the variants in them.

`specs/variants.json` holds the variants of each file, found by parsing it, with the file's hash: a name is looked up
without parsing fifteen files. A file with another hash is parsed; so the index can only be slow, never wrong.
`make docs` writes it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Final, TypedDict

from archdsl.errors import SpecError
from archdsl.read import read
from archdsl.syntax import forms

SPECS: Final = Path(__file__).resolve().parent.parent / "specs"
INDEX: Final = SPECS / "variants.json"


class Indexed(TypedDict):
    """What the index says of a file."""

    sha256: str
    variants: list[str]


def shipped_specs() -> list[Path]:
    """The files in specs/, of either form."""
    return sorted(file for file in SPECS.rglob("*") if forms.form_of_path(file.name) is not None)


def zoo() -> dict[str, Path]:
    """The variants that ship with archdsl, and the file each stands in."""
    known: dict[str, Indexed] = json.loads(INDEX.read_bytes()) if INDEX.exists() else {}
    found: dict[str, Path] = {}
    for file in shipped_specs():
        entry = known.get(_name(file))
        fresh = entry is not None and entry["sha256"] == _hash(file)
        found |= dict.fromkeys(entry["variants"] if entry is not None and fresh else _parsed(file), file)
    return found


def index() -> str:
    """The text of the index, of the files as they are."""
    entries = {_name(file): Indexed(sha256=_hash(file), variants=_parsed(file)) for file in shipped_specs()}
    return json.dumps(entries, indent=1) + "\n"


def _parsed(file: Path) -> list[str]:
    """The variants of a file; none of one that cannot be read, so that the others are found all the same."""
    try:
        return [variant.name.id for variant in forms.parse(read(file)).variants]
    except SpecError:
        return []


def _name(file: Path) -> str:
    return file.relative_to(SPECS).as_posix()


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

"""Names of tensors in a file, and in a network."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError
from archdsl.library_names import libraries

EXAMPLE: Final = '`{"backbone.*": "*", "head.weight": "fc.weight"}`'


def read_rename(path: Path) -> dict[str, str] | str:
    """A table of names from a file of JSON, or a library whose names are known. Raises `SpecError`."""
    if str(path) in libraries() and not path.exists():
        return str(path)
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise _bad(f"cannot read `{path}`: {reason}", f"or a library: {', '.join(libraries())}") from None
    except (ValueError, RecursionError) as error:
        raise _bad(f"`{path}` is no table of names: {str(error)[:120]}", EXAMPLE) from None
    if not isinstance(found, dict) or not all(isinstance(new, str) for new in found.values()):
        raise _bad(f"`{path}` is no object of names", EXAMPLE)
    return found


def renamed(name: str, steps: Iterable[Mapping[str, str]]) -> str:
    """The name after all tables, one after the other: in each that of the name itself, else of the first pattern that
    fits. What the stars of a pattern stand for is put where the stars of the new name are, in their order."""
    for table in steps:
        name = table[name] if name in table else _by_pattern(name, table)
    return name


def _by_pattern(name: str, table: Mapping[str, str]) -> str:
    for old, new in table.items():
        if "*" in old and (found := _pattern(old).fullmatch(name)) is not None:
            parts = iter(found.groups())
            return "".join(next(parts, "*") if part == "*" else part for part in re.split(r"(\*)", new))
    return name


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    """Of several stars, each but the last stands for as little as fits."""
    *first, last = text.split("*")
    lazy = "(.*?)".join(map(re.escape, first))
    return re.compile(f"{lazy}(.*){re.escape(last)}")


def _bad(message: str, help: str | None = None) -> SpecError:
    return SpecError([Diagnostic("bad-rename", message, place="the weights", help=help)])

"""SPECs: how a network is named on the command line and in Python, and where its text stands.

A SPEC is a path, `path:variant`, the name of a variant that ships with archdsl, or `-` for standard input.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from archdsl import validate
from archdsl.diagnostics import did_you_mean
from archdsl.embedded import carries_spec, embedded
from archdsl.program import Program, program, unknown_spec
from archdsl.read import decode, read, read_stdin
from archdsl.shipped import zoo
from archdsl.source import STDIN, Source
from archdsl.static import static_value

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Opened(NamedTuple):
    """A program, the variant of it that is meant, if one is named, and what a file that carries it has chosen."""

    program: Program
    name: str | None
    settings: Mapping[str, Any] = MappingProxyType({})
    inputs: Mapping[str, Sequence[int | None]] = MappingProxyType({})
    rewrites: tuple[str, ...] = ()
    phase: str = "inference"


def open_spec(spec: str | os.PathLike[str], texts: Mapping[str, str] = MappingProxyType({})) -> Opened:
    """The program that a SPEC names, and the variant in it, if it names one. Raises `SpecError`.

    `texts` stand for the files of these names.
    """
    validate.spec_name(spec)
    written = os.fspath(spec)
    if not written:
        raise unknown_spec("the SPEC is empty", "name a file, or a network that ships with archdsl", "")
    path, name = _split(written)
    if is_stdin(spec):
        return Opened(program(_given(STDIN, texts) or read_stdin(), Path.cwd(), texts), name)
    if path is not None:
        file = Path(path)
        if name is None and carries_spec(path):
            return _carried(path)
        if name is not None and not file.exists() and path in zoo():
            raise unknown_spec(f"`{path}` ships with archdsl and is one network", f"name it alone: `{path}`", written)
        return Opened(program(_given(path, texts) or read(file, path), file.resolve().parent, texts), name)
    file = _shipped(written)
    return Opened(program(read(file), file.parent), written)


def _carried(path: str) -> Opened:
    """The spec that an exported network carries: its files are named as if they lay in a folder of that name."""
    found = embedded(path)
    texts = {f"{path}/{name}": text for name, text in found.files.items()}
    main, text = next(iter(texts.items()))
    settings = {name: static_value(value) for name, value in found.settings.items()}
    whole = program(decode(text.encode(), main), Path(path), texts)
    return Opened(whole, found.network, settings, found.inputs, found.rewrites, found.phase)


def source_of(spec: str) -> Source:
    """The text that a SPEC stands in: of a file, of standard input, or of what ships with archdsl."""
    if spec == "-":
        return read_stdin()
    return read(_shipped(spec) if ships(spec) else Path(spec))


def file_of(spec: str) -> Path | None:
    """The file that a SPEC names, whether it is there or not; None for the bare name of a variant that ships."""
    path, _ = _split(spec)
    return None if path is None else Path(path)


def ships(spec: str) -> bool:
    """Whether a SPEC is the bare name of a variant, not a file."""
    return _split(spec)[0] is None


def name_of(spec: str) -> str | None:
    """What files made from a SPEC are named for: the variant that it names, or its file; None on standard input."""
    path, variant = _split(spec)
    if path is None:
        return spec
    return variant or (None if path in ("-", STDIN) else Path(path).stem)


def is_stdin(spec: str | os.PathLike[str]) -> bool:
    """Whether a SPEC is on standard input."""
    return _split(os.fspath(spec))[0] in ("-", STDIN)


def _split(spec: str) -> tuple[str | None, str | None]:
    """Path and variant of a SPEC; no path for a bare name."""
    if os.path.lexists(spec) or spec == "-":
        return spec, None
    path, colon, name = spec.rpartition(":")
    if colon and path and not re.search(r"[\\/.]", name):
        return path, name
    return (None, None) if NAME.fullmatch(spec) else (spec, None)


def _shipped(name: str) -> Path:
    """The file that a variant which ships with archdsl stands in."""
    shipped = zoo()
    if name not in shipped:
        help = did_you_mean(name, shipped) or "`archdsl zoo` lists what ships; a file is named by its path"
        raise unknown_spec(f"no file and no shipped variant is called `{name}`", help, name)
    return shipped[name]


def _given(name: str, texts: Mapping[str, str]) -> Source | None:
    return Source(name, texts[name]) if name in texts else None

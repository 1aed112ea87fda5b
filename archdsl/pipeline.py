"""The stages in order: read, parse, resolve imports, elaborate. The one place that knows them all."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from archdsl.diagnostics import Diagnostic, did_you_mean
from archdsl.elaborate import Choices, elaborate
from archdsl.errors import SpecError
from archdsl.graph import Graph
from archdsl.limits import MAX_FAULTS
from archdsl.program import Program, duplicates, missing_settings, program, unknown_spec
from archdsl.read import read, read_stdin
from archdsl.source import Source
from archdsl.syntax import forms, tree

SPECS: Final = Path(__file__).resolve().parent.parent / "specs"
SUFFIX: Final = ".arch"
RECURSION_LIMIT: Final = 10_000  # blocks and brackets are bounded to 64 levels each; both together need more frames


def load_graph(
    spec: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
) -> Graph:
    """The elaborated graph of a SPEC. Raises `SpecError`."""
    with _one_job():
        program, name = open_spec(spec)
        network, variant = program.find(name)
        return elaborate(network, program.definitions, variant, Choices(settings or {}, inputs or {}))


def check(spec: str | os.PathLike[str]) -> list[Graph]:
    """The graphs of everything in a file (or of the variant that is named). Raises `SpecError` with all faults."""
    with _one_job():
        program, name = open_spec(spec)
        if name is not None:
            wanted = [program.find(name)]
        else:
            networks = {network.name.id: network for network in program.spec.networks}
            variants = [(networks[variant.call.callee.id], variant) for variant in program.spec.variants]
            named = {network.name.id for network, _ in variants}
            # A network that needs settings is checked by its variants; without any, what is missing is a fault.
            wanted = [(n, None) for n in program.spec.networks if not missing_settings(n) or n.name.id not in named]
            wanted += variants
        graphs, faults = [], dict[Any, Diagnostic]()
        choices = Choices()  # one meter of work for all of them
        for network, variant in wanted:
            try:
                graphs.append(elaborate(network, program.definitions, variant, choices))
            except SpecError as error:
                for found in error.diagnostics:  # variants of one network share its faults
                    faults.setdefault((found.code, str(found.span)), found)
                if len(faults) >= MAX_FAULTS or any(found.code == "too-much-work" for found in error.diagnostics):
                    break
        if faults:
            raise SpecError(faults.values())
        return graphs


def parse_source(source: Source) -> tree.Spec:
    """The syntax tree of a text, its imports unread. Raises `SpecError`."""
    with _one_job():
        return forms.parse(source)


def format_source(source: Source) -> str:
    """A spec in the formatter's style. Raises `SpecError` where it cannot be read."""
    with _one_job():
        return forms.format_spec(source)


def convert_source(source: Source, form: forms.Form) -> str:
    """A spec in another form. Raises `SpecError` where it cannot be read, or says something twice."""
    with _one_job():
        spec = forms.parse(source)
        faults = [fault for fault in duplicates(spec) if fault.code.startswith("duplicate-")]
        if faults:  # a mapping has no place for them
            raise SpecError(faults)
        return forms.convert_spec(spec, form)


def open_spec(spec: str | os.PathLike[str]) -> tuple[Program, str | None]:
    """The program that a SPEC names, and the variant in it, if it names one.

    A SPEC is a path, `path:variant`, the name of a variant that ships with archdsl, or `-` for standard input.
    """
    written = os.fspath(spec)
    if not written:
        raise unknown_spec("the SPEC is empty", "name a file, or a network that ships with archdsl", "")
    path, name = _split(written)
    if path == "-":
        return program(read_stdin(), Path.cwd()), name
    if path is not None:
        file = Path(path)
        return program(read(file, path), file.resolve().parent), name
    shipped = zoo()
    if written not in shipped:
        help = did_you_mean(written, shipped) or "`archdsl zoo` lists what ships; a file is named by its path"
        raise unknown_spec(f"no file and no shipped variant is called `{written}`", help, written)
    file = shipped[written]
    return program(read(file), file.parent), written


def _split(spec: str) -> tuple[str | None, str | None]:
    """Path and variant of a SPEC; no path for a bare name."""
    if os.path.lexists(spec) or spec == "-":
        return spec, None
    path, colon, name = spec.rpartition(":")
    if colon and path and not re.search(r"[\\/.]", name):
        return path, name
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", spec):
        return None, None
    return spec, None


def zoo() -> dict[str, Path]:
    """The variants that ship with archdsl, and the file each stands in."""
    found: dict[str, Path] = {}
    for file in sorted(SPECS.rglob(f"*{SUFFIX}")):
        for match in re.finditer(r"^variant\s+(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            found[match.group(1)] = file
    return found


@contextlib.contextmanager
def _one_job() -> Iterator[None]:
    """Elaborate without the cyclic garbage collector, which only slows the building of large trees, and with
    enough recursion for what the nesting limits allow."""
    enabled, limit = gc.isenabled(), sys.getrecursionlimit()
    gc.disable()
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    try:
        yield
    except RecursionError:
        message = "blocks and brackets are nested too deep together"
        raise SpecError([Diagnostic("nesting-too-deep", message, place="the spec")]) from None
    finally:
        sys.setrecursionlimit(limit)
        if enabled:
            gc.enable()

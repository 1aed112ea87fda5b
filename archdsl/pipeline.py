"""The stages in order: read, parse, resolve imports, elaborate. The one place that knows them all."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from archdsl.diagnostics import Diagnostic, Note, did_you_mean
from archdsl.elaborate import Choices, elaborate
from archdsl.errors import SpecError
from archdsl.graph import Graph
from archdsl.limits import MAX_FAULTS, Work
from archdsl.program import Program, duplicates, program, unknown_spec
from archdsl.read import read, read_stdin
from archdsl.source import STDIN, Source
from archdsl.syntax import forms, tree

if TYPE_CHECKING:
    from archdsl.lint import Finding

MOST_NAMED: Final = 4  # variants with a fault
TRIALS: Final = 4  # a quarter of the work that a spec may ask for goes to finding fixes
SPECS: Final = Path(__file__).resolve().parent.parent / "specs"
# How a shipped spec names its variants; the formatter's style is taken for granted.
VARIANTS: Final[dict[forms.Form, re.Pattern[str]]] = {
    "text": re.compile(r"^variant\s+(\w+)", re.MULTILINE),
    "yaml": re.compile(r"^  (\w+):", re.MULTILINE),
}
RECURSION_LIMIT: Final = 10_000  # blocks and brackets are bounded to 64 levels each; both together need more frames


def load_graph(
    spec: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
    symbols: Mapping[str, int] | None = None,
    *,
    open_batch: bool = False,
    free_batch: bool = False,
) -> Graph:
    """The elaborated graph of a SPEC. Raises `SpecError`."""
    with _one_job():
        program, name = open_spec(spec)
        choices = Choices(settings or {}, inputs or {}, symbols or {}, open_batch, free_batch)
        return _elaborated(program, *program.find(name), choices)


def check(spec: str | os.PathLike[str], texts: Mapping[str, str] = MappingProxyType({})) -> list[Graph]:
    """The graphs of everything in a file (or of the variant that is named). Raises `SpecError` with all faults.

    `texts` stand for the files of these names.
    """
    with _one_job():
        program, name = open_spec(spec, texts)
        return _graphs(program, name)


def check_and_lint(
    spec: str | os.PathLike[str], texts: Mapping[str, str] = MappingProxyType({})
) -> tuple[list[Graph], list[Finding]]:
    """The same, and what lint finds in the graphs. Raises `SpecError` with all faults."""
    from archdsl.lint import lint  # its rules are loaded where they are needed

    with _one_job():
        program, name = open_spec(spec, texts)
        graphs = _graphs(program, name)
        return graphs, lint(graphs, program.spec.source if name is None else None)


def _graphs(program: Program, name: str | None) -> list[Graph]:
    wanted = program.checked if name is None else [program.find(name)]
    graphs, faults = [], dict[tuple[str, str], Diagnostic]()
    where = dict[tuple[str, str], list[tree.Network | tree.Variant]]()  # each fault is in
    choices, trials = Choices(), Work(TRIALS)  # one meter of work for all of them
    for network, variant in wanted:
        try:
            graphs.append(_elaborated(program, network, variant, choices, faults, trials))
        except SpecError as error:
            for found in error.diagnostics:
                faults.setdefault(found.key, found)
                where.setdefault(found.key, []).append(variant or network)
            if len(faults) >= MAX_FAULTS or any(found.code == "too-much-work" for found in error.diagnostics):
                break
    if faults:
        raise SpecError(_with_networks(found, where[place], len(wanted)) for place, found in faults.items())
    return graphs


def _with_networks(found: Diagnostic, where: Sequence[tree.Network | tree.Variant], of: int) -> Diagnostic:
    """A fault that some variants have and others have not, with a note that names them."""
    if len(where) == of or all(isinstance(one, tree.Network) or _within(found, one) for one in where):
        return found
    names = ", ".join(f"`{one.name.id}`" for one in where[:MOST_NAMED])
    more = f" and {len(where) - MOST_NAMED} more" if len(where) > MOST_NAMED else ""
    return replace(found, notes=(*found.notes, Note(f"only in {names}{more}", where[0].name.span)))


def _within(found: Diagnostic, variant: tree.Variant) -> bool:
    """Whether a fault is in the text of a variant itself."""
    span, whole = found.span, variant.span
    return span is not None and span.source is whole.source and whole.start <= span.start < whole.end


def _elaborated(
    program: Program,
    network: tree.Network,
    variant: tree.Variant | None,
    choices: Choices,
    known: Container[tuple[str, str]] = (),
    trials: Work | None = None,
) -> Graph:
    """The graph of a network. Raises `SpecError`, with fixes for the faults that no other variant has shown.

    `trials` meters the work of trying fixes, where one command does so for several networks.
    """
    try:
        return elaborate(network, program.definitions, variant, choices)
    except SpecError as error:
        if error.graph is None:
            raise
        from archdsl.remedies import Trial, with_remedies  # most specs need none

        trial = Trial(program, network, variant, replace(choices, work=trials or Work(TRIALS)))
        faults = with_remedies(error.diagnostics, error.graph, trial, lambda found: found.key not in known)
        raise SpecError(faults, error.graph) from None


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


def source_of(spec: str) -> Source:
    """The text that a SPEC stands in: of a file, of standard input, or of what ships with archdsl."""
    if spec == "-":
        return read_stdin()
    return read(_shipped(spec) if ships(spec) else Path(spec))


def open_spec(
    spec: str | os.PathLike[str], texts: Mapping[str, str] = MappingProxyType({})
) -> tuple[Program, str | None]:
    """The program that a SPEC names, and the variant in it, if it names one.

    A SPEC is a path, `path:variant`, the name of a variant that ships with archdsl, or `-` for standard input.
    """
    written = os.fspath(spec)
    if not written:
        raise unknown_spec("the SPEC is empty", "name a file, or a network that ships with archdsl", "")
    path, name = _split(written)
    if is_stdin(spec):
        return program(_given(STDIN, texts) or read_stdin(), Path.cwd(), texts), name
    if path is not None:
        file = Path(path)
        return program(_given(path, texts) or read(file, path), file.resolve().parent, texts), name
    file = _shipped(written)
    return program(read(file), file.parent), written


def _shipped(name: str) -> Path:
    """The file that a variant which ships with archdsl stands in."""
    shipped = zoo()
    if name not in shipped:
        help = did_you_mean(name, shipped) or "`archdsl zoo` lists what ships; a file is named by its path"
        raise unknown_spec(f"no file and no shipped variant is called `{name}`", help, name)
    return shipped[name]


def _given(name: str, texts: Mapping[str, str]) -> Source | None:
    return Source(name, texts[name]) if name in texts else None


def ships(spec: str) -> bool:
    """Whether a SPEC is the bare name of a variant, not a file."""
    return _split(spec)[0] is None


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
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", spec):
        return None, None
    return spec, None


def zoo() -> dict[str, Path]:
    """The variants that ship with archdsl, and the file each stands in."""
    found: dict[str, Path] = {}
    for file in shipped_specs():
        form = forms.form_of_path(file.name)
        text = file.read_text(encoding="utf-8")
        if form == "yaml":
            text = text.partition("\nvariants:\n")[2]
        found |= dict.fromkeys(VARIANTS[form or "text"].findall(text), file)
    return found


def shipped_specs() -> list[Path]:
    """The files in specs/, of either form."""
    return sorted(file for file in SPECS.rglob("*") if forms.form_of_path(file.name) is not None)


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
        message = "blocks, brackets and the terms of an expression are nested too deep together"
        help = "bind parts of a long expression to names of their own"
        raise SpecError([Diagnostic("nesting-too-deep", message, place="the spec", help=help)]) from None
    finally:
        sys.setrecursionlimit(limit)
        if enabled:
            gc.enable()

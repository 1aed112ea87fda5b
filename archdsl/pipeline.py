"""The stages in order: read, parse, resolve imports, elaborate. The one place that knows them all."""

from __future__ import annotations

import os
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from archdsl import validate
from archdsl.address import Opened, open_spec
from archdsl.diagnostics import Diagnostic, Note
from archdsl.elaborate import Choices, elaborate, unmet_needs
from archdsl.errors import SpecError
from archdsl.graph import Graph, layer
from archdsl.job import one_job
from archdsl.limits import Work, most_faults
from archdsl.program import Program, duplicates
from archdsl.program import program as program_of
from archdsl.source import Source, Span
from archdsl.syntax import forms, tree

if TYPE_CHECKING:
    from archdsl.lint import Finding

MOST_NAMED: Final = 4  # variants with a fault
# Dimensions that a module may take in any size; 1 is the length of texts.
FREE: Final = (frozenset(range(8)), frozenset({0, 1}), frozenset({0}))
TRIALS: Final = 4  # a quarter of the work that a spec may ask for goes to finding fixes


@one_job
def load_graph(
    spec: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int | None]] | None = None,
    symbols: Mapping[str, int] | None = None,
    *,
    open_batch: bool = False,
    texts: Mapping[str, str] = MappingProxyType({}),
) -> Graph:
    """The elaborated graph of a SPEC. `texts` stand for the files of these names. Raises `SpecError`."""
    validate.choices({} if settings is None else settings, {} if inputs is None else inputs)
    opened = open_spec(spec, texts)
    choices = replace(_choices(opened, settings, inputs), symbols=symbols or {}, open_batch=open_batch)
    return _as_carried(elaborated(opened.program, *opened.program.find(opened.name), choices), opened)


@one_job
def load_open_graph(
    spec: str | os.PathLike[str],
    settings: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int]] | None = None,
) -> Graph | None:
    """The graph of a SPEC that loads, the sizes of its inputs open where nothing in the spec depends on their numbers:
    all but channels, or the batch and the lengths of texts, or the batch alone. None where something depends on that,
    too: where it does not elaborate so, or would not take the very sizes that the spec says."""
    opened = open_spec(spec)
    chosen = _choices(opened, settings, inputs)
    network, variant = opened.program.find(opened.name)
    for free in FREE:
        choices = replace(chosen, free=free)
        with suppress(SpecError):
            graph = elaborate(network, opened.program.definitions, variant, choices)
            if unmet_needs(network, opened.program.definitions, variant, choices, graph) is None:
                return _as_carried(graph, opened)
    return None


def _as_carried(graph: Graph, opened: Opened) -> Graph:
    """The graph with the rewrites of the file that carries its spec."""
    if not opened.rewrites:
        return graph
    from archdsl.rewrite.apply import rewritten  # most files have none

    return rewritten(graph, opened.rewrites, "training" if opened.phase == "training" else "inference")


def _choices(
    opened: Opened, settings: Mapping[str, Any] | None, inputs: Mapping[str, Sequence[int | None]] | None
) -> Choices:
    """What the user chooses, over what the file has chosen that carries the spec."""
    return Choices({**opened.settings, **(settings or {})}, {**opened.inputs, **(inputs or {})})


@one_job
def check(
    spec: str | os.PathLike[str], texts: Mapping[str, str] = MappingProxyType({}), trials: Work | None = None
) -> list[Graph]:
    """The graphs of everything in a file (or of the variant that is named). Raises `SpecError` with all faults.

    `texts` stand for the files of these names. `trials` meters the work of trying fixes, where it is that of several
    checks.
    """
    return _graphs(open_spec(spec, texts), trials)


@one_job
def check_and_lint(
    spec: str | os.PathLike[str], texts: Mapping[str, str] = MappingProxyType({}), trials: Work | None = None
) -> tuple[list[Graph], list[Finding]]:
    """The same, and what lint finds in the graphs. Raises `SpecError` with all faults."""
    from archdsl.lint import lint  # its rules are loaded where they are needed

    opened = open_spec(spec, texts)
    graphs = _graphs(opened, trials)
    return graphs, lint(graphs, opened.program.spec.source if opened.name is None else None)


def _graphs(opened: Opened, trials: Work | None) -> list[Graph]:
    program, name = opened.program, opened.name
    wanted = program.checked if name is None else [program.find(name)]
    graphs, faults = [], dict[tuple[str, str], Diagnostic]()
    where = dict[tuple[str, str], list[tree.NetworkDefinition | tree.Variant]]()  # each fault is in
    choices, trials = _choices(opened, None, None), trials or Work(TRIALS)  # one meter of work for all of them
    for network, variant in wanted:
        try:
            graphs.append(elaborated(program, network, variant, choices, faults, trials))
        except SpecError as error:
            graphs.clear()  # nobody is given them now
            for found in error.diagnostics:
                faults.setdefault(found.key, found)
                where.setdefault(found.key, []).append(variant or network)
            if len(faults) >= most_faults() or any(found.code == "too-much-work" for found in error.diagnostics):
                break
    if faults:
        raise SpecError(_with_networks(found, where[place], len(wanted)) for place, found in faults.items())
    return graphs


def _with_networks(found: Diagnostic, where: Sequence[tree.NetworkDefinition | tree.Variant], of: int) -> Diagnostic:
    """A fault that some variants have and others have not, with a note that names them."""
    if len(where) == of or all(isinstance(one, tree.NetworkDefinition) or _within(found, one) for one in where):
        return found
    names = ", ".join(f"`{one.name.id}`" for one in where[:MOST_NAMED])
    more = f" and {len(where) - MOST_NAMED} more" if len(where) > MOST_NAMED else ""
    return replace(found, notes=(*found.notes, Note(f"only in {names}{more}", where[0].name.span)))


def _within(found: Diagnostic, variant: tree.Variant) -> bool:
    """Whether a fault is in the text of a variant itself."""
    span, whole = found.span, variant.span
    return span is not None and span.source is whole.source and whole.start <= span.start < whole.end


def elaborated(
    program: Program,
    network: tree.NetworkDefinition,
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
        choices = replace(choices, trace=None)  # it is of this attempt, and of none that follows
        unmet = unmet_needs(network, program.definitions, variant, choices)
        if unmet is not None:
            raise SpecError([unmet]) from None
        from archdsl.remedies import Trial, with_remedies  # most specs need none

        trial = Trial(program, network, variant, replace(choices, work=trials or Work(TRIALS)))
        faults = with_remedies(error.diagnostics, error.graph, trial, lambda found: found.key not in known)
        error.graph.graph["faults"] = tuple(faults)
        raise SpecError(faults, error.graph) from None


@one_job
def marked_source(
    spec: str | os.PathLike[str],
    devices: Mapping[str, str],
    form: forms.Form,
    folder: Path,
    settings: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Sequence[int | None]] | None = None,
    symbols: Mapping[str, int] | None = None,
) -> bytes:
    """The file of a SPEC whose layers are marked with these devices, by their keys; comments stay.

    It is to lie in a folder. Raises `SpecError` where it cannot be read, or where what it imports does not lie there.
    """
    from archdsl.placement.marking import marks_of, with_marks  # few specs are marked

    opened = open_spec(spec)
    program = opened.program
    network, variant = program.find(opened.name)
    for imported in program.spec.imports if folder.resolve() != program.directory else ():
        if not (folder / str(imported.path.value)).exists():
            message = f"the spec imports `{imported.path.value}`, which does not lie in {folder} as well"
            help = f"write it to {program.directory}, or copy that file first"
            raise SpecError([Diagnostic("import-missing", message, imported.path.span, help=help)])
    marked = with_marks(program.spec, network, variant, marks_of(devices))
    text = forms.convert_spec(marked, form)
    again = program_of(Source(f"<marked>{forms.SUFFIX_OF[form]}", text), program.directory)
    choices = replace(_choices(opened, settings, inputs), symbols=symbols or {})
    graph = elaborated(again, *again.find((variant or network).name.id), choices)
    for key, device in devices.items():
        if layer(graph, key)["device"] != device:
            at = layer(graph, key)["span"]
            message = f"`{key}` is marked with another device than {device}, where the plan has it"
            raise SpecError([Diagnostic("unknown-mark", message, at, help="remove the mark, or the plan's device")])
    return program.spec.source.encoded(text)


@one_job
def parse_source(source: Source) -> tree.Spec:
    """The syntax tree of a text, its imports unread. Raises `SpecError`."""
    return forms.parse(source)


@one_job
def format_source(source: Source) -> str:
    """A spec in the formatter's style. Raises `SpecError` where it cannot be read."""
    return forms.format_spec(source)


@one_job
def convert_source(source: Source, form: forms.Form) -> str:
    """A spec in another form. Raises `SpecError` where it cannot be read, or says something twice."""
    spec = forms.parse(source)
    faults = [fault for fault in duplicates(spec) if fault.code.startswith("duplicate-")]
    if faults:  # a mapping has no place for them
        raise SpecError(faults)
    if not (spec.imports or spec.blocks or spec.networks or spec.variants):  # no text says nothing
        raise SpecError([Diagnostic("empty-spec", "the spec has nothing in it to convert", Span(source, 0, 0))])
    return forms.convert_spec(spec, form)

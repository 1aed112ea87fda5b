"""A text that is being written, as far as it can be understood."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from archdsl.diagnostics import Diagnostic
from archdsl.elaborate import Choices
from archdsl.elaborate.trace import Trace
from archdsl.errors import SpecError
from archdsl.graph import Graph
from archdsl.job import one_job
from archdsl.lint import lint
from archdsl.pipeline import elaborated
from archdsl.program import Program
from archdsl.program import program as program_of
from archdsl.source import Source
from archdsl.syntax import tree


@dataclass(frozen=True, slots=True)
class Elaborated:
    """A network or variant of a text, elaborated as far as it goes. `graph` is None where there is no layer."""

    name: str
    graph: Graph | None
    trace: Trace


@dataclass(frozen=True, slots=True)
class Analysis:
    """What is known of a text: its program, where its names are right, and one of its networks.

    `names` are the networks and variants that it can be looked at as, `shown` is the one that is chosen.
    """

    source: Source
    program: Program
    names: tuple[str, ...]
    shown: Elaborated | None


@dataclass(frozen=True, slots=True)
class Examined:
    """The faults of a text, and what is known of it, if its names can be resolved at all."""

    diagnostics: tuple[Diagnostic, ...]
    analysis: Analysis | None


@one_job
def examine(
    source: Source,
    directory: Path,
    chosen: str | None = None,
    texts: Mapping[str, str] = MappingProxyType({}),
    stale: Callable[[], bool] = lambda: False,
) -> Examined:
    """Read a text, elaborate everything in it, and look at the chosen network as lint does, where nothing is wrong.

    `chosen` names the network or variant to look at, else it is the first; `texts` stand for the files of these names.
    Between two networks it is asked whether the text is `stale`; then the rest is left out.
    """
    try:
        program = program_of(source, directory, texts, alone=False)
    except SpecError as error:
        return Examined(error.diagnostics, None)
    wanted = {(variant or network).name.id: (network, variant) for network, variant in program.checked}
    order = sorted(wanted, key=lambda name: name != chosen)  # the chosen one first
    found: dict[tuple[str, str], Diagnostic] = {}
    shown: Elaborated | None = None
    for name in order:
        if shown is not None and stale():
            break
        trace = Trace()
        choices = Choices(trace=trace if shown is None else None)
        graph: Graph | None
        try:
            graph = elaborated(program, *wanted[name], choices, found)
        except SpecError as error:
            graph = error.graph
            for diagnostic in error.diagnostics:
                found.setdefault(diagnostic.key, diagnostic)
        if shown is None:
            shown = Elaborated(name, graph, trace)
    warnings = [] if found or shown is None or shown.graph is None else lint([shown.graph], source)
    diagnostics = (*found.values(), *(one.diagnostic for one in warnings if one.diagnostic.level == "warning"))
    return Examined(diagnostics, Analysis(source, program, tuple(wanted), shown))


def definitions(spec: tree.Spec) -> list[tree.Block | tree.NetworkDefinition | tree.Variant]:
    """What a file defines, in the order of the text."""
    found: list[Any] = [*spec.blocks, *spec.networks, *spec.variants]
    return sorted(found, key=lambda node: node.span.start)

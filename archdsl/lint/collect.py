"""Runs the rules over the networks of a file and collects what they find, once for each place."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from archdsl.diagnostics import Diagnostic, Fix, Note, counted
from archdsl.graph import Graph, header
from archdsl.lint._rule import RULES, Found, Net
from archdsl.lint.suppress import suppress
from archdsl.source import Source, Span

SHOWN = 4  # layers or networks that a note names


@dataclass(frozen=True, slots=True)
class Finding:
    """What lint found at one place."""

    diagnostic: Diagnostic
    layers: tuple[str, ...] = ()  # those it is about, in the first network that has it
    networks: tuple[str, ...] = ()  # the networks and variants that have it


def lint(graphs: Sequence[Graph], whole: Source | None = None) -> list[Finding]:
    """What the rules find in networks of one file, in the order of places, less what its comments suppress.

    `whole` is the file, where these are all its networks: only then is it known which suppressions are of no use, and
    what else a fix would change.
    """
    if not graphs:
        return []
    places: dict[tuple[str, Span], _Place] = {}
    made: Counter[Span] = Counter()  # layers written at a span, each once however often it is shared
    for graph in graphs:
        net = Net(graph)
        name = net.header["variant"] or net.header["network"]
        made.update(node["span"] for key, node in net.layers.items() if key == node["path"])
        for code, check in RULES.items():
            for found in check(net):
                diagnostic = _diagnostic(code, found, net)
                assert diagnostic.span is not None
                place = places.setdefault((code, diagnostic.span), _Place(diagnostic))
                place.layers[name].append(found.layer)
                place.fixes.append(found.fix)
    names = [header(graph)["variant"] or header(graph)["network"] for graph in graphs]
    findings = {
        id(place.first): place.finding(names, made if whole is not None else Counter()) for place in places.values()
    }
    written = header(graphs[0])["written"]
    remaining = suppress([place.first for place in places.values()], written, RULES)
    kept = [findings[id(diagnostic)] for diagnostic in remaining.findings]
    kept += [Finding(diagnostic) for diagnostic in remaining.bad]
    kept += [Finding(d) for d in remaining.unused if d.span is not None and d.span.source is whole]
    return sorted(kept, key=_order)


def _order(finding: Finding) -> tuple[str, int, str]:
    span = finding.diagnostic.span
    assert span is not None
    return span.source.name, span.start, finding.diagnostic.code


def _diagnostic(code: str, found: Found, net: Net) -> Diagnostic:
    if found.layer is None:
        return Diagnostic(code, found.message, found.span, found.labels, help=found.help, fix=found.fix)
    node = net.layers[found.layer]
    span = found.span or node["span"]
    return Diagnostic(code, found.message, span, found.labels, node["blocks"], found.help, found.fix, layer=found.layer)


class _Place:
    """What one rule finds at one place, in all layers and networks that are made from it."""

    def __init__(self, first: Diagnostic) -> None:
        self.first = first
        self.layers: dict[str, list[str | None]] = defaultdict(list)  # by network
        self.fixes: list[Fix | None] = []

    def finding(self, names: Sequence[str], made: Counter[Span]) -> Finding:
        layers = tuple(key for key in next(iter(self.layers.values())) if key is not None)
        notes = []
        if len(layers) > 1:
            more = len(layers) - 1
            notes.append(Note(f"the same holds for {counted(more, 'more layer')}: {_some(layers[1:])}"))
        if len(self.layers) < len(names):
            notes.append(Note(f"it holds for {len(self.layers)} of {len(names)} networks: {_some(self.layers)}"))
        fix = self.first.fix
        # A fix changes all layers written here, so it is one only where all need it, and in the same way.
        if fix is not None and (made[fix.span] != len(self.fixes) or set(self.fixes) != {fix}):
            fix = None
        return Finding(replace(self.first, notes=tuple(notes), fix=fix), layers, tuple(self.layers))


def _some(names: Iterable[str]) -> str:
    names = list(names)
    shown = names if len(names) <= SHOWN + 1 else [*names[:SHOWN], f"and {len(names) - SHOWN} more"]
    return ", ".join(f"`{name}`" if not name.startswith("and ") else name for name in shown)

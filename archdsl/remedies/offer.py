"""Gives diagnostics the fixes that work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from archdsl.diagnostics import Diagnostic
from archdsl.graph import Graph, broken
from archdsl.remedies.input_sizes import fitting
from archdsl.remedies.proposals import proposals
from archdsl.remedies.step import BrokenStep, Proposal
from archdsl.remedies.trial import Trial
from archdsl.remedies.written import WrittenCalls

MOST: Final = 8  # faults for which fixes are tried
RESHAPING: Final = frozenset({"kernel-too-large", "shape-pattern"})  # a fix changes the shapes that come after


def with_remedies(
    found: Sequence[Diagnostic], graph: Graph, trial: Trial, wanted: Callable[[Diagnostic], bool]
) -> list[Diagnostic]:
    """The faults of a network; those that are wanted with fixes, and the sizes of its input that would fit.

    `graph` is what could be elaborated. A fix that was proposed where a fault was found is kept only if it works.
    """
    steps = {node["fault"]: (key, node) for key, node in broken(graph)}
    known = list(found)
    if not any(fault in steps and wanted(fault) for fault in found):  # other variants have shown them all
        return [replace(fault, fix=None) if fault in steps else fault for fault in found]
    by_size, sizes = fitting(graph, replace(trial), known)  # each search may take its time
    written: WrittenCalls | None = None
    faults: list[Diagnostic] = []
    tried = 0
    for fault in found:
        if fault not in steps or tried >= MOST or not wanted(fault):
            faults.append(fault if fault not in steps else replace(fault, fix=None))  # what nobody has tried
            continue
        tried += 1
        written = written or WrittenCalls.of(trial.program)
        step = BrokenStep(graph, *steps[fault], written)
        fits = sizes if fault in by_size else None
        # Where the input's size was chosen, or a shape is asked for, that size is the mistake.
        chosen = fits is not None and (bool(trial.choices.inputs) or fault.code == "shape-pattern")
        offered = Proposal(()) if chosen else _working(step, trial, known)
        fix = offered.fixes[0] if offered.sure and len(offered.fixes) == 1 else None
        help = ", or ".join(one.title for one in offered.fixes) if offered.fixes and fix is None else fault.help
        step.node["fault"] = replace(
            fault,
            fix=fix,
            help="; ".join(text for text in (help, fits) if text) or None,
        )
        faults.append(step.node["fault"])
    return faults


def _working(step: BrokenStep, trial: Trial, known: Sequence[Diagnostic]) -> Proposal:
    """What works of the best proposal of which anything does."""
    last = step.node["fault"].code in RESHAPING
    for proposal in proposals(step):
        working = tuple(fix for fix in proposal.fixes if trial.removes(fix, step.key, known, step.graph, last=last))
        if working:
            return Proposal(working, proposal.sure)
    return Proposal(())

"""Gives diagnostics the fixes that work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from archdsl.diagnostics import Diagnostic, Fix
from archdsl.graph import Graph, broken
from archdsl.remedies.input_sizes import fitting
from archdsl.remedies.proposals import Step, proposals
from archdsl.remedies.trial import Trial
from archdsl.remedies.written import Written

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
    by_size, sizes = fitting(graph, replace(trial), known)  # each search may take its time
    written: Written | None = None
    faults: list[Diagnostic] = []
    tried = 0
    for fault in found:
        if fault not in steps or tried >= MOST or not wanted(fault):
            faults.append(fault)
            continue
        tried += 1
        written = written or Written.of(trial.program)
        step = Step(graph, *steps[fault], written)
        fits = sizes if fault in by_size else None
        # Where the input's size was chosen, or a shape is asked for, that size is the mistake.
        chosen = fits is not None and (bool(trial.choices.inputs) or fault.code == "shape-pattern")
        fixes = [] if chosen else _working(step, trial, known)
        help = " or ".join(fix.title for fix in fixes) if len(fixes) > 1 else fault.help
        step.node["fault"] = replace(
            fault,
            fix=fixes[0] if len(fixes) == 1 else None,
            help="; ".join(text for text in (help, fits) if text) or None,
        )
        faults.append(step.node["fault"])
    return faults


def _working(step: Step, trial: Trial, known: Sequence[Diagnostic]) -> list[Fix]:
    """The fixes of the best group in which any works."""
    last = step.node["fault"].code in RESHAPING
    for group in proposals(step):
        working = [fix for fix in group if trial.removes(fix, step.key, known, step.graph, last=last)]
        if working:
            return working
    return []

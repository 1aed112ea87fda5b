"""Which rewrites there are, and how a graph is rewritten by some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from archdsl.diagnostics import Diagnostic, did_you_mean
from archdsl.errors import SpecError
from archdsl.graph import Graph, RewriteStep, Rewriting, header
from archdsl.phases import Phase
from archdsl.rewrite import drop_idle, fold_batch_norm, group_paths, merge_pointwise, merge_siblings, share_common
from archdsl.rewrite.draft import Draft, Rewrite

REWRITES: Final[Mapping[str, Rewrite]] = MappingProxyType(
    {
        module.REWRITE.name: module.REWRITE
        for module in (drop_idle, share_common, group_paths, fold_batch_norm, merge_pointwise, merge_siblings)
    }
)
"""By name, in the order in which `all` applies them."""
FOR_ENGINES: Final = tuple(name for name, rewrite in REWRITES.items() if not rewrite.slows)
"""Those after which no engine is slower than before."""


def named(names: str | Sequence[str], phase: Phase) -> tuple[str, ...]:
    """The rewrites of these names; `all` are those that a network can be given in a phase. Raises `SpecError`."""
    if names == "all" or list(names) == ["all"]:
        return tuple(name for name, rewrite in REWRITES.items() if rewrite.trains or phase == "inference")
    given = (names,) if isinstance(names, str) else tuple(names)
    for name in given:
        if name not in REWRITES:
            help = did_you_mean(name, REWRITES) or f"there are all, {', '.join(REWRITES)}"
            raise _refusal(f"there is no rewrite `{name}`", help)
        if phase == "training" and not REWRITES[name].trains:
            message = f"`{name}` changes the mathematics of training: a network is rewritten so for inference only"
            raise _refusal(message, "leave it out, or rewrite for inference")
    return given


def rewritten(graph: Graph, names: str | Sequence[str], phase: Phase = "inference") -> Graph:
    """The graph after rewrites, in their order: a graph as any other, whose header says how it came about.

    For inference it is without what inference does not need. Raises `SpecError` for a rewrite that there is not, or
    that is not for the phase, and for a graph that was rewritten for inference and is to be trained.
    """
    chosen, earlier = named(names, phase), header(graph)["rewriting"]
    if earlier is not None and earlier.phase == "inference" and phase == "training":
        raise _refusal("the network was rewritten for inference, and cannot be trained")
    if header(graph)["broken"]:
        raise _refusal("a spec with errors is not rewritten")
    steps = list(earlier.steps) if earlier is not None else []
    draft = Draft(graph, phase, earlier.weights if earlier is not None else None)
    left_out = [f"`{key}` is of training" for key in graph if key not in draft.layers]
    if left_out:
        steps.append(RewriteStep(phase, tuple(left_out), draft.graph()))
    for name in chosen:
        changes = REWRITES[name].apply(draft)
        steps.append(RewriteStep(name, tuple(changes), draft.graph()))
    made, before = draft.graph(), graph if earlier is None else earlier.before
    names_of_all = (*(earlier.names if earlier is not None else ()), *chosen)
    made.graph["rewriting"] = Rewriting(before, phase, names_of_all, tuple(steps), MappingProxyType(draft.weights))
    return made


def _refusal(message: str, help: str | None = None) -> SpecError:
    return SpecError([Diagnostic("bad-rewrite", message, help=help)])

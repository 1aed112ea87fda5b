"""What rewrites did to a network, and what each saved."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from archdsl.dims import Size
from archdsl.graph import Graph, Rewriting, plain
from archdsl.measure.network import cost
from archdsl.measure.network.analyse import analyse
from archdsl.net_view import NetView


@dataclass(frozen=True, slots=True)
class Totals:
    """What a network is and costs in inference: layers, elements of parameters, multiply-adds, and the bytes of its
    weights and, at the peak, its activations. None is what open sizes leave open."""

    layers: int
    params: int
    macs: Size
    bytes: Size | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What one rewrite did: where, in words, and the totals after it."""

    rewrite: str
    changes: tuple[str, ...]
    after: Totals


@dataclass(frozen=True, slots=True)
class Savings:
    """What rewrites did, in their order, from the network as its spec says."""

    network: str
    phase: str
    before: Totals
    effects: tuple[Effect, ...]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        effects = [{"rewrite": e.rewrite, "changes": list(e.changes), "after": _plain(e.after)} for e in self.effects]
        return {"archdsl": 1, "network": self.network, "phase": self.phase, "before": _plain(self.before),
                "rewrites": effects}  # fmt: skip


def savings(rewriting: Rewriting) -> Savings:
    """What the steps of a rewriting saved."""
    name = analyse(rewriting.before).name
    known = totals(rewriting.before)
    effects, before = [], known
    for step in rewriting.steps:
        before = totals(step.graph) if step.changes else before
        effects.append(Effect(step.rewrite, step.changes, before))
    return Savings(name, rewriting.phase, known, tuple(effects))


def totals(graph: Graph) -> Totals:
    report, net = analyse(graph), NetView(graph)
    peak = report.activation_bytes_inference_peak
    weights = sum(map(cost.weight_bytes, net.layers.values()))
    return Totals(report.layers, report.params, report.macs, None if peak is None else peak + weights)


def _plain(found: Totals) -> dict[str, Any]:
    return {name: plain(value) for name, value in asdict(found).items()}

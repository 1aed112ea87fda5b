"""What might remove a fault of shape. A proposal is offered only after it was tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import networkx as nx

from archdsl.diagnostics import Fix
from archdsl.dims import Undecided
from archdsl.elaborate.origins import way_back
from archdsl.graph import input_shapes, layer
from archdsl.ops import Operator, ShapeError, parameter_table
from archdsl.ops.source import Unresolved
from archdsl.remedies.branches import branches, paddings, strides
from archdsl.remedies.shortcuts import projections
from archdsl.remedies.step import BrokenStep, Proposal, fix, shown


def proposals(step: BrokenStep) -> Iterator[Proposal]:
    """What might help, the best first."""
    fault = step.node["fault"]
    operator, sizes = step.node["operator"], step.node["sizes"]
    if fault.fix is not None:
        yield Proposal((fault.fix, *(_other_source(step) if fault.code == "shape-pattern" else ())))
        return
    yield Proposal(tuple(_other_parameters(step)), sure=fault.code != "kernel-too-large" or _sees_the_input(step))
    if isinstance(operator, Unresolved) or len(sizes) != 2:
        return
    if operator.elementwise:
        yield from (Proposal((one,)) for one in projections(step))
    both = branches(step)
    if all(place.dim > 1 for place in sizes):
        yield from (Proposal((one,)) for one in paddings(step, both))
        yield from strides(step, both)


def _other_parameters(step: BrokenStep) -> Iterator[Fix]:
    """Parameters with which the operator would fit; numbers only where its call makes no other layer."""
    operator, span = step.node["operator"], step.node["span"]
    if isinstance(operator, Unresolved):
        return
    alone = sum(node["span"] == span for _, node in step.graph.nodes(data=True)) == 1
    for name, value in step.node["instead"].items():
        if value is None or value == 1:  # a kernel or a group of 1 would do nothing
            continue
        without = step.written.without(span, type(operator), name) if _is_seen(step, operator, name, value) else None
        if without is not None:
            yield from fix([without], f"leave out `{without.span.text.strip('(): {},')}`")
        elif alone:
            edit = step.written.parameter(span, type(operator), name, value)
            yield from fix([edit], f"write `{name} = {shown(value)}`")


def _sees_the_input(step: BrokenStep) -> bool:
    """Whether no other layer has made the sizes that a layer finds, so that the mistake can only be its own."""
    key = step.key
    (shape,) = {edge["shape"][2:] for *_, edge in step.graph.in_edges(key, data=True)} or {None}
    above = [layer(step.graph, other)["outputs"] for other in nx.ancestors(step.graph, key)]
    return all(output[2:] == shape for outputs in above for output in outputs)


def _is_seen(step: BrokenStep, operator: Operator, name: str, value: Any) -> bool:
    """Whether the operator takes this value from its input where it is told none."""
    if parameter_table(type(operator))[name].default is not None:
        return False
    shapes = input_shapes(step.graph, step.key)
    try:
        told, untold = (replace(operator, **{name: one}).target(*shapes) for one in (value, None))  # type: ignore[type-var]
    except (ShapeError, Undecided):
        return False
    return told == untold


def _other_source(step: BrokenStep) -> Iterator[Fix]:
    """The parameter that gives a size which is asked to be another."""
    for place, found in way_back(step.graph, step.node["sizes"][0]):
        node = layer(step.graph, place.node)
        if found is not None and found.parameter is not None:
            wanted = step.node["wanted"]
            edit = step.written.parameter(node["span"], type(node["operator"]), found.parameter, wanted)
            yield from fix([edit], f"write `{found.parameter} = {wanted}` in `{place.node}`")
        return

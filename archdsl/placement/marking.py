"""Marks of a plan, in a copy of the spec: the setting `marks`, which is the one place that can tell apart the layers
that a block or a loop makes again and again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archdsl.placement.device_map import folded
from archdsl.placement.plan import PlannedStage
from archdsl.syntax import tree

SETTING = "marks"


def marks_of(stages: Sequence[PlannedStage]) -> list[str]:
    """The entries of the setting, those of the first stage first: `layer3.2 @gpu1`."""
    devices = {layer.partition("#")[0]: stage.device for stage in stages for layer in stage.layers}
    order = {device: number for number, device in enumerate(dict.fromkeys(stage.device for stage in stages))}
    entries = sorted(folded(devices).items(), key=lambda entry: order[entry[1]])
    return [f"{path} @{device}".lstrip() for path, device in entries]


def with_marks(
    spec: tree.Spec, network: tree.NetworkDefinition, variant: tree.Variant | None, marks: Sequence[str]
) -> tree.Spec:
    """The spec with this setting of a variant, or of a network where no variant is meant; all else as it is."""
    span = variant.span if variant is not None else network.span
    value = tree.ListDisplay(span, tuple(tree.Literal(span, entry) for entry in marks))
    if variant is None:
        return replace(spec, networks=tuple(_with_default(n, value) if n is network else n for n in spec.networks))
    networks = tuple(
        _with_default(n, tree.ListDisplay(span, ())) if n is network and not _has_setting(n) else n
        for n in spec.networks
    )
    others = tuple(argument for argument in variant.call.arguments if argument.name != SETTING)
    call = replace(variant.call, arguments=(*others, tree.Argument(span, SETTING, value)))
    marked = replace(variant, call=call)
    return replace(spec, networks=networks, variants=tuple(marked if v is variant else v for v in spec.variants))


def _has_setting(network: tree.NetworkDefinition) -> bool:
    return any(param.name.id == SETTING for param in network.params)


def _with_default(network: tree.NetworkDefinition, value: tree.ListDisplay) -> tree.NetworkDefinition:
    own = tree.Param(value.span, tree.BoundName(value.span, SETTING), None, None, value)
    return replace(network, params=(*(p for p in network.params if p.name.id != SETTING), own))

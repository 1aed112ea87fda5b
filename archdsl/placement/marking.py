"""Marks of a plan, in a copy of the spec: the setting `marks`, which is the one place that can tell apart the layers
that a block or a loop makes again and again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from archdsl.source import Span
from archdsl.syntax import tree

SETTING = "marks"


def marks_of(devices: Mapping[str, str]) -> list[str]:
    """The entries of the setting for layers by their keys, as few as say it, those of the first device first:
    `layer3.2 @gpu1`. An entry holds for all below its path that has no nearer one."""
    root = _Module()
    for key, device in devices.items():
        module = root
        for name in key.partition("#")[0].split("."):
            module = module.inside.setdefault(name, _Module())
        module.device = device
    order = {device: number for number, device in enumerate(dict.fromkeys(devices.values()))}
    entries = sorted(root.entries("", None), key=lambda entry: order[entry[1]])
    return [f"{path} @{device}".lstrip() for path, device in entries]


@dataclass
class _Module:
    """A path, what is below it, and its device if it is a layer."""

    inside: dict[str, _Module] = field(default_factory=dict)
    device: str | None = None

    def devices(self) -> list[str]:
        """The devices that cost fewest entries: Fitch, "Toward defining the course of evolution", 1971, with votes of
        any number of children as in Hartigan, 1973."""
        if self.device is not None:
            return [self.device]
        votes = Counter(device for module in self.inside.values() for device in module.devices())
        return [device for device, count in votes.items() if count == max(votes.values())]

    def entries(self, path: str, above: str | None) -> list[tuple[str, str]]:
        best = self.devices()
        device = above if above in best else best[0]
        found = [(path, device)] if device != above else []
        for name, module in self.inside.items():
            found += module.entries(f"{path}.{name}" if path else name, device)
        return found


def with_marks(
    spec: tree.Spec, network: tree.NetworkDefinition, variant: tree.Variant | None, marks: Sequence[str]
) -> tree.Spec:
    """The spec with this setting of a variant, or of a network where no variant is meant; all else as it is."""
    if variant is None:
        return _with_network(spec, network, _with_default(network, marks))
    if all(param.name.id != SETTING for param in network.params):
        spec = _with_network(spec, network, _with_default(network, ()))
    end = Span(spec.source, variant.call.span.end, variant.call.span.end)
    others = tuple(argument for argument in variant.call.arguments if argument.name != SETTING)
    call = replace(variant.call, arguments=(*others, tree.Argument(end, SETTING, _list(marks, end))))
    marked = replace(variant, call=call)
    return replace(spec, variants=tuple(marked if v is variant else v for v in spec.variants))


def _with_network(spec: tree.Spec, old: tree.NetworkDefinition, new: tree.NetworkDefinition) -> tree.Spec:
    return replace(spec, networks=tuple(new if network is old else network for network in spec.networks))


def _with_default(network: tree.NetworkDefinition, marks: Sequence[str]) -> tree.NetworkDefinition:
    last = network.params[-1].span
    end = Span(last.source, last.end, last.end)
    own = tree.Param(end, tree.BoundName(end, SETTING), None, None, _list(marks, end))
    return replace(network, params=(*(param for param in network.params if param.name.id != SETTING), own))


def _list(marks: Sequence[str], at: Span) -> tree.ListDisplay:
    return tree.ListDisplay(at, tuple(tree.Literal(at, entry) for entry in marks))

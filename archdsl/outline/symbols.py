"""What differs between instances of a block, in the names that the block itself gives it: `4·width`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from archdsl.columns import constant
from archdsl.diagnostics import Instance
from archdsl.graph import Graph, layer
from archdsl.recovery.columns import Formula, Known, explained

FEW: Final = 5  # values that are told one by one
UNTOLD: Final = "…"


class StaticNames(NamedTuple):
    """The static names in the bodies of instances of one block, with their values."""

    parameters: tuple[Known, ...] = ()
    others: tuple[Known, ...] = ()

    def varying(self) -> Iterator[tuple[str, str]]:
        """The parameters that differ, with their values."""
        for one in self.parameters:
            values = spread(one.values)
            if not constant(one.values) and values != UNTOLD:
                yield one.name, values


def known(instances: Sequence[Instance]) -> StaticNames:
    """What is known of instances of one block; nothing where they were not elaborated."""
    if any(instance.made is None for instance in instances):
        return StaticNames()
    found = [dict(_static(instance.made)) for instance in instances]
    every = [
        Known(name, [values[name] for values in found]) for name in found[0] if all(name in each for each in found)
    ]
    own = {param.name.id for param in instances[0].made.definition.params}
    return StaticNames(tuple(one for one in every if one.name in own), tuple(o for o in every if o.name not in own))


def symbols(graph: Graph, layers: Sequence[str], names: StaticNames) -> dict[str, str]:
    """For the parameters that differ between layers at one place of the instances, what they are: made of the names if
    they can be, else their values."""
    operators = [layer(graph, key)["operator"] for key in layers]
    columns = {name: [getattr(each, name) for each in operators] for name in layer(graph, layers[0])["params"]}
    return {name: symbol(column, names) for name, column in columns.items() if not constant(column)}


def symbol(column: Sequence[Any], names: StaticNames) -> str:
    """Values that differ, in a few characters: made of parameters sooner than of other names."""
    found = explained(column, names.parameters) or explained(column, [*names.parameters, *names.others])
    if isinstance(found, Formula):
        return found.text.replace(" * ", "·").replace(" // ", " / ")
    return spread(column)


def spread(column: Sequence[Any]) -> str:
    """The values of a column: each where they are few, else the least and the largest."""
    if any(type(value) not in (int, float) for value in column):
        return UNTOLD
    values = sorted(set(column))
    return ", ".join(f"{v:.4g}" for v in values) if len(values) <= FEW else f"{values[0]:.4g} … {values[-1]:.4g}"


def _static(made: Any) -> Iterator[tuple[str, Any]]:
    for name, binding in made.scope.bindings.items():
        value = binding.value
        if type(value) in (int, float, bool) or (isinstance(value, list) and all(type(one) is int for one in value)):
            yield name, value

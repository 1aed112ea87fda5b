"""How weights start, as functions of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from archdsl.instances.written import literal
from archdsl.ops.initialiser import INITIALISERS, Initialiser
from compiler.program import Holder
from compiler.source.library import Library, is_ours
from compiler.source.reserved import RESERVED
from compiler.source.spelling import called, signature


@dataclass
class Initialisers:
    """The functions of a file that start the weights of modules."""

    functions: dict[Any, tuple[str, list[str]]] = field(default_factory=dict)

    def wrapped(self, made: str, holder: Holder, library: Library) -> str:
        """A module with its weights started as a spec says."""
        chosen = [(held.weight.name, held.start) for held in holder.held if isinstance(held.start, Initialiser)]
        if not chosen:
            return made
        plain = all(name in ("weight", "bias") for name, _ in chosen)
        kinds = {name: start.name for name, start in chosen}
        if plain and kinds.get("weight") is not None and "bias" in holder.target.kwargs:
            kinds.setdefault("bias", kinds.get("bias", "zeros"))
        key = tuple(kinds.items())
        values = {name: start.args for name, start in chosen}
        if key not in self.functions:
            first = next(iter(kinds.values()))
            name = INITIALISERS[first].short or first if "weight" in kinds or not plain else f"{kinds['bias']}_bias"
            taken = {name for name, _ in self.functions.values()}
            own, number = name, 2
            if own in taken:
                rest = {weight: kind for weight, kind in kinds.items() if weight != "weight"}
                own = f"{name}_{next(iter(rest.values()))}_{next(iter(rest))}" if rest and plain else f"{name}_weight"
                name = own
            while own in taken or own in RESERVED:
                own, number = f"{name}_{number}", number + 1
            self.functions[key] = (own, self._function(own, kinds, plain, library))
        arguments = [literal(value) for name, _ in key for value in values.get(name, ())]
        return f"{self.functions[key][0]}({', '.join([made, *arguments])})"

    @staticmethod
    def _function(own: str, kinds: dict[str, str], plain: bool, library: Library) -> list[str]:
        names: list[str] = []
        body: list[str] = []
        for weight, kind in kinds.items():
            arguments = []
            for argument in INITIALISERS[kind].arguments:
                name = argument if argument not in names else f"{weight}_{argument}".replace(".", "_")
                names.append(name)
                arguments.append(name)
            line = fill(kind, f"layer.{weight}", arguments, library)
            if weight == "bias" and "weight" in kinds:
                body += ["    if layer.bias is not None:", f"        {line}"]
            else:
                body.append(f"    {line}")
        return [f"def {own}({', '.join(['layer', *names])}):", *body, "    return layer"]


def fill(kind: str, tensor: str, arguments: Sequence[str], library: Library) -> str:
    """The call that fills a tensor as an initialiser does."""
    found = INITIALISERS[kind]
    function = library.add(found.target) if is_ours(found.target) else called(found.target)
    names = signature(found.target)
    options = [f"{name}={literal(value)}" for name, value in found.options if names.get(name) != value]
    own = [
        text if list(names)[1:2] == [name] else f"{name}={text}"
        for name, text in zip(found.arguments, arguments, strict=True)
    ]
    return f"{function}({', '.join([tensor, *own, *options])})"

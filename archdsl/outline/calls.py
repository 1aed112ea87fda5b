"""What an instance of a block is called in few characters: `bottleneck 64, stride 2`.

Arguments have the names of their parameters; a width and a word need none. What a reader takes for granted is left out:
defaults, what is switched off, and what operators take for a count where nothing is said, as a stride of 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from functools import cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from archdsl.diagnostics import Instance
from archdsl.dims import Dim
from archdsl.ops import OPERATORS, parameters
from archdsl.outline.wording import SILENT, clip, in_words, plain
from archdsl.syntax import tree

WIDTHS: Final = frozenset({"width", "widths", "channels", "features"})  # told by their numbers alone, if they are first
LONGEST: Final = 36  # characters of a call
SHORT: Final = 28  # characters of a value


class _Argument(NamedTuple):
    """What a call gives a static parameter, and this one's default where that is a plain value."""

    name: str
    value: Any
    default: Any


def called(instance: Instance, symbols: Mapping[str, str] = MappingProxyType({})) -> str:
    """What an instance is called, in a line; as the spec calls it, where the values of its parameters are not known.
    For some of its parameters there may be symbols."""
    if instance.made is None:
        return clip(instance.call)
    block, said = plain(instance.block), list(_said(instance.made, symbols))
    text = f"{block} {', '.join(said)}".rstrip()
    while len(text) > LONGEST and len(said) > 1:
        said = said[:-1]
        text = f"{block} {', '.join(said)}, …"
    return clip(text)


def _said(made: Any, symbols: Mapping[str, str]) -> Iterator[str]:
    first = True
    for argument in _arguments(made):
        if argument.name in symbols:
            yield _words(argument._replace(value=symbols[argument.name]), alone=True)
        elif not _is_news(argument):
            continue
        else:
            yield _words(argument, alone=first and argument.name in WIDTHS)
        first = False


def _arguments(made: Any) -> Iterator[_Argument]:
    for param in made.definition.params:
        binding = made.scope.bindings.get(param.name.id)
        given = param.shape is None and param.name.id in made.given
        if given and binding is not None and _is_static(binding.value):
            default = param.default.value if isinstance(param.default, tree.Literal) else None
            yield _Argument(param.name.id, binding.value, default)


def _is_static(value: Any) -> bool:
    if isinstance(value, list):  # of sizes: what holds anything else is a table, and no name
        return all(type(item) is int for item in value)
    return isinstance(value, (bool, int, float, str, Dim))


def _is_news(argument: _Argument) -> bool:
    name, value, default = argument
    if name in SILENT or (default is not None and value == default):
        return False
    if isinstance(value, Dim) or default:
        return True
    return bool(value) and not (type(value) is int and (name, value) in _usual())


def _words(argument: _Argument, alone: bool) -> str:
    words = argument.name.replace("_", " ").removesuffix(" size")
    if isinstance(argument.value, bool):
        return words if argument.value else f"no {words}"
    said = clip(in_words(argument.value, "×" if words == "kernel" else ", "), SHORT)
    return said if alone or isinstance(argument.value, str) else f"{words} {said}"


@cache
def _usual() -> Set[tuple[str, Any]]:
    """What operators take for counts where nothing is said."""
    every = (parameter for operator in OPERATORS.values() for parameter in parameters(operator))
    return {(each.name, each.default) for each in every if type(each.default) is int}

"""The variants of a family, as functions that make them."""

from __future__ import annotations

from archdsl.columns import ABSENT
from archdsl.graph import header
from archdsl.instances.written import literal
from compiler.source.building import as_list
from compiler.source.class_parts import Template
from compiler.source.classes import Classes
from compiler.source.reserved import RESERVED


def variants(classes: Classes, names: dict[int, str]) -> list[str]:
    """A function for each network of a file, which makes it with its settings."""
    lines: list[str] = []
    taken = {*RESERVED, *names.values()}
    for tree in classes.forest.trees:
        template, i = classes.of[id(tree.root)]
        name = function_name(str(header(tree.graph)["variant"] or tree.assembly.name), taken)
        taken.add(name)
        devices = header(tree.graph)["devices"]
        given = [*_settings(template, i), *(f"{device}={device}" for device in devices)]
        parameters = ", ".join(f'{device}="cpu"' for device in devices)
        lines += [f"def {name}({parameters}):", f"    return {names[id(template)]}({', '.join(given)})", "", ""]
    return lines


def function_name(variant: str, taken: set[str]) -> str:
    """The name of the function that makes a variant."""
    wanted = variant if variant.isidentifier() else f"network_{variant}"
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def _settings(template: Template, i: int) -> list[str]:
    """What one of several networks is made with."""
    found = []
    for name in template.parameters:
        value = template.columns.used[name][i]
        text = template.defaults.get(name, "None") if value is ABSENT else as_list(literal(value))
        if text != template.defaults.get(name):
            found.append(f"{name}={text}")
    needed = [name for name in template.parameters if name not in template.defaults]
    return [text.removeprefix(f"{needed[0]}=") if len(needed) == 1 else text for text in found]

"""What an operator takes, makes and is for, from its class: for documentation, terminals and editors."""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass
from typing import Any

from archdsl.graph import typed
from archdsl.ops import Example, Operator, Weighted, parameters
from archdsl.ops._op import REQUIRED
from archdsl.ops.dtypes import FLOATING, IN_WORDS


@dataclass(frozen=True)
class ShownParameter:
    """A parameter of an operator: its name, as `name =` where it is given by name only; default None is required."""

    name: str
    takes: str
    default: str | None
    doc: str


@dataclass(frozen=True)
class ShownOperator:
    """The page of an operator. `tensors` says what comes first, `lends` which weights it can be lent."""

    name: str
    group: str
    summary: str
    tensors: str
    parameters: tuple[ShownParameter, ...]
    lends: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]


def shown(operator: type[Operator]) -> ShownOperator:
    """The page of an operator."""
    tensors = ", ".join(operator.inputs) + ("…" if operator.variadic is not None else "")
    return ShownOperator(
        operator.name,
        operator.group,
        " ".join((operator.__doc__ or "").split()),
        (tensors or "none") + _types(operator),
        tuple(
            ShownParameter(
                p.name if p.positional else f"{p.name} =",
                p.kind.describe(),
                None if p.default is REQUIRED else "" if p.default is None else _spell(p.default),
                p.doc,
            )
            for p in parameters(operator)
        ),
        operator.lends if issubclass(operator, Weighted) else (),
        tuple((e.step, f"{_inputs(e)} → {_shapes(e.output)}") for e in operator.examples),
    )


def as_markdown(operator: type[Operator]) -> str:
    """The page without its heading."""
    page = shown(operator)
    lines = [page.summary, "", f"Tensors: {page.tensors}."]
    if page.parameters:
        lines += ["", "| parameter | takes | default | |", "|---|---|---|---|"]
        for p in page.parameters:
            default = f"`{p.default}`" if p.default else ""
            lines.append(f"| `{p.name}` | {p.takes} | {default} | {p.doc} |")
    if page.lends:
        lends = " and ".join(f"`{name} =`" for name in page.lends)
        lines += ["", f"It can be [lent](language.md#sharing) what it owns otherwise: {lends} take tensors."]
    return "\n".join([*lines, "", *(f"* `{step}`: {shapes}" for step, shapes in page.examples)])


def as_text(operator: type[Operator], width: int) -> str:
    """The page for a terminal, ending with a newline."""
    page = shown(operator)
    lines = [f"{page.name}: an operator ({page.group})", "", *textwrap.wrap(page.summary, width), ""]
    lines += [f"tensors  {page.tensors}", ""]
    for p in page.parameters:
        given = "" if not p.default else f", default {p.default}" if p.default is not None else ", required"
        lines += textwrap.wrap(f"{p.name}  {p.takes}{given}: {p.doc}", width, subsequent_indent="    ")
    lines += [""] if page.parameters else []
    lines += [f"{step}: {shapes}" for step, shapes in page.examples]
    return "\n".join(lines) + "\n"


def to_dict(operator: type[Operator]) -> dict[str, Any]:
    """The page as plain data."""
    page = asdict(shown(operator))
    return {**page, "examples": [{"step": step, "shapes": shapes} for step, shapes in page["examples"]]}


def _types(operator: type[Operator]) -> str:
    """What the tensors of an operator hold, and what it makes, where that is not floating-point numbers alone."""
    takes = [IN_WORDS.get(kind, "of any type") for kind in operator.takes]
    gives = [{"same": "", "promoted": "", "added up": "", "divided": ""}.get(kind, kind) for kind in operator.gives]
    said = "" if set(operator.takes) == {"floating"} or not operator.inputs else f" ({', '.join(takes)})"
    made = ", ".join(filter(None, gives))
    return said + (f"; gives {made}" if made not in ("", "float32") else "")


def _inputs(example: Example) -> str:
    types = example.dtypes or [FLOATING] * len(example.inputs)
    names = [*[""] * (len(example.inputs) - len(example.named)), *(f"{name} " for name in example.named)]
    found = zip(names, example.inputs, types, strict=True)
    return ", ".join(name + typed(shape, dtype) for name, shape, dtype in found) or _shapes(())


def _spell(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shapes(shapes: tuple[object, ...]) -> str:
    if shapes and isinstance(shapes[0], tuple):
        return ", ".join(str(list(shape)) for shape in shapes if isinstance(shape, tuple))
    return str(list(shapes)) if shapes else "[]"

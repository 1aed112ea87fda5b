"""What is at a place: what it is, its shape, what it costs, what it sees, and the operator's reference."""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.definitions import Definition
from archdsl.editor import places
from archdsl.editor.analysis import Analysis
from archdsl.editor.document import OpenDocument
from archdsl.editor.wording import common, value_in_words
from archdsl.evaluate import FUNCTIONS
from archdsl.graph import layer, layers
from archdsl.measure.network import cost
from archdsl.net_view import NetView
from archdsl.ops import OPERATORS, parameter_table
from archdsl.ops.initialiser import INITIALISERS
from archdsl.presentation.operator import as_markdown
from archdsl.source import Span
from archdsl.syntax import tree
from archdsl.syntax.unparse import shown

MOST = 8  # instances that are told apart


@dataclass(frozen=True, slots=True)
class Hover:
    """Markdown about the text at `span`."""

    span: Span
    markdown: str


def hover(document: OpenDocument, offset: int) -> Hover | None:
    """What is known of a place of the text, or None."""
    known, old = document.known, document.old_offset(offset)
    if known is None or old is None:
        return None
    found = places.use_at(known, old)
    if found is None:
        return None
    span = document.place(found[0])
    text = _of(known, found[0], found[1], document.instance)
    return Hover(span, text) if span is not None and text else None


def _of(known: Analysis, span: Span, definition: Definition, instance: str | None) -> str:
    kind, name = definition.kind, definition.name
    if kind == "operator":
        return "\n\n".join(filter(None, [_layers(known, span, instance), f"**{name}**", as_markdown(OPERATORS[name])]))
    if kind == "block":
        block = next((b for b in _blocks(known) if b.name.id == name), None)
        head = f"```arch\n{_signature(block)}\n```" if block is not None else f"**{name}**: a block"
        return "\n\n".join(filter(None, [head, _step(known, span, instance)]))
    if kind == "function":
        return f"**{name}**: a function\n\n{(FUNCTIONS[name].__doc__ or '').strip()}".strip()
    if kind == "initialiser":
        return f"**{name}**: {INITIALISERS[name].summary}"
    if kind == "parameter" and definition.span is None:
        return _parameter(known, span, name)
    worth = places.values(known, definition.span, instance) if definition.span is not None else []
    graph = known.shown.graph if known.shown is not None else None
    said = common([value for value, _ in worth], graph)
    lines = [f"**{name}**: {kind}" + (f", {said}" if said and not said.startswith("×") else "")]
    if said and said.startswith("×"):
        for value, blocks in worth[:MOST]:
            lines.append(f"* `{blocks[-1].path if blocks else ''}`: {value_in_words(value, graph)}")
        lines += [f"* … {len(worth) - MOST} more"] if len(worth) > MOST else []
    return "\n".join([lines[0], "", *lines[1:]]) if len(lines) > 1 else lines[0]


def _signature(block: tree.Block) -> str:
    return f"block {block.name.id}({', '.join(shown(param) for param in block.params)})"


def _blocks(known: Analysis) -> list[tree.Block]:
    return [block for block, _ in known.program.definitions.blocks.values()]


def _step(known: Analysis, span: Span, instance: str | None) -> str:
    """The shape of the step that a name is the callee of."""
    step = places.innermost(known, span.start, tree.Step) or places.innermost(known, span.start, tree.Evaluate)
    if step is None:
        return ""
    worth = [value for value, _ in places.values(known, step.span, instance)]
    said = common(worth, known.shown.graph if known.shown is not None else None)
    return f"→ {said}" if said else ""


def _layers(known: Analysis, span: Span, instance: str | None) -> str:
    """The layers that a call makes: shape, parameters, multiply-adds."""
    if known.shown is None or known.shown.graph is None:
        return ""
    graph = known.shown.graph
    call = places.innermost(known, span.start, tree.Call)
    if call is None:
        return ""
    keys = [key for key, node in layers(graph) if node["span"] == call.span and "fault" not in node]
    if instance is not None:
        keys = [key for key in keys if any(b.path == instance for b in layer(graph, key)["blocks"])] or keys
    if not keys:
        return ""
    net = NetView(graph)
    lines = []
    for key in keys[:MOST]:
        node = layer(graph, key)
        shapes = ", ".join(str(list(shape)) for shape in node["outputs"])
        parts = [f"`{key}` → {shapes}"]
        own, work = cost.params(node), cost.macs(net, key)
        parts += [f"{own:,} parameters"] if own else []
        parts += [f"{work:,} MACs" if isinstance(work, int) else f"{work} MACs"] if work else []
        parts += [f"on {node['device']}"] if node["device"] else []
        lines.append("* " + ", ".join(parts))
    lines += [f"* … {len(keys) - MOST} more"] if len(keys) > MOST else []
    return "\n".join(lines)


def _parameter(known: Analysis, span: Span, name: str) -> str:
    """A parameter of an operator, where it is given by name."""
    call = places.innermost(known, span.start, tree.Call)
    operator = OPERATORS.get(call.callee.id) if call is not None else None
    table = parameter_table(operator) if operator is not None else {}
    if name not in table:
        return f"**{name}**: parameter"
    return f"**{name}**: {table[name].kind.describe()}\n\n{table[name].doc}"

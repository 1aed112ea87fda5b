"""The loss of a network, as a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from archdsl.diagnostics import Diagnostic
from archdsl.dims import Dim, each_in_symbols
from archdsl.errors import SpecError
from archdsl.graph import Graph, header
from archdsl.instances.written import literal
from compiler.program import Routine
from compiler.source.hierarchy import Hierarchy
from compiler.source.library import Library
from compiler.source.reserved import RESERVED
from compiler.source.spelling import INFIX, SourceText, call


def losses(tree: Hierarchy, library: Library) -> list[str]:
    """The method `loss(outputs, target)`; nothing where a network has none."""
    assembly, head = tree.assembly, header(tree.graph)
    if assembly.training_loss is None or head["loss"] is None:
        return []
    training = [result.name for result in assembly.training.results]
    inference = [result.name for result in assembly.inference.results]
    lines = _body(assembly.training_loss, head["loss"], training, assembly.targets, library)
    if training != inference:
        shorter = ['raise ValueError("in inference nothing is left of the loss")']
        if assembly.inference_loss is not None and head["inference_loss"] is not None:
            shorter = _body(assembly.inference_loss, head["inference_loss"], inference, assembly.targets, library)
        test = "if torch.is_tensor(outputs):" if len(inference) == 1 else f"if len(outputs) == {len(inference)}:"
        lines = [test, *(f"    {line}" for line in shorter), *lines]
    target = ", target" if assembly.targets else ""
    return ["", f"    def loss(self, outputs{target}):", *(f"        {line}" for line in lines)]


def _said(value: Any, values: Mapping[tuple[str, int], SourceText], graph: Graph) -> str:
    """An argument; a size that is open is read from what has it."""
    if isinstance(value, (tuple, list)):
        items = [_said(item, values, graph) for item in value]
        return f"({', '.join(items)}{',' * (len(items) == 1)})"
    if not isinstance(value, Dim):
        return literal(value)
    for (key, output), text in values.items():
        for dim, size in enumerate(each_in_symbols(graph.nodes[key]["outputs"][output])):
            if size == value:
                return f"{text.atom}.shape[{dim}]"
    message = f"the loss depends on the size {value}, which none of the outputs has"
    raise SpecError([Diagnostic("not-exportable", message, help="give the size: --input")])


def _free(lines: Sequence[str], wanted: str) -> str:
    """A name for a part of the loss."""
    name = wanted.split(".")[-1]
    return f"{name}_" if any(line.startswith(f"{name} =") for line in lines) or name in RESERVED else name


def _body(loss: Routine, graph: Graph, outputs: Sequence[str], targets: Sequence[str], library: Library) -> list[str]:
    values: dict[tuple[str, int], SourceText] = {}
    steps = list(loss.invoked())
    read = {ref.layer for step in steps for ref in step.operands}
    lines: list[str] = []
    if len(outputs) > 1:
        taken = [name if name in read else "_" for name in outputs]
        lines.append(f"{', '.join(taken)} = outputs")
        values |= {(name, 0): SourceText(name) for name in outputs}
    else:
        values[outputs[0], 0] = SourceText("outputs")
    alone = list(targets) == ["target"]
    values |= {(name, 0): SourceText("target" if alone else f"target[{literal(name)}]") for name in targets}
    many = len(targets) == 1 and not alone
    if many:
        lines.append(f"{targets[0]} = target[{literal(targets[0])}] if isinstance(target, dict) else target")
        values[targets[0], 0] = SourceText(targets[0])
    uses = [ref for step in steps for ref in step.operands]
    for step in steps:
        node = graph.nodes[step.layer]
        operands = [values[ref.layer, ref.output] for ref in step.operands]
        args = [_said(value, values, graph) for value in step.target.args]
        kwargs = {name: _said(value, values, graph) for name, value in step.target.kwargs.items()}
        if step.target.kind == "source":
            operands = [next(iter(values.values()))]
        infix = step.target.name in INFIX
        shapes = [graph.nodes[ref.layer]["outputs"][ref.output] for ref in step.operands]
        idiom = node["operator"].idiom(*shapes)
        if idiom is not None and "atom}." in idiom and len(operands[0]) > 40:
            name = _free(lines, step.operands[0].layer)
            lines.append(f"{name} = {operands[0]}")
            operands[0] = SourceText(name)
        if infix and sum(map(len, operands)) > LONGEST and sum(len(one) > 25 for one in operands) < 3:
            for i, operand in enumerate(operands):
                if len(operand) > 25 and not (i == len(operands) - 1 and len(operand) < LONGEST):
                    name = _free(lines, step.operands[i].layer)
                    lines.append(f"{name} = {operand}")
                    operands[i] = SourceText(name)
        text = SourceText(call(step, node["operator"], operands, args, kwargs, library, idiom))
        for ref in step.results:
            if sum(other == ref for other in uses) > 1 or len(text) > 400:
                name = f"value{len(lines)}"
                lines.append(f"{name} = {text}")
                values[ref.layer, ref.output] = SourceText(f"{name}[{ref.output}]" if step.listed else name)
            else:
                values[ref.layer, ref.output] = SourceText(f"{text.atom}[{ref.output}]" if step.listed else text)
    result = loss.results[0].ref
    return [*lines, f"return {values[result.layer, result.output]}"]


LONGEST: Final = 66  # characters of an expression


def _short(text: SourceText) -> bool:
    return len(text) <= 40

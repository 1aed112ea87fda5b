"""PyTorch source of a network, as a person would write it."""

from __future__ import annotations

import ast

from archdsl.diagnostics import Diagnostic
from archdsl.dims import show
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layer
from compiler.lowering import assemble
from compiler.source.class_parts import Template, Unsayable
from compiler.source.classes import Classes
from compiler.source.constructors import ClassWriter
from compiler.source.hierarchy import Hierarchy, hierarchy
from compiler.source.layout import WIDTH, laid_out
from compiler.source.library import Library
from compiler.source.losses import losses
from compiler.source.starting import Initialisers


def source_of(graph: Graph, shown: Graph | None = None, width: int = WIDTH) -> str:
    """The source of a network that is a module of torch, which needs nothing else.

    Its `state_dict` has the keys of the compiled network, in their order; from the same seed its weights are the same,
    and so is all that it computes. `shown` is the graph whose sizes its documentation has.
    Raises `SpecError` where the network cannot be compiled.
    """
    if header(graph)["rewriting"] is not None:
        message = "source is of a network as its spec has it: the weights of one that is rewritten come from that"
        raise SpecError([Diagnostic("not-exportable", message, help="export it to .pt2 or .onnx")])
    tree = hierarchy(graph, assemble(graph))
    while True:
        try:
            return laid_out(_lines(tree, shown or graph), width)
        except Unsayable as stop:
            tree.open({(scope.path, scope.use) for scope in stop.scopes})


def _lines(tree: Hierarchy, shown: Graph) -> list[str]:
    classes = Classes(tree)
    top = classes.build()
    library, starts, wrappers = Library(), Initialisers(), dict[str, list[str]]()
    names = _names(classes.templates, top)
    blocks: list[str] = []
    for template in classes.templates:
        if not _is_used(template, classes):
            continue
        writer = ClassWriter(tree, template, library, starts, names, wrappers)
        blocks += [*writer.write(names[id(template)], None, ()), "", ""]
    writer = ClassWriter(tree, top, library, starts, names, wrappers)
    writer.shapes = _shapes(shown)
    network = writer.write(names[id(top)], None, losses(tree, library))
    helpers: list[str] = []
    for one in (*library.lines.values(), *(lines for _, lines in starts.functions.values()), *wrappers.values()):
        helpers += [*(line for line in one), "", ""]
    body = [*helpers, *blocks, *network]
    return [*_imports(body, library), "", "", *body]


def _is_used(template: Template, classes: Classes) -> bool:
    return True


def _names(templates: list[Template], top: Template) -> dict[int, str]:
    """The names of classes, each once; the network's is its own."""
    found = {id(top): top.name}
    taken = {top.name, "F"}
    for template in templates:
        name, number = template.name, 2
        if name in taken:
            name = f"{template.name}Block"
        while name in taken:
            name, number = f"{template.name}{number}", number + 1
        taken.add(name)
        found[id(template)] = name
    return found


def _shapes(graph: Graph) -> list[str]:
    """What a network takes and gives, as the documentation of its forward pass."""
    head = header(graph)
    given = ", ".join(show(layer(graph, name)["shape"]) for name in head["inputs"])
    made = ", ".join(show(output["shape"]) for output in head["outputs"])
    line = f'"""{given} -> {made}"""'
    if len(line) <= WIDTH - 8:
        return [line]
    rows = [show(output["shape"]) for output in head["outputs"]]
    return [f'"""{given}', *(f"{'->' if i == 0 else '  '} {row}" for i, row in enumerate(rows)), '"""']


def _imports(body: list[str], library: Library) -> list[str]:
    used = {node.id for node in ast.walk(ast.parse("\n".join(body))) if isinstance(node, ast.Name)}
    standard = [line for line in sorted(library.imports) if not line.startswith("from torch")]
    own = ["import torch"] if "torch" in used else []
    own += ["import torch.nn.functional as F"] if "F" in used else []
    own += ["from torch import nn"]
    own += [line for line in sorted(library.imports) if line.startswith("from torch")]
    return [*standard, *([""] if standard else []), *own]

"""PyTorch source of a network, as a person would write it."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from archdsl.diagnostics import Diagnostic
from archdsl.dims import show
from archdsl.errors import SpecError
from archdsl.graph import Graph, header, layer
from compiler.lowering import assemble
from compiler.source.class_parts import Template, Unsayable
from compiler.source.classes import Classes, camel
from compiler.source.constructors import ClassWriter
from compiler.source.hierarchy import Forest, hierarchy
from compiler.source.layout import WIDTH, laid_out
from compiler.source.library import Library
from compiler.source.losses import losses
from compiler.source.shapes import shapes
from compiler.source.starting import Initialisers
from compiler.source.variants import variants


def source_of(graphs: Sequence[Graph], shown: Sequence[Graph] | None = None, width: int = WIDTH) -> str:
    """The source of networks that are modules of torch, which needs nothing else.

    The `state_dict` of each has the keys of the compiled network, in their order; from the same seed its weights are
    the same, and so is all that it computes. `shown` are the graphs whose sizes its documentation has. Networks of one
    definition have one class, as far as they are built alike, and a function for each of them that makes it.
    Raises `SpecError` where a network cannot be compiled.
    """
    for graph in graphs:
        if header(graph)["rewriting"] is not None:
            message = "source is of a network as its spec has it: the weights of one that is rewritten come from that"
            raise SpecError([Diagnostic("not-exportable", message, help="export it to .pt2 or .onnx")])
    forest = Forest(tuple(hierarchy(graph, assemble(graph)) for graph in graphs))
    apart = False
    while True:
        try:
            return laid_out(_lines(forest, shown or graphs, apart), width)
        except Unsayable as stop:
            apart = apart or any(not scope.path for scope in stop.scopes)
            for tree in forest.trees:
                tree.open({(scope.path, scope.use) for scope in stop.scopes if scope.tree is tree and scope.path})


def _lines(forest: Forest, shown: Sequence[Graph], apart: bool) -> list[str]:
    classes = Classes(forest)
    classes.build(apart)
    library, starts, wrappers = Library(), Initialisers(), dict[str, list[str]]()
    names = _names(classes)
    blocks: list[str] = []
    sizes = {id(tree): graph for tree, graph in zip(forest.trees, shown, strict=True)}
    for template in classes.templates:
        writer = ClassWriter(forest, template, library, starts, names, wrappers)
        writer.shapes = shapes(template, sizes, WIDTH - 8)
        blocks += [*writer.write(names[id(template)], ()), "", ""]
    networks: list[str] = []
    for top in classes.tops:
        writer = ClassWriter(forest, top, library, starts, names, wrappers)
        of = {id(scope.tree) for scope in top.scopes}
        writer.shapes = _shapes([graph for graph, tree in zip(shown, forest.trees, strict=True) if id(tree) in of])
        networks += [*writer.write(names[id(top)], losses(top.scopes[0].tree, library)), "", ""]
    if len(forest.trees) > 1:
        networks += variants(classes, names)
    helpers: list[str] = []
    for one in (*library.lines.values(), *(lines for _, lines in starts.functions.values()), *wrappers.values()):
        helpers += [*(line for line in one), "", ""]
    body = [*helpers, *blocks, *networks]
    while not body[-1]:
        body.pop()
    return [*_imports(body, library), "", "", *body]


def _names(classes: Classes) -> dict[int, str]:
    """The names of classes, each once; a network's is its own."""
    found: dict[int, str] = {}
    taken = {"F"}
    for template in [*classes.tops, *classes.templates]:
        name, number = template.name, 2
        if template in classes.tops and template.scopes[0] is not classes.forest.trees[0].root:
            name = _named_after(template) if name in taken else name
        elif name in taken:
            name = f"{template.name}Block"
        while name in taken:
            name, number = f"{template.name}{number}", number + 1
        taken.add(name)
        found[id(template)] = name
    return found


def _named_after(template: Template) -> str:
    """The name of a network's class, where others are called as the network is: that of its first variant."""
    tree = template.scopes[0].tree
    name, variant = tree.assembly.name, str(header(tree.graph)["variant"] or "")
    rest = variant[len(name) :] if variant.lower().startswith(name.lower()) else None
    if not variant:
        return name
    if not variant:
        return name
    return f"{name}{camel(rest.lstrip('_')).removeprefix('Block')}" if rest else camel(variant)


def _shapes(graphs: Sequence[Graph]) -> list[str]:
    """What networks take and give, as the documentation of their forward pass; nothing where they differ in that."""
    found = {tuple(map(tuple, _given_and_made(graph))) for graph in graphs}
    if len(found) > 1:
        return []
    given, made = found.pop()
    line = f'"""{", ".join(given)} -> {", ".join(made)}"""'
    if len(line) <= WIDTH - 8:
        return [line]
    return [f'"""{", ".join(given)}', *(f"{'->' if i == 0 else '  '} {row}" for i, row in enumerate(made)), '"""']


def _given_and_made(graph: Graph) -> tuple[list[str], list[str]]:
    head = header(graph)
    given = [show(layer(graph, name)["shape"]) for name in head["inputs"]]
    return given, [show(output["shape"]) for output in head["outputs"]]


def _imports(body: list[str], library: Library) -> list[str]:
    used = {node.id for node in ast.walk(ast.parse("\n".join(body))) if isinstance(node, ast.Name)}
    standard = [line for line in sorted(library.imports) if not line.startswith("from torch")]
    own = ["import torch"] if "torch" in used else []
    own += ["import torch.nn.functional as F"] if "F" in used else []
    own += ["from torch import nn"]
    own += [line for line in sorted(library.imports) if line.startswith("from torch")]
    return [*standard, *([""] if standard else []), *own]

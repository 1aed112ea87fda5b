"""What a class takes and gives, as its documentation: shapes, by its parameters where instances differ in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from archdsl.columns import constant, equal, ratio, whole
from archdsl.dims import show
from archdsl.graph import Graph, layer
from compiler.source.class_parts import Template
from compiler.source.hierarchy import TensorRef

LETTERS: Final = {2: "NC", 3: "NLC", 4: "NCHW", 5: "NCDHW"}  # sizes of a tensor that the spec has no names for
Known = dict[str, Sequence[Any]]  # columns by what says them


def shapes(template: Template, shown: Mapping[int, Graph], width: int) -> list[str]:
    """`shown` are the graphs whose sizes are said, by the trees' ids; `...` are sizes of which nothing is known."""
    graphs = [shown[id(scope.tree)] for scope in template.scopes]
    named: Known = {name: column for name, column in template.columns.used.items() if all(map(whole, column))}
    named |= {text: column for text, column in template.columns.known if all(map(whole, column)) and text not in named}
    sizes: Known = {}
    arguments, written = template.scopes[0].arguments, template.scopes[0].written
    letters = written.letters(arguments[0].name) if written is not None and not arguments[0].listed else ()
    given = []
    for a, argument in enumerate(arguments):
        texts = []
        for j in range(len(argument.refs)):
            refs = [scope.arguments[a].refs[j] for scope in template.scopes]
            texts.append(_shape(_columns(refs, graphs), named, sizes, letters, naming=a == 0))
        given.append(f"[{', '.join(texts)}]" if argument.listed else texts[0])
    made = [
        _shape(_columns([scope.results[k] for scope in template.scopes], graphs), named, sizes, letters)
        for k in range(len(template.scopes[0].results))
    ]
    before, after = ", ".join(given), ", ".join(made)
    line = f'"""{before} -> {after}"""'
    if len(line) <= width:
        return [line]
    lines = [f'"""{before}', f"-> {after}", '"""']
    return lines if max(map(len, lines)) <= width else []


def _columns(refs: Sequence[TensorRef], graphs: Sequence[Graph]) -> list[tuple[Any, ...]] | None:
    """The sizes of a tensor, each in all instances; None where they have more sizes and fewer."""
    found = [layer(graph, key)["outputs"][output] for graph, (key, output) in zip(graphs, refs, strict=True)]
    return list(zip(*found, strict=True)) if len({len(shape) for shape in found}) == 1 else None


def _shape(
    columns: Sequence[Sequence[Any]] | None, named: Known, sizes: Known, letters: Sequence[str], naming: bool = False
) -> str:
    """A shape. `letters` are what the spec calls sizes by their places; `naming`: what nothing says is called so from
    then on, in `sizes`."""
    if columns is None:
        return "[...]"
    own = letters if len(letters) == len(columns) else LETTERS.get(len(columns), "")
    new = naming and not sizes
    texts: list[str] = []
    for i, column in enumerate(columns):
        letter = own[i] if i < len(own) else ""
        text = next(_said(column, named, sizes, letter), "...")
        if new and letter and (text == "..." or text in sizes):
            text, sizes[letter] = letter, column
        if text != "..." or texts[-1:] != [text]:
            texts.append(text)
    return f"[{', '.join(texts)}]"


def _said(column: Sequence[Any], named: Known, sizes: Known, letter: str) -> Iterator[str]:
    """What says a size, that of the same place first."""
    sizes = dict(sorted(sizes.items(), key=lambda one: one[0] != letter))
    if constant(column):
        yield show((column[0],))[1:-1]
    yield from (name for name, values in [*sizes.items(), *named.items()] if equal(column, values))
    if not all(map(whole, column)):
        return
    for name, values in [*named.items(), *sizes.items()]:
        found = ratio(column, values)
        if found is not None and " " not in name:
            yield f"{found[0]} * {name}" if found[1] == 1 else f"{name} // {found[1]}"
    for name, values in sizes.items():
        for other, others in named.items():
            if " " in other or not all(map(whole, values)) or not all(others):
                continue
            triples = list(zip(column, values, others, strict=True))
            if all(a * c == b for a, b, c in triples):
                yield f"{name} // {other}"
            if all(a == b * c for a, b, c in triples):
                yield f"{other} * {name}"

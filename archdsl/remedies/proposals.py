"""What might remove a fault of shape. A proposal is offered only after it was tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import networkx as nx

from archdsl.diagnostics import Edit, Fix
from archdsl.dims import Shape, Undecided
from archdsl.elaborate.origins import way_back
from archdsl.graph import Broken, Graph, Layer, Place, layer, operands
from archdsl.ops import Operator, ShapeError
from archdsl.ops._op import extent, spatial
from archdsl.remedies.written import Written
from archdsl.source import Span
from archdsl.syntax import tree

MOST_STRIDE: Final = 8
MOST_WINDOWS: Final = 4  # of a branch, that might lack a stride


@dataclass(frozen=True, slots=True)
class Step:
    """A step that cannot be, and where its spec is looked at."""

    graph: Graph
    key: str
    node: Broken
    written: Written


@dataclass(frozen=True, slots=True)
class Proposal:
    """Changes of which any would do. Only where one is `sure`, and alone works, is it a fix; else it is a hint."""

    fixes: tuple[Fix, ...]
    sure: bool = True


def proposals(step: Step) -> Iterator[Proposal]:
    """What might help, the best first."""
    fault = step.node["fault"]
    operator, sizes = step.node["operator"], step.node["sizes"]
    if fault.fix is not None:
        yield Proposal((fault.fix, *(_other_source(step) if fault.code == "shape-pattern" else ())))
        return
    yield Proposal(tuple(_other_parameters(step)))
    if operator is None or len(sizes) != 2:
        return
    if operator.elementwise:
        yield from (Proposal((fix,)) for fix in _projections(step))
    branches = _branches(step)
    if all(place.dim > 1 for place in sizes):
        yield from (Proposal((fix,)) for fix in _paddings(step, branches))
        yield from _strides(step, branches)


def _fix(edits: Iterable[Edit | None], title: str) -> Iterator[Fix]:
    """The fix with these edits, if all could be made."""
    whole = list(dict.fromkeys(edits))
    found = [edit for edit in whole if edit is not None]
    if found and len(found) == len(whole):
        yield Fix(found[0].span, found[0].replacement, title, tuple(found[1:]))


# --- parameters that the operator itself names


def _other_parameters(step: Step) -> Iterator[Fix]:
    """Parameters with which the operator would fit, where its call makes no other layer."""
    operator, span = step.node["operator"], step.node["span"]
    if operator is None or sum(node["span"] == span for _, node in step.graph.nodes(data=True)) > 1:
        return
    for name, value in step.node["instead"].items():
        if value is not None and value != 1:  # a kernel or a group of 1 would do nothing
            edit = step.written.parameter(span, type(operator), name, value)
            yield from _fix([edit], f"write `{name} = {_shown(value)}`")


def _other_source(step: Step) -> Iterator[Fix]:
    """The parameter that gives a size which is asked to be another."""
    for place, found in way_back(step.graph, step.node["sizes"][0]):
        node = layer(step.graph, place.node)
        if found is not None and found.parameter is not None:
            wanted = step.node["wanted"]
            edit = step.written.parameter(node["span"], type(node["operator"]), found.parameter, wanted)
            yield from _fix([edit], f"write `{found.parameter} = {wanted}` in `{place.node}`")
        return


# --- branches that do not meet


@dataclass(frozen=True, slots=True)
class Branch:
    """The layers with a window that only one of two sizes has passed, the last first."""

    place: Place
    size: Any
    windows: tuple[tuple[str, Layer], ...]


def _branches(step: Step) -> tuple[Branch, Branch]:
    one, other = step.node["sizes"]
    return _branch(step.graph, one, other), _branch(step.graph, other, one)


def _branch(graph: Graph, place: Place, other: Place) -> Branch:
    shared = nx.ancestors(graph, other.node) | {other.node}
    windows = []
    for passed, _ in way_back(graph, place, passing=True):
        if passed.node in shared:
            break
        node = layer(graph, passed.node)
        if hasattr(node["operator"], "kernel_size") and isinstance(getattr(node["operator"], "padding", None), int):
            windows.append((passed.node, node))
    return Branch(place, layer(graph, place.node)["outputs"][place.output][place.dim], tuple(windows))


def _paddings(step: Step, branches: tuple[Branch, Branch]) -> Iterator[Fix]:
    """Padding with which layers keep the size: of the branch that is smaller, else of both."""
    one, other = branches
    if isinstance(one.size, int) and isinstance(other.size, int) and one.size > other.size:
        one, other = other, one
    for windows in (one.windows, other.windows, one.windows + other.windows):
        edits, keys, paddings = [], [], []
        for key, node in windows:
            padding = _keeps_size(node["operator"], len(node["shape"]) - 2)
            if padding is not None and padding != node["operator"].padding:  # type: ignore[attr-defined]
                edits.append(step.written.parameter(node["span"], type(node["operator"]), "padding", padding))
                keys.append(f"`{key}`")
                paddings.append(f"`padding = {_shown(padding)}`")
        what = " and ".join(dict.fromkeys(paddings))
        yield from _fix(edits, f"keep the size in {' and '.join(keys[::-1])}: {what}")


def _keeps_size(operator: Any, rank: int) -> int | tuple[int, ...] | None:
    """The padding with which a window keeps the size, but for its stride; None where it has no middle."""
    kernel = spatial(operator, "kernel_size", rank)
    dilation = spatial(operator, "dilation", rank) if hasattr(operator, "dilation") else (1,) * rank
    reach = list(map(extent, kernel, dilation))
    if any(r % 2 == 0 for r in reach):
        return None
    padding = tuple(r // 2 for r in reach)
    return padding[0] if len(set(padding)) == 1 else padding


def _strides(step: Step, branches: tuple[Branch, Branch]) -> Iterator[Proposal]:
    """Strides of a window that give one branch the size of the other.

    One that was left out is likelier than one that was written wrongly.
    """
    added, others = list[Fix](), list[Fix]()
    for branch, other in (branches, branches[::-1]):
        for i, (key, node) in enumerate(branch.windows[:MOST_WINDOWS]):
            operator = node["operator"]
            for stride in _stride_to(other.size, step.graph, key, branch) if i == 0 else _ratio(branch, other):
                # A block that is told its stride means that one.
                text = "stride" if "stride" in step.written.settings.get(node["span"], ()) else stride
                edit = step.written.parameter(node["span"], type(operator), "stride", text)
                fixes = list(_fix([edit], f"write `stride = {text}` in `{key}`"))
                left_out = [fix for fix in fixes if fix.span.start == fix.span.end]
                added += left_out
                others += fixes if i == 0 else left_out
    yield Proposal(tuple(added), sure=len(added) == 1)
    yield Proposal(tuple(others), sure=False)


def _stride_to(wanted: Any, graph: Graph, key: str, branch: Branch) -> list[int]:
    """The least stride with which the last window of a branch gives a size."""
    operator = layer(graph, key)["operator"]
    shapes = [layer(graph, source)["outputs"][output] for source, output in operands(graph, key)]
    for stride in range(1, MOST_STRIDE + 1):
        tried = _with(operator, stride=stride)
        if tried != operator and _size_with(tried, shapes, branch.place.dim) == wanted:
            return [stride]
    return []


def _ratio(branch: Branch, other: Branch) -> list[int]:
    """The stride that takes the size of a branch to about that of the other; it is tried all the same."""
    if not isinstance(branch.size, int) or not isinstance(other.size, int):
        return []
    ratio = -(-branch.size // other.size)
    return [ratio] if 1 < ratio <= MOST_STRIDE else []


def _with(operator: Operator, **values: Any) -> Operator:
    names = (p for p in operator.params if p not in values)
    return type(operator)(**{name: getattr(operator, name) for name in names}, **values)


def _size_with(operator: Operator, shapes: list[Shape], dim: int) -> Any:
    try:
        return operator.infer_all(*shapes)[0][dim]
    except (ShapeError, Undecided):
        return None


# --- shortcuts


def _projections(step: Step) -> Iterator[Fix]:
    """A projection of the shortcut, which is the operand that the other one is made from."""
    one, other = (place.node for place in step.node["sizes"])
    if one in nx.ancestors(step.graph, other):
        short, long = 0, 1
    elif other in nx.ancestors(step.graph, one):
        short, long = 1, 0
    else:
        return
    tensors = [edge for *_, edge in sorted(step.graph.in_edges(step.key, data=True), key=lambda e: e[2]["input"])]
    shapes = [edge["shape"] for edge in tensors]
    operands = [step.written.operand(step.node["span"], position) for position in (short, long)]
    if len(shapes) != 2 or len(shapes[0]) != len(shapes[1]) or len(shapes[0]) < 3:
        return
    name, whole = operands
    if not isinstance(name, tree.Name):
        return
    stride = _stride_between(shapes[short], shapes[long])
    if stride is None:
        return
    if isinstance(whole, tree.Name):
        yield from _choice(step, name, whole)
    inside = bool(step.node["blocks"]) and isinstance(whole, tree.Name)
    channels = f"{whole.id}.shape[1]" if inside and isinstance(whole, tree.Name) else str(shapes[long][1])
    projection = f"{name.id} -> conv({channels}, 1{f', stride = {stride}' if stride > 1 else ''})"
    if inside and isinstance(whole, tree.Name):  # other instances of the block may need none
        projection = f"{name.id} if {name.id}.shape == {whole.id}.shape else ({projection})"
    yield from _fix([Edit(name.span, f"({projection})")], f"project the shortcut: `({projection})`")


def _choice(step: Step, name: tree.Name, whole: tree.Name) -> Iterator[Fix]:
    """A shortcut that is projected under a condition: the condition says when the channels differ, too."""
    choice = step.written.choice_of(name)
    if choice is None or not isinstance(choice.orelse, tree.Body) or len(choice.orelse.statements) != 1:
        return
    (kept,) = choice.orelse.statements
    if isinstance(kept, tree.Evaluate) and isinstance(kept.value, tree.Name):
        also = f" or {kept.value.id}.shape != {whole.id}.shape"
        end = Span(choice.test.span.source, choice.test.span.end, choice.test.span.end)
        yield from _fix([Edit(end, also)], f"write the condition as `{choice.test.span.text}{also}`")


def _stride_between(short: Shape, long: Shape) -> int | None:
    """The stride of a 1 × 1 convolution that takes the one's sizes to the other's."""
    if short[2:] == long[2:]:
        return 1
    if not all(isinstance(size, int) for size in (*short[2:], *long[2:])):
        return None
    strides = {-(-int(a) // int(b)) for a, b in zip(short[2:], long[2:], strict=True)}  # type: ignore[arg-type]
    return strides.pop() if len(strides) == 1 else None


def _shown(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)

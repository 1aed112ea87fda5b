"""The elaborated graph: a `networkx.MultiDiGraph`, one node a layer.

Nodes are keyed by the layer's path (`layer1.0.conv1`); the second and later uses of a shared layer are keyed
`path#2`, `path#3` and so on. A node's attributes are those of `Layer`, an edge's those of `Edge`; the graph's own
(`graph.graph`) are those of `Header`. Nodes stand in an order in which every layer follows its inputs.

A spec with errors has a graph too, of all that could be elaborated: `SpecError.graph`. Its header names the steps that
cannot be, `broken`, which is empty in every other graph; they are nodes with the attributes of `Broken`, and nothing
reads them. `sound` is the graph without them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypedDict, cast

from networkx.classes.multidigraph import MultiDiGraph

from archdsl.diagnostics import Diagnostic, Instance
from archdsl.dims import Dim, Shape, Size, show
from archdsl.ops import Operator, Weight
from archdsl.ops.dtypes import FLOATING
from archdsl.phases import Phase
from archdsl.source import Source, Span

if TYPE_CHECKING:
    from archdsl.derived_weights import Expression

Graph: TypeAlias = "MultiDiGraph[str]"
Exists: TypeAlias = Literal["both", "train"]  # in both phases, or in training only, as @train marks it


class Layer(TypedDict):
    """Attributes of a node."""

    path: str  # the module path: the node's key without `#2`
    op: str  # the operator's name; "input" for an input
    operator: Operator  # the operator with its parameters resolved
    params: dict[str, Any]  # those parameters by name
    weights: tuple[Weight, ...]  # parameters and buffers it owns (none of its own for a second use)
    shape: Shape  # of its output, or of the first of several
    outputs: tuple[Shape, ...]  # of all its outputs
    dtype: str  # of its output, or of the first of several, as torch spells it: "float32"
    dtypes: tuple[str, ...]  # of all its outputs
    device: str | None  # the logical device, where the network declares any
    pinned: bool  # whether the spec says so, by a mark, and not by where its inputs are
    phase: Exists  # "train" for what exists in training only
    frozen: bool  # its parameters take no gradient
    checkpoint: str | None  # the region, if any, whose activations are recomputed in backward
    blocks: tuple[Instance, ...]  # the enclosing block instances, outermost first
    span: Span  # where the layer is written
    labelled: bool  # whether its name is the author's, not a number or its operator's name


class Place(NamedTuple):
    """A dimension of an output of a node."""

    node: str
    output: int
    dim: int


class Broken(Layer):
    """Attributes of a step that cannot be: those of a layer without outputs, and what is wrong.

    `op` is the name of the operator, or of the block where a block does not take its arguments; `operator` is
    `archdsl.ops.source.Unresolved` where there is none yet.
    """

    fault: Diagnostic
    sizes: tuple[Place, ...]  # the sizes to blame
    instead: dict[str, Any]  # parameters with which it would fit, where the operator knows them
    wanted: Size | None  # what the only size at fault should be, where that is known


class Edge(TypedDict):
    """Attributes of an edge."""

    input: int  # position among the consumer's tensor inputs
    output: int  # which output of the producer
    shape: Shape


class NetworkOutput(TypedDict):
    """One output of a network."""

    name: str
    node: str
    output: int
    shape: Shape
    dtype: str
    phase: Exists


class Unused(NamedTuple):
    """A name that nothing in its file mentions."""

    kind: str  # "value", "module", "parameter", "setting", "input", "target", "block" or "import"
    name: str
    span: Span
    statement: Span  # the statement that binds it


class Writing(NamedTuple):
    """How the files of a spec are written: for lint, and no part of the architecture."""

    comments: tuple[Span, ...] = ()
    statements: tuple[Span, ...] = ()
    definitions: tuple[Span, ...] = ()  # blocks and networks
    unused: tuple[Unused, ...] = ()
    sources: tuple[Source, ...] = ()  # the spec's own first, then those that it imports


@dataclass(frozen=True, slots=True)
class RewriteStep:
    """What one rewrite did: where, in words, and the graph that it left."""

    rewrite: str
    changes: tuple[str, ...]
    graph: Graph


@dataclass(frozen=True, slots=True)
class Rewriting:
    """How a graph came from another (`archdsl/rewrite/`): for which phase, by which steps, and how each weight that it
    has, by its key in the `state_dict`, follows from those of the graph before."""

    before: Graph
    phase: Phase
    names: tuple[str, ...]  # of the rewrites that were asked for, in order
    steps: tuple[RewriteStep, ...]
    weights: Mapping[str, Expression]


class Header(TypedDict):
    """Attributes of the graph itself."""

    network: str
    variant: str | None
    settings: dict[str, Any]  # the network's parameters
    inputs: tuple[str, ...]  # nodes
    outputs: tuple[NetworkOutput, ...]
    devices: tuple[str, ...]  # logical devices, as declared
    batch: tuple[str, ...]  # symbols that stand for a batch size
    least_batch: dict[str, int]  # what each of them counts as: the least value that the needs allow, mostly 1
    needs: tuple[Dim, ...]  # what must be 0 or more for the shapes to hold
    requires: tuple[str, ...]  # the same as conditions on symbols: "H >= 33", "W % 16 == 0"
    narrowed: Mapping[str, str]  # by symbol, the last layer for which it is taken to be a multiple, or the like
    targets: tuple[str, ...]  # what the loss compares with: "target", where none is declared
    loss: Graph | None  # its inputs are the outputs' names and the targets
    inference_loss: Graph | None  # the same without what exists in training only
    written: Writing  # not serialised
    made: Any  # `archdsl.elaborate.values.MadeFrom`: its definition and the values of its names; not serialised
    broken: tuple[str, ...]  # the steps that cannot be, where the spec has errors
    rewriting: Rewriting | None  # where it is not as the spec says; not serialised


def header(graph: Graph) -> Header:
    return cast(Header, graph.graph)


def batch_in_words(least: Mapping[str, int]) -> str:
    """What figures that need numbers are counted for: `for a batch of 1 (N = 1)`."""
    said = ", ".join(f"{name} = {number}" for name, number in least.items())
    sizes = sorted(set(least.values()))
    more = ", the least that this network takes" if sizes != [1] else ""
    return f"for a batch of {' and '.join(map(str, sizes))} ({said}){more}"


def typed(shape: Shape, dtype: str) -> str:
    """A tensor's shape in words, with its type where that is not the usual one: `[1, 7] int64`."""
    return show(shape) if dtype == FLOATING else f"{show(shape)} {dtype}"


def layer(graph: Graph, key: str) -> Layer:
    return cast(Layer, graph.nodes[key])


def broken(graph: Graph) -> Iterator[tuple[str, Broken]]:
    """The steps that cannot be, in the graph of a spec with errors."""
    return ((key, cast(Broken, graph.nodes[key])) for key in header(graph)["broken"])


def sound(graph: Graph) -> Graph:
    """A copy of the graph without the steps that cannot be, nor the outputs that are lost with them."""
    copy = graph.copy()
    copy.remove_nodes_from(header(graph)["broken"])
    copy.graph["broken"] = ()
    copy.graph["outputs"] = tuple(output for output in header(graph)["outputs"] if output["node"] in copy)
    return copy


def fault(graph: Graph, key: str) -> Diagnostic | None:
    """What is wrong with a step, if anything is."""
    found: Diagnostic | None = graph.nodes[key].get("fault")
    return found


def faults(graph: Graph) -> tuple[Diagnostic, ...]:
    """All that is wrong with a broken network, also what no step of it shows."""
    found: tuple[Diagnostic, ...] | None = graph.graph.get("faults")
    return tuple(node["fault"] for _, node in broken(graph)) if found is None else found


def layers(graph: Graph) -> Iterator[tuple[str, Layer]]:
    """All nodes with their attributes, inputs included, every layer after what it reads."""
    return cast(Iterator[tuple[str, Layer]], iter(graph.nodes(data=True)))


def operands(graph: Graph, key: str) -> list[tuple[str, int]]:
    """What a layer reads, in the order of its inputs: producer and which of its outputs."""
    before: dict[str, dict[int, Edge]] = cast(Any, graph)._pred[key]  # past the views: every pass asks for every layer
    incoming = [
        (edge["input"], producer, edge["output"]) for producer, edges in before.items() for edge in edges.values()
    ]
    return [(producer, output) for _, producer, output in sorted(incoming)]


def input_shapes(graph: Graph, key: str) -> list[Shape]:
    """The shapes of a layer's inputs."""
    return [layer(graph, producer)["outputs"][output] for producer, output in operands(graph, key)]


def live(graph: Graph, training: bool) -> set[str]:
    """The nodes that the outputs of a phase depend on."""
    stack = [o["node"] for o in header(graph)["outputs"] if training or o["phase"] == "both"]
    nodes, before = cast(Any, graph)._node, cast(Any, graph)._pred  # past the views, as in `operands`
    found: set[str] = set()
    while stack:
        key = stack.pop()
        if key not in found:
            found.add(key)
            if not nodes[key]["operator"].owns_storage:  # what it starts as is worked out before
                stack.extend(before[key])
    return found


def serialise(graph: Graph) -> dict[str, Any]:
    """The architecture as plain data: what is computed and under which names, not where it is written."""
    head = header(graph)
    loss = head["loss"]
    params: dict[int, dict[str, Any]] = {}  # by operator: layers that are alike have the same
    for _, node in layers(graph):
        if id(node["operator"]) not in params:
            params[id(node["operator"])] = {name: plain(value) for name, value in node["params"].items()}
    return {
        "inputs": list(head["inputs"]),
        "outputs": [[o["name"], o["node"], o["output"], o["phase"]] for o in head["outputs"]],
        "devices": list(head["devices"]),
        "loss": serialise(loss) if loss is not None else None,
        "nodes": [
            {
                "key": key,
                "path": node["path"],
                "op": node["op"],
                "params": params[id(node["operator"])],
                "inputs": [list(operand) for operand in operands(graph, key)],
                "outputs": [[plain(size) for size in shape] for shape in node["outputs"]],
                "dtype": node["dtype"] if len(set(node["dtypes"])) < 2 else list(node["dtypes"]),
                "device": node["device"],
                "phase": node["phase"],
                "frozen": node["frozen"],
                "checkpoint": node["checkpoint"],
            }
            for key, node in layers(graph)
        ],
    }


def content_hash(graph: Graph) -> str:
    """SHA-256 of the serialised architecture, in hexadecimal."""
    text = json.dumps(serialise(graph), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def plain(value: Any) -> Any:
    """A value of the graph as plain data for JSON: symbolic sizes and infinity as text, tuples as lists."""
    if isinstance(value, Dim) or (isinstance(value, float) and math.isinf(value)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return [type(value).__name__, *(plain(getattr(value, f.name)) for f in fields(value))]

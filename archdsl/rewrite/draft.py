"""A graph while it is rewritten: its layers, what they read, and how their weights follow from the first graph's."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from networkx.classes.multidigraph import MultiDiGraph

from archdsl.derived_weights import Expression, Taken
from archdsl.diagnostics import Instance
from archdsl.dims import Shape
from archdsl.graph import Graph, Header, Layer, NetworkOutput, header, layers, live, operands
from archdsl.net_view import Operand
from archdsl.ops import Operator
from archdsl.phases import Phase


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A rewrite: what `--rewrite` calls it, what it does in a line, whether a network may be trained after it with the
    same mathematics, and the function that changes a draft and says where, in words; and whether some engine runs what
    it makes slower than what was there before."""

    name: str
    summary: str
    trains: bool
    apply: Callable[[Draft], list[str]]
    slows: bool = False


class Draft:
    """A graph that is changed step by step.

    In the form of inference, what inference does not need is left out, and nothing is marked `@checkpoint`, since
    there is no backward pass. Inputs stay, whether they are read or not.
    """

    def __init__(self, graph: Graph, phase: Phase, weights: Mapping[str, Expression] | None = None) -> None:
        """`weights` is how those of the graph follow from the first graph's, where it was rewritten before."""
        self.header: Header = header(graph)
        self.training = phase == "training"
        self.layers: dict[str, Layer] = {}
        self.reads: dict[str, list[Operand]] = {}
        self.outputs: list[NetworkOutput] = [
            cast(NetworkOutput, dict(o)) for o in self.header["outputs"] if self.training or o["phase"] == "both"
        ]
        self.weights: dict[str, Expression] = {}
        self._order: dict[str, int] = {}
        self._readers: dict[str, set[str]] = {key: set() for key in graph}
        self._uses: Counter[str] = Counter()
        for place, (key, node) in enumerate(layers(graph)):
            self.layers[key] = cast(Layer, dict(node))
            self._order[key] = place
            self._uses[node["path"]] += 1
            self.reads[key] = []
            self.read(key, operands(graph, key))
            for name in _names(node):
                self.weights[name] = Taken(name) if weights is None else weights[name]
        if not self.training:
            self.keep(self.needed(live(graph, training=False)))
            for node in self.layers.values():
                node["checkpoint"] = None

    # --- questions

    def __iter__(self) -> Iterator[str]:
        """The layers that there are now, inputs aside, whatever becomes of them meanwhile."""
        return (key for key in list(self.layers) if key in self.layers and self.layers[key]["op"] != "input")

    def readers(self, operand: Operand) -> list[str]:
        """The layers that read a tensor, once for each input that does, in order."""
        found = sorted(self._readers[operand[0]], key=self._order.__getitem__)
        return [key for key in found for read in self.reads[key] if read == operand]

    def sole_reader(self, key: str) -> str | None:
        """The layer that alone reads what another makes, its first output, once; None where there is no such."""
        readers = self._readers[key]
        if len(readers) != 1 or self.is_output(key):
            return None
        (reader,) = readers
        return reader if [producer for producer, _ in self.reads[reader]].count(key) == 1 else None

    def is_output(self, key: str) -> bool:
        """Whether the network returns what a layer makes."""
        return any(output["node"] == key for output in self.outputs)

    def shape(self, operand: Operand) -> Shape:
        return self.layers[operand[0]]["outputs"][operand[1]]

    def own(self, key: str) -> bool:
        """Whether a layer's weights are its own and nobody else's: neither lent, nor those of a module that is used
        more than once, nor tensors that others read."""
        node = self.layers[key]
        lent = bool(getattr(node["operator"], "lent", ()))
        return not lent and self._uses[node["path"]] == 1

    def together(self, keys: Sequence[str]) -> bool:
        """Whether layers may become one: on one device and, in training, trained and recomputed alike, and there in
        the same phases."""
        marks = ("device", "phase", "frozen", "checkpoint") if self.training else ("device",)
        return len({tuple(self.layers[key][mark] for mark in marks) for key in keys}) == 1  # type: ignore[literal-required]

    def weight(self, key: str, name: str) -> Expression:
        """How a weight of a layer follows from the first graph's."""
        return self.weights[f"{self.layers[key]['path']}.{name}"]

    def needed(self, wanted: Iterable[str]) -> set[str]:
        """Layers with all that they are made of, the first uses of shared ones, and the inputs."""
        stack = [*wanted, *self.header["inputs"]]
        found: set[str] = set()
        while stack:
            key = stack.pop()
            if key not in found:
                found.add(key)
                stack += [producer for producer, _ in self.reads[key]]
                stack.append(self.layers[key]["path"])
        return found

    # --- changes

    def keep(self, needed: Iterable[str]) -> list[str]:
        """Leave out all layers but these; the keys of those that went."""
        kept = set(needed)
        gone = [key for key in self.layers if key not in kept]
        for key in gone:
            self.remove(key)
        return gone

    def remove(self, key: str) -> None:
        """Take out a layer, and its weights unless another use of them is there."""
        node = self.layers.pop(key)
        for producer, _ in self.reads.pop(key):
            self._readers.get(producer, set()).discard(key)
        del self._order[key], self._readers[key]
        self._uses[node["path"]] -= 1
        for name in _names(node):
            self.weights.pop(name, None)

    def redirect(self, old: Operand, new: Operand) -> None:
        """Let whoever reads a tensor, the network's outputs among them, read another."""
        for key in [key for key in self._readers[old[0]] if old in self.reads[key]]:
            self.read(key, [new if read == old else read for read in self.reads[key]])
        for output in self.outputs:
            if (output["node"], output["output"]) == old:
                output["node"], output["output"] = new

    def read(self, key: str, reads: Iterable[Operand]) -> None:
        """Let a layer read these tensors, in this order."""
        for producer, _ in self.reads[key]:
            self._readers[producer].discard(key)
        self.reads[key] = list(reads)
        for producer, _ in self.reads[key]:
            self._readers[producer].add(key)

    def change(
        self, key: str, operator: Operator, weights: Mapping[str, Expression], shape: Shape | None = None
    ) -> None:
        """Make a layer another, with the weights that it has then, by name; `shape` where its output has another."""
        node = self.layers[key]
        for name in _names(node):
            del self.weights[name]
        node["operator"], node["params"] = operator, operator.params
        node["weights"] = operator.weights(*map(self.shape, self.reads[key]))
        if shape is not None:
            node["shape"], node["outputs"] = shape, (shape,)
        self._own_weights(key, weights)

    def merge(
        self,
        keys: Sequence[str],
        operator: Operator,
        reads: Sequence[Operand],
        outputs: Sequence[Shape],
        weights: Mapping[str, Expression],
        name: str | None = None,
    ) -> str:
        """Put in a layer that does the work of several, which are taken out by whoever calls; its key.

        It stands where the first of them does, in the blocks that all of them are in, and is trained if any is.
        """
        like = [self.layers[key] for key in keys]
        path = self._free(_joint_path([node["path"] for node in like], name, operator.name))
        own = {
            "path": path, "op": operator.name, "operator": operator, "params": operator.params, "labelled": False,
            "shape": outputs[0], "outputs": tuple(outputs), "dtypes": (like[0]["dtype"],) * len(outputs),
            "frozen": all(one["frozen"] for one in like), "blocks": _common([one["blocks"] for one in like]),
        }  # fmt: skip
        node = cast(Layer, {**like[0], **own})
        self.layers[path], self.reads[path], self._readers[path] = node, [], set()
        self._order[path] = min(self._order[key] for key in keys)
        self._uses[path] += 1
        self.read(path, reads)
        node["weights"] = operator.weights(*map(self.shape, reads))
        self._own_weights(path, weights)
        return path

    def _own_weights(self, key: str, weights: Mapping[str, Expression]) -> None:
        path = self.layers[key]["path"]
        self.weights |= {f"{path}.{name}": expression for name, expression in weights.items()}
        assert all(name in self.weights for name in _names(self.layers[key]))

    def _free(self, path: str) -> str:
        """A path that nothing has, and that is of nothing that has others below it."""
        taken = {part for key in self.layers for part in _prefixes(key)}
        found, number = path, 0
        while found in taken:
            number += 1
            found = f"{path}_{number}"
        return found

    # --- the end

    def graph(self) -> Graph:
        """The graph that it has become, every layer after what it reads, and as before where that leaves a choice."""
        made: Graph = MultiDiGraph()
        made.graph.update(self.header, outputs=tuple(self.outputs))
        if not self.training:
            made.graph["loss"] = self.header["inference_loss"]
        for key in self._sorted():
            made.add_node(key, **cast(Any, dict(self.layers[key])))
        for key in made:
            for i, (producer, output) in enumerate(self.reads[key]):
                made.add_edge(producer, key, i, input=i, output=output, shape=self.shape((producer, output)))
        return made

    def _sorted(self) -> list[str]:
        """The layers in a topological order, of several that could be next the one that was first."""
        waiting = {key: len({producer for producer, _ in reads}) for key, reads in self.reads.items()}
        after: dict[str, list[str]] = {key: [] for key in self.layers}
        for key, reads in self.reads.items():
            for producer in {producer for producer, _ in reads}:
                after[producer].append(key)
        for key, node in self.layers.items():
            if node["path"] != key:  # a later use stands after the first
                waiting[key] += 1
                after[node["path"]].append(key)
        ready = sorted((self._order[key], key) for key, count in waiting.items() if count == 0)
        found = []
        while ready:
            _, key = ready.pop(0)
            found.append(key)
            for reader in after[key]:
                waiting[reader] -= 1
                if waiting[reader] == 0:
                    insort(ready, (self._order[reader], reader))
        return found


def _names(node: Layer) -> Iterator[str]:
    """The keys of a layer's own weights in the `state_dict`."""
    for weight in node["weights"]:
        if weight.persistent:
            yield f"{node['path']}.{weight.name}" if weight.name else node["path"]


def _prefixes(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[:i]) for i in range(1, len(parts) + 1))


def _common(blocks: Sequence[tuple[Instance, ...]]) -> tuple[Instance, ...]:
    """The blocks that all are in."""
    found = []
    for level in zip(*blocks, strict=False):
        if len(set(level)) > 1:
            break
        found.append(level[0])
    return tuple(found)


def _joint_path(paths: Sequence[str], name: str | None, operator: str) -> str:
    """A path for what becomes of several: by name where one is given; else without the part in which they differ, so
    that `path0.conv1` and `path1.conv1` are `conv1`; by the operator's name where more than one part differs."""
    parts = [path.split(".") for path in paths]
    around = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        around.append(level[0])
    after = {tuple(path[len(around) + 1 :]) for path in parts}
    rest = next(iter(after)) if len(after) == 1 and name is None else ()
    return ".".join([*around, *(rest or (name or operator,))])

"""A network as the tree of modules that people would build: blocks, sequences, and what stands in them, in order.

Made from the elaborated graph and its program: the layers of a block's instance are one scope, and so are those of a
labelled sequence. Scopes that people could not call in one go, since something else runs in between or they share what
stands elsewhere, are opened: their parts stand in the scope around, under longer names.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, TypeAlias

from archdsl.diagnostics import Instance
from archdsl.dims import each_in_symbols
from archdsl.graph import Graph, Layer, header, layer, layers
from archdsl.instances.written import WrittenValues
from compiler.program import Assembly, Holder, Invoke, open_sizes

TensorRef: TypeAlias = tuple[str, int]
ROOT: Final = ("", 1)


@dataclass(eq=False)
class LayerLeaf:
    """A layer at work, or one that is built and never works."""

    key: str
    node: Layer
    graph: Graph = field(repr=False)
    path: str
    use: int
    reads: tuple[TensorRef, ...]
    invoke: Invoke | None
    holder: Holder | None
    named: bool  # whether the author named it

    @property
    def results(self) -> tuple[TensorRef, ...]:
        return tuple((self.key, i) for i in range(len(self.node["outputs"])))

    @cached_property
    def names(self) -> dict[TensorRef, str]:
        """What the innermost block around it calls tensors, which may be one whose text stands in another."""
        return names_around(self.graph, self.key)

    @property
    def shapes(self) -> list[Any]:
        """The shapes of what it reads."""
        return [shape_of(self.graph, ref) for ref in self.reads]

    def leaves(self) -> Iterator[LayerLeaf]:
        yield self


@dataclass(eq=False)
class CalledScope:
    """What stands under one path: an instance of a block (for a shared one, one use of it) or a labelled sequence."""

    path: str
    use: int
    instance: Instance | None
    written: WrittenValues | None = None
    items: list[LayerLeaf | CalledScope] = field(default_factory=list)
    arguments: tuple[ScopeArgument, ...] = ()  # what it is called with
    results: tuple[TensorRef, ...] = ()  # what others read of it
    sequence: bool = False  # its parts feed each other in a row
    tree: Hierarchy = field(init=False, repr=False)

    def leaves(self) -> Iterator[LayerLeaf]:
        for item in self.items:
            yield from item.leaves()


@dataclass(frozen=True)
class ScopeArgument:
    """What a scope is called with: a tensor, or a list of some, under the name that it has inside."""

    name: str
    refs: tuple[TensorRef, ...]
    listed: bool = False


@dataclass
class Hierarchy:
    """The tree, and who reads what: the keys of layers, and "" for the network's outputs."""

    graph: Graph
    assembly: Assembly
    leaves: list[LayerLeaf]
    readers: dict[TensorRef, set[str]]
    opened: set[tuple[str, int]] = field(default_factory=set)
    root: CalledScope = field(default_factory=lambda: CalledScope("", 1, None))
    frozen: set[int] = field(default_factory=set)  # the outermost items all of whose weights are frozen, by id
    regions: dict[int, str] = field(default_factory=dict)  # the outermost items that are recomputed, with their region

    @property
    def results(self) -> list[TensorRef]:
        return [(result.ref.layer, result.ref.output) for result in self.assembly.training.results]

    def shape(self, ref: TensorRef) -> Any:
        return shape_of(self.graph, ref)

    def scopes(self, scope: CalledScope | None = None) -> Iterator[CalledScope]:
        """All scopes but the root, the inner ones first."""
        for item in (scope or self.root).items:
            if isinstance(item, CalledScope):
                yield from self.scopes(item)
                yield item

    def open(self, wrong: set[tuple[str, int]]) -> None:
        """Open scopes, and all other uses of the same modules, and those that are wrong then."""
        while wrong:
            paths = {path for path, _ in wrong}
            self.opened |= wrong | {(scope.path, scope.use) for scope in self.scopes() if scope.path in paths}
            self.build()
            wrong = {(scope.path, scope.use) for scope in _wrong(self)}

    # --- the tree

    def build(self) -> None:
        self.root = root = CalledScope("", 1, None, WrittenValues(header(self.graph)["made"]))
        root.tree = self
        by_id = {ROOT: root}
        for leaf in self.leaves:
            scope = root
            for path, use, instance in _chain(leaf):
                if (path, use) in self.opened:
                    continue
                if (path, use) not in by_id:
                    by_id[path, use] = CalledScope(
                        path, use, instance, WrittenValues(instance.made) if instance else None
                    )
                    by_id[path, use].tree = self
                    scope.items.append(by_id[path, use])
                scope = by_id[path, use]
            scope.items.append(leaf)
        self._collapse(root, {scope.path for scope in self.scopes() if scope.use > 1})
        for scope in list(self.scopes()):
            self._connect(scope)
        root.arguments = tuple(ScopeArgument(name, ((name, 0),)) for name in header(self.graph)["inputs"])
        root.results = tuple(self.results)
        self.frozen, self.regions = set(), {}
        self._mark(root, False, None)

    def _mark(self, scope: CalledScope, frozen: bool, region: str | None) -> None:
        """Note the outermost items that are frozen, and that are recomputed."""
        for item in scope.items:
            leaves = list(item.leaves())
            owned = [leaf.node["frozen"] for leaf in leaves if leaf.holder is not None and leaf.holder.held]
            own_frozen = bool(owned) and all(owned)
            regions = {leaf.node["checkpoint"] for leaf in leaves if leaf.invoke is not None}
            own_region = next(iter(regions)) if len(regions) == 1 else None
            if own_frozen and not frozen:
                self.frozen.add(id(item))
            if own_region is not None and region is None:
                self.regions[id(item)] = own_region
            if isinstance(item, CalledScope):
                self._mark(item, frozen or own_frozen, region or own_region)

    def _collapse(self, scope: CalledScope, shared: set[str]) -> None:
        """Take the layer for a scope of one that owns nothing."""
        for i, item in enumerate(scope.items):
            if isinstance(item, LayerLeaf):
                continue
            self._collapse(item, shared)
            only = item.items[0]
            if (
                len(item.items) == 1
                and isinstance(only, LayerLeaf)
                and not (only.holder and only.holder.held)
                and item.path not in shared
            ):
                name = item.path.rpartition(".")[2]
                named = (
                    only.named or item.instance is None or re.fullmatch(rf"{item.instance.block}(_\d+)?", name) is None
                )
                scope.items[i] = replace(only, path=item.path, named=named)

    def _connect(self, scope: CalledScope) -> None:
        inside = {leaf.key for leaf in scope.leaves()}
        enters: dict[TensorRef, None] = {}
        for leaf in scope.leaves():
            for ref in leaf.reads:
                if ref[0] not in inside and not self.is_weight_within(ref, scope.path):
                    enters[ref] = None
        arguments = []
        for tensors in scope.written.tensors if scope.written is not None else ():
            if tensors.listed and all(ref in enters for ref in tensors.refs):
                arguments.append(ScopeArgument(tensors.name, tensors.refs, True))
                enters = {ref: None for ref in enters if ref not in tensors.refs}
            elif not tensors.listed and tensors.refs[0] in enters:
                arguments.append(ScopeArgument(tensors.name, tensors.refs))
                del enters[tensors.refs[0]]
        first = scope.items[0]
        if (
            scope.written is None
            and isinstance(first, CalledScope)
            and {r for a in first.arguments for r in a.refs} == enters.keys()
        ):
            arguments, enters = [replace(one, name="x") for one in first.arguments], {}
        arguments += [ScopeArgument("x" if not arguments and len(enters) == 1 else "", (ref,)) for ref in enters]
        scope.arguments = tuple(arguments)
        made = [ref for leaf in scope.leaves() for ref in leaf.results]
        scope.results = tuple(ref for ref in made if self.readers.get(ref, set()) - inside)
        scope.sequence = self._is_sequence(scope)

    def is_weight(self, ref: TensorRef) -> bool:
        """Whether a tensor is a weight of a layer, which others use."""
        return layer(self.graph, ref[0])["op"] == "weight"

    def is_weight_within(self, ref: TensorRef, path: str) -> bool:
        """Whether a tensor is a weight of a layer below a path, which has it at hand."""
        return self.is_weight(ref) and (not path or layer(self.graph, ref[0])["path"].startswith(f"{path}."))

    def _is_sequence(self, scope: CalledScope) -> bool:
        """Whether `nn.Sequential` runs it."""
        if len(scope.arguments) != 1:
            return False
        current = scope.arguments[0].refs
        names = []
        for i, item in enumerate(scope.items):
            if i and self.read_by(current) - {leaf.key for leaf in item.leaves()}:
                return False
            if isinstance(item, LayerLeaf):
                if item.reads != current or scope.arguments[0].listed > i or len(item.results) != 1:
                    return False
                if item.invoke is None or not _is_step(item):
                    return False
            elif len(item.arguments) != 1 or item.arguments[0].refs != current:
                return False
            if not item.results or (item.path.count(".") != scope.path.count(".") + bool(scope.path)):
                return False
            names.append(item.path.rpartition(".")[2] if _is_named(item) else str(i))
            current = item.results
        if current != scope.results or len({leaf.node["checkpoint"] for leaf in scope.leaves()}) > 1:
            return False
        return all(name == str(i) for i, name in enumerate(names)) or (
            scope.instance is None and all(item.path.rpartition(".")[2].isidentifier() for item in scope.items)
        )

    def read_by(self, refs: tuple[TensorRef, ...]) -> set[str]:
        return set().union(*(self.readers.get(ref, set()) for ref in refs))


def _is_step(leaf: LayerLeaf) -> bool:
    """Whether a layer is a module, or a function that can be made one."""
    assert leaf.invoke is not None
    target = leaf.invoke.target
    if leaf.use > 1:
        return False
    return target.kind == "module" or (
        target.kind == "function" and not any(open_sizes((target.args, tuple(target.kwargs.values()))))
    )


def _is_named(item: LayerLeaf | CalledScope) -> bool:
    """Whether its name matters: for what it owns, or since the author gave it."""
    if isinstance(item, CalledScope):
        return True
    return item.named or bool(item.holder is not None and item.holder.held) or item.path.rpartition(".")[2].isdigit()


def names_around(graph: Graph, key: str) -> dict[TensorRef, str]:
    """What the innermost block around a layer, or else the network, calls tensors."""
    blocks = layer(graph, key)["blocks"]
    made = blocks[-1].made if blocks else header(graph)["made"]
    return {} if made is None else WrittenValues(made).names


def shape_of(graph: Graph, ref: TensorRef) -> Any:
    """The shape of what a layer gives."""
    return each_in_symbols(layer(graph, ref[0])["outputs"][ref[1]])


@dataclass(frozen=True)
class Forest:
    """The trees of the networks that one file has, and what is marked in any of them."""

    trees: tuple[Hierarchy, ...]

    @property
    def frozen(self) -> set[int]:
        return set().union(*(tree.frozen for tree in self.trees))

    @property
    def regions(self) -> dict[int, str]:
        return {key: name for tree in self.trees for key, name in tree.regions.items()}


def hierarchy(graph: Graph, assembly: Assembly) -> Hierarchy:
    """The tree of a network, in which all scopes can be called."""
    invokes = {invoke.layer: invoke for invoke in assembly.training.invoked()}
    holders = {holder.path: holder for holder in assembly.holders}
    leaves: list[LayerLeaf] = []
    readers: dict[TensorRef, set[str]] = defaultdict(set)
    for key, node in layers(graph):
        if node["op"] in ("input", "weight"):
            continue
        path, _, use = key.partition("#")
        invoke = invokes.get(key)
        holder = holders.get(key, holders.get(path))
        if invoke is None and (holder is None or not holder.held or use):
            continue
        reads = tuple((ref.layer, ref.output) for ref in invoke.operands) if invoke is not None else ()
        for ref in reads:
            readers[ref].add(key)
        leaves.append(LayerLeaf(key, node, graph, path, int(use or 1), reads, invoke, holder, node["labelled"]))
    for result in assembly.training.results:
        readers[result.ref.layer, result.ref.output].add("")
    found = Hierarchy(graph, assembly, leaves, dict(readers))
    found.build()
    found.open({(scope.path, scope.use) for scope in _wrong(found)})
    return found


def _chain(leaf: LayerLeaf) -> list[tuple[str, int, Instance | None]]:
    """The scopes around a leaf, from outside: those of its path, with the instances that have these paths."""
    use = 1
    instances: dict[str, tuple[int, Instance]] = {}
    for instance in leaf.node["blocks"]:
        if not instance.inline:
            use = max(use, instance.use)
            instances[instance.path] = (use, instance)
    segments = leaf.path.split(".")[:-1]
    found: list[tuple[str, int, Instance | None]] = []
    current = 1
    for i in range(len(segments)):
        path = ".".join(segments[: i + 1])
        inner: Instance | None = None
        if path in instances:
            current, inner = instances[path]
        found.append((path, current, inner))
    return found


def _wrong(tree: Hierarchy) -> Iterator[CalledScope]:
    """Scopes that cannot be called in one go."""
    place = {leaf.key: i for i, leaf in enumerate(tree.leaves)}
    foreign = {  # instances around a layer that belongs elsewhere: one that is shared, and was made outside of them
        (instance.path, instance.use)
        for leaf in tree.leaves
        for instance in leaf.node["blocks"]
        if not instance.inline and not leaf.path.startswith(f"{instance.path}.")
    }
    seen: set[str] = set()
    recursive = {id(scope) for scope in _within_themselves(tree.root, ())}
    for scope in tree.scopes():
        inside = [leaf for leaf in scope.leaves() if leaf.invoke is not None]
        places = [place[leaf.key] for leaf in scope.leaves()]
        apart = max(places) - min(places) + 1 != len(places)
        mixed = len({(leaf.node["phase"], leaf.node["device"]) for leaf in inside}) > 1
        regions = {leaf.node["checkpoint"] for leaf in inside}
        within = {leaf.key for leaf in inside}
        shared = (
            any(leaf.key not in within and leaf.node["checkpoint"] in regions - {None} for leaf in tree.leaves)
            and len(regions) > 1
        )
        late = scope.use > 1 and scope.path not in seen
        seen.add(scope.path)
        unknown = scope.instance is not None and scope.instance.made is None
        no_block = scope.instance is None and not scope.sequence
        idle = not scope.arguments or not scope.results or len(inside) < len(places)
        if (
            id(scope) in recursive
            or apart
            or mixed
            or shared
            or late
            or unknown
            or no_block
            or idle
            or (scope.path, scope.use) in foreign
        ):
            yield scope


def _within_themselves(scope: CalledScope, around: tuple[int, ...]) -> Iterator[CalledScope]:
    """Instances of a block inside of others of the same block."""
    for item in scope.items:
        if isinstance(item, CalledScope):
            own = id(item.written.made.definition) if item.written is not None and item.written.made is not None else 0
            if own in around:
                yield item
            yield from _within_themselves(item, (*around, own) if own else around)

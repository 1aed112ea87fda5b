"""Lowers an elaborated graph to the program of each phase (`compiler/program.py`). No torch."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from archdsl.diagnostics import Diagnostic
from archdsl.dims import Shape, Undecided, each_in_symbols, symbols
from archdsl.errors import SpecError
from archdsl.graph import Graph, Layer, NetworkOutput, header, input_shapes, layer, layers, live, operands
from archdsl.ops import Target
from archdsl.ops.initialiser import Initialiser
from archdsl.ops.merge import folds
from compiler.program import (
    Assembly,
    Feed,
    Held,
    Holder,
    Instruction,
    Invoke,
    Reading,
    Recompute,
    Ref,
    Result,
    Routine,
    Transfer,
    open_sizes,
    sizes_read,
)
from compiler.sizes import readings

Homes = Mapping[str, str | None]  # the device of each layer


def assemble(graph: Graph) -> Assembly:
    """The programs of a network.

    Raises `SpecError` where torch must know a size beforehand that is open, or no input tells one that is needed.
    """
    head = header(graph)
    homes = {key: node["device"] for key, node in layers(graph) if node["op"] != "input"}
    targets = {key: _target(graph, key) for key in homes}
    holders = _holders(graph, targets)
    training = _Phase(graph, targets, holders, homes, training=True).routine()
    phased = any(node["phase"] == "train" or node["checkpoint"] for _, node in layers(graph))
    inference = _Phase(graph, targets, holders, homes, training=False).routine() if phased else training
    outputs = {o["name"]: homes.get(o["node"]) for o in head["outputs"]}
    loss, inference_loss = (_loss(one, outputs) if one else None for one in (head["loss"], head["inference_loss"]))
    built = tuple({holder.path: holder for holder in holders.values()}.values())
    routines = (training, inference, loss, inference_loss)
    return Assembly(head["network"], head["devices"], built, *routines, head["targets"], _aliases(graph))


def _loss(loss: Graph, outputs: Homes) -> Routine:
    """A loss: each part of it runs where the first output is that it reads, and targets are brought there."""
    homes: dict[str, str | None] = dict(outputs)
    for key, node in layers(loss):
        if node["op"] != "input":
            read = (homes.get(producer) for producer, _ in operands(loss, key))
            homes[key] = next((home for home in read if home is not None), None)
    own = {key: homes[key] for key, node in layers(loss) if node["op"] != "input"}
    targets = {key: _target(loss, key) for key in own}
    return _Phase(loss, targets, _holders(loss, targets), own, training=True).routine()


def _aliases(graph: Graph) -> dict[str, str]:
    """Keys under which checkpoints may hold a weight once more, since a layer that is lent it has one there."""
    found = {}
    for key, node in layers(graph):
        lent = getattr(node["operator"], "lent", ())
        for name, (producer, _) in zip(reversed(lent), reversed(operands(graph, key)), strict=False):
            owner = layer(graph, producer)
            if owner["operator"].owns_storage and node["path"] == key:
                weight = owner["operator"].params.get("weight")
                found[f"{key}.{name}"] = f"{owner['path']}.{weight}" if weight else owner["path"]
    return found


# --- what is called, and what is built


def _target(graph: Graph, key: str) -> Target:
    node = layer(graph, key)
    try:
        target = node["operator"].target(*input_shapes(graph, key))
    except Undecided as error:
        raise _must_be_known(node, error.question, error.symbols) from None
    if target.kind == "module":
        for size in open_sizes(tuple(target.kwargs.values())):
            raise _must_be_known(node, f"the size {size} of `{node['op']}`", symbols(size))
    kwargs = {name: each_in_symbols(value) for name, value in target.kwargs.items()}
    return replace(target, args=each_in_symbols(target.args), kwargs=kwargs)


def _must_be_known(node: Layer, what: str, names: Iterable[str]) -> SpecError:
    wanted = " and ".join(f"`{name}`" for name in sorted(set(names)))
    help = f"give {wanted} a value: write a number in the input's shape, or use --input"
    message = f"{what} depends on {wanted}, and must be known when the network is compiled"
    return SpecError([Diagnostic("undecided", message, node["span"], chain=node["blocks"], help=help)])


def _holders(graph: Graph, targets: Mapping[str, Target]) -> dict[str, Holder]:
    """What is built for each layer that holds something, by its key: for a shared one what its first use holds."""
    found: dict[str, Holder] = {}
    for key, target in targets.items():
        node = layer(graph, key)
        if target.kind in ("function", "source") or (target.kind == "constant" and not node["weights"]):
            continue
        if target.kind == "weight":  # of what the layer holds
            found[key] = found[node["path"]]
            continue
        first = found.get(node["path"])
        # A shared pool of images and of series is two modules of torch: without weights, that is no difference.
        shared = first is not None and (first.target == target or bool(first.held))
        path = node["path"] if first is None or shared else key
        found[key] = first if first is not None and shared else _holder(graph, key, path, target)
    return found


def _holder(graph: Graph, key: str, path: str, target: Target) -> Holder:
    node = layer(graph, key)
    starts = _starts(node)
    if node["operator"].owns_storage and graph.pred[key]:
        value = _value(graph, *operands(graph, key)[0])
        return Holder(path, target, node["device"], node["frozen"], (Held(path, node["weights"][0], value),))
    held = tuple(
        Held(f"{path}.{weight.name}" if weight.name else path, weight, starts(weight.role))
        for weight in node["weights"]
    )
    return Holder(path, target, node["device"], node["frozen"], held)


def _value(graph: Graph, key: str, output: int) -> Routine:
    """What works out a tensor that depends on no input."""
    needed, stack = {key}, [key]
    while stack:
        before = set(graph.pred[stack.pop()]) - needed
        needed |= before
        stack += before
    part = graph.copy()
    part.remove_nodes_from([name for name in graph if name not in needed])  # the others keep their order
    shape, dtype = layer(graph, key)["outputs"][output], layer(graph, key)["dtypes"][output]
    result = NetworkOutput(name="value", node=key, output=output, shape=shape, dtype=dtype, phase="both")
    for name in part:  # what only this reads is nothing that the network has as it runs
        part.nodes[name]["weights"] = layer(part, name)["operator"].weights(*input_shapes(part, name))
    part.graph.update(network="value", inputs=(), outputs=(result,), needs=())
    targets = {name: _target(part, name) for name in part}
    homes: Homes = dict.fromkeys(part)
    return _Phase(part, targets, _holders(part, targets), homes, training=False).routine()


def _starts(node: Layer) -> Callable[[str], Initialiser | None]:
    """How weights of each role start; where a layer says nothing, as torch's module makes them."""
    operator = node["operator"]
    weight: Initialiser | None = getattr(operator, "init", None)
    if operator.owns_storage:  # nothing but its own tensor, whatever its role
        return lambda role: weight
    bias: Initialiser | None = getattr(operator, "bias_init", None)
    if weight is not None and bias is None and getattr(operator, "takes_default_init", True):
        bias = Initialiser("zeros")
    return {"weight": weight, "bias": bias, "buffer": None}.get


# --- steps


class _Phase:
    """The steps of a phase: the layers that its outputs depend on, in the order of the spec."""

    def __init__(
        self,
        graph: Graph,
        targets: Mapping[str, Target],
        holders: Mapping[str, Holder],
        homes: Homes,
        *,
        training: bool,
    ) -> None:
        self.graph, self.targets, self.holders, self.homes, self.training = graph, targets, holders, homes, training
        self.needed = live(graph, training)
        self.outputs: list[NetworkOutput] = [o for o in header(graph)["outputs"] if training or o["phase"] == "both"]

    def routine(self) -> Routine:
        head = header(self.graph)
        feeds = tuple(Feed(name, *_declared(self.graph, name)) for name in head["inputs"])
        block = _Block(self)
        for name in head["inputs"]:
            block.send(name)
        keys = [key for key, node in layers(self.graph) if key in self.needed and node["op"] != "input"]
        for region, members in self._regions(keys):
            block.recompute(region, members) if region is not None else block.invoke(members)
        results = tuple(Result(o["name"], self.own(o["node"], o["output"])) for o in self.outputs)
        read = readings((feed.name, feed.shape) for feed in feeds)
        self._refuse_untold(block.steps, read)
        return Routine(head["network"], feeds, tuple(block.steps), results, read, each_in_symbols(head["needs"]))

    def _regions(self, keys: Iterable[str]) -> Iterator[tuple[str | None, list[str]]]:
        """Layers in a row that are recomputed together, and those between them (under None)."""
        members: list[str] = []
        before: list[str] = []  # what depends on nothing divides no region
        current: str | None = None
        for key in keys:
            region = layer(self.graph, key)["checkpoint"] if self.training else None
            if region is None and current is not None and not self.reads(key):
                before.append(key)
                continue
            if region != current and members:
                if before:
                    yield None, before
                    before = []
                yield current, members
                members = []
            current = region
            members.append(key)
        if before:
            yield None, before
        if members:
            yield current, members

    def reads(self, key: str) -> list[tuple[str, int]]:
        """What a layer reads as it runs: nothing where it is a tensor of the network's own, whatever it started as."""
        return [] if layer(self.graph, key)["operator"].owns_storage else operands(self.graph, key)

    def _refuse_untold(self, steps: Sequence[Instruction], read: Sequence[Reading]) -> None:
        """Refuse a size that is read but that no input tells, such as that of `[N, H * W]`."""
        told = {reading.symbol for reading in read}
        if all(symbols(size) <= told for size in sizes_read(steps)):
            return
        for key, target in self.targets.items():
            for size in open_sizes((target.args, tuple(target.kwargs.values()))):
                if not symbols(size) <= told:
                    node = layer(self.graph, key)
                    raise _must_be_known(node, f"the size {size} of `{node['op']}`", symbols(size) - told)

    def own(self, key: str, output: int) -> Ref:
        """A tensor where it is made."""
        return Ref(key, output, self.homes.get(key))

    def needed_on(self, key: str, output: int, device: str | None) -> Ref:
        """A tensor where it is read: itself, or its copy there."""
        own = self.own(key, output)
        return own if device in (None, own.device) else own._replace(device=device)

    def readers(self, key: str) -> Iterator[tuple[str, int]]:
        """The layers that read what a layer makes, each with which of its outputs, in the order of the spec."""
        for _, reader, edge in self.graph.out_edges(key, data=True):
            if reader in self.needed and self.reads(reader):
                yield reader, edge["output"]

    def used_after(self, members: Sequence[str]) -> set[Ref]:
        """What others, or the network's outputs, read of what some layers make, each where it is read."""
        inside = set(members)
        used = {self.own(o["node"], o["output"]) for o in self.outputs if o["node"] in inside}
        for key in members:
            for reader, output in self.readers(key):
                if reader not in inside:
                    used.add(self.needed_on(key, output, self.homes[reader]))
        return used


def _declared(graph: Graph, name: str) -> tuple[Shape, str]:
    node = layer(graph, name)
    return each_in_symbols(node["shape"]), node["dtype"]


class _Block:
    """Steps while they grow: of a phase, or of a region in it, which asks the block around for what it has not made."""

    def __init__(self, phase: _Phase, around: _Block | None = None, members: Iterable[str] = ()) -> None:
        self.phase = phase
        self.around = around
        self.members = frozenset(members)
        self.steps: list[Instruction] = []
        self.copies: set[Ref] = set()  # on other devices
        self.enters: dict[Ref, None] = {}

    def invoke(self, keys: Iterable[str]) -> None:
        """Add layers."""
        for key in keys:
            node, target = layer(self.phase.graph, key), self.phase.targets[key]
            home = self.phase.homes[key]
            read = tuple(self.on(producer, output, home) for producer, output in self.phase.reads(key))
            results = tuple(Ref(key, i, home) for i in range(len(node["outputs"])))
            folded = target.kind == "function" and folds(node["operator"], read)
            holder = self.phase.holders.get(key)
            self.steps.append(Invoke(key, target, read, results, holder, node["operator"].several, folded))
            self.send(key)

    def send(self, key: str, beside: Container[str] = ()) -> None:
        """Copy what a layer made to the devices on which it is read: as soon as it is there, so that the copy is on its
        way while others compute. In a region only for readers in it; in general not for those `beside`."""
        for reader, output in self.phase.readers(key):
            if reader not in beside and (self.around is None or reader in self.members):
                self.on(key, output, self.phase.homes[reader])

    def on(self, key: str, output: int, device: str | None) -> Ref:
        """A tensor on a device, copied there if need be: once, and before a region rather than at each run of it."""
        wanted = self.phase.needed_on(key, output, device)
        if self.around is not None and key not in self.members:
            self.around.on(key, output, device)
            self.enters[wanted] = None
        elif wanted != self.phase.own(key, output) and wanted not in self.copies:
            self.steps.append(Transfer(self.phase.own(key, output), wanted))
            self.copies.add(wanted)
        return wanted

    def recompute(self, name: str, members: list[str]) -> None:
        """Add a region. A copy that it makes of its own tensors on another device is that of all that read it there."""
        inner = _Block(self.phase, self, members)
        inner.invoke(members)
        leaving: set[Ref] = set()
        for ref in self.phase.used_after(members):
            made = ref in inner.copies or ref.device == self.phase.homes[ref.layer]
            leaving.add(ref if made else self.phase.own(ref.layer, ref.output))
        order = {key: i for i, key in enumerate(members)}
        leaves = sorted(leaving, key=lambda ref: (order[ref.layer], ref.output, ref in inner.copies, ref.device or ""))
        steps = tuple(step for step in inner.steps if not isinstance(step, Recompute))
        self.steps.append(Recompute(name, steps, tuple(inner.enters), tuple(leaves)))
        self.copies |= leaving & inner.copies
        for key in members:
            self.send(key, beside=inner.members)

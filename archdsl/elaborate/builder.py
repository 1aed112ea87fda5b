"""Builds the graph layer by layer: checks the operator against its inputs, names the layer, adds the node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from networkx.classes.multidigraph import MultiDiGraph

from archdsl.diagnostics import Label
from archdsl.dims import Shape, show
from archdsl.elaborate.devices import MarksByPath, unmarked
from archdsl.elaborate.faults import Fault
from archdsl.elaborate.inference import Inference
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import Context
from archdsl.graph import Graph, Place
from archdsl.limits import Work, limits
from archdsl.ops import Operator, Weight, Weighted
from archdsl.ops.assumptions import fits
from archdsl.ops.dtypes import FLOATING, IN_WORDS, TAKEN
from archdsl.ops.initialiser import INITIALISERS, Initialiser
from archdsl.ops.source import Input, LayerWeight, Unresolved
from archdsl.source import Span


class GraphBuilder:
    """The graph of one network while it grows."""

    def __init__(self, work: Work) -> None:
        self.graph: Graph = MultiDiGraph()
        self.work = work
        self.inference = Inference(work)
        self.limits = limits()
        self.devices: dict[str, None] = {}  # in the order declared
        self.marks: MarksByPath | None = None  # the setting `marks`
        self.broken: dict[str, None] = {}  # steps that cannot be, in the order found
        self.untyped: set[str] = set()  # inputs that declare no type and have no use yet
        self.unplaced: set[str] = set()  # what is made where it is read, and is read by nothing yet
        self.init: Initialiser | None = None  # the network's own choice
        self.steps: dict[str, Span] = {}  # every path given to a step
        self.containers: dict[str, Span] = {}  # every path that has others below it
        self._started: dict[int, tuple[Weighted, Weighted]] = {}  # operators, and the same with that choice
        self._layers = 0
        self._regions = 0

    def next_region(self) -> str:
        """A new region of layers that are recomputed together."""
        self._regions += 1
        return f"checkpoint{self._regions}"

    # --- paths

    def claim(self, path: str, span: Span, context: Context) -> None:
        """Take a path for a step; an error if another step has it (unless it is the same one, shared)."""
        first = self.steps.get(path)
        if len(path) > self.limits.path:
            raise context.fault(
                "path-too-long",
                f"the path `{path[:64]}…` has {len(path)} characters; the limit is {self.limits.path}",
                span,
                help="shorten the labels; --max-path sets another limit",
            )
        if first is None:
            if context.reuse > 1:
                raise context.fault(
                    "shared-mismatch",
                    f"this use of the shared module has a layer `{path}` that its first use has not",
                    span,
                    help="the structure of a shared module may not depend on its input's shape",
                )
            self.steps[path] = span
        elif context.reuse == 1:
            looped = first == span  # the same step, in another round or use
            raise context.fault(
                "duplicate-path",
                f"two layers have the path `{path}`",
                span,
                () if looped else (Label(first, "the first one"),),
                help="number the label: `for i in range(n) { name${i}: … }`, or leave it out"
                if looped
                else "give one of them another label, or share it with `module`",
            )

    def _claim_layer(self, path: str, span: Span, context: Context) -> None:
        """Keep layers and what has others inside apart: a layer's own parameters live below its path."""
        inner = self.containers.get(path)
        outer: str | None = None
        end = path.find(".")
        while end >= 0:
            self.containers.setdefault(path[:end], span)
            if path[:end] in self.graph:
                outer = path[:end]
            end = path.find(".", end + 1)
        if inner is None and outer is None:
            return
        first: Span = self.graph.nodes[outer]["span"] if outer is not None else self.containers[path]
        raise context.fault(
            "duplicate-path",
            f"`{path if outer is None else outer}` is a layer, so nothing else can have a path below it",
            span,
            (Label(first, "the other one"),) if first != span else (),
            help="give one of them another label",
        )

    def step_path(self, label: str | None, kind: str, span: Span, context: Context) -> str:
        """The path of a step: from its label, else by number or after its operator."""
        if label is None:
            path = context.names.next(kind)
            if context.reuse == 1 and not context.names.numbered:
                while path in self.steps:
                    path = context.names.next(kind)
        else:
            path = context.names.path(label)
        self.claim(path, span, context)
        return path

    # --- layers

    def input(self, name: str, shape: Shape, span: Span, dtype: str | None = None) -> TensorValue:
        """Add an input. One without a type is of that which its first use takes."""
        for size in shape:
            fits(size)
        self._add(name, name, "input", Input(shape), (shape,), span, None, (dtype or FLOATING,))
        if dtype is None:
            self.untyped.add(name)
        self.graph.nodes[name]["phase"] = "both"
        return TensorValue(name, 0, shape, span)

    def layer(
        self,
        operator: Operator,
        tensors: Sequence[TensorValue],
        label: str | None,
        span: Span,
        context: Context,
        path: str | None = None,
    ) -> TensorValue | list[TensorValue]:
        """Add a layer. Its value is a tensor, or a list of them for an operator with several outputs.

        `path` is given for a shared operator, which has its path already.
        """
        self._layers += 1
        self.work.spend(Work.LAYER + Work.EDGE * len(tensors))
        if self._layers > self.limits.layers:
            raise context.fault(
                "too-many-layers",
                f"the network has more than {self.limits.layers} layers, which is the limit",
                span,
                help="--max-layers sets another limit",
            )
        if self.init is not None and isinstance(operator, Weighted) and operator.init is None:
            operator = self._with_default_init(operator)
        labelled = label is not None or path is not None
        if path is None:
            path = self.step_path(label, operator.name, span, context)
        key = path if context.reuse == 1 else f"{path}#{context.reuse}"
        if context.reuse == 1:
            self._claim_layer(path, span, context)
        try:
            types = self._types(operator, tensors, span, context)
            made = self.inference.kind(key, operator, types, tensors, span, context)
            operator = made.operator
            self._add(key, path, operator.name, operator, made.outputs, span, context, made.dtypes, labelled)
            self._connect(key, operator, made.weights, tensors, span, context)
        except Fault as fault:
            fault.diagnostic = replace(fault.diagnostic, layer=key)
            if key in self.graph:
                self.graph.remove_node(key)
            self.break_off(key, operator.name, tensors, span, context, fault, operator)
            raise
        found = [TensorValue(key, i, shape, span) for i, shape in enumerate(made.outputs)]
        return found if operator.several else found[0]

    def weight(self, path: str, name: str, span: Span) -> TensorValue | None:
        """A weight of a layer as a tensor, each once; None where the layer has none of this name."""
        owner = self.graph.nodes[path]
        if name in getattr(owner["operator"], "lent", ()):
            return self._lender(path, owner["operator"].lent.index(name), span)
        found = next((weight for weight in owner["weights"] if weight.name == name), None)
        if found is None:
            return None
        key = f"{path}.{name}"
        if key not in self.graph:
            self.work.spend(Work.LAYER)
            operator = LayerWeight(found.shape, name)
            self._add(key, path, operator.name, operator, (found.shape,), owner["span"], None, (FLOATING,))
            like = ("device", "frozen", "blocks")
            self.graph.nodes[key].update({mark: owner[mark] for mark in like})
        return TensorValue(key, 0, found.shape, span)

    def _lender(self, key: str, number: int, span: Span) -> TensorValue:
        """The tensor that a layer is lent as one of its weights."""
        edges = sorted(self.graph.in_edges(key, data=True), key=lambda edge: edge[2]["input"])
        producer, _, edge = edges[number - len(self.graph.nodes[key]["operator"].lent)]
        return TensorValue(producer, edge["output"], edge["shape"], span)

    def break_off(
        self,
        key: str,
        op: str,
        tensors: Sequence[TensorValue],
        span: Span,
        context: Context,
        fault: Fault,
        operator: Operator | None = None,
    ) -> None:
        """Keep a step that cannot be, for whoever looks at the graph to see where it ends."""
        while key in self.graph:  # a step whose path was not settled yet
            key += "'"
        self._add(key, key, op, operator or Unresolved(), (), span, context, ())
        sizes = tuple(Place(tensor.node, tensor.output, dim) for tensor, dim in fault.sizes)
        blame = {"sizes": sizes, "instead": fault.instead, "wanted": fault.wanted}
        self.graph.nodes[key].update(fault=fault.diagnostic, **blame)
        self.broken[key] = None
        for i, tensor in enumerate(tensors):
            self.graph.add_edge(tensor.node, key, i, input=i, output=tensor.output, shape=tensor.shape)

    def _with_default_init(self, operator: Weighted) -> Weighted:
        """The network's initialiser, for layers whose weights it is defined for; norms keep their ones and zeros.

        Of the same operator it makes the same.
        """
        assert self.init is not None
        if not operator.takes_default_init:
            return operator
        if id(operator) not in self._started:
            self._started[id(operator)] = operator, replace(operator, init=self.init)
        return self._started[id(operator)][1]

    # --- constants

    def _place(self, key: str, device: str | None) -> None:
        """Place what is made where it is read, and all that it is made of."""
        if key in self.unplaced:
            self.unplaced.discard(key)
            self.graph.nodes[key]["device"] = device
            for producer in self.graph.pred[key]:
                self._place(producer, device)

    def place_rest(self) -> None:
        """Place what nothing has read."""
        for key in list(self.unplaced):
            self._place(key, unmarked((), tuple(self.devices)))

    def _check_constant(self, operator: Operator, tensor: TensorValue, span: Span, context: Context) -> None:
        """Refuse to keep what depends on an input or a weight: it is worked out before there is any."""
        stack, seen = [tensor.node], set[str]()
        while stack:
            key = stack.pop()
            node = self.graph.nodes[key]
            is_weight = any(weight.persistent for weight in node["weights"]) or node["op"] == "weight"
            if node["op"] == "input" or is_weight:
                what = f"the input `{key}`" if node["op"] == "input" else f"the weights of `{key}`"
                raise context.fault(
                    "not-constant",
                    f"`{operator.name}` keeps what is known before the network runs, and this depends on {what}",
                    span,
                    (Label(node["span"], "here"),) if node["span"] != span else (),
                    help=f"make it of `arange`, `zeros`, `tensor` …; or give `{operator.name}` a shape",
                )
            new = set(self.graph.pred[key]) - seen
            seen |= new
            stack += new

    # --- types

    def dtype(self, tensor: TensorValue) -> str:
        """The type of a tensor's elements, as far as it is settled."""
        found: str = self.graph.nodes[tensor.node]["dtypes"][tensor.output]
        return found

    def holds(self, tensor: TensorValue, types: Sequence[str]) -> bool:
        """Whether a tensor is of one of these types; an input without a type is of the first from then on."""
        if tensor.node in self.untyped:
            self.untyped.discard(tensor.node)
            self.graph.nodes[tensor.node].update(dtype=types[0], dtypes=types[:1])
        return self.dtype(tensor) in types

    def _types(
        self, operator: Operator, tensors: Sequence[TensorValue], span: Span, context: Context
    ) -> tuple[str, ...]:
        """The types of an operator's inputs, which it takes."""
        for i, tensor in enumerate(tensors):
            if not self.holds(tensor, TAKEN[operator.taken(i)]):
                raise context.fault(
                    "wrong-dtype",
                    f"`{operator.name}` needs {IN_WORDS[operator.taken(i)]}, found {self.dtype(tensor)}",
                    span,
                    (Label(tensor.origin, self.dtype(tensor)),) if tensor.origin != span else (),
                    help=self._other_type(tensor, TAKEN[operator.taken(i)]),
                )
        return tuple([self.dtype(tensor) for tensor in tensors])

    def _other_type(self, tensor: TensorValue, types: Sequence[str]) -> str:
        """How a tensor becomes of another type."""
        source = tensor.node
        while self.graph.pred[source] and self.graph.nodes[source]["operator"].takes == ("anything",):
            source = next(iter(self.graph.pred[source]))
        node = self.graph.nodes[source]
        declared = f"declare what it holds, `{source}: {show(node['shape'])} {types[0]}`, or "
        return f"{declared if node['op'] == 'input' else ''}convert it: `to({types[0]})`"

    def _add(
        self,
        key: str,
        path: str,
        op: str,
        operator: Operator,
        outputs: tuple[Shape, ...],
        span: Span,
        context: Context | None,
        dtypes: tuple[str, ...],
        labelled: bool = True,
    ) -> None:
        marks = context.marks if context is not None else None
        self.graph.add_node(
            key,
            path=path,
            op=op,
            operator=operator,
            params=operator.params,
            weights=(),
            shape=outputs[0] if outputs else (),
            outputs=outputs,
            dtype=dtypes[0] if dtypes else FLOATING,
            dtypes=dtypes,
            device=marks.device if marks else None,
            pinned=False,
            phase="train" if marks and marks.train else "both",
            frozen=bool(marks and marks.frozen),
            checkpoint=marks.checkpoint if marks else None,
            blocks=context.blocks if context else (),
            span=span,
            labelled=labelled,
        )

    def _connect(
        self,
        key: str,
        operator: Operator,
        weights: tuple[Weight, ...],
        tensors: Sequence[TensorValue],
        span: Span,
        context: Context,
    ) -> None:
        node = self.graph.nodes[key]
        if context.reuse == 1:
            self._check_init(operator, weights, span, context)
            node["weights"] = weights
        else:
            first = self.graph.nodes[node["path"]]
            self._check_marks(first, node, span, context)
            if first["weights"] != weights or first["operator"] != operator:
                raise context.fault(
                    "shared-mismatch",
                    f"the shared layer `{node['path']}` does not fit this input",
                    span,
                    tuple(Label(tensor.origin, show(tensor.shape)) for tensor in tensors),
                    help="a shared module needs inputs with the same number of channels each time",
                )
        if operator.owns_storage and tensors:
            self._check_constant(operator, tensors[0], span, context)
        for i, tensor in enumerate(tensors):
            self.graph.add_edge(tensor.node, key, i, input=i, output=tensor.output, shape=tensor.shape)
            if self.graph.nodes[tensor.node]["phase"] == "train":
                node["phase"] = "train"
        if operator.placeless:
            node["checkpoint"] = None  # what depends on nothing is not computed again
        if self.devices or self.marks is not None:
            self._locate(key, operator, tensors, context)
            self._check_lenders(node, operator, tensors, span, context)

    def _locate(self, key: str, operator: Operator, tensors: Sequence[TensorValue], context: Context) -> None:
        """Place a layer on a device: as its marks say, else where its inputs are."""
        node = self.graph.nodes[key]
        if node["device"] is None and self.marks is not None:
            node["device"] = self.marks.of(node["path"])
        first = self.graph.nodes[node["path"]]
        node["pinned"] = node["device"] is not None if context.reuse == 1 else first["pinned"]
        placed = [tensor.node for tensor in tensors if tensor.node not in self.unplaced]
        if node["device"] is None and (placed or not (tensors or operator.placeless)):
            node["device"] = unmarked((self.graph.nodes[other]["device"] for other in placed), tuple(self.devices))
        elif node["device"] is None and self.devices:
            self.unplaced.add(key)
        if key not in self.unplaced:
            for tensor in tensors:
                self._place(tensor.node, node["device"])

    def _check_lenders(
        self, node: dict[str, Any], operator: Operator, tensors: Sequence[TensorValue], span: Span, context: Context
    ) -> None:
        """A weight is on one device, with all that uses it: its gradient is one, and torch moves no parameter."""
        lent = getattr(operator, "lent", ())
        for i, tensor in enumerate(tensors):
            owner = self.graph.nodes[tensor.node]
            is_weight = isinstance(owner["operator"], LayerWeight) or i >= len(tensors) - len(lent)
            if is_weight and owner["operator"].owns_storage and owner["device"] != node["device"]:
                raise context.fault(
                    "shared-mismatch",
                    f"`{operator.name}` on {node['device']} uses the weight `{tensor.node}`, which is on"
                    f" {owner['device']}",
                    span,
                    (Label(owner["span"], f"on {owner['device']}"),) if owner["span"] != span else (),
                    help=f"mark both alike, `@{owner['device']}`, or give the layer a weight of its own",
                )

    @staticmethod
    def _check_marks(first: dict[str, Any], node: dict[str, Any], span: Span, context: Context) -> None:
        """A later use of a shared layer is where its weights are, and frozen if they are."""
        for mark, own, wanted in (
            ("device", node["device"], first["device"]),
            ("@frozen", node["frozen"] or None, first["frozen"]),
        ):
            if own is not None and own != wanted:
                raise context.fault(
                    "shared-mismatch",
                    f"the shared layer `{node['path']}` has another {mark} mark in its first use",
                    span,
                    (Label(first["span"], "its first use"),) if first["span"] != span else (),
                    help="mark the `module` statement instead, for all uses",
                )
        node["device"], node["frozen"] = first["device"], first["frozen"]

    @staticmethod
    def _check_init(operator: Operator, weights: Sequence[Any], span: Span, context: Context) -> None:
        for field, role in (("init", "weight"), ("bias_init", "bias")):
            chosen: Initialiser | None = getattr(operator, field, None)
            if chosen is None:
                continue
            least = INITIALISERS[chosen.name].least_rank
            for weight in weights:
                # A parameter or buffer of its own has only one initialiser, whatever its role.
                if (weight.role == role or not weight.name) and len(weight.shape) < least:
                    raise context.fault(
                        "bad-parameter",
                        f"`{chosen}` needs a weight of {least} or more dimensions, but that of"
                        f" `{operator.name}` is {show(weight.shape)}",
                        span,
                        help="use zeros, ones, normal(std) or constant(value)",
                    )

"""Elaborates one network: its settings and inputs, its body, its outputs and its loss."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from archdsl.definitions import Definitions
from archdsl.diagnostics import Diagnostic, Label, did_you_mean
from archdsl.dims import Dim, symbols
from archdsl.elaborate.builder import GraphBuilder
from archdsl.elaborate.choices import Choices
from archdsl.elaborate.faults import Fault, Poisoned
from archdsl.elaborate.inputs import InputShapes
from archdsl.elaborate.interpreter import Interpreter
from archdsl.elaborate.loss import LossTarget, elaborate_losses, losses_targets
from archdsl.elaborate.origins import explained
from archdsl.elaborate.settings import Settings
from archdsl.elaborate.tensor import TensorValue
from archdsl.elaborate.values import MARKS, Context, MadeFrom, Unavailable, describe
from archdsl.errors import SpecError
from archdsl.graph import Graph, NetworkOutput, broken, live
from archdsl.limits import TooMuchWork, Work
from archdsl.names import fault
from archdsl.needs import least_values, membership, needs
from archdsl.ops.assumptions import Assumed, assumptions
from archdsl.ops.dtypes import FLOATING
from archdsl.ops.kinds import Init, ParamError
from archdsl.residues import Residues
from archdsl.syntax import tree

# Statements that may follow the value of a network.
OF_THE_LOSS: Final = (tree.TargetStatement, tree.LossStatement)


def elaborate(
    network: tree.NetworkDefinition,
    definitions: Definitions,
    variant: tree.Variant | None = None,
    choices: Choices | None = None,
) -> Graph:
    """The elaborated graph. Raises `SpecError` with every independent fault.

    Where sizes are equal only for some residue classes of a symbol, the network is elaborated again with a symbol that
    is in these, so that all arithmetic knows of it: until nothing more is taken for granted.
    """
    classes: dict[str, Residues] = {}
    narrowed: dict[str, str] = {}
    while True:
        work = _Elaboration(network, definitions, variant, choices or Choices(), classes, narrowed)
        complete = work.attempt()
        if not work.assumed.classes or not complete:
            break
        classes = {**classes, **work.assumed.classes}
        narrowed = {**narrowed, **work.builder.inference.narrowed}
    faults = work.early + work.interpreter.faults.found
    graph = work.builder.graph
    if not faults:
        return graph
    work.finish({})
    steps = {node["fault"]: node for _, node in broken(graph)}
    for i, found in enumerate(faults):
        step = steps.get(replace(found, notes=()))
        if step is not None:
            faults[i] = step["fault"] = explained(graph, found, step)
    raise SpecError(faults, graph if len(graph) else None)


class _Elaboration:
    """One attempt, with symbols in these residue classes; `narrowed` says which layers these come from."""

    def __init__(
        self,
        network: tree.NetworkDefinition,
        definitions: Definitions,
        variant: tree.Variant | None,
        choices: Choices,
        classes: Mapping[str, Residues],
        narrowed: Mapping[str, str],
    ) -> None:
        self.classes = classes
        self.narrowed = narrowed
        self.assumed = Assumed()
        self.network = network
        self.variant = variant
        self.choices = choices
        self.builder = GraphBuilder(choices.work)
        self.interpreter = Interpreter(self.builder)
        self.evaluator = self.interpreter.evaluator
        self.evaluator.trace = choices.trace
        if choices.trace is not None:
            choices.trace.begin()
        self.early: list[Diagnostic] = []  # faults of the choices, which have no place in the text
        self.context = Context(definitions)
        self.outputs: list[NetworkOutput] = []
        self.output_names: set[str] = set()
        self.batch: list[str] = []
        self.shapes: InputShapes | None = None
        self.targets: list[LossTarget] = []
        self.losses: tuple[Graph | None, Graph | None] = (None, None)  # in training, in inference

    def attempt(self) -> bool:
        """Elaborate; False where there is no work left to do so again."""
        record = self.interpreter.faults.record
        try:
            self.choices.work.spend(Work.NETWORK)
            with assumptions() as self.assumed:
                self.run()
        except TooMuchWork:
            record(self.context.too_much_work(self.choices.work, self.network.name.span).diagnostic)
            return False
        except Fault as stop:
            record(stop.diagnostic)
        except Poisoned:
            pass
        return True

    def run(self) -> None:
        settings = self._settings()
        self._inputs()
        if self.evaluator.trace is not None:
            for binding in self.context.scope.bindings.values():
                self.evaluator.trace.found(binding.span, binding.value, ())
        self._body()
        self._check_phases()
        self.finish(settings)

    def finish(self, settings: dict[str, Any]) -> None:
        """Write the attributes of the graph itself."""
        self.builder.place_rest()
        graph = self.builder.graph
        batch = tuple(dict.fromkeys(self.batch))
        classes = {name: membership(name, found) for name, found in sorted(self.classes.items())}
        required = (*(need for need in classes.values() if need is not None), *self.assumed.least)
        graph.graph.update(
            network=self.network.name.id,
            variant=self.variant.name.id if self.variant else None,
            settings=settings,
            inputs=tuple(key for key, node in graph.nodes(data=True) if node["op"] == "input"),
            outputs=tuple(self.outputs),
            devices=tuple(self.builder.devices),
            batch=batch,
            least_batch=least_values(batch, required),
            needs=required,
            requires=tuple(needs(required)),
            narrowed=self.narrowed,
            targets=losses_targets(self.losses[0]),
            loss=self.losses[0],
            inference_loss=self.losses[1],
            written=self.context.definitions.written,
            made=MadeFrom(self.network, self.context.scope),
            broken=tuple(self.builder.broken),
            rewriting=None,
        )
        needed = live(graph, training=True)
        for key, node in graph.nodes(data=True):
            if node["operator"].placeless and key not in needed:  # a table that only a `buffer` starts as
                node["weights"] = ()

    # --- settings and inputs

    def _settings(self) -> dict[str, Any]:
        reader = Settings(self.network, self.variant, self.choices.settings, self.evaluator, self.context)
        try:
            settings = reader.read()
        finally:
            self.early += reader.faults
        self.builder.marks = reader.marks(settings)
        return settings

    def _inputs(self) -> None:
        params = [p for p in self.network.params if p.shape is not None]
        names = [p.name.id for p in params]
        if not params:
            message = f"network `{self.network.name.id}` has no input"
            help = "give it one: `network … (image: [N, 3, 224, 224])`"
            raise self.context.fault("missing-argument", message, self.network.name.span, help=help)
        if not isinstance(self.choices.inputs, Mapping):
            self._refuse("bad-setting", f"`inputs` maps names to shapes, found {describe(self.choices.inputs)}")
            raise Poisoned
        for name in self.choices.inputs:
            if name not in names:
                self._refuse(
                    "unknown-setting",
                    f"network `{self.network.name.id}` has no input `{name}`",
                    did_you_mean(name, names) or f"its inputs are {', '.join(names)}",
                )
        choices = self.choices
        reader = self.shapes = InputShapes(
            self.evaluator, self.context, choices.inputs, choices.symbols, choices.free, self.classes
        )
        shapes = reader.read(params)
        self.early += reader.faults
        if self.early or self.interpreter.faults:
            raise Poisoned
        for param, shape in zip(params, shapes, strict=True):
            name = param.name.id
            wrong = fault(name)
            if wrong is not None:
                raise self.context.fault("bad-name", f"the input name `{name}` {wrong}", param.name.span)
            if param.default is not None:
                raise self.context.fault("wrong-type", "an input has no default", param.default.span)
            if isinstance(shape[0], Dim) and not self.choices.open_batch:
                self.batch += sorted(symbols(shape[0]))
            dtype = param.type.id if param.type is not None else None
            tensor = self.builder.input(name, shape, param.span, dtype)
            self.builder.steps[name] = param.span
            self.context.scope.bind(name, tensor, param.name.span)
        if self.early:
            raise Poisoned

    # --- body, outputs, loss

    def _body(self) -> None:
        body = self.network.body
        statements = body.statements
        outputs = [s for s in statements if isinstance(s, tree.OutputStatement)]
        losses = [s for s in statements if isinstance(s, tree.LossStatement)]
        last = next((s for s in reversed(statements) if not isinstance(s, OF_THE_LOSS)), None)
        marks = self.builder.marks
        if marks is not None and not any(isinstance(s, tree.Devices) for s in statements):
            self.builder.devices |= dict.fromkeys(marks.devices)
        for statement in statements:
            try:
                self._statement(statement, statement is last, bool(outputs))
            except Fault as found:
                self.interpreter.faults.record(found.diagnostic)
            except Poisoned:
                pass
        for output in self.outputs:  # an input that is one may have got its type later
            output["dtype"] = self.builder.graph.nodes[output["node"]]["dtypes"][output["output"]]
        if self.interpreter.faults:
            return
        if marks is not None:
            paths = [node["path"] for _, node in self.builder.graph.nodes(data=True)]
            marks.check(paths, tuple(self.builder.devices))
        if not self.outputs:
            message = f"network `{self.network.name.id}` has no output"
            help = "end it with an expression, or write `output name = …`"
            raise self.context.fault("no-value", message, body.span, help=help)
        if len(losses) > 1:
            labels = (Label(losses[0].span, "the first one"),)
            raise self.context.fault("loss", "a network has one loss", losses[1].span, labels, help="add them up")
        for loss in losses:
            scope, work = self.context.scope, self.choices.work
            record = self.interpreter.faults.record
            self.losses = elaborate_losses(loss, self.outputs, self.targets, scope, record, work)

    def _statement(self, statement: tree.Statement, last: bool, named_outputs: bool) -> None:
        if isinstance(statement, (tree.Bind, tree.Assertion)):
            self.interpreter.bodies.set_up(statement, self.context)
        elif isinstance(statement, tree.Devices):
            self._devices(statement)
        elif isinstance(statement, tree.InitStatement):
            self._init(statement)
        elif isinstance(statement, tree.TargetStatement):
            self._target(statement)
        elif isinstance(statement, tree.OutputStatement):
            self._output(statement)
        elif isinstance(statement, tree.Evaluate):
            value = self.evaluator.value(statement.value, self.context)
            if self.evaluator.trace is not None:
                self.evaluator.trace.found(statement.span, value, ())
            if named_outputs or not last:
                help = (
                    "bind it to a name, make it an output,"
                    " or feed it to the next step (in text, that line begins with `->`)"
                )
                raise self.context.fault("unused-expression", "this value is not used", statement.span, help=help)
            if not isinstance(value, TensorValue):
                message = f"the output of a network is a tensor, found {describe(value)}"
                help = "name several outputs: `output name = …`"
                raise self.context.fault("outputs", message, statement.span, help=help)
            self._add_output("output", value)

    def _before_layers(self, word: str, statement: tree.Statement) -> None:
        """Raises `Fault` where there are layers already, of which a statement would not hold."""
        if len(self.builder.graph) > sum(p.shape is not None for p in self.network.params):
            message = f"`{word}` stands before the first layer"
            raise self.context.fault("outputs", message, statement.span, help="move it up")

    def _init(self, statement: tree.InitStatement) -> None:
        self._before_layers("init", statement)
        if self.builder.init is not None:
            message = "a network says once how its weights start"
            help = "a layer says it for itself by its parameter `init`"
            raise self.context.fault("outputs", message, statement.span, help=help)
        value = self.evaluator.value(statement.value, self.context)
        try:
            self.builder.init = Init().parse(value)
        except ParamError as error:
            close = did_you_mean(value, Init().names) if isinstance(value, str) else None
            message = f"`init` {error.reason}"
            raise self.context.fault("bad-parameter", message, statement.value.span, help=close) from None

    def _target(self, statement: tree.TargetStatement) -> None:
        """Note what the loss compares with. Sizes that nothing else has are symbols of its own."""
        name, span = statement.name.id, statement.span
        wrong = fault(name)
        if wrong is not None:
            raise self.context.fault("bad-name", f"the target name `{name}` {wrong}", statement.name.span)
        first = self.context.scope.find(name)
        if first is not None:
            label = Label(first.span, "first bound here")
            message = f"`{name}` is bound twice"
            help = "choose another name"
            raise self.context.fault("rebound-name", message, statement.name.span, (label,), help=help)
        assert self.shapes is not None
        shape = self.shapes.of_target(statement.shape)
        dtype = statement.type.id if statement.type is not None else FLOATING
        self.targets.append(LossTarget(name, shape, dtype, span))
        help = "it is known in the `loss` only"
        there = Diagnostic("loss", f"`{name}` is a target, which only the loss is given", help=help)
        self.context.scope.bind(name, Unavailable(there), statement.name.span)

    def _devices(self, statement: tree.Devices) -> None:
        self._before_layers("device", statement)
        for name in statement.names:
            wrong = fault(name.id) or ("is a mark already" if name.id in MARKS else None)
            if wrong is not None:
                help = f"call it `{name.id}0`" if fault(f"{name.id}0") is None else None
                raise self.context.fault("bad-name", f"the device name `{name.id}` {wrong}", name.span, help=help)
            if name.id in self.builder.devices:
                raise self.context.fault("rebound-name", f"device `{name.id}` is declared twice", name.span)
            self.builder.devices[name.id] = None

    def _output(self, statement: tree.OutputStatement) -> None:
        name = statement.name.id
        wrong = _output_fault(name)
        if wrong is not None:
            raise self.context.fault("bad-name", f"the output name `{name}` {wrong}", statement.name.span)
        if name in self.output_names:
            raise self.context.fault("rebound-name", f"the output `{name}` is given twice", statement.name.span)
        value = self.evaluator.value(statement.value, self.context)
        if not isinstance(value, TensorValue):
            raise self.context.fault("wrong-type", f"an output is a tensor, found {describe(value)}", statement.span)
        if self.evaluator.trace is not None:
            for span in (statement.span, statement.name.span):
                self.evaluator.trace.found(span, value, ())
        if self.context.scope.find(name) is None:
            self.context.scope.bind(name, value, statement.name.span)
        self._add_output(name, value)

    def _add_output(self, name: str, tensor: TensorValue) -> None:
        phase = self.builder.graph.nodes[tensor.node]["phase"]
        self.output_names.add(name)
        self.outputs.append(
            NetworkOutput(
                name=name,
                node=tensor.node,
                output=tensor.output,
                shape=tensor.shape,
                dtype=self.builder.dtype(tensor),
                phase=phase,
            )
        )

    def _check_phases(self) -> None:
        if self.interpreter.faults or any(o["phase"] == "both" for o in self.outputs):
            return
        node = self.outputs[0]["node"]
        graph = self.builder.graph
        while True:  # back to the layer that bears the mark
            before = next((p for p in graph.pred[node] if graph.nodes[p]["phase"] == "train"), None)
            if before is None:
                break
            node = before
        marked = graph.nodes[node]
        message = "every output depends on a step that is marked @train, so inference would have none"
        help = "mark a branch of its own: `output aux = … @train`"
        raise replace(self.context, blocks=marked["blocks"]).fault("train-only", message, marked["span"], help=help)

    def _refuse(self, code: str, message: str, help: str | None = None) -> None:
        self.early.append(Diagnostic(code, message, help=help, place=str(self.network.name.span.source.name)))


def _output_fault(name: str) -> str | None:
    """What is wrong with an output's name: it becomes a field of a NamedTuple."""
    if not name.isidentifier() or keyword.iskeyword(name):
        return "is no identifier of Python"
    if name.startswith("_"):
        return "begins with `_`"
    if name in ("count", "index"):
        return "is a method of every tuple"
    return None

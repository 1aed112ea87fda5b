"""Elaborates one network: its settings and inputs, its body, its outputs and its loss."""

from __future__ import annotations

import keyword
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from archdsl.diagnostics import Diagnostic, Label, did_you_mean
from archdsl.dims import Dim, symbols
from archdsl.elaborate.arguments import TYPES, check_parameter
from archdsl.elaborate.builder import GraphBuilder, too_much_work
from archdsl.elaborate.inputs import InputShapes
from archdsl.elaborate.interpreter import Interpreter
from archdsl.elaborate.loss import elaborate_losses
from archdsl.elaborate.origins import explained
from archdsl.elaborate.values import (
    MARKS,
    POISON,
    Context,
    Definitions,
    Fault,
    Marks,
    Poisoned,
    Scope,
    Tensor,
    describe,
)
from archdsl.errors import SpecError
from archdsl.evaluate import StaticList
from archdsl.graph import Graph, Output, broken
from archdsl.limits import TooMuchWork, Work
from archdsl.names import Names, fault
from archdsl.ops.initialiser import Initialiser
from archdsl.ops.kinds import Init, ParamError
from archdsl.source import Span
from archdsl.symbolic import least_values, needs
from archdsl.syntax import tree


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user chooses for a network: settings, shapes of inputs and values of symbols, each by name.

    With `open_batch` no size stands for a batch, which would count as 1 where it has no value. The sizes of inputs
    in the dimensions `free` are symbols, whatever is written or chosen for them.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Sequence[int]] = field(default_factory=dict)
    symbols: Mapping[str, int] = field(default_factory=dict)
    open_batch: bool = False
    free: frozenset[int] = frozenset()
    work: Work = field(default_factory=Work)  # done so far, where one command elaborates several networks


def elaborate(
    network: tree.Network, definitions: Definitions, variant: tree.Variant | None = None, choices: Choices | None = None
) -> Graph:
    """The elaborated graph. Raises `SpecError` with every independent fault."""
    work = _Elaboration(network, definitions, variant, choices or Choices())
    try:
        work.choices.work.spend(Work.NETWORK)
        work.run()
    except TooMuchWork:
        work.interpreter.record(too_much_work(work.choices.work, network.name.span, work.context))
    except Fault as stop:
        work.interpreter.record(stop.diagnostic) if stop.diagnostic.span else work.early.append(stop.diagnostic)
    except Poisoned:
        pass
    faults = work.early + work.interpreter.faults
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
    def __init__(
        self, network: tree.Network, definitions: Definitions, variant: tree.Variant | None, choices: Choices
    ) -> None:
        self.network = network
        self.variant = variant
        self.choices = choices
        self.builder = GraphBuilder(choices.work)
        self.interpreter = Interpreter(self.builder)
        self.early: list[Diagnostic] = []  # faults of the choices, which have no place in the text
        self.context = Context(definitions, Scope(), Names("", numbered=False), Marks())
        self.outputs: list[Output] = []
        self.output_names: set[str] = set()
        self.batch: list[str] = []
        self.losses: tuple[Graph | None, Graph | None] = (None, None)  # in training, in inference

    def run(self) -> None:
        settings = self._settings()
        self._inputs()
        self._body()
        self._check_phases()
        self.finish(settings)

    def finish(self, settings: dict[str, Any]) -> None:
        """Write the attributes of the graph itself."""
        graph = self.builder.graph
        batch, required = tuple(dict.fromkeys(self.batch)), tuple(self.builder.requires)
        graph.graph.update(
            network=self.network.name.id,
            variant=self.variant.name.id if self.variant else None,
            settings=settings,
            inputs=tuple(key for key, node in graph.nodes(data=True) if node["op"] == "input"),
            outputs=tuple(self.outputs),
            devices=self.builder.devices,
            batch=batch,
            least_batch=least_values(batch, required),
            needs=required,
            requires=tuple(needs(required)),
            loss=self.losses[0],
            inference_loss=self.losses[1],
            written=self.context.definitions.written,
        )

    # --- settings and inputs

    def _settings(self) -> dict[str, Any]:
        params = {p.name.id: p for p in self.network.params if p.shape is None}
        if "inputs" in params:
            message = "a setting cannot be called `inputs`, which is what `archdsl.load` calls the shapes of inputs"
            raise Fault(Diagnostic("bad-name", message, params["inputs"].name.span, help="choose another name"))
        preset = self._preset(params)
        for name in self.choices.settings:
            if name not in params:
                self._refuse(
                    "unknown-setting",
                    f"network `{self.network.name.id}` has no setting `{name}`",
                    did_you_mean(name, params) or (f"it has {', '.join(params)}" if params else None),
                )
        settings: dict[str, Any] = {}
        for name, param in params.items():
            if name in self.choices.settings:
                value = _static(self.choices.settings[name])
                if value is None or (param.type is not None and not _is_a(value, param.type.id)):
                    kind = param.type.id if param.type else "number, text, true or false, or a list of them"
                    found = describe(value) if value is not None else f"a {type(self.choices.settings[name]).__name__}"
                    self._refuse("bad-setting", f"the setting `{name}` is a {kind}, found {found}")
                    value = POISON
            elif name in preset:
                value = preset[name]
                check_parameter(self.network.name.id, param, value, self._variant_span(name), self.context)
            elif param.default is not None:
                value = self.interpreter.attempt(param.default, self.context)
            else:
                self.interpreter.record(
                    Diagnostic(
                        "missing-argument",
                        f"the setting `{name}` of network `{self.network.name.id}` has no default and is not given",
                        param.span,
                        help=f"give it a default or a variant, or use --set {name}=…;"
                        f" an input has a shape: `{name}: [N, 3, 224, 224]`",
                    )
                )
                value = POISON
            settings[name] = value
            self.context.scope.bind(name, value, param.name.span)
        if self.early or self.interpreter.faults:
            raise Poisoned
        if "init" in settings:
            self.builder.init = self._init(settings["init"], params["init"])
        return settings

    def _init(self, value: Any, param: tree.Param) -> Initialiser:
        """The setting `init`, which is how the network's weights start."""
        try:
            return Init().parse(value)
        except ParamError as error:
            help = did_you_mean(value, Init().names) if isinstance(value, str) else None
            raise Fault(Diagnostic("bad-parameter", f"the setting `init` {error}", param.span, help=help)) from None

    def _preset(self, params: Mapping[str, tree.Param]) -> dict[str, Any]:
        """The settings that the variant gives."""
        if self.variant is None:
            return {}
        preset: dict[str, Any] = {}
        order = list(params)
        for i, argument in enumerate(self.variant.call.arguments):
            name = argument.name if argument.name is not None else (order[i] if i < len(order) else None)
            if name is None or name not in params or name in preset:
                known = did_you_mean(name, params) if name else None
                what = f"has no setting `{name}`" if name and name not in params else "is given too many values"
                self.interpreter.record(
                    Diagnostic(
                        "unknown-parameter",
                        f"network `{self.network.name.id}` {what}",
                        argument.span,
                        help=known or (f"it has {', '.join(params)}" if params else None),
                    )
                )
                continue
            preset[name] = self.interpreter.attempt(argument.value, self.context)
        return preset

    def _variant_span(self, name: str) -> Span:
        assert self.variant is not None
        arguments = self.variant.call.arguments
        return next((a.span for a in arguments if a.name == name), self.variant.span)

    def _inputs(self) -> None:
        params = [p for p in self.network.params if p.shape is not None]
        names = [p.name.id for p in params]
        if not params:
            raise Fault(
                Diagnostic(
                    "missing-argument",
                    f"network `{self.network.name.id}` has no input",
                    self.network.name.span,
                    help="give it one: `network … (image: [N, 3, 224, 224])`",
                )
            )
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
        reader = InputShapes(
            self.interpreter, self.context, self.choices.inputs, self.choices.symbols, self.choices.free
        )
        shapes = reader.read(params)
        self.early += reader.faults
        if self.early or self.interpreter.faults:
            raise Poisoned
        for param, shape in zip(params, shapes, strict=True):
            name = param.name.id
            wrong = fault(name)
            if wrong is not None:
                raise Fault(Diagnostic("bad-name", f"the input name `{name}` {wrong}", param.name.span))
            if param.default is not None:
                raise Fault(Diagnostic("wrong-type", "an input has no default", param.default.span))
            if isinstance(shape[0], Dim) and not self.choices.open_batch:
                self.batch += sorted(symbols(shape[0]))
            tensor = self.builder.input(name, shape, param.span)
            self.builder.steps[name] = param.span
            self.context.scope.bind(name, tensor, param.name.span)
        if self.early:
            raise Poisoned

    # --- body, outputs, loss

    def _body(self) -> None:
        body = self.network.body
        statements = body.statements
        outputs = [s for s in statements if isinstance(s, tree.Output)]
        losses = [s for s in statements if isinstance(s, tree.Loss)]
        last = next((s for s in reversed(statements) if not isinstance(s, tree.Loss)), None)
        for statement in statements:
            try:
                self._statement(statement, statement is last, bool(outputs))
            except Fault as found:
                self.interpreter.record(found.diagnostic)
            except Poisoned:
                pass
        if self.interpreter.faults:
            return
        if not self.outputs:
            raise Fault(
                Diagnostic(
                    "no-value",
                    f"network `{self.network.name.id}` has no output",
                    body.span,
                    help="end it with an expression, or write `output name = …`",
                )
            )
        if len(losses) > 1:
            labels = (Label(losses[0].span, "the first one"),)
            raise Fault(Diagnostic("loss", "a network has one loss", losses[1].span, labels, help="add them up"))
        for loss in losses:
            scope, work = self.context.scope, self.choices.work
            self.losses = elaborate_losses(loss, self.outputs, scope, self.interpreter.record, work)

    def _statement(self, statement: tree.Statement, last: bool, named_outputs: bool) -> None:
        if isinstance(statement, tree.Bind):
            self.interpreter.bind(statement, self.context)
        elif isinstance(statement, tree.Devices):
            self._devices(statement)
        elif isinstance(statement, tree.Output):
            self._output(statement)
        elif isinstance(statement, tree.Evaluate):
            value = self.interpreter.value(statement.value, self.context)
            if named_outputs or not last:
                raise Fault(
                    Diagnostic(
                        "unused-expression",
                        "this value is not used",
                        statement.span,
                        help="bind it to a name, make it an output,"
                        " or feed it to the next step (in text, that line begins with `->`)",
                    )
                )
            if not isinstance(value, Tensor):
                raise Fault(
                    Diagnostic(
                        "outputs",
                        f"the output of a network is a tensor, found {describe(value)}",
                        statement.span,
                        help="name several outputs: `output name = …`",
                    )
                )
            self._add_output("output", value)

    def _devices(self, statement: tree.Devices) -> None:
        if len(self.builder.graph) > len([p for p in self.network.params if p.shape is not None]):
            raise Fault(
                Diagnostic("outputs", "`device` stands before the first layer", statement.span, help="move it up")
            )
        for name in statement.names:
            wrong = fault(name.id) or ("is a mark already" if name.id in MARKS else None)
            if wrong is not None:
                raise Fault(Diagnostic("bad-name", f"the device name `{name.id}` {wrong}", name.span))
            if name.id in self.builder.devices:
                raise Fault(Diagnostic("rebound-name", f"device `{name.id}` is declared twice", name.span))
            self.builder.devices = (*self.builder.devices, name.id)

    def _output(self, statement: tree.Output) -> None:
        name = statement.name.id
        wrong = _output_fault(name)
        if wrong is not None:
            raise Fault(Diagnostic("bad-name", f"the output name `{name}` {wrong}", statement.name.span))
        if name in self.output_names:
            raise Fault(Diagnostic("rebound-name", f"the output `{name}` is given twice", statement.name.span))
        value = self.interpreter.value(statement.value, self.context)
        if not isinstance(value, Tensor):
            raise Fault(Diagnostic("wrong-type", f"an output is a tensor, found {describe(value)}", statement.span))
        if self.context.scope.find(name) is None:
            self.context.scope.bind(name, value, statement.name.span)
        self._add_output(name, value)

    def _add_output(self, name: str, tensor: Tensor) -> None:
        phase = self.builder.graph.nodes[tensor.node]["phase"]
        self.output_names.add(name)
        self.outputs.append(Output(name=name, node=tensor.node, output=tensor.output, shape=tensor.shape, phase=phase))

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
        raise Fault(
            Diagnostic(
                "train-only",
                "every output depends on a step that is marked @train, so inference would have none",
                marked["span"],
                chain=marked["blocks"],
                help="mark a branch of its own: `output aux = … @train`",
            )
        )

    def _refuse(self, code: str, message: str, help: str | None = None) -> None:
        self.early.append(Diagnostic(code, message, help=help, place=str(self.network.name.span.source.name)))


def _static(value: Any) -> Any:
    """A setting given from Python or the command line as a static value; None where it is none."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):  # numpy's, for example
        return int(value)
    if isinstance(value, (list, tuple)):
        items = [_static(item) for item in value]
        return None if any(item is None for item in items) else StaticList(items)
    return value if isinstance(value, (bool, int, float, str, Initialiser)) else None


def _is_a(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))


def _output_fault(name: str) -> str | None:
    """What is wrong with an output's name: it becomes a field of a NamedTuple."""
    if not name.isidentifier() or keyword.iskeyword(name):
        return "is no identifier of Python"
    if name.startswith("_"):
        return "begins with `_`"
    if name in ("count", "index"):
        return "is a method of every tuple"
    return None

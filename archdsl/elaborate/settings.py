"""The settings of a network: chosen by the user, preset by a variant, or as declared."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

from archdsl.definitions import TYPES
from archdsl.diagnostics import Diagnostic, an_object, did_you_mean
from archdsl.elaborate.arguments import check_parameter
from archdsl.elaborate.devices import MarksByPath
from archdsl.elaborate.evaluator import Evaluator
from archdsl.elaborate.faults import POISON, Poisoned
from archdsl.elaborate.values import Context, describe
from archdsl.evaluate import StaticList
from archdsl.ops.initialiser import Initialiser
from archdsl.source import Span
from archdsl.syntax import tree


class Settings:
    """Works out the settings; `faults` are those of the user's choices, which have no place in the text."""

    def __init__(
        self,
        network: tree.NetworkDefinition,
        variant: tree.Variant | None,
        chosen: Mapping[str, Any],
        evaluator: Evaluator,
        context: Context,
    ) -> None:
        self._network = network
        self._variant = variant
        self._chosen = chosen
        self._evaluator = evaluator
        self._record = evaluator.faults.record
        self._context = context
        self._params = {p.name.id: p for p in network.params if p.shape is None}
        self.faults: list[Diagnostic] = []

    def read(self) -> dict[str, Any]:
        """The value of each setting, which is bound. Raises `Fault`, or `Poisoned` after recording faults."""
        params, context = self._params, self._context
        if "inputs" in params:
            message = "a setting cannot be called `inputs`, which is what `archdsl.load` calls the shapes of inputs"
            raise context.fault("bad-name", message, params["inputs"].name.span, help="choose another name")
        preset = self._preset()
        for name in self._chosen:
            if name not in params:
                self._refuse(
                    "unknown-setting",
                    f"network `{self._network.name.id}` has no setting `{name}`",
                    did_you_mean(name, params) or (f"it has {', '.join(params)}" if params else None),
                )
        settings: dict[str, Any] = {}
        for name, param in params.items():
            settings[name] = self._value(param, preset)
            context.scope.bind(name, settings[name], param.name.span)
        if self.faults or self._evaluator.faults:
            raise Poisoned
        return settings

    def marks(self, settings: Mapping[str, Any]) -> MarksByPath | None:
        """The setting `marks`, which says where layers run by their paths. Raises `Fault`."""
        given = settings.get("marks")
        if not isinstance(given, (list, str)) or not given:
            return None
        return MarksByPath(list(given) if isinstance(given, list) else given, self._place("marks"), self._context)

    def _place(self, name: str) -> Span:
        """Where a setting has its value from."""
        written = self._variant is not None and any(a.name == name for a in self._variant.call.arguments)
        return self._preset_span(name) if written and name not in self._chosen else self._params[name].span

    def _value(self, param: tree.Param, preset: Mapping[str, Any]) -> Any:
        name = param.name.id
        if name in self._chosen:
            value = static(self._chosen[name])
            if value is None or (param.type is not None and not _is_a(value, param.type.id)):
                kind = param.type.id if param.type else "number, text, true or false, or a list of them"
                found = describe(value) if value is not None else an_object(self._chosen[name])
                self._refuse("bad-setting", f"the setting `{name}` is a {kind}, found {found}")
                return POISON
            return value
        if name in preset:
            check_parameter(self._network.name.id, param, preset[name], self._preset_span(name), self._context)
            return preset[name]
        if param.default is not None:
            return self._evaluator.attempt(param.default, self._context)
        message = f"the setting `{name}` of network `{self._network.name.id}` has no default and is not given"
        help = (
            f"give it a default or a variant, or use --set {name}=…; an input has a shape: `{name}: [N, 3, 224, 224]`"
        )
        self._record(self._context.fault("missing-argument", message, param.span, help=help).diagnostic)
        return POISON

    def _preset(self) -> dict[str, Any]:
        """The settings that the variant gives."""
        if self._variant is None:
            return {}
        params = self._params
        preset: dict[str, Any] = {}
        order = list(params)
        for i, argument in enumerate(self._variant.call.arguments):
            name = argument.name if argument.name is not None else (order[i] if i < len(order) else None)
            if name is None or name not in params or name in preset:
                known = did_you_mean(name, params) if name else None
                what = f"has no setting `{name}`" if name and name not in params else "is given too many values"
                help = known or (f"it has {', '.join(params)}" if params else None)
                message = f"network `{self._network.name.id}` {what}"
                self._record(self._context.fault("unknown-parameter", message, argument.span, help=help).diagnostic)
                continue
            preset[name] = self._evaluator.attempt(argument.value, self._context)
        return preset

    def _preset_span(self, name: str) -> Span:
        assert self._variant is not None
        arguments = self._variant.call.arguments
        return next((a.span for a in arguments if a.name == name), self._variant.span)

    def _refuse(self, code: str, message: str, help: str | None = None) -> None:
        self.faults.append(Diagnostic(code, message, help=help, place=str(self._network.name.span.source.name)))


def static(value: Any) -> Any:
    """A setting given from Python or the command line as a static value; None where it is none."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):  # numpy's, for example
        return int(value)
    if isinstance(value, (list, tuple)):
        items = [static(item) for item in value]
        return None if any(item is None for item in items) else StaticList(items)
    return value if isinstance(value, (bool, int, float, str, Initialiser)) else None


def _is_a(value: Any, kind: str) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "bool" or not isinstance(value, bool))

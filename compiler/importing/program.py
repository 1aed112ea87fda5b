"""What torch.export makes of a module, as a program for recovery."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, Final

import torch
from torch import nn
from torch.export import Dim as OpenSize
from torch.export import ExportedProgram
from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

from archdsl.dims import Size
from archdsl.importing.program import ForeignProgram, Missing, ModuleScope, NotImported, PlacedCall, author_name
from archdsl.importing.sizes import size_of
from archdsl.ops.foreign import ForeignCall, ForeignTensor
from compiler.export.trace import quiet

NAME: Final = re.compile(r"aten\.([A-Za-z_0-9]+?)_?\.\w+$")
RANDOM: Final = (
    "bernoulli",
    "rand",
    "randn",
    "randint",
    "dropout",
    "normal",
    "uniform",
    "empty",
    "multinomial",
    "randperm",
)
SCOPED: Final = {"wrap_with_set_grad_enabled": "torch.no_grad", "wrap_with_autocast": "torch.autocast"}
LARGEST: Final = 1 << 22  # numbers of a constant that is worked out


def exported(model: nn.Module, inputs: Sequence[torch.Tensor]) -> ExportedProgram:
    """The module's program, in the phase it is in, with an open batch where the module can keep it open."""
    batch = OpenSize("N", min=1)
    shapes = tuple({0: batch} if tensor.dim() else None for tensor in inputs)
    with quiet(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            return torch.export.export(
                model, tuple(inputs), dynamic_shapes=(shapes,) if _starred(model) else shapes, strict=False
            )
        except Exception as error:
            try:
                return torch.export.export(model, tuple(inputs), strict=False)
            except Exception:
                raise error from None


def _starred(model: nn.Module) -> bool:
    """Whether forward takes any number of tensors, which torch.export counts as one argument."""
    import inspect

    kinds = [parameter.kind for parameter in inspect.signature(model.forward).parameters.values()]
    return kinds[:1] == [inspect.Parameter.VAR_POSITIONAL]


def program_of(
    ep: ExportedProgram,
    name: str,
    input_names: Sequence[str] = (),
    output_names: Sequence[str] = (),
    seeds: Mapping[str, Mapping[str, Any]] | None = None,
) -> ForeignProgram:
    """The exported program in the common form."""
    return _Reader(ep, name, input_names, output_names, seeds or {}).program()


class _Reader:
    def __init__(
        self,
        ep: ExportedProgram,
        name: str,
        input_names: Sequence[str],
        output_names: Sequence[str],
        seeds: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.ep = ep
        self.name = name
        self.input_names = input_names
        self.output_names = list(output_names)
        self.seeds = seeds
        signature = ep.graph_signature
        self.states = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self.buffers = set(signature.inputs_to_buffers)
        self.passing = {*signature.non_persistent_buffers}
        self.lifted = dict(signature.inputs_to_lifted_tensor_constants)
        self.users = [one for one in signature.user_inputs if isinstance(one, str)]
        self.symbols: dict[str, str] = {}
        self.values: dict[str, ForeignTensor] = {}
        self.fixed: dict[str, torch.Tensor] = {}  # what depends on no input and no weight
        self.changed: set[int] = set()  # where what is changed in place is stored
        self.calls: list[PlacedCall] = []
        self.faults: Counter[tuple[str, str]] = Counter()
        self.places: dict[tuple[str, str], str] = {}
        self.order = {node: number for number, node in enumerate(ep.graph.nodes)}

    def program(self) -> ForeignProgram:
        for node in self.ep.graph.nodes:
            if node.op == "placeholder":
                self._placeholder(node)
            elif node.op == "call_function":
                self._call(node)
        inputs = [self.values[name] for name in self.users if name in self.values]
        outputs = [
            self.values[spec.arg.name] for spec in self.ep.graph_signature.output_specs
            if spec.kind.name == "USER_OUTPUT" and getattr(spec.arg, "name", None) in self.values
        ]  # fmt: skip
        calls = [call for call in self.calls if self._states(call)]
        faults = [Missing(what, why, self.places[what, why], count) for (what, why), count in self.faults.items()]
        return ForeignProgram(self.name, inputs, calls, outputs, self.output_names, self.seeds, faults=faults)

    def fault(self, what: str, why: str, path: str) -> None:
        self.faults[what, why] += 1
        self.places.setdefault((what, why), path)

    # --- tensors

    def size(self, size: Any) -> Size:
        if isinstance(size, int):
            return size
        try:
            return size_of(str(size.node.expr) if hasattr(size, "node") else str(size), self.symbol)
        except ValueError as error:
            raise NotImported([Missing("a size", str(error), "", 1)]) from None

    def symbol(self, name: str) -> str:
        """torch's symbols by the names of the language: the batch is N."""
        if name not in self.symbols:
            self.symbols[name] = "N" if not self.symbols else f"S{len(self.symbols)}"
        return self.symbols[name]

    def value(self, node: torch.fx.Node, **facts: Any) -> ForeignTensor:
        tensor = node.meta["val"]
        shape = tuple(self.size(size) for size in tensor.shape)
        dtype = str(tensor.dtype).removeprefix("torch.")
        found = ForeignTensor(facts.pop("name", node.name), shape, dtype, **facts)
        self.values[node.name] = found
        return found

    def _placeholder(self, node: torch.fx.Node) -> None:
        if not isinstance(node.meta.get("val"), torch.Tensor):
            return
        if node.name in self.users:
            place = self.users.index(node.name)
            self.value(node, name=self.input_names[place] if place < len(self.input_names) else node.name)
        elif node.name in self.lifted:
            self._fix(node, self.ep.constants[self.lifted[node.name]])
        elif self.states[node.name] in self.passing:
            self._fix(node, self.ep.constants[self.states[node.name]])
        else:
            dtype = node.meta["val"].dtype
            if dtype.is_complex or (dtype.is_floating_point and dtype != torch.float32):
                why = f"of the type {str(dtype).removeprefix('torch.')}; `model.float()` has float32"
                self.fault("a weight", why, self.states[node.name])
            trained = node.name not in self.buffers
            self.value(node, state=self.states[node.name], trained=trained)

    def _fix(self, node: torch.fx.Node, tensor: torch.Tensor) -> None:
        self.fixed[node.name] = tensor.detach()
        self.value(node, content=Content(tensor.detach()))

    # --- calls

    def _call(self, node: torch.fx.Node) -> None:
        content = self._folded(node)
        match = NAME.match(str(node.target))
        outputs = node.meta.get("val")
        if match is None and getattr(node.target, "__name__", "") != "getitem":
            name = str(node.target)
            self._add(SCOPED.get(name, name), dict(enumerate(node.args)), node, content)
            return
        if match is None:
            arguments = {"self": node.args[0], "index": node.args[1]}
            whole = node.args[0]
            if isinstance(whole, torch.fx.Node) and str(whole.target) in SCOPED:
                self.values[node.name] = self.values[whole.name]
                return
            if isinstance(outputs, torch.Tensor) and isinstance(whole, torch.fx.Node):
                self._add("getitem", arguments, node, content)
            return
        first = node.args[0] if node.args else None
        if match[1] == "contiguous" and isinstance(first, torch.fx.Node) and self._lies_in_order(first):
            self.values[node.name] = self.values[first.name]
            return
        of_state = self._changes(node)
        self._add(f"aten.{match[1]}{'_' if of_state else ''}", self._named(node), node, content)

    def _changes(self, node: torch.fx.Node) -> bool:
        """Whether a call changes a weight or buffer in place. Of what it changes otherwise, nothing may be read behind
        it but by what it gives back, as the graph names no values that change."""
        schema = node.target._schema  # type: ignore[union-attr]
        written = [
            one for argument, one in zip(schema.arguments, node.args, strict=False)
            if argument.alias_info is not None and argument.alias_info.is_write and isinstance(one, torch.fx.Node)
        ]  # fmt: skip
        for one in written:
            if one.name in self.fixed or one.name not in self.values:
                continue
            if self.values[one.name].state is not None:
                return True
            names = {one, *_views_of(_viewed(one))}
            if any(self.order[user] > self.order[node] for name in names for user in name.users if user is not node):
                path = ([scope.path for scope in scopes(node)] or [""])[-1]
                self.fault(str(node.target).rpartition(".")[0], "changes a part of a tensor in place", path)
        return False

    def _named(self, node: torch.fx.Node) -> dict[Any, Any]:
        """A call's arguments by the names of its schema."""
        schema = node.target._schema  # type: ignore[union-attr]
        names = [argument.name for argument in schema.arguments]
        arguments = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
        for unread in ("pin_memory", "layout", "device", "memory_format", "non_blocking", "copy"):
            arguments.pop(unread, None)
        return arguments

    def _add(self, name: str, arguments: Mapping[Any, Any], node: torch.fx.Node, content: Content | None) -> None:
        outputs = node.meta.get("val")
        given = {str(key): self._argument(value) for key, value in arguments.items()}
        call = ForeignCall(name, given)
        if isinstance(outputs, torch.Tensor):
            output = self.value(node, made_by=call, content=content)
        elif isinstance(outputs, (list, tuple)) and any(isinstance(one, torch.Tensor) for one in outputs):
            output = ForeignTensor(node.name, (), made_by=call)
            self.values[node.name] = output
        else:
            return
        object.__setattr__(call, "output", output)
        self.calls.append(PlacedCall(call, tuple(scopes(node)), author_name(node.meta.get("stack_trace") or "")))

    def _lies_in_order(self, node: torch.fx.Node) -> bool:
        return node.name in self.values and bool(node.meta["val"].is_contiguous())

    def _argument(self, value: Any) -> Any:
        if isinstance(value, torch.fx.Node):
            if value.name in self.values:
                return self.values[value.name]
            return self._argument(value.meta.get("val"))
        if isinstance(value, (list, tuple)):
            return [self._argument(one) for one in value]
        if isinstance(value, (torch.SymInt, torch.SymFloat, torch.SymBool)):
            if not isinstance(value, torch.SymInt) or free_unbacked_symbols(value):
                self.fault("a number", "that depends on values of tensors", "")
                return None
            return self.size(value)
        if isinstance(value, (torch.dtype, torch.device, torch.layout, torch.memory_format)):
            return str(value).removeprefix("torch.")
        return value

    # --- what is constant

    def _folded(self, node: torch.fx.Node) -> Content | None:
        """The values of a call that depends on no input and no weight."""
        name = str(node.target)
        if "aten." not in name or any(f".{word}" in name or f"_{word}" in name for word in RANDOM):
            return None
        like = ".new_" in name and not any(
            isinstance(a, torch.fx.Node) for a in [*node.args[1:], *node.kwargs.values()]
        )
        tensors = [one for one in node.all_input_nodes if not (like and one is node.args[0])]
        if not all(one.name in self.fixed for one in tensors):
            return None
        outputs = node.meta.get("val")
        if not isinstance(outputs, torch.Tensor) or any(not isinstance(size, int) for size in outputs.shape):
            return None
        if outputs.numel() > LARGEST:
            return None

        def real(one: torch.fx.Node) -> Any:
            return self.fixed[one.name] if one.name in self.fixed else torch.empty((), dtype=one.meta["val"].dtype)

        args = torch.fx.map_arg(node.args, real)
        kwargs = torch.fx.map_arg(node.kwargs, real)
        kwargs = {**kwargs, "device": torch.device("cpu")} if "device" in kwargs else kwargs
        with torch.no_grad():
            result = node.target(*args, **kwargs)  # type: ignore[operator]
        if not isinstance(result, torch.Tensor):
            return None
        if node.target._schema.is_mutable:  # type: ignore[union-attr]
            self.changed.add(result.untyped_storage().data_ptr())
        self.fixed[node.name] = result.detach()
        return Content(result.detach())

    def _states(self, call: PlacedCall) -> bool:
        """Whether a call says what it makes: of constants not those that something works on in place."""
        if call.foreign.output.content is None:
            return True
        values = (call.foreign.output, *call.foreign.tensors)
        contents = (one.content for one in values if isinstance(one.content, Content))
        return not any(one.tensor.untyped_storage().data_ptr() in self.changed for one in contents)


def _viewed(node: torch.fx.Node) -> torch.fx.Node:
    """The tensor of which a view shows a part; one that is no view is itself."""
    while node.args and isinstance(node.args[0], torch.fx.Node) and _is_view(node):
        node = node.args[0]
    return node


def _views_of(node: torch.fx.Node) -> Iterator[torch.fx.Node]:
    """A tensor and the views of it."""
    yield node
    for user in node.users:
        if _is_view(user):
            yield from _views_of(user)


def _is_view(node: torch.fx.Node) -> bool:
    returns = getattr(getattr(node.target, "_schema", None), "returns", ())
    return any(one.alias_info is not None and not one.alias_info.is_write for one in returns)


class Content:
    """A constant's values, listed when they are asked for: what works in place may change them until then."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def tolist(self) -> Any:
        return self.tensor.tolist()


def scopes(node: torch.fx.Node) -> Iterator[ModuleScope]:
    """The modules that a node was made in, from the outside."""
    for key, (path, cls) in (node.meta.get("nn_module_stack") or {}).items():
        name = cls if isinstance(cls, str) else f"{cls.__module__}.{cls.__qualname__}"
        if name.startswith("_empty"):
            return
        yield ModuleScope(path, name, key.partition("@")[2])

"""What torch.export makes of a module, as a program for recovery."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import torch
from torch import nn
from torch.export import Dim as OpenSize
from torch.export import ExportedProgram

from archdsl.dims import Size
from archdsl.importing.program import ForeignProgram, ModuleScope, PlacedCall, author_name
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
LARGEST: Final = 1 << 22  # numbers of a constant that is worked out


def exported(model: nn.Module, inputs: Sequence[torch.Tensor]) -> ExportedProgram:
    """The module's program, in the phase it is in, with an open batch where the module can keep it open."""
    batch = OpenSize("N", min=1)
    shapes = tuple({0: batch} if tensor.dim() else None for tensor in inputs)
    with quiet():
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
        return ForeignProgram(self.name, inputs, calls, outputs, self.output_names, self.seeds)

    # --- tensors

    def size(self, size: Any) -> Size:
        if isinstance(size, int):
            return size
        return size_of(str(size.node.expr) if hasattr(size, "node") else str(size), self.symbol)

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
            if isinstance(outputs, torch.Tensor):
                self._add(str(node.target), dict(enumerate(node.args)), node, content)
            return
        if match is None:
            arguments = {"self": node.args[0], "index": node.args[1]}
            if isinstance(outputs, torch.Tensor) and isinstance(node.args[0], torch.fx.Node):
                self._add("getitem", arguments, node, content)
            return
        first = node.args[0] if node.args else None
        if match[1] == "contiguous" and isinstance(first, torch.fx.Node) and self._lies_in_order(first):
            self.values[node.name] = self.values[first.name]
            return
        self._add(f"aten.{match[1]}", self._named(node), node, content)

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
            meta = value.meta.get("val")
            return self.size(meta) if isinstance(meta, (int, torch.SymInt)) else meta
        if isinstance(value, (list, tuple)):
            return [self._argument(one) for one in value]
        if isinstance(value, torch.SymInt):
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

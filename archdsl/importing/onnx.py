"""The door for .onnx (the extra `onnx`): nodes as calls, initialisers as weights. Nothing of the file is run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from archdsl.dims import Size, symbol
from archdsl.importing.program import ForeignProgram, Missing, NotImported, PlacedCall
from archdsl.importing.unusable import Unusable
from archdsl.importing.weights import RawTensor
from archdsl.ops.foreign import ForeignCall, ForeignTensor

DTYPES: Final = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64", 16: "bfloat16"}
SMALL: Final = 4096  # numbers of an initialiser that may be an argument


def load(path: Path) -> Any:
    """The model of a file, with the shapes of all values. Raises `ImportError` and `Unusable`."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise ImportError("reading .onnx needs the package onnx: pip install 'archdsl[onnx]'") from error
    try:
        return onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    except Exception as error:
        raise Unusable(f"`{path}` is no ONNX model, or a damaged one: {str(error).splitlines()[0][:200]}") from None


def read(path: Path, name: str) -> ForeignProgram:
    """The program of a file. Raises `ImportError`, `Unusable` and `NotImported`."""
    graph = load(path).graph
    try:
        return _Reader(graph, name).program()
    except (AttributeError, LookupError, StopIteration, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise Unusable(f"`{path}` is a damaged ONNX model ({type(error).__name__}: {reason})") from None


def weights(path: Path) -> dict[str, RawTensor]:
    """The initialisers that are no arguments."""
    from onnx import numpy_helper

    found = {}
    for one in load(path).graph.initializer:
        array = numpy_helper.to_array(one)
        dtype = DTYPES.get(one.data_type)
        if dtype is not None:
            found[one.name] = RawTensor(dtype, tuple(array.shape), array.tobytes())
    return found


class _Reader:
    def __init__(self, graph: Any, name: str) -> None:
        from onnx import helper, numpy_helper

        self.helper, self.numpy_helper = helper, numpy_helper
        self.graph = graph
        self.name = name
        self.symbols: dict[str, str] = {}
        typed = [*graph.value_info, *graph.output, *graph.input]
        self.types = {one.name: one.type.tensor_type for one in typed}
        self.values: dict[str, ForeignTensor] = {}
        self.calls: list[PlacedCall] = []

    def program(self) -> ForeignProgram:
        for one in self.graph.initializer:
            self.values[one.name] = self._initialiser(one)
        given = [one.name for one in self.graph.input if one.name not in self.values]
        for name in given:
            self.values[name] = ForeignTensor(_plain(name), self.shape(name), self.dtype(name))
        for node in self.graph.node:
            self._node(node)
        outputs = [one.name for one in self.graph.output]
        names = [_plain(name) for name in outputs]
        return ForeignProgram(
            self.name, [self.values[n] for n in given], self.calls, [self.values[n] for n in outputs], names
        )

    def _initialiser(self, one: Any) -> ForeignTensor:
        array = self.numpy_helper.to_array(one)
        small = array.size <= SMALL and (array.dtype.kind in "iub" or array.size <= 1)
        content = array.tolist() if small else None
        shape = tuple(int(size) for size in array.shape)
        dtype = DTYPES.get(one.data_type, "another type")
        return ForeignTensor(one.name, shape, dtype, state=None if content is not None else one.name, content=content)

    def shape(self, name: str) -> tuple[Size, ...]:
        kind = self.types.get(name)
        if kind is None:
            return ()
        return tuple(self._size(dim) for dim in kind.shape.dim)

    def dtype(self, name: str) -> str:
        kind = self.types.get(name)
        return DTYPES.get(kind.elem_type, "float32") if kind is not None else "float32"

    def _size(self, dim: Any) -> Size:
        if dim.HasField("dim_value"):
            return int(dim.dim_value)
        name = dim.dim_param or f"unknown {len(self.symbols)}"
        if name not in self.symbols:
            self.symbols[name] = "N" if not self.symbols else f"S{len(self.symbols)}"
        return symbol(self.symbols[name])

    # --- nodes

    def _node(self, node: Any) -> None:
        attributes = {one.name: _text(self.helper.get_attribute_value(one)) for one in node.attribute}
        if node.op_type == "Constant":
            self.values[node.output[0]] = self._constant(node.output[0], attributes)
            return
        names = _inputs(node)
        arguments: dict[str, Any] = {}
        for name, given in zip(names, node.input, strict=False):
            if given and given not in self.values:
                reason = f"reads `{given}`, which nothing makes"
                raise NotImported([Missing(f"onnx.{node.op_type}", reason, node.name, 1)])
            if given:
                arguments[name] = self.values[given]
        call = ForeignCall(f"onnx.{node.op_type}", arguments | attributes)
        outputs = [one for one in node.output if one]
        if len(outputs) > 1 and node.op_type in ("Split", "TopK"):
            whole = ForeignTensor(f"{node.output[0]} and others", (), made_by=call)
            object.__setattr__(call, "output", whole)
            self.calls.append(PlacedCall(call))
            for i, name in enumerate(outputs):
                part = ForeignCall("getitem", {"self": whole, "index": i})
                self._made(part, name)
        else:
            self._made(call, outputs[0])

    def _constant(self, name: str, attributes: Mapping[str, Any]) -> ForeignTensor:
        if "value" in attributes:
            array = self.numpy_helper.to_array(attributes["value"])
            shape = tuple(int(size) for size in array.shape)
            return ForeignTensor(name, shape, DTYPES.get(attributes["value"].data_type, ""), content=array.tolist())
        value = next(iter(attributes.values()))
        shape = (len(value),) if isinstance(value, (list, tuple)) else ()
        return ForeignTensor(name, shape, self.dtype(name), content=list(value) if shape else value)

    def _made(self, call: ForeignCall, name: str) -> None:
        value = ForeignTensor(name, self.shape(name), self.dtype(name), made_by=call)
        object.__setattr__(call, "output", value)
        self.values[name] = value
        self.calls.append(PlacedCall(call))


def _inputs(node: Any) -> list[str]:
    """What the inputs of an operator are called in ONNX's own schema."""
    from onnx import defs

    try:
        schema = defs.get_schema(node.op_type)
    except Exception:
        raise NotImported(
            [Missing(f"onnx.{node.op_type}", "an operator that is not ONNX's own", node.name, 1)]
        ) from None
    names = [one.name for one in schema.inputs]
    return [*names, *(f"{names[-1]}_{i}" for i in range(len(names), len(node.input)))] if names else []


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _plain(name: str) -> str:
    return name.rpartition("/")[2].replace(".", "_").replace(":", "_")

"""The door for .pt2: a program of torch.export, read as JSON beside raw weights. Nothing is unpickled or run."""

from __future__ import annotations

import json
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Final

from archdsl.dims import Size
from archdsl.importing.program import ForeignProgram, Missing, ModuleScope, NotImported, PlacedCall, author_name
from archdsl.importing.sizes import size_of
from archdsl.importing.unusable import Unusable
from archdsl.importing.weights import RawTensor
from archdsl.ops.foreign import ForeignCall, ForeignTensor

MOST: Final = 1 << 29  # bytes of the program's text
DTYPES: Final = {4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64", 12: "bool", 13: "bfloat16"}
NAME: Final = re.compile(r"torch\.ops\.aten\.([A-Za-z_0-9]+?)_?\.\w+$")
DAMAGED: Final = (
    AttributeError, LookupError, NotImplementedError, RecursionError, StopIteration, TypeError, ValueError,
    zipfile.BadZipFile, struct.error,
)  # fmt: skip
UNREAD: Final = ("pin_memory", "layout", "device", "memory_format", "non_blocking", "copy")


def read(path: Path, name: str) -> ForeignProgram:
    """The program of a file. Raises `Unusable` and `NotImported`."""
    try:
        with zipfile.ZipFile(path) as archive:
            document = _json(archive, "/models/", ".json")
            constants = _contents(archive)
        return _Reader(document["graph_module"], constants, name).program()
    except DAMAGED as error:
        raise Unusable(f"`{path}` is no program of torch.export, or a damaged one ({type(error).__name__})") from None


def weights(path: Path) -> dict[str, RawTensor]:
    """The tensors of the `state_dict` that a file has. Raises `Unusable`."""
    try:
        with zipfile.ZipFile(path) as archive:
            return dict(_tensors(archive, "weights", "model_weights_config.json"))
    except DAMAGED as error:
        raise Unusable(f"the weights of `{path}` cannot be read ({type(error).__name__})") from None


def _json(archive: zipfile.ZipFile, folder: str, ending: str) -> Any:
    name = next(one for one in archive.namelist() if folder in one and one.endswith(ending))
    return json.loads(_bytes(archive, name))


def _bytes(archive: zipfile.ZipFile, name: str) -> bytes:
    """What a file of the archive holds: torch compresses none, so that a small archive cannot become a large one."""
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED or (name.endswith(".json") and entry.file_size > MOST):
        raise ValueError("compressed, or too large")
    return archive.read(name)


def _tensors(archive: zipfile.ZipFile, folder: str, config: str) -> Iterator[tuple[str, RawTensor]]:
    found = next((one for one in archive.namelist() if one.endswith(f"/data/{folder}/{config}")), None)
    if found is None:
        return
    for name, entry in json.loads(_bytes(archive, found))["config"].items():
        meta = entry["tensor_meta"]
        dtype = DTYPES.get(meta["dtype"])
        sizes = [size["as_int"] for size in meta["sizes"]]
        strides = [stride["as_int"] for stride in meta["strides"]]
        if entry["use_pickle"] or dtype is None:
            continue  # a tensor of a class of its own: nothing is unpickled
        data = _bytes(archive, str(PurePath(found).parent / entry["path_name"]))
        yield name, RawTensor(dtype, tuple(sizes), data, tuple(strides), meta["storage_offset"]["as_int"])


def _contents(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The values of constants, in lists."""
    return {name: tensor.tolist() for name, tensor in _tensors(archive, "constants", "model_constants_config.json")}


class _Reader:
    def __init__(self, module: Mapping[str, Any], constants: Mapping[str, Any], name: str) -> None:
        self.graph = module["graph"]
        self.signature = module["signature"]
        self.constants = constants
        self.name = name
        self.symbols: dict[str, str] = {}
        self.values: dict[str, ForeignTensor] = {}
        self.inputs: list[ForeignTensor] = []
        self.calls: list[PlacedCall] = []

    def program(self) -> ForeignProgram:
        for spec in self.signature["input_specs"]:
            self._input(spec)
        for node in self.graph["nodes"]:
            self._node(node)
        names = [
            spec["user_output"]["arg"]["as_tensor"]["name"]
            for spec in self.signature["output_specs"]
            if "as_tensor" in spec.get("user_output", {}).get("arg", {})
        ]
        return ForeignProgram(self.name, self.inputs, self.calls, [self.values[name] for name in names])

    # --- tensors

    def symbol(self, name: str) -> str:
        if name not in self.symbols:
            self.symbols[name] = "N" if not self.symbols else f"S{len(self.symbols)}"
        return self.symbols[name]

    def size(self, size: Mapping[str, Any]) -> Size:
        if "as_int" in size:
            return int(size["as_int"])
        return size_of(size["as_expr"]["expr_str"], self.symbol)

    def value(self, name: str, **facts: Any) -> ForeignTensor:
        meta = self.graph["tensor_values"][name]
        shape = tuple(map(self.size, meta["sizes"]))
        found = ForeignTensor(name, shape, DTYPES.get(meta["dtype"], "another type"), **facts)
        self.values[name] = found
        return found

    def _input(self, spec: Mapping[str, Any]) -> None:
        ((kind, said),) = spec.items()
        arg = said["arg"]
        name = arg["as_tensor"]["name"] if "as_tensor" in arg else arg.get("name")
        if name not in self.graph["tensor_values"]:
            return
        if kind == "user_input":
            self.inputs.append(self.value(name))
        elif kind == "parameter":
            self.value(name, state=said["parameter_name"])
        elif kind == "buffer" and said["persistent"]:
            self.value(name, state=said["buffer_name"], trained=False)
        else:
            key = said.get("buffer_name") or said.get("tensor_constant_name")
            if key not in self.constants:
                raise NotImported([Missing("a constant", "whose values are pickled", str(key), 1)])
            self.value(name, content=self.constants[key])

    # --- calls

    def _node(self, node: Mapping[str, Any]) -> None:
        match = NAME.match(node["target"])
        outputs = node["outputs"]
        arguments = {one["name"]: self._argument(one["arg"]) for one in node["inputs"] if one["name"] not in UNREAD}
        name = f"aten.{match[1]}" if match else node["target"]
        scopes = tuple(_scopes(node["metadata"].get("nn_module_stack", "")))
        if len(outputs) == 1 and "as_tensors" in outputs[0]:
            whole = ForeignCall(name, arguments)
            value = ForeignTensor(node.get("name") or outputs[0]["as_tensors"][0]["name"] + "_all", (), made_by=whole)
            object.__setattr__(whole, "output", value)
            self.calls.append(PlacedCall(whole, scopes))
            for i, one in enumerate(outputs[0]["as_tensors"]):
                self._add("getitem", {"self": value, "index": i}, one["name"], scopes, None)
        elif outputs and "as_tensor" in outputs[0]:
            hint = author_name(node["metadata"].get("stack_trace", ""))
            self._add(name, arguments, outputs[0]["as_tensor"]["name"], scopes, hint)

    def _add(
        self, name: str, arguments: Mapping[str, Any], output: str, scopes: tuple[ModuleScope, ...], hint: str | None
    ) -> None:
        call = ForeignCall(name, arguments)
        object.__setattr__(call, "output", self.value(output, made_by=call))
        self.calls.append(PlacedCall(call, scopes, hint))

    def _argument(self, arg: Mapping[str, Any]) -> Any:
        ((kind, value),) = arg.items()
        if kind == "as_none":
            return None
        if kind == "as_tensor":
            return self.values.get(value["name"])
        if kind in ("as_tensors", "as_optional_tensors"):
            return [self._optional(one) for one in value]
        if kind == "as_sym_int":
            return self._size_argument(value)
        if kind == "as_sym_ints":
            return [self._size_argument(one) for one in value]
        if kind == "as_scalar_type":
            return DTYPES.get(value)
        return value

    def _optional(self, one: Mapping[str, Any]) -> Any:
        if "name" in one:
            return self.values.get(one["name"])
        return self.values.get(one["as_tensor"]["name"]) if "as_tensor" in one else None

    def _size_argument(self, one: Mapping[str, Any]) -> Any:
        if "as_int" in one:
            return one["as_int"]
        return self.size(self.graph["sym_int_values"][one["as_name"]])


def _scopes(text: str) -> Iterator[ModuleScope]:
    """The modules that a node was made in: `key,path,class` for each, with semicolons between."""
    for entry in text.split(";"):
        key, _, rest = entry.partition(",")
        path, _, cls = rest.rpartition(",")
        if not cls or cls.startswith("_empty"):
            return
        yield ModuleScope(path, cls, key.partition("@")[2])

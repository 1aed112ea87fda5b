"""What is exported, and into which files."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from archdsl.embedded import KEY, document
from archdsl.graph import Graph
from archdsl.phases import Phase
from archdsl.write import write_atomically
from compiler.fx.model import CompiledNetwork
from compiler.lowering import assemble
from compiler.program import Assembly, Routine

MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {".safetensors": "compiler.export.tensors", ".pt2": "compiler.export.pt2", ".onnx": "compiler.export.onnx"}
)
"""The module that renders a format, by the suffix of its files."""
SOURCE: Final = ".py"  # which `compiler.source` writes, from the graph alone


@dataclass(frozen=True, slots=True)
class Export:
    """A compiled network with all that an exported file says of it.

    `graph` is the network with the sizes open that are to be open in the file; `document` is the spec that it carries,
    as `archdsl.embedded` reads it.
    """

    model: CompiledNetwork
    graph: Graph
    assembly: Assembly
    phase: Phase
    document: Mapping[str, Any]

    @property
    def routine(self) -> Routine:
        return self.assembly.training if self.phase == "training" else self.assembly.inference

    @property
    def metadata(self) -> dict[str, str]:
        """The spec and the architecture's hash, as texts."""
        return {KEY: json.dumps(self.document), "architecture": str(self.document["hash"])}


def check_place(path: Path) -> None:
    """Raise `ValueError` for a file whose suffix is that of no format, `OSError` for a folder, which has none, where
    something else is."""
    if not path.suffix:
        importlib.import_module("compiler.export.hub").check_folder(path)
    if path.suffix and path.suffix.lower() not in (*MODULES, SOURCE):
        known = ", ".join([*MODULES, SOURCE])
        raise ValueError(f"cannot tell the format of {path.name!r} by its suffix; known are {known}, none for a folder")


def holds_weights(path: Path) -> bool:
    """Whether the format has the weights of a model: source has none."""
    return path.suffix.lower() != SOURCE


def export_network(
    model: CompiledNetwork, graph: Graph, path: Path, phase: Phase = "inference", opened: Graph | None = None
) -> None:
    """Write a network that was compiled from a graph to a file, atomically, in the format of its suffix; a path without
    one is a folder for a hub. The sizes that the graph leaves open are open in it, or those that `opened` does, which
    is the same network.

    The model is in the phase of the export while it is written. Raises `SpecError` where it cannot be exported,
    `ImportError` where an extra is not installed, `ValueError` for another suffix, `OSError` where it cannot write.
    """
    check_place(path)
    suffix = path.suffix.lower()
    graph_of_sizes = graph if opened is None else opened
    what = Export(model, graph_of_sizes, assemble(graph_of_sizes), phase, document(graph))
    training = model.training
    model.train(phase == "training")
    try:
        if not suffix:
            importlib.import_module("compiler.export.hub").save(what, path)
        else:
            write_atomically(path, importlib.import_module(MODULES[suffix]).render(what))
    finally:
        model.train(training)

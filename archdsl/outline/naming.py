"""What networks are called, so that each is told from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Final

from archdsl.graph import Graph, header, layers


def names(graphs: Sequence[Graph]) -> tuple[str, ...]:
    """The names of networks, as short as tells them apart: a variant's or network's; with its file where several have
    that one, with the folders too where files are called alike."""
    plain = [_name(graph) for graph in graphs]
    alike = {name: [graph for graph, other in zip(graphs, plain, strict=True) if other == name] for name in plain}
    best = {name: max(WAYS, key=lambda way, of=of: len(set(map(way, of)))) for name, of in alike.items()}  # type: ignore[misc]
    return tuple(best[name](graph) for name, graph in zip(plain, graphs, strict=True))


def _name(graph: Graph) -> str:
    return header(graph)["variant"] or header(graph)["network"]


def _in_file(graph: Graph) -> str:
    return f"{PurePath(_file(graph)).name}:{_name(graph)}"


def _in_folder(graph: Graph) -> str:
    return f"{_file(graph)}:{_name(graph)}"


def _file(graph: Graph) -> str:
    """The file of the network itself: that of its first input."""
    return next((node["span"].source.name for _, node in layers(graph)), "")


WAYS: Final[tuple[Callable[[Graph], str], ...]] = (_name, _in_file, _in_folder)

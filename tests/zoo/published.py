"""What is known of published networks: specs/published.json has the figures, facts.json the shapes and tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from archdsl.shipped import SPECS


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


_FIGURES: Final = _read(SPECS / "published.json")
_FACTS: Final = _read(Path(__file__).with_name("facts.json"))

NETWORKS: Final[dict[str, dict[str, Any]]] = {
    variant: figures | _FACTS["networks"][variant] for variant, figures in _FIGURES["networks"].items()
}
ALIASES: Final[dict[str, str]] = _FIGURES["aliases"]  # a second name of a network


def tensors(variant: str) -> dict[str, tuple[int, ...]]:
    """The shapes of all parameters and buffers by their `state_dict` names."""
    modules = NETWORKS[variant]["tensors"]["modules"]
    if isinstance(modules, str):
        form = NETWORKS[variant]["tensors"].get("form")
        return tensors(modules) if form is None else _in_paths(tensors(modules), form)
    found: dict[str, tuple[int, ...]] = {}
    for path, text in modules.items():
        if text.startswith("batch_norm "):
            channels = (int(text.split()[1]),)
            for name in ("weight", "bias", "running_mean", "running_var"):
                found[f"{path}.{name}"] = channels
            found[f"{path}.num_batches_tracked"] = ()
        else:
            for tensor in text.split(", "):
                name, shape = tensor.split()
                found[f"{path}.{name}".lstrip(".")] = tuple(map(int, shape.split("x")))
    return found


def _in_paths(grouped: dict[str, tuple[int, ...]], form: str) -> dict[str, tuple[int, ...]]:
    """The tensors of a ResNeXt of 32 paths in another form of figure 3, in the order of its layers."""
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in grouped.items():
        if divided(name) and name.endswith(
            ".conv1.weight"
        ):  # the tensors of all paths, path by path, then the rest of the block
            block = name.removesuffix(".conv1.weight")
            beginning = [n for n in grouped if n.startswith(f"{block}.") and divided(n)]
            for i in range(32):
                for n in beginning:
                    found[f"{block}.path{i}{n.removeprefix(block)}"] = _part(grouped[n], 0)
        elif form == "sum" and name.endswith(".conv3.weight"):
            for i in range(32):
                found[name.replace(".conv3", f".path{i}.conv3")] = _part(shape, 1)
        elif not divided(name):
            found[name] = shape
    return found


def divided(name: str) -> bool:
    """Whether a tensor of ResNeXt belongs to the beginning of the paths, not to all of them together."""
    return name.startswith("layer") and any(f".{part}." in name for part in ("conv1", "bn1", "conv2", "bn2"))


def _part(shape: tuple[int, ...], dim: int) -> tuple[int, ...]:
    return (*shape[:dim], shape[dim] // 32, *shape[dim + 1 :]) if shape else ()

"""What is known of published networks: specs/published.json has the figures, facts.json the shapes and tensors of those
whose references are written by hand. Of the others the models of libraries have them."""

from __future__ import annotations

import json
from collections.abc import Container
from pathlib import Path
from typing import Any, Final

import pytest

from archdsl.shipped import SPECS, zoo


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


_FIGURES: Final = _read(SPECS / "published.json")
_FACTS: Final = _read(Path(__file__).with_name("facts.json"))

PUBLISHED: Final[dict[str, dict[str, Any]]] = _FIGURES["networks"]
NETWORKS: Final[dict[str, dict[str, Any]]] = {
    variant: figures | _FACTS["networks"][variant]
    for variant, figures in PUBLISHED.items()
    if variant in _FACTS["networks"]
}
ALIASES: Final[dict[str, str]] = _FIGURES["aliases"]  # a second name of a network
# Without a loss: others build on them or train them, or their loss matches boxes first (YOLO's).
PARTS: Final = {"fpn_resnet50", "dcgan_generator", *(f"yolov8{size}" for size in "nsmlx")}
# Of more than half a billion parameters: no test makes their weights.
LARGE: Final = {"gpt2_large", "gpt2_xl", "llama_7b", "llama_3_8b", "llama_3_2_1b", "mixtral_8x7b"}
# Compared with models of any size (test_generative_and_recurrent.py): they read steps or words, or draw what they give.
GENERATIVE_AND_RECURRENT: Final = [v for v, file in zoo().items() if file.stem in ("vae", "ddpm", "recurrent")]
# Compared with models of any size (references_transformers.py); but for Swin they read texts, not images alone.
TRANSFORMERS: Final = [
    variant for variant, file in zoo().items() if file.stem in ("swin", "bert", "gpt2", "llama", "moe", "clip")
]


def first_of_families() -> set[str]:
    """The first variant of each file that has none with a reference written by hand: the smallest of its family."""
    first: dict[Path, str] = {}
    for variant, file in zoo().items():
        first.setdefault(file, variant)
    by_hand = {zoo()[variant] for variant in (*NETWORKS, *ALIASES)}
    return {variant for file, variant in first.items() if file not in by_hand}


def all_with(*marks: pytest.MarkDecorator, but: Container[str] = ()) -> list[Any]:
    """All variants but some. Those of the newer families but for the first of each differ in numbers alone, and have
    these marks: `heavy` where a test takes long."""
    here = {*NETWORKS, *ALIASES, *first_of_families()}
    return [pytest.param(variant, marks=() if variant in here else marks) for variant in zoo() if variant not in but]


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

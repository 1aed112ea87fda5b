"""Checkpoints of torchvision and timm load under their own names, as the documentation says: the state of a model that
the library has drawn anew stands for its file."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

import archdsl
from archdsl.errors import SpecError
from archdsl.library_names import LibraryNames, library_names
from archdsl.published import FILE
from archdsl.shipped import zoo
from compiler import Matching, load_weights
from compiler.renaming import renamed
from tests.zoo.graphs import graph_of, names_and_shapes
from tests.zoo.pairs import for_images, with_weights
from tests.zoo.references_libraries import models, timm

CHECKPOINTS: dict[str, list[str]] = json.loads(FILE.read_text(encoding="utf-8"))["checkpoints"]
# Beside what the networks need: without it torchvision draws weights slowly, or leaves a head out.
OPTIONS: dict[str, dict[str, Any]] = {
    "deeplabv3_resnet50": {"weights_backbone": None, "aux_loss": True},
    "googlenet": {"init_weights": False},
    "inception_v3": {"init_weights": False},
}
SMALLEST = {"inception_v3": 299, "vit": 224, "swin": 224, "inception_resnet_v2": 107, "inception_v4": 107}  # images
QUICK = 2  # variants of a file whose names are compared every time; the others differ in numbers


class Public(NamedTuple):
    variant: str
    library: str
    model: str

    def build(self) -> nn.Module:
        """On the meta device: names and shapes. A RegNet works its widths out with tensors, which must have values, and
        timm's Swin has constants that it does not save."""
        with torch.device("cpu" if self.model.startswith(("regnet", "swin")) else "meta"):
            if self.library == "timm":
                return timm.create_model(self.model)
            found: nn.Module = models.get_model(self.model, weights=None, **OPTIONS.get(self.model, {}))
            return found

    @property
    def names(self) -> LibraryNames:
        """How the names of the library become ours."""
        return library_names(self.library, self.variant) or LibraryNames(())

    @property
    def side(self) -> int:
        """Of the smallest images that both take."""
        return next((side for name, side in SMALLEST.items() if self.model.startswith(name)), 64)


PUBLIC = [Public(variant, *model.split()) for variant, found in CHECKPOINTS.items() for model in found]


def first_of_files(count: int) -> set[str]:
    so_far: Counter[Path] = Counter()
    found = set()
    for variant in (name for name in zoo() if name in CHECKPOINTS):
        so_far[zoo()[variant]] += 1
        if so_far[zoo()[variant]] <= count:
            found.add(variant)
    return found


def every(quick: set[str]) -> list[Any]:
    return [
        pytest.param(
            public, id=f"{public.library}-{public.model}", marks=() if public.variant in quick else pytest.mark.heavy
        )
        for public in PUBLIC
    ]


@pytest.fixture
def collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.mark.parametrize("public", every(first_of_files(QUICK) | {"vgg11"}))
def test_names_and_shapes_are_those_of_the_checkpoint(public: Public) -> None:
    """timm's Inception-v3 is saved without the head that only trains. What timm calls otherwise is as `names.json`
    says."""
    wanted = {
        renamed(name, public.names.steps): tuple(tensor.shape) for name, tensor in public.build().state_dict().items()
    }
    found = names_and_shapes(graph_of(public.variant))
    missing = {name for name in found if name not in wanted}
    for name in found:
        if any(fnmatchcase(name, pattern) for pattern in public.names.reshaped):
            assert prod(found[name]) == prod(wanted[name])
            wanted[name] = found[name]
    assert {name: shape for name, shape in found.items() if name not in missing} == wanted
    absent = {name for name in missing if any(fnmatchcase(name, pattern) for pattern in public.names.absent)}
    assert all(name.startswith("AuxLogits.") for name in missing - absent)
    assert missing == absent or public == Public("inception_v3", "timm", "inception_v3")


@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("public", every({"resnet18", "mobilenet_v3_small"}))
def test_a_file_of_the_model_makes_what_the_model_makes(public: Public, tmp_path: Path) -> None:
    reference = with_weights(public.build()).eval()
    torch.save(reference.state_dict(), tmp_path / "public.pth")
    shape = (1, 3, *((8,) if public.model == "r3d_18" else ()), public.side, public.side)
    rename = public.library if public.names.steps else None
    model = for_images(public.variant, [shape]).compile(weights=tmp_path / "public.pth", rename=rename).eval()
    image = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found, wanted = model(image), reference(image)
    if isinstance(wanted, dict):
        wanted = wanted["out"]
    assert wanted.std() > 0
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))


def test_a_classifier_of_another_size_is_drawn_and_the_rest_loaded(tmp_path: Path) -> None:
    state = with_weights(Public("mobilenet_v3_small", "torchvision", "mobilenet_v3_small").build()).state_dict()
    torch.save(state, tmp_path / "public.pth")
    network = archdsl.load("mobilenet_v3_small", classes=7)
    with pytest.raises(SpecError) as caught:
        network.compile(weights=tmp_path / "public.pth")
    assert '--fresh "classifier.3.*"' in (caught.value.diagnostics[0].help or "")
    model = network.compile(weights=tmp_path / "public.pth", fresh=["classifier.3.*"])
    loaded = model.state_dict()
    same = {
        name for name in state if state[name].shape == loaded[name].shape and torch.equal(state[name], loaded[name])
    }
    assert set(state) - same == {"classifier.3.weight", "classifier.3.bias"}
    assert loaded["classifier.3.weight"].shape == (7, 1024)


def test_heads_that_only_train_may_be_absent_from_a_checkpoint() -> None:
    network = archdsl.load("googlenet_torchvision")
    with torch.device("meta"):
        model = network.compile()
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("aux")}
    said = load_weights(model, network.graph, state, Matching())
    assert {one.name.partition(".")[0] for one in said if one.source is None} == {"aux1", "aux2"}


@pytest.mark.parametrize("variant", sorted(CHECKPOINTS))
def test_the_documentation_names_the_model(variant: str) -> None:
    text = Path(FILE).parent.parent.joinpath("docs", "zoo.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {variant}\n")[2].partition("\n## ")[0]
    for model in CHECKPOINTS[variant]:
        assert f"{model.replace(' ', chr(39) + 's `')}`" in section

"""torch.export takes what is compiled, with its batch and its open sizes dynamic."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from torch.export import Dim

import archdsl
from archdsl.graph import header, layer
from archdsl.network import Network
from tests.compiler.test_open_networks import EFFICIENTNET, PSPNET, PYRAMID
from tests.conftest import ROOT
from tests.elaborate.test_divisibility import UNET

Build = Callable[..., Network]
QUICK = ("lenet", "nin", "siamese", "unet", "vgg")  # a second or two each
VARIANTS = json.loads((ROOT / "specs" / "variants.json").read_text(encoding="utf-8"))
FAMILIES = {file.partition(".")[0]: entry["variants"][0] for file, entry in VARIANTS.items()}


@pytest.mark.parametrize(
    "family", [name if name in QUICK else pytest.param(name, marks=pytest.mark.heavy) for name in FAMILIES]
)
def test_a_network_of_each_family_is_exported_with_a_dynamic_batch(family: str) -> None:
    network = archdsl.load(FAMILIES[family])
    with torch.device("meta"):
        model = network.compile().eval()
    names = header(network.graph)["inputs"]
    shapes = [[size if isinstance(size, int) else 3 for size in layer(network.graph, name)["shape"]] for name in names]
    given = tuple(torch.empty(shape, device="meta") for shape in shapes)
    exported = torch.export.export(model, given, dynamic_shapes=tuple({0: Dim.DYNAMIC} for _ in given))
    (batch,) = exported.range_constraints.values()  # the same of all inputs, and no other size
    assert batch.upper > 2**31


@pytest.mark.parametrize(
    ("code", "sizes"),
    [(UNET, (32, 48, 80)), (PYRAMID, (32, 48, 61)), (EFFICIENTNET, (31, 40, 65)), (PSPNET, (30, 41, 64))],
    ids=["UNet", "Pyramid", "EfficientNet", "PSPNet"],
)
def test_open_sizes_stay_open_and_are_those_of_the_module(
    code: str, sizes: tuple[int, int, int], network_of: Build
) -> None:
    torch.manual_seed(0)
    model = network_of(code).compile().eval()
    # torch takes a size of 1 for another case than larger ones, and so no image of which one pixel is left on the way.
    sides = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    exported = torch.export.export(model, (torch.randn(3, 3, 96, 64),), dynamic_shapes=(sides,)).module()
    for batch, size in enumerate(sizes, 2):
        image = torch.randn(batch, 3, size, 64)
        torch.testing.assert_close(exported(image), model(image))


def test_what_does_not_fit_is_refused_by_what_is_exported(network_of: Build) -> None:
    model = network_of(UNET, settings={"depth": 2}).compile().eval()
    h, w = 4 * Dim("h", min=2), 4 * Dim("w", min=2)  # multiples have a name of their own in torch
    exported = torch.export.export(model, (torch.randn(2, 3, 16, 24),), dynamic_shapes=({2: h, 3: w},)).module()
    assert exported(torch.randn(2, 3, 32, 8)).shape == (2, 1, 32, 8)
    with pytest.raises((AssertionError, RuntimeError)):
        exported(torch.randn(2, 3, 32, 10))

"""What is recovered from models of timm builds other models of timm, equal to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import archdsl
from archdsl.imported import from_sources
from tests.zoo import references_libraries

pytestmark = pytest.mark.heavy
assert references_libraries.MODELS  # by which torchvision could be imported, and so timm


def rebuilt(sources: tuple[str, str], folder: Path, layers: list[int]) -> nn.Module:
    """A network of other numbers of blocks than those of two models that were imported together."""
    networks = from_sources([f"timm:create_model({name!r})" for name in sources], {"image": (2, 3, 32, 32)})
    assert all(network.proof is not None and network.proof.equal for network in networks)
    path = folder / "resnets.arch"
    path.write_text(networks[0].text, encoding="utf-8")
    return archdsl.load(f"{path}:ResNet", layers=layers).compile()


@pytest.mark.parametrize(
    ("sources", "block", "layers"),
    [
        (("resnet18", "resnet34"), "BasicBlock", [2, 2, 2, 2]),
        (("resnet18", "resnet34"), "BasicBlock", [3, 5, 2, 4]),
        (("resnet50", "resnet101"), "Bottleneck", [2, 2, 2, 2]),  # timm's resnet26
        (("resnet50", "resnet101"), "Bottleneck", [3, 8, 36, 3]),  # timm's resnet152
    ],
)
def test_settings_that_were_found_build_models_that_nobody_gave(
    sources: tuple[str, str], block: str, layers: list[int], tmp_path: Path
) -> None:
    from timm.models import resnet

    torch.manual_seed(0)
    original = resnet.ResNet(getattr(resnet, block), tuple(layers)).eval()
    for name, value in original.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            nn.init.uniform_(value, 0.5, 1.5)
    made = rebuilt(sources, tmp_path, layers).eval()
    made.load_state_dict(original.state_dict())
    image = torch.randn(2, 3, 32, 32)
    assert torch.equal(made(image), original(image))


def test_resnet26_of_timm_is_that_of_bottlenecks() -> None:
    import timm
    from timm.models import resnet

    named = timm.create_model("resnet26").state_dict()
    block: Any = resnet.Bottleneck
    counted = resnet.ResNet(block, (2, 2, 2, 2)).state_dict()
    assert {name: one.shape for name, one in named.items()} == {name: one.shape for name, one in counted.items()}

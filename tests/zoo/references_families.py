"""Newer networks of specs/ that no library has, written by hand as torch modules, named as their public checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import nn

# --- DCGAN, as in pytorch/examples


class Main(nn.Module):
    """A sequence under the name `main`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.main = nn.Sequential(*layers)


class Generator(Main):
    def __init__(self, width: int = 128) -> None:
        layers: list[nn.Module] = [nn.ConvTranspose2d(100, 8 * width, 4, bias=False)]
        for channels in (8 * width, 4 * width, 2 * width):
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
            layers += [nn.ConvTranspose2d(channels, channels // 2, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh()]
        super().__init__(*layers)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.main(noise)
        return image


class Discriminator(Main):
    def __init__(self, width: int = 128) -> None:
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for channels in (width, 2 * width, 4 * width):
            layers += [nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(2 * channels), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.Conv2d(8 * width, 1, 4, bias=False))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logit: torch.Tensor = self.main(image).flatten(1)
        return logit


MODELS: Final[dict[str, Callable[[], nn.Module]]] = {
    "dcgan_generator": Generator,
    "dcgan_discriminator": Discriminator,
}

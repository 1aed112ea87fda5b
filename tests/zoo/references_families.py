"""Newer networks of specs/ that no library has, written by hand as torch modules, named as their public checkpoints."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

import torch
from torch import nn
from torch.nn import functional

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


# --- DARTS, as in quark0/darts (cnn/operations.py, cnn/model.py, cnn/genotypes.py: DARTS_V2)

Edge = tuple[str, int]
NORMAL: list[Edge] = [
    *(("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
    *(("sep_conv_3x3", 1), ("skip_connect", 0), ("skip_connect", 0), ("dil_conv_3x3", 2)),
]
REDUCE: list[Edge] = [
    *(("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1)),
    *(("max_pool_3x3", 0), ("skip_connect", 2), ("skip_connect", 2), ("max_pool_3x3", 1)),
]


class Op(nn.Module):
    """A sequence under the name `op`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.op = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.op(x)
        return y


def depthwise(width: int, stride: int, dilation: int) -> list[nn.Module]:
    return [
        nn.ReLU(),
        nn.Conv2d(width, width, 3, stride, dilation, dilation, groups=width, bias=False),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
    ]


class FactorizedReduce(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(channels, width // 2, 1, stride=2, bias=False)
        self.conv_2 = nn.Conv2d(channels, width // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(x)
        y: torch.Tensor = self.bn(torch.cat([self.conv_1(x), self.conv_2(x[:, :, 1:, 1:])], 1))
        return y


def operation(name: str, width: int, stride: int) -> nn.Module:
    if name == "max_pool_3x3":
        return nn.MaxPool2d(3, stride, 1)
    if name == "sep_conv_3x3":
        return Op(*depthwise(width, stride, 1), *depthwise(width, 1, 1))
    if name == "dil_conv_3x3":
        return Op(*depthwise(width, stride, 2))
    return nn.Identity() if stride == 1 else FactorizedReduce(width, width)


class Cell(nn.Module):
    def __init__(self, channels: tuple[int, int], width: int, reduces: bool, after_reduction: bool) -> None:
        super().__init__()
        self.preprocess0 = FactorizedReduce(channels[0], width) if after_reduction else relu_conv_bn(channels[0], width)
        self.preprocess1 = relu_conv_bn(channels[1], width)
        self.edges = REDUCE if reduces else NORMAL
        strides = [2 if reduces and state < 2 else 1 for _, state in self.edges]
        self._ops = nn.ModuleList(operation(edge[0], width, s) for edge, s in zip(self.edges, strides, strict=True))

    def forward(self, first: torch.Tensor, second: torch.Tensor, drop: float) -> torch.Tensor:
        states = [self.preprocess0(first), self.preprocess1(second)]
        for i in range(0, 8, 2):
            a, b = (self.seen(j, states, drop) for j in (i, i + 1))
            states.append(a + b)
        return torch.cat(states[2:], 1)

    def seen(self, i: int, states: list[torch.Tensor], drop: float) -> torch.Tensor:
        op = self._ops[i]
        y: torch.Tensor = op(states[self.edges[i][1]])
        if not self.training or drop == 0 or isinstance(op, nn.Identity):
            return y
        return y * y.new_empty(len(y), 1, 1, 1).bernoulli_(1 - drop).div_(1 - drop)


def relu_conv_bn(channels: int, width: int) -> nn.Module:
    return Op(nn.ReLU(), nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width))


class AuxiliaryHead(nn.Module):
    def __init__(self, channels: int, classes: int, stride: int, last_norm: bool) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(5, stride, count_include_pad=False),
            *(nn.Conv2d(channels, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU()),
            *(nn.Conv2d(128, 768, 2, bias=False), *[nn.BatchNorm2d(768)] * last_norm, nn.ReLU()),
        )
        self.classifier = nn.Linear(768, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.classifier(self.features(x).flatten(1))
        return y


class Darts(nn.Module):
    """For CIFAR-10, or for ImageNet, where three convolutions halve the image before the first cell."""

    def __init__(self, width: int, layers: int, classes: int, drop: float, imagenet: bool) -> None:
        super().__init__()
        self.drop, self.imagenet, self.last_shared = drop, imagenet, 2 * layers // 3
        if imagenet:
            channels = width, width
            self.stem0 = nn.Sequential(
                *(nn.Conv2d(3, width // 2, 3, 2, 1, bias=False), nn.BatchNorm2d(width // 2), nn.ReLU()),
                *(nn.Conv2d(width // 2, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width)),
            )
            self.stem1 = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width))
        else:
            channels = 3 * width, 3 * width
            self.stem = nn.Sequential(nn.Conv2d(3, 3 * width, 3, padding=1, bias=False), nn.BatchNorm2d(3 * width))
        self.cells = nn.ModuleList()
        after_reduction, beside = imagenet, 0
        for i in range(layers):
            reduces = i in (layers // 3, 2 * layers // 3)
            width *= 2 if reduces else 1
            self.cells.append(Cell(channels, width, reduces, after_reduction))
            channels, after_reduction = (channels[1], 4 * width), reduces
            if i == self.last_shared:
                beside = 4 * width
        self.auxiliary_head = AuxiliaryHead(beside, classes, 2 if imagenet else 3, last_norm=not imagenet)
        self.classifier = nn.Linear(channels[1], classes)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The scores, and those of the auxiliary head, which the authors compute in training only."""
        first = self.stem0(image) if self.imagenet else self.stem(image)
        second = self.stem1(first) if self.imagenet else first
        for i, cell in enumerate(self.cells):
            first, second = second, cell(first, second, self.drop)
            if i == self.last_shared:
                shared = second
        logits = self.classifier(functional.adaptive_avg_pool2d(second, 1).flatten(1))
        return logits, self.auxiliary_head(shared)


# --- WaveNet


class WaveLayer(nn.Module):
    """Figure 4. The last layer has nothing above it."""

    def __init__(self, width: int, skip: int, dilation: int, last: bool) -> None:
        super().__init__()
        self.filter = nn.Conv1d(width, width, 2, dilation=dilation, bias=False)
        self.gate = nn.Conv1d(width, width, 2, dilation=dilation, bias=False)
        self.skip = nn.Conv1d(width, skip, 1, bias=False)
        self.residual = None if last else nn.Conv1d(width, width, 1, bias=False)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        past = functional.pad(x, (self.filter.dilation[0], 0))
        z = torch.tanh(self.filter(past)) * torch.sigmoid(self.gate(past))
        return (x if self.residual is None else x + self.residual(z)), self.skip(z)


class WaveNet(nn.Module):
    """In the sizes of vincentherrmann/pytorch-wavenet."""

    def __init__(self, stacks: int = 4, layers: int = 10, width: int = 32, skip: int = 256) -> None:
        super().__init__()
        self.start = nn.Conv1d(256, width, 1, bias=False)
        last = (stacks - 1, layers - 1)
        self.stacks = nn.Sequential(
            *(
                nn.Sequential(*(WaveLayer(width, skip, 2**i, last=(stack, i) == last) for i in range(layers)))
                for stack in range(stacks)
            )
        )
        self.end1 = nn.Conv1d(skip, skip, 1)
        self.end2 = nn.Conv1d(skip, 256, 1)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        x, skips = self.start(sound), []
        for layer in (layer for layer in self.modules() if isinstance(layer, WaveLayer)):
            x, skip = layer(x)
            skips.append(skip)
        total = functools.reduce(torch.add, skips)
        logits: torch.Tensor = self.end2(torch.relu(self.end1(torch.relu(total))))
        return logits


MODELS: Final[dict[str, Callable[[], nn.Module]]] = {
    "dcgan_generator": Generator,
    "dcgan_discriminator": Discriminator,
    "darts_cifar10": lambda: Darts(36, 20, 10, drop=0.2, imagenet=False),
    "darts_imagenet": lambda: Darts(48, 14, 1000, drop=0.0, imagenet=True),
    "wavenet": WaveNet,
}

"""What people do today: a hand-written ResNet-152, summarised by torchinfo."""

from __future__ import annotations

from collections.abc import Sequence

import torchinfo
from torch import Tensor, nn


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU()
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != 4 * width:
            shortcut = nn.Conv2d(inputs, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        main = self.relu(self.bn1(self.conv1(x)))
        main = self.relu(self.bn2(self.conv2(main)))
        out: Tensor = self.relu(self.bn3(self.conv3(main)) + self.downsample(x))
        return out


def resnet(stages: Sequence[int]) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    layers.append(nn.MaxPool2d(3, 2, 1))
    inputs = 64
    for stage, count in enumerate(stages):
        width = 64 * 2**stage
        for i in range(count):
            layers.append(Bottleneck(inputs, width, 2 if stage and not i else 1))
            inputs = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def resnet152() -> nn.Module:
    return resnet((3, 8, 36, 3))


if __name__ == "__main__":
    print(torchinfo.summary(resnet152(), input_size=(1, 3, 224, 224), verbose=0))

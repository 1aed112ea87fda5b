"""Newer networks of specs/ that no library has, written by hand as torch modules, named as their public checkpoints."""

from __future__ import annotations

import functools
import math
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


# --- YOLOv8, as ultralytics 8 builds it from yolov8.yaml


class Unit(nn.Module):
    def __init__(self, channels: int, out: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=1e-3, momentum=0.03)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.silu(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    def __init__(self, width: int, shortcut: bool) -> None:
        super().__init__()
        self.cv1, self.cv2, self.shortcut = Unit(width, width, 3), Unit(width, width, 3), shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.cv2(self.cv1(x))
        return x + y if self.shortcut else y


class C2f(nn.Module):
    def __init__(self, channels: int, out: int, depth: int, shortcut: bool = False) -> None:
        super().__init__()
        self.cv1 = Unit(channels, out)
        self.cv2 = Unit((2 + depth) * (out // 2), out)
        self.m = nn.ModuleList(Bottleneck(out // 2, shortcut) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = list(self.cv1(x).chunk(2, 1))
        for block in self.m:
            kept.append(block(kept[-1]))
        y: torch.Tensor = self.cv2(torch.cat(kept, 1))
        return y


class SPPF(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cv1, self.cv2 = Unit(channels, channels // 2), Unit(2 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = [self.cv1(x)]
        for _ in range(3):
            kept.append(functional.max_pool2d(kept[-1], 5, 1, 2))
        y: torch.Tensor = self.cv2(torch.cat(kept, 1))
        return y


class Table(nn.Module):
    """The numbers 0 to 15 where the checkpoint has them: `conv.weight`."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Module()
        self.conv.register_buffer("weight", torch.arange(16.0).reshape(1, 16, 1, 1))


class Detect(nn.Module):
    def __init__(self, channels: list[int], classes: int = 80) -> None:
        super().__init__()
        box, kind = max(16, channels[0] // 4, 64), max(channels[0], min(classes, 100))
        self.classes = classes
        self.cv2 = nn.ModuleList(self.branch(c, box, 64) for c in channels)
        self.cv3 = nn.ModuleList(self.branch(c, kind, classes) for c in channels)
        self.dfl = Table()

    @staticmethod
    def branch(channels: int, width: int, out: int) -> nn.Module:
        return nn.Sequential(Unit(channels, width, 3), Unit(width, width, 3), nn.Conv2d(width, out, 1))

    def forward(self, maps: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        scores = [torch.cat([a(x), b(x)], 1) for x, a, b in zip(maps, self.cv2, self.cv3, strict=True)]
        box, kind = torch.cat([x.flatten(2) for x in scores], 2).split([64, self.classes], 1)
        shares = box.unflatten(1, (4, 16)).transpose(2, 1).softmax(1)
        near, far = functional.conv2d(shares, self.dfl.get_buffer("conv.weight")).squeeze(1).chunk(2, 1)
        middle, stride = torch.cat([middles(x) for x in maps], 1), torch.cat([*map(steps, maps, (8.0, 16.0, 32.0))])
        start, end = middle - near, middle + far
        boxes = torch.cat([(start + end) / 2, end - start], 1) * stride
        return torch.cat([boxes, kind.sigmoid()], 1), *scores


def middles(x: torch.Tensor) -> torch.Tensor:
    across, down = (torch.arange(size, device=x.device) + 0.5 for size in (x.shape[3], x.shape[2]))
    y, x = torch.meshgrid(down, across, indexing="ij")
    return torch.stack([x, y]).reshape(2, -1)


def steps(x: torch.Tensor, stride: float) -> torch.Tensor:
    return torch.full((x.shape[2] * x.shape[3],), stride, device=x.device)


class YOLOv8(nn.Module):
    def __init__(self, depth: float, width: float, most: int) -> None:
        super().__init__()
        c = [math.ceil(min(channels, most) * width / 8) * 8 for channels in (64, 128, 256, 512, 1024)]
        three, six = max(round(3 * depth), 1), max(round(6 * depth), 1)
        self.model = nn.Sequential(
            *(Unit(3, c[0], 3, 2), Unit(c[0], c[1], 3, 2), C2f(c[1], c[1], three, True)),
            *(Unit(c[1], c[2], 3, 2), C2f(c[2], c[2], six, True)),
            *(Unit(c[2], c[3], 3, 2), C2f(c[3], c[3], six, True)),
            *(Unit(c[3], c[4], 3, 2), C2f(c[4], c[4], three, True), SPPF(c[4])),
            *(nn.Upsample(scale_factor=2), nn.Identity(), C2f(c[3] + c[4], c[3], three)),
            *(nn.Upsample(scale_factor=2), nn.Identity(), C2f(c[2] + c[3], c[2], three)),
            *(Unit(c[2], c[2], 3, 2), nn.Identity(), C2f(c[2] + c[3], c[3], three)),
            *(Unit(c[3], c[3], 3, 2), nn.Identity(), C2f(c[3] + c[4], c[4], three)),
            Detect([c[2], c[3], c[4]]),
        )

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        m = self.model
        fine = m[:5](image)
        middle = m[5:7](fine)
        coarse = m[7:10](middle)
        up = m[12](torch.cat([m[10](coarse), middle], 1))
        p3 = m[15](torch.cat([m[13](up), fine], 1))
        p4 = m[18](torch.cat([m[16](p3), up], 1))
        p5 = m[21](torch.cat([m[19](p4), coarse], 1))
        maps: tuple[torch.Tensor, ...] = m[22]([p3, p4, p5])
        return maps


# --- PointNet, as in fxia22/pointnet.pytorch


class TNet(nn.Module):
    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k
        self.conv1, self.conv2, self.conv3 = nn.Conv1d(k, 64, 1), nn.Conv1d(64, 128, 1), nn.Conv1d(128, 1024, 1)
        self.fc1, self.fc2, self.fc3 = nn.Linear(1024, 512), nn.Linear(512, 256), nn.Linear(256, k * k)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm1d(64), nn.BatchNorm1d(128), nn.BatchNorm1d(1024)
        self.bn4, self.bn5 = nn.BatchNorm1d(512), nn.BatchNorm1d(256)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        x = torch.relu(self.bn3(self.conv3(x))).amax(2)
        x = torch.relu(self.bn4(self.fc1(x)))
        x = torch.relu(self.bn5(self.fc2(x)))
        turned: torch.Tensor = self.fc3(x).unflatten(1, (self.k, self.k)) + torch.eye(self.k, device=x.device)
        return turned


class PointFeatures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stn, self.fstn = TNet(3), TNet(64)
        self.conv1, self.conv2, self.conv3 = nn.Conv1d(3, 64, 1), nn.Conv1d(64, 128, 1), nn.Conv1d(128, 1024, 1)
        self.bn1, self.bn2, self.bn3 = nn.BatchNorm1d(64), nn.BatchNorm1d(128), nn.BatchNorm1d(1024)

    def forward(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = (points.transpose(1, 2) @ self.stn(points)).transpose(1, 2)
        x = torch.relu(self.bn1(self.conv1(x)))
        transform = self.fstn(x)
        x = (x.transpose(1, 2) @ transform).transpose(1, 2)
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x)).amax(2), transform


class PointNet(nn.Module):
    def __init__(self, classes: int = 40) -> None:
        super().__init__()
        self.feat = PointFeatures()
        self.fc1, self.fc2, self.fc3 = nn.Linear(1024, 512), nn.Linear(512, 256), nn.Linear(256, classes)
        self.bn1, self.bn2 = nn.BatchNorm1d(512), nn.BatchNorm1d(256)

    def forward(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x, transform = self.feat(points)
        x = torch.relu(self.bn1(self.fc1(x)))
        x = torch.relu(self.bn2(functional.dropout(self.fc2(x), 0.3, self.training)))
        return self.fc3(x), transform


MODELS: Final[dict[str, Callable[[], nn.Module]]] = {
    "dcgan_generator": Generator,
    "dcgan_discriminator": Discriminator,
    "darts_cifar10": lambda: Darts(36, 20, 10, drop=0.2, imagenet=False),
    "darts_imagenet": lambda: Darts(48, 14, 1000, drop=0.0, imagenet=True),
    "wavenet": WaveNet,
    "pointnet": PointNet,
    "yolov8n": lambda: YOLOv8(1 / 3, 0.25, 1024),
    "yolov8s": lambda: YOLOv8(1 / 3, 0.5, 1024),
    "yolov8m": lambda: YOLOv8(2 / 3, 0.75, 768),
    "yolov8l": lambda: YOLOv8(1, 1, 512),
    "yolov8x": lambda: YOLOv8(1, 1.25, 512),
}

"""Every network of specs/ once more, written by hand as torch modules: what the compiled specs are compared with.

Each computes with the same operations in the same order as its spec, so that outputs can be compared bit for bit.
Parameters are named as in the public checkpoint where there is one. Only the two towers of AlexNet are named
otherwise than in the spec; `spec_name` translates.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from tests.zoo import references_inception, references_later
from tests.zoo.pairs import with_weights

# --- LeNet-5


class LeNet5(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.out = nn.Linear(84, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = functional.avg_pool2d(torch.tanh(self.c1(image)), 2)
        x = functional.avg_pool2d(torch.tanh(self.c3(x)), 2)
        x = torch.tanh(self.c5(x)).flatten(1)
        logits: torch.Tensor = self.out(torch.tanh(self.f6(x)))
        return logits


TABLE_1 = """
    X . . . X X X . . X X X X . X X
    X X . . . X X X . . X X X X . X
    X X X . . . X X X . . X . X X X
    . X X X . . X X X X . . X . X X
    . . X X X . . X X X X . X X . X
    . . . X X X . . X X X X . X X X
"""  # rows: the maps of S2; columns: the maps of C3


def squash(x: torch.Tensor) -> torch.Tensor:
    return 1.7159 * torch.tanh(2 / 3 * x)


class Subsample(nn.Module):
    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.empty(1, maps, 1, 1))
        self.bias = nn.Parameter(torch.empty(1, maps, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = x[:, :, ::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, ::2] + x[:, :, 1::2, 1::2]
        return squash(self.coefficient * total + self.bias)


class PartialConv(nn.ModuleList):
    def __init__(self, table: str) -> None:
        rows = [row.split() for row in table.strip().splitlines()]
        self.reads = [[i for i, mark in enumerate(column) if mark == "X"] for column in zip(*rows, strict=True)]
        super().__init__(nn.Conv2d(len(maps), 1, 5) for maps in self.reads)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([conv(x[:, maps]) for conv, maps in zip(self, self.reads, strict=True)], 1)


class RadialBasis(nn.Module):
    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.prototypes = nn.Buffer(torch.empty(1, classes, features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -((x[:, None] - self.prototypes) ** 2).sum(2)


class LeNet5As1998(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = Subsample(6)
        self.c3 = PartialConv(TABLE_1)
        self.s4 = Subsample(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.rbf = RadialBasis(10, 84)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.s2(squash(self.c1(image)))
        x = self.s4(squash(self.c3(x)))
        x = squash(self.c5(x)).flatten(1)
        scores: torch.Tensor = self.rbf(squash(self.f6(x)))
        return scores


# --- AlexNet


def response_norm(x: torch.Tensor) -> torch.Tensor:
    """Section 3.3, where α = 10⁻⁴ is not divided by n = 5 as torch does."""
    return functional.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)


def pool(x: torch.Tensor, ceil_mode: bool = False) -> torch.Tensor:
    return functional.max_pool2d(x, 3, stride=2, ceil_mode=ceil_mode)


class Tower(nn.Module):
    """What one GPU holds, but for the last layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 48, 11, stride=4)
        self.conv2 = nn.Conv2d(48, 128, 5, padding=2)
        self.conv3 = nn.Conv2d(256, 192, 3, padding=1)
        self.conv4 = nn.Conv2d(192, 192, 3, padding=1)
        self.conv5 = nn.Conv2d(192, 128, 3, padding=1)
        self.fc6 = nn.Linear(9216, 2048)
        self.fc7 = nn.Linear(4096, 2048)

    def lower(self, image: torch.Tensor) -> torch.Tensor:
        x = pool(response_norm(torch.relu(self.conv1(image))))
        return pool(response_norm(torch.relu(self.conv2(x))))

    def upper(self, both: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.conv4(torch.relu(self.conv3(both))))
        return pool(torch.relu(self.conv5(x))).flatten(1)

    def dense6(self, both: torch.Tensor) -> torch.Tensor:
        return functional.dropout(torch.relu(self.fc6(both)), 0.5, self.training)

    def dense7(self, both: torch.Tensor) -> torch.Tensor:
        return functional.dropout(torch.relu(self.fc7(both)), 0.5, self.training)


class AlexNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.halves = Tower(), Tower()
        self.towers = nn.ModuleList(self.halves)
        self.fc8 = nn.Linear(4096, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.cat([tower.lower(image) for tower in self.halves], 1)
        x = torch.cat([tower.upper(x) for tower in self.halves], 1)
        x = torch.cat([tower.dense6(x) for tower in self.halves], 1)
        x = torch.cat([tower.dense7(x) for tower in self.halves], 1)
        logits: torch.Tensor = self.fc8(x)
        return logits


TOWER_PART = {"conv1": "lower", "conv2": "lower", "conv3": "upper", "conv4": "upper", "conv5": "upper"}


def spec_name(name: str) -> str:
    """The name in the spec of a parameter of `AlexNet`: `towers.1.conv3.weight` is `tower1.upper.conv3.weight`."""
    tower = re.fullmatch(r"towers\.(\d)\.(\w+)\.(\w+)", name)
    if tower is None:
        return name
    i, layer, tensor = tower.groups()
    part = TOWER_PART.get(layer)
    return f"tower{i}.{part}.{layer}.{tensor}" if part else f"tower{i}.{layer}.linear.{tensor}"


class AlexNetGrouped(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 11, stride=4)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.fc6 = nn.Linear(9216, 4096)
        self.fc7 = nn.Linear(4096, 4096)
        self.fc8 = nn.Linear(4096, 1000)

    @staticmethod
    def norm(x: torch.Tensor) -> torch.Tensor:
        middle = x.shape[1] // 2
        return torch.cat([response_norm(x[:, :middle]), response_norm(x[:, middle:])], 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = pool(self.norm(torch.relu(self.conv1(image))))
        x = pool(self.norm(torch.relu(self.conv2(x))))
        x = torch.relu(self.conv4(torch.relu(self.conv3(x))))
        x = pool(torch.relu(self.conv5(x))).flatten(1)
        x = functional.dropout(torch.relu(self.fc6(x)), 0.5, self.training)
        x = functional.dropout(torch.relu(self.fc7(x)), 0.5, self.training)
        logits: torch.Tensor = self.fc8(x)
        return logits


class Tree(nn.Module):
    """Modules that only lend their names: `Tree(unit1=…, unit2=…)`."""

    def __init__(self, **children: nn.Module) -> None:
        super().__init__()
        for name, child in children.items():
            self.add_module(name, child)


class AlexNetOneColumn(nn.Module):
    def __init__(self) -> None:
        super().__init__()

        def unit(channels: int, out: int, kernel: int, *, stride: int = 1, padding: int = 0) -> nn.Module:
            return Tree(conv=nn.Conv2d(channels, out, kernel, stride, padding))

        self.features = Tree(
            stage1=Tree(unit1=unit(3, 96, 11, stride=4)),
            stage2=Tree(unit1=unit(96, 256, 5, padding=2)),
            stage3=Tree(
                unit1=unit(256, 384, 3, padding=1),
                unit2=unit(384, 384, 3, padding=1),
                unit3=unit(384, 256, 3, padding=1),
            ),
        )
        self.output = Tree(
            fc1=Tree(fc=nn.Linear(9216, 4096)), fc2=Tree(fc=nn.Linear(4096, 4096)), fc3=nn.Linear(4096, 1000)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.get_submodule("features.stage1.unit1.conv")(image))
        x = pool(functional.local_response_norm(x, 5, k=2.0), ceil_mode=True)
        x = torch.relu(self.get_submodule("features.stage2.unit1.conv")(x))
        x = pool(functional.local_response_norm(x, 5, k=2.0), ceil_mode=True)
        for i in range(1, 4):
            x = torch.relu(self.get_submodule(f"features.stage3.unit{i}.conv")(x))
        x = pool(x, ceil_mode=True).flatten(1)
        for i in range(1, 3):
            x = functional.dropout(torch.relu(self.get_submodule(f"output.fc{i}.fc")(x)), 0.5, self.training)
        logits: torch.Tensor = self.get_submodule("output.fc3")(x)
        return logits


class Classifier(nn.Module):
    """Convolutions, pooling to a fixed size, linear layers: how torchvision divides AlexNet and VGG."""

    def __init__(self, features: list[nn.Module], size: int, classifier: list[nn.Module]) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        self.size = size
        self.classifier = nn.Sequential(*classifier)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = functional.adaptive_avg_pool2d(self.features(image), self.size)
        logits: torch.Tensor = self.classifier(x.flatten(1))
        return logits


def alexnet_torchvision() -> nn.Module:
    features = [
        *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
    ]
    classifier = [
        *(nn.Dropout(0.5), nn.Linear(9216, 4096), nn.ReLU()),
        *(nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU()),
        nn.Linear(4096, 1000),
    ]
    return Classifier(features, 6, classifier)


# --- VGG

VGG_COLUMNS = {  # of table 1: "3-64" is conv3-64, "|" is a max pooling
    "a": "3-64 | 3-128 | 3-256 3-256 | 3-512 3-512 | 3-512 3-512 |",
    "a_lrn": "3-64 LRN | 3-128 | 3-256 3-256 | 3-512 3-512 | 3-512 3-512 |",
    "b": "3-64 3-64 | 3-128 3-128 | 3-256 3-256 | 3-512 3-512 | 3-512 3-512 |",
    "c": "3-64 3-64 | 3-128 3-128 | 3-256 3-256 1-256 | 3-512 3-512 1-512 | 3-512 3-512 1-512 |",
    "d": "3-64 3-64 | 3-128 3-128 | 3-256 3-256 3-256 | 3-512 3-512 3-512 | 3-512 3-512 3-512 |",
    "e": "3-64 3-64 | 3-128 3-128 | 3-256 3-256 3-256 3-256 | 3-512 3-512 3-512 3-512 | 3-512 3-512 3-512 3-512 |",
}


def vgg(column: str, batch_norm: bool = False) -> nn.Module:
    features: list[nn.Module] = []
    channels = 3
    for entry in VGG_COLUMNS[column].split():
        if entry == "|":
            features.append(nn.MaxPool2d(2))
        elif entry == "LRN":
            features.append(nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))
        else:
            kernel, width = map(int, entry.split("-"))
            features.append(nn.Conv2d(channels, width, kernel, padding=kernel // 2))
            features += [nn.BatchNorm2d(width)] * batch_norm
            features.append(nn.ReLU())
            channels = width
    classifier = [
        *(nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout(0.5)),
        *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)),
        nn.Linear(4096, 1000),
    ]
    return Classifier(features, 7, classifier)


# --- ResNet


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)


class Residual(nn.Module):
    """A chain conv1, bn1, conv2, bn2, … with ReLUs in between, and a shortcut around it.

    `kernels` holds (kernel size, output channels, stride) of each convolution. The shortcut is a projection where the
    shape changes (option B), or else a `downsample` without weights. `groups` are those of the 3 × 3 convolutions.
    """

    def __init__(
        self, channels: int, kernels: list[tuple[int, int, int]], project: bool = True, groups: int = 1
    ) -> None:
        super().__init__()
        self.length = len(kernels)
        given, stride = channels, 1
        for i, (kernel, out, step) in enumerate(kernels, 1):
            self.add_module(f"conv{i}", conv(channels, out, kernel, step, groups if kernel == 3 else 1))
            self.add_module(f"bn{i}", nn.BatchNorm2d(out))
            channels, stride = out, stride * step
        self.downsample: Callable[[torch.Tensor], torch.Tensor] | None = None
        if (stride, channels) == (1, given):
            return
        if project:
            self.downsample = nn.Sequential(conv(given, channels, 1, stride), nn.BatchNorm2d(channels))
        else:
            self.downsample = option_a

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        main = x
        for i in range(1, self.length + 1):
            main = self.get_submodule(f"bn{i}")(self.get_submodule(f"conv{i}")(main))
            main = torch.relu(main) if i < self.length else main
        return torch.relu(main + (x if self.downsample is None else self.downsample(x)))


def option_a(x: torch.Tensor) -> torch.Tensor:
    """Half the size, twice the channels: the new ones are zeros, as many before the old ones as after them."""
    x = x[:, :, ::2, ::2]
    zeros = torch.zeros_like(x[:, : x.shape[1] // 2])
    return torch.cat([zeros, x, zeros], 1)


class ResNet(nn.Module):
    def __init__(self, depths: list[int], bottleneck: bool, stride_in: int = 2) -> None:
        """`stride_in` is the number of the bottleneck's convolution that has the stride: 2, or 1 in the paper."""
        super().__init__()
        self.conv1 = conv(3, 64, 7, 2)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for i, depth in enumerate(depths):
            width, blocks = 64 * 2**i, []
            for j in range(depth):
                stride = 2 if i > 0 and j == 0 else 1
                if bottleneck:
                    strides = (stride, 1) if stride_in == 1 else (1, stride)
                    kernels = [(1, width, strides[0]), (3, width, strides[1]), (1, 4 * width, 1)]
                else:
                    kernels = [(3, width, stride), (3, width, 1)]
                blocks.append(Residual(channels, kernels))
                channels = kernels[-1][1]
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(torch.relu(self.bn1(self.conv1(image))), 3, stride=2, padding=1)
        for i in range(1, 5):
            x = self.get_submodule(f"layer{i}")(x)
        logits: torch.Tensor = self.fc(functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return logits


# --- ResNeXt


class Path(nn.Module):
    """One path of figure 3(a), or with no `out` of (b)."""

    def __init__(self, channels: int, width: int, stride: int, out: int | None) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv(channels, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3, stride), nn.BatchNorm2d(width)
        self.conv3 = None if out is None else conv(width, out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return x if self.conv3 is None else self.conv3(x)


class Paths(nn.Module):
    """The block of figure 3(a), or with `joined` of 3(b)."""

    def __init__(self, channels: int, out: int, cardinality: int, width: int, stride: int, joined: bool) -> None:
        super().__init__()
        self.cardinality = cardinality
        for i in range(cardinality):
            self.add_module(f"path{i}", Path(channels, width, stride, None if joined else out))
        self.conv3 = conv(cardinality * width, out, 1) if joined else None
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = None
        if (stride, out) != (1, channels):
            self.downsample = nn.Sequential(conv(channels, out, 1, stride), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [self.get_submodule(f"path{i}")(x) for i in range(self.cardinality)]
        if self.conv3 is not None:
            total = self.conv3(torch.cat(maps, 1))
        else:
            total = maps[0]
            for other in maps[1:]:
                total = total + other
        return torch.relu(self.bn3(total) + (x if self.downsample is None else self.downsample(x)))


class ResNeXt(ResNet):
    def __init__(self, depths: list[int], cardinality: int, width: int, form: str = "grouped") -> None:
        super().__init__([], bottleneck=True)
        channels = 64
        for i, depth in enumerate(depths):
            blocks: list[nn.Module] = []
            out, inner = 256 * 2**i, width * 2**i
            for j in range(depth):
                stride = 2 if i > 0 and j == 0 else 1
                if form == "grouped":
                    total = cardinality * inner
                    kernels = [(1, total, 1), (3, total, stride), (1, out, 1)]
                    blocks.append(Residual(channels, kernels, groups=cardinality))
                else:
                    blocks.append(Paths(channels, out, cardinality, inner, stride, joined=form == "concat"))
                channels = out
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, 1000)


def resnext(depth: int, cardinality: int, width: int, form: str = "grouped") -> nn.Module:
    return ResNeXt([3, 4, 6, 3] if depth == 50 else [3, 4, 23, 3], cardinality, width, form)


class CifarResNet(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.conv1 = conv(3, 16, 3)
        self.bn1 = nn.BatchNorm2d(16)
        channels = 16
        for i, width in enumerate([16, 32, 64]):
            blocks = []
            for j in range(n):
                stride = 2 if i > 0 and j == 0 else 1
                blocks.append(Residual(channels, [(3, width, stride), (3, width, 1)], project=False))
                channels = width
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn1(self.conv1(image)))
        for i in range(1, 4):
            x = self.get_submodule(f"layer{i}")(x)
        logits: torch.Tensor = self.linear(functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return logits


REFERENCES: dict[str, Callable[[], nn.Module]] = {
    "lenet5": LeNet5,
    "lenet5_1998": LeNet5As1998,
    "alexnet": AlexNet,
    "alexnet_grouped": AlexNetGrouped,
    "alexnet_one_column": AlexNetOneColumn,
    "alexnet_torchvision": alexnet_torchvision,
    "vgg_a": lambda: vgg("a"),
    "vgg_a_lrn": lambda: vgg("a_lrn"),
    "vgg_b": lambda: vgg("b"),
    "vgg_c": lambda: vgg("c"),
    "vgg_d": lambda: vgg("d"),
    "vgg_e": lambda: vgg("e"),
    "vgg11_bn": lambda: vgg("a", batch_norm=True),
    "vgg13_bn": lambda: vgg("b", batch_norm=True),
    "vgg_c_bn": lambda: vgg("c", batch_norm=True),
    "vgg16_bn": lambda: vgg("d", batch_norm=True),
    "vgg19_bn": lambda: vgg("e", batch_norm=True),
    "resnet18": lambda: ResNet([2, 2, 2, 2], bottleneck=False),
    "resnet34": lambda: ResNet([3, 4, 6, 3], bottleneck=False),
    "resnet50": lambda: ResNet([3, 4, 6, 3], bottleneck=True),
    "resnet101": lambda: ResNet([3, 4, 23, 3], bottleneck=True),
    "resnet152": lambda: ResNet([3, 8, 36, 3], bottleneck=True),
    "resnet50_paper": lambda: ResNet([3, 4, 6, 3], bottleneck=True, stride_in=1),
    "resnet101_paper": lambda: ResNet([3, 4, 23, 3], bottleneck=True, stride_in=1),
    "resnet152_paper": lambda: ResNet([3, 8, 36, 3], bottleneck=True, stride_in=1),
    "cifar_resnet20": lambda: CifarResNet(3),
    "cifar_resnet32": lambda: CifarResNet(5),
    "cifar_resnet44": lambda: CifarResNet(7),
    "cifar_resnet56": lambda: CifarResNet(9),
    "cifar_resnet110": lambda: CifarResNet(18),
    "resnext50_2x40d": lambda: resnext(50, 2, 40),
    "resnext50_4x24d": lambda: resnext(50, 4, 24),
    "resnext50_8x14d": lambda: resnext(50, 8, 14),
    "resnext50_32x4d": lambda: resnext(50, 32, 4),
    "resnext101_2x40d": lambda: resnext(101, 2, 40),
    "resnext101_4x24d": lambda: resnext(101, 4, 24),
    "resnext101_8x14d": lambda: resnext(101, 8, 14),
    "resnext101_32x4d": lambda: resnext(101, 32, 4),
    "resnext101_64x4d": lambda: resnext(101, 64, 4),
    "resnext101_32x8d": lambda: resnext(101, 32, 8),
    "resnext50_32x4d_sum": lambda: resnext(50, 32, 4, "sum"),
    "resnext50_32x4d_concat": lambda: resnext(50, 32, 4, "concat"),
    **references_inception.REFERENCES,
    **references_later.REFERENCES,
}


def reference(variant: str) -> nn.Module:
    """The reference on the meta device: names and shapes, no values."""
    with torch.device("meta"):
        return REFERENCES[variant]()


def reference_with_weights(variant: str) -> nn.Module:
    """The reference with values that leave nothing at 0 or 1."""
    return with_weights(reference(variant))

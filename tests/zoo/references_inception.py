"""Network in Network and the Inception family, written by hand as torch modules: see references.py."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional


def place(parent: nn.Module, path: str, module: nn.Module) -> None:
    """Put a module at a path, through modules that only lend their names."""
    *outer, name = path.split(".")
    for part in outer:
        if part not in dict(parent.named_children()):
            parent.add_module(part, nn.Module())
        parent = parent.get_submodule(part)
    parent.add_module(name, module)


def global_mean(x: torch.Tensor) -> torch.Tensor:
    return functional.adaptive_avg_pool2d(x, 1).flatten(1)


# --- Network in Network


class NiNImageNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.cccp1, self.cccp2 = nn.Conv2d(3, 96, 11, stride=4), nn.Conv2d(96, 96, 1), nn.Conv2d(96, 96, 1)
        self.conv2, self.conv3 = nn.Conv2d(96, 256, 5, padding=2), nn.Conv2d(256, 384, 3, padding=1)
        self.cccp3, self.cccp4 = nn.Conv2d(256, 256, 1), nn.Conv2d(256, 256, 1)
        self.cccp5, self.cccp6 = nn.Conv2d(384, 384, 1), nn.Conv2d(384, 384, 1)
        self.conv4 = nn.Conv2d(384, 1024, 3, padding=1)
        self.cccp7, self.cccp8 = nn.Conv2d(1024, 1024, 1), nn.Conv2d(1024, 1000, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for names in ("conv1 cccp1 cccp2", "conv2 cccp3 cccp4", "conv3 cccp5 cccp6"):
            for name in names.split():
                x = torch.relu(self.get_submodule(name)(x))
            x = functional.max_pool2d(x, 3, stride=2, ceil_mode=True)
        x = functional.dropout(x, 0.5, self.training)
        for layer in (self.conv4, self.cccp7, self.cccp8):
            x = torch.relu(layer(x))
        return global_mean(x)


class NiNCifar(nn.Module):
    def __init__(self, authors_pools: bool) -> None:
        super().__init__()
        channels = 3
        self.stages = {1: [(192, 5), (160, 1), (96, 1)], 2: [(192, 5), (192, 1), (192, 1)], 3: [(192, 3), (192, 1)]}
        for stage, layers in self.stages.items():
            for i, (width, kernel) in enumerate(layers, 1):
                unit = nn.Conv2d(channels, width, kernel, padding=(kernel - 1) // 2)
                place(self, f"features.stage{stage}.unit{i}.conv", unit)
                channels = width
        place(self, "output.final_conv.conv", nn.Conv2d(192, 10, 1))
        self.pools: dict[int, nn.Module]
        if authors_pools:
            self.pools = {stage: nn.MaxPool2d(3, 2, ceil_mode=True) for stage in (2, 3)}
        else:
            self.pools = {2: nn.MaxPool2d(3, 2, padding=1), 3: nn.AvgPool2d(3, 2, padding=1)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for stage, layers in self.stages.items():
            if stage > 1:
                x = functional.dropout(self.pools[stage](x), 0.5, self.training)
            for i in range(1, len(layers) + 1):
                x = torch.relu(self.get_submodule(f"features.stage{stage}.unit{i}.conv")(x))
        return global_mean(torch.relu(self.get_submodule("output.final_conv.conv")(x)))


# --- Inception modules


class Unit(nn.Module):
    """A convolution, batch norm or else biases, ReLU. `kernel` is written 3, 1x7, 3/2 (stride 2), 3v (no padding)."""

    def __init__(self, channels: int, out: int, kernel: str, norm: bool = True) -> None:
        super().__init__()
        match = re.fullmatch(r"(\d)(?:x(\d))?(v)?(?:/(\d))?", kernel)
        assert match is not None
        height, width, stride = int(match[1]), int(match[2] or match[1]), int(match[4] or 1)
        border = (0, 0) if match[3] else (height // 2, width // 2)
        self.conv = nn.Conv2d(channels, out, (height, width), stride, border, bias=not norm)
        self.bn = nn.BatchNorm2d(out, eps=1e-3) if norm else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return torch.relu(x if self.bn is None else self.bn(x))


POOLS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "max": lambda x: functional.max_pool2d(x, 3, stride=1, padding=1),
    "mean": lambda x: functional.avg_pool2d(x, 3, stride=1, padding=1),
    "mean_inside": lambda x: functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False),
    "max/2": lambda x: functional.max_pool2d(x, 3, stride=2),
}


class Mixed(nn.Module):
    """Paths side by side, joined along the channels.

    Paths are written `name:width@kernel name:width@kernel | …`; a path may hold a pooling. Paths that begin with the
    same names part later.
    """

    def __init__(self, channels: int, text: str, norm: bool = True) -> None:
        super().__init__()
        self.paths: list[list[str]] = []
        self.out = 0
        made: set[str] = set()
        for path in text.split("|"):
            width, steps = channels, []
            for step in path.split():
                name, _, shape = step.partition(":")
                steps.append(name)
                if not shape:
                    continue
                out, kernel = shape.split("@")
                if name not in made:
                    place(self, name, Unit(width, int(out), kernel, norm))
                    made.add(name)
                width = int(out)
            self.paths.append(steps)
            self.out += width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: dict[tuple[str, ...], torch.Tensor] = {(): x}
        for path in self.paths:
            for i, step in enumerate(path):
                if tuple(path[: i + 1]) not in found:
                    module = POOLS[step] if step in POOLS else self.get_submodule(step)
                    found[tuple(path[: i + 1])] = module(found[tuple(path[:i])])
        return torch.cat([found[tuple(path)] for path in self.paths], 1)


# --- GoogLeNet

TABLE_1 = {  # of "Going Deeper with Convolutions"
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


class GoogLeNetHead(nn.Module):
    def __init__(self, channels: int, norm: bool) -> None:
        super().__init__()
        self.norm = norm
        self.conv = Unit(channels, 128, "1", norm)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.adaptive_avg_pool2d(x, 4) if self.norm else functional.avg_pool2d(x, 5, stride=3)
        x = torch.relu(self.fc1(self.conv(x).flatten(1)))
        logits: torch.Tensor = self.fc2(functional.dropout(x, 0.7, self.training))
        return logits


class GoogLeNet(nn.Module):
    """As in the paper, or with `norm` as torchvision's."""

    def __init__(self, norm: bool) -> None:
        super().__init__()
        self.norm = norm
        self.conv1, self.conv2, self.conv3 = Unit(3, 64, "7/2", norm), Unit(64, 64, "1", norm), Unit(64, 192, "3", norm)
        channels = 192
        for row, (a, b, c, d, e, f) in TABLE_1.items():
            text = f"""branch1:{a}@1 | branch2.0:{b}@1 branch2.1:{c}@3
                | branch3.0:{d}@1 branch3.1:{e}@{3 if norm else 5} | max branch4.1:{f}@1"""
            mixed = Mixed(channels, text, norm)
            channels = mixed.out
            self.add_module(f"inception{row}", mixed)
        self.aux1, self.aux2 = GoogLeNetHead(512, norm), GoogLeNetHead(528, norm)
        self.fc = nn.Linear(1024, 1000)

    def pool(self, x: torch.Tensor, size: int = 3) -> torch.Tensor:
        return functional.max_pool2d(x, size, stride=2, ceil_mode=True)

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        norm: Callable[[torch.Tensor], torch.Tensor] = nn.Identity() if self.norm else nn.LocalResponseNorm(5)
        x = norm(self.pool(self.conv1(image)))
        x = self.pool(norm(self.conv3(self.conv2(x))))
        found = {}
        for row in TABLE_1:
            if row == "4a":
                x = self.pool(x)
            elif row == "5a":
                x = self.pool(x, 2 if self.norm else 3)
            x = found[row] = self.get_submodule(f"inception{row}")(x)
        aux = (self.aux1(found["4a"]), self.aux2(found["4d"])) if self.training else ()
        logits = self.fc(functional.dropout(global_mean(x), 0.2 if self.norm else 0.4, self.training))
        return (logits, *aux) if self.training else logits


# --- Inception-v3


def figure_6(width: int) -> str:
    return f"""branch1x1:192@1
        | branch7x7_1:{width}@1 branch7x7_2:{width}@1x7 branch7x7_3:192@7x1
        | branch7x7dbl_1:{width}@1 branch7x7dbl_2:{width}@7x1 branch7x7dbl_3:{width}@1x7
          branch7x7dbl_4:{width}@7x1 branch7x7dbl_5:192@1x7
        | mean branch_pool:192@1"""


def figure_5(pool: int) -> str:
    return f"""branch1x1:64@1 | branch5x5_1:48@1 branch5x5_2:64@5
        | branch3x3dbl_1:64@1 branch3x3dbl_2:96@3 branch3x3dbl_3:96@3 | mean branch_pool:{pool}@1"""


FIGURE_7 = """branch1x1:320@1 | branch3x3_1:384@1 branch3x3_2a:384@1x3 | branch3x3_1:384@1 branch3x3_2b:384@3x1
    | branch3x3dbl_1:448@1 branch3x3dbl_2:384@3 branch3x3dbl_3a:384@1x3
    | branch3x3dbl_1:448@1 branch3x3dbl_2:384@3 branch3x3dbl_3b:384@3x1 | mean branch_pool:192@1"""

INCEPTION_V3 = {
    "Mixed_5b": figure_5(32),
    "Mixed_5c": figure_5(64),
    "Mixed_5d": figure_5(64),
    "Mixed_6a": """branch3x3:384@3v/2
        | branch3x3dbl_1:64@1 branch3x3dbl_2:96@3 branch3x3dbl_3:96@3v/2 | max/2""",
    "Mixed_6b": figure_6(128),
    "Mixed_6c": figure_6(160),
    "Mixed_6d": figure_6(160),
    "Mixed_6e": figure_6(192),
    "Mixed_7a": """branch3x3_1:192@1 branch3x3_2:320@3v/2
        | branch7x7x3_1:192@1 branch7x7x3_2:192@1x7 branch7x7x3_3:192@7x1 branch7x7x3_4:192@3v/2 | max/2""",
    "Mixed_7b": FIGURE_7,
    "Mixed_7c": FIGURE_7,
}


class InceptionV3(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, 32, "3v/2")
        self.Conv2d_2a_3x3 = Unit(32, 32, "3v")
        self.Conv2d_2b_3x3 = Unit(32, 64, "3")
        self.Conv2d_3b_1x1 = Unit(64, 80, "1")
        self.Conv2d_4a_3x3 = Unit(80, 192, "3v")
        channels = 192
        for name, text in INCEPTION_V3.items():
            mixed = Mixed(channels, text)
            channels = mixed.out
            self.add_module(name, mixed)
        place(self, "AuxLogits.conv0", Unit(768, 128, "1"))
        place(self, "AuxLogits.conv1", Unit(128, 768, "5v"))
        place(self, "AuxLogits.fc", nn.Linear(768, 1000))
        self.fc = nn.Linear(2048, 1000)

    def auxiliary(self, x: torch.Tensor) -> torch.Tensor:
        conv0, conv1, fc = self.get_submodule("AuxLogits").children()
        logits: torch.Tensor = fc(global_mean(conv1(conv0(functional.avg_pool2d(x, 5, stride=3)))))
        return logits

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(image)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(POOLS["max/2"](x)))
        x = POOLS["max/2"](x)
        for name in INCEPTION_V3:
            x = self.get_submodule(name)(x)
            if name == "Mixed_6e" and self.training:
                aux = self.auxiliary(x)
        logits = self.fc(functional.dropout(global_mean(x), 0.5, self.training))
        return (logits, aux) if self.training else logits


# --- Inception-v4

STEM_4A = "branch0.0:64@1 branch0.1:96@3v | branch1.0:64@1 branch1.1:64@1x7 branch1.2:64@7x1 branch1.3:96@3v"


class Features(nn.Sequential):
    """Units (`width@kernel`) and mixed modules, numbered."""

    def __init__(self, channels: int, *texts: str) -> None:
        super().__init__()
        for i, text in enumerate(texts):
            if ":" in text:
                mixed = Mixed(channels, text)
                self.add_module(str(i), mixed)
                channels = mixed.out
            else:
                out, kernel = text.split("@")
                self.add_module(str(i), Unit(channels, int(out), kernel))
                channels = int(out)
        self.out = channels


INCEPTION_A = """branch0:96@1 | branch1.0:64@1 branch1.1:96@3 | branch2.0:64@1 branch2.1:96@3 branch2.2:96@3
    | mean_inside branch3.1:96@1"""
INCEPTION_B = """branch0:384@1 | branch1.0:192@1 branch1.1:224@1x7 branch1.2:256@7x1
    | branch2.0:192@1 branch2.1:192@7x1 branch2.2:224@1x7 branch2.3:224@7x1 branch2.4:256@1x7
    | mean_inside branch3.1:128@1"""
INCEPTION_C = """branch0:256@1 | branch1_0:384@1 branch1_1a:256@1x3 | branch1_0:384@1 branch1_1b:256@3x1
    | branch2_0:384@1 branch2_1:448@3x1 branch2_2:512@1x3 branch2_3a:256@1x3
    | branch2_0:384@1 branch2_1:448@3x1 branch2_2:512@1x3 branch2_3b:256@3x1 | mean_inside branch3.1:256@1"""


def reduction_a(k: int, l: int, m: int, n: int) -> str:  # noqa: E741 - the paper's letters
    return f"branch0:{n}@3v/2 | branch1.0:{k}@1 branch1.1:{l}@3 branch1.2:{m}@3v/2 | max/2"


class InceptionV4(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = Features(
            3,
            *("32@3v/2", "32@3v", "64@3", "max/2 | conv:96@3v/2", STEM_4A, "conv:192@3v/2 | max/2"),
            *([INCEPTION_A] * 4),
            reduction_a(192, 224, 256, 384),
            *([INCEPTION_B] * 7),
            "branch0.0:192@1 branch0.1:192@3v/2"
            "| branch1.0:256@1 branch1.1:256@1x7 branch1.2:320@7x1 branch1.3:320@3v/2 | max/2",
            *([INCEPTION_C] * 3),
        )
        self.last_linear = nn.Linear(1536, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last_linear(
            functional.dropout(global_mean(self.features(image)), 0.2, self.training)
        )
        return logits


# --- Inception-ResNet


class Scaled(Mixed):
    """A residual block: the joined paths through a linear 1 × 1 convolution, scaled and added to the input."""

    def __init__(self, channels: int, text: str, scale: float, relu: bool = True) -> None:
        super().__init__(channels, text)
        self.conv2d = nn.Conv2d(self.out, channels, 1)
        self.scale, self.relu = scale, relu

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.scale * self.conv2d(super().forward(x)) + x
        return torch.relu(x) if self.relu else x


def block_a(b: int, c: int) -> str:
    """The third path widens in version 2."""
    return f"branch0:32@1 | branch1.0:32@1 branch1.1:32@3 | branch2.0:32@1 branch2.1:{b}@3 branch2.2:{c}@3"


def block_b(a: int, b: int, c: int, d: int) -> str:
    return f"branch0:{a}@1 | branch1.0:{b}@1 branch1.1:{c}@1x7 branch1.2:{d}@7x1"


def block_c(b: int, c: int) -> str:
    return f"branch0:192@1 | branch1.0:192@1 branch1.1:{b}@1x3 branch1.2:{c}@3x1"


def reduction_b(b: int, c: int, d: int) -> str:
    return f"""branch0.0:256@1 branch0.1:384@3v/2 | branch1.0:256@1 branch1.1:{b}@3v/2
        | branch2.0:256@1 branch2.1:{c}@3 branch2.2:{d}@3v/2 | max/2"""


def blocks(count: int, channels: int, text: str, scale: float) -> nn.Module:
    return nn.Sequential(*[Scaled(channels, text, scale) for _ in range(count)])


MIXED_5B = """branch0:96@1 | branch1.0:48@1 branch1.1:64@5 | branch2.0:64@1 branch2.1:96@3 branch2.2:96@3
    | mean_inside branch3.1:64@1"""


class InceptionResNet(nn.Module):
    """The layers in the order in which they run; a pooling is None."""

    def __init__(self, layers: dict[str, nn.Module | None], dropout: float) -> None:
        super().__init__()
        self.order = list(layers)
        self.dropout = dropout
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in self.order:
            layer = self._modules[name]
            if isinstance(layer, nn.Linear) and x.dim() == 4:
                x = functional.dropout(global_mean(x), self.dropout, self.training)
            x = POOLS["max/2"](x) if layer is None else layer(x)
        return x


STEM: dict[str, Callable[[], nn.Module | None]] = {
    "conv2d_1a": lambda: Unit(3, 32, "3v/2"),
    "conv2d_2a": lambda: Unit(32, 32, "3v"),
    "conv2d_2b": lambda: Unit(32, 64, "3"),
    "maxpool_3a": lambda: None,
    "conv2d_3b": lambda: Unit(64, 80, "1"),
    "conv2d_4a": lambda: Unit(80, 192, "3v"),
}


def inception_resnet_v1(facenet: bool) -> nn.Module:
    layers: dict[str, nn.Module | None] = {name: make() for name, make in STEM.items()}
    layers |= {
        "conv2d_4b": Unit(192, 256, "3v/2"),
        "repeat_1": blocks(5, 256, block_a(32, 32), 0.17),
        "mixed_6a": Mixed(256, reduction_a(192, 192, 256, 384)),
        "repeat_2": blocks(10, 896, block_b(128, 128, 128, 128), 0.1),
        "mixed_7a": Mixed(896, reduction_b(256, 256, 256)),
        "repeat_3": blocks(5, 1792, block_c(192, 192), 0.2),
    }
    if facenet:
        layers |= {
            "block8": Scaled(1792, block_c(192, 192), 1, relu=False),
            "last_linear": nn.Linear(1792, 512, bias=False),
            "last_bn": nn.BatchNorm1d(512, eps=1e-3),
        }
    layers["logits"] = nn.Linear(512 if facenet else 1792, 1000)
    return InceptionResNet(layers, 0.6 if facenet else 0.2)


class StemOfV4(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2, self.conv3 = Unit(3, 32, "3v/2"), Unit(32, 32, "3v"), Unit(32, 64, "3")
        self.conv4, self.conv5 = Unit(64, 96, "3v/2"), Unit(192, 192, "3v/2")
        self.branch0 = nn.Sequential(Unit(160, 64, "1"), Unit(64, 96, "3v"))
        self.branch1 = nn.Sequential(Unit(160, 64, "1"), Unit(64, 64, "1x7"), Unit(64, 64, "7x1"), Unit(64, 96, "3v"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv3(self.conv2(self.conv1(x)))
        x = torch.cat([POOLS["max/2"](x), self.conv4(x)], 1)
        x = torch.cat([self.branch0(x), self.branch1(x)], 1)
        return torch.cat([self.conv5(x), POOLS["max/2"](x)], 1)


def inception_resnet_v2(paper: bool) -> nn.Module:
    layers: dict[str, nn.Module | None]
    if paper:
        layers = {"stem": StemOfV4()}
    else:
        layers = {name: make() for name, make in STEM.items()} | {"maxpool_5a": None, "mixed_5b": Mixed(192, MIXED_5B)}
    first, second, third = (384, 1152, 2144) if paper else (320, 1088, 2080)
    layers |= {
        "repeat": blocks(5 if paper else 10, first, block_a(48, 64), 0.17),
        "mixed_6a": Mixed(first, reduction_a(256, 256, 384, 384)),
        "repeat_1": blocks(10 if paper else 20, second, block_b(192, 128, 160, 192), 0.1),
        "mixed_7a": Mixed(second, reduction_b(288, 288, 320)),
        "repeat_2": blocks(5 if paper else 9, third, block_c(224, 256), 0.2),
    }
    if not paper:
        layers |= {"block8": Scaled(2080, block_c(224, 256), 1, relu=False), "conv2d_7b": Unit(2080, 1536, "1")}
    layers["classif"] = nn.Linear(2144 if paper else 1536, 1000)
    return InceptionResNet(layers, 0.2)


REFERENCES: dict[str, Callable[[], nn.Module]] = {
    "nin_imagenet": NiNImageNet,
    "nin_cifar10": lambda: NiNCifar(authors_pools=True),
    "nin_cifar10_pytorchcv": lambda: NiNCifar(authors_pools=False),
    "googlenet": lambda: GoogLeNet(norm=False),
    "googlenet_torchvision": lambda: GoogLeNet(norm=True),
    "inception_v3": InceptionV3,
    "inception_v4": InceptionV4,
    "inception_resnet_v1": lambda: inception_resnet_v1(facenet=False),
    "inception_resnet_v1_facenet": lambda: inception_resnet_v1(facenet=True),
    "inception_resnet_v2": lambda: inception_resnet_v2(paper=False),
    "inception_resnet_v2_paper": lambda: inception_resnet_v2(paper=True),
}

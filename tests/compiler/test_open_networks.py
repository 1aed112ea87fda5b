"""Networks of images of any size, written as their papers do: one compiled module takes the sizes that a module written
by hand takes, computes the same, and refuses the others by what the network needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from archdsl.graph import header
from archdsl.network import Network
from archdsl.program import parse_string
from archdsl.syntax import forms

Build = Callable[..., Network]


def resized(x: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


# --- FCN-8s (Long et al., 2015, arXiv:1411.4038): a border of 100, crops at fixed places

FCN = """
block crop(x, like: [N, C, H, W], at) { x -> slice(at, at + H, dim = 2) -> slice(at, at + W, dim = 3) }
network FCN(image: [N, 3, H, W]) {
    pool1 = image -> conv(2, 3, padding = 100) -> relu -> max_pool(2, ceil_mode = true)
    pool3 = pool1 -> for width in [3, 4] { conv(width, 3, padding = 1) -> relu -> max_pool(2, ceil_mode = true) }
    pool4 = pool3 -> conv(4, 3, padding = 1) -> relu -> max_pool(2, ceil_mode = true)
    up2 = pool4
        -> conv(4, 3, padding = 1) -> relu -> max_pool(2, ceil_mode = true) -> conv(5, 7) -> relu -> conv(2, 1)
        -> conv_transpose(2, 4, stride = 2, bias = false)
    up4 = (crop(pool4 -> conv(2, 1), up2, 5) + up2) -> conv_transpose(2, 4, stride = 2, bias = false)
    up8 = (crop(pool3 -> conv(2, 1), up4, 9) + up4) -> conv_transpose(2, 16, stride = 8, bias = false)
    crop(up8, image, 31)
}
"""


class Fcn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        sizes = [(3, 2, 3, 100), (2, 3, 3, 1), (3, 4, 3, 1), (4, 4, 3, 1), (4, 4, 3, 1), (4, 5, 7, 0), (5, 2, 1, 0)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, k, padding=p) for a, b, k, p in sizes)
        self.up2 = nn.ConvTranspose2d(2, 2, 4, 2, bias=False)
        self.score4, self.up4 = nn.Conv2d(4, 2, 1), nn.ConvTranspose2d(2, 2, 4, 2, bias=False)
        self.score3, self.up8 = nn.Conv2d(4, 2, 1), nn.ConvTranspose2d(2, 2, 16, 8, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        pools, y = [], x
        for conv in self.convs[:5]:
            y = functional.max_pool2d(conv(y).relu(), 2, ceil_mode=True)
            pools.append(y)
        up2 = self.up2(self.convs[6](self.convs[5](y).relu()))
        up4 = self.up4(self.cropped(self.score4(pools[3]), up2, 5) + up2)
        up8 = self.up8(self.cropped(self.score3(pools[2]), up4, 9) + up4)
        return self.cropped(up8, x, 31)

    @staticmethod
    def cropped(x: Tensor, like: Tensor, at: int) -> Tensor:
        return x[:, :, at : at + like.shape[2], at : at + like.shape[3]]


# --- PSPNet (Zhao et al., 2017, arXiv:1612.01105): a pyramid of pools, each as large as the features again

PSPNET = """
block as_large(x, like) {
    x -> interpolate([like.shape[2], like.shape[3]], mode = bilinear, align_corners = false)
}
network PSPNet(image: [N, 3, H, W]) {
    features = image
        -> repeat 3 { conv(6, 3, stride = 2, padding = 1) -> relu } -> conv(6, 3, dilation = 2, padding = 2)
    pyramid = [features -> adaptive_avg_pool(bins) -> conv(2, 1) -> as_large(features) for bins in [1, 2, 3, 6]]
    concat([features] + pyramid) -> conv(4, 3, padding = 1) -> relu -> conv(2, 1) -> as_large(image)
}
"""


class PspNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleList(nn.Conv2d(c, 6, 3, 2, 1) for c in (3, 6, 6))
        self.dilated = nn.Conv2d(6, 6, 3, dilation=2, padding=2)
        self.pyramid = nn.ModuleList(nn.Conv2d(6, 2, 1) for _ in range(4))
        self.head = nn.Sequential(nn.Conv2d(14, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))

    def forward(self, image: Tensor) -> Tensor:
        x = image
        for conv in self.stem:
            x = conv(x).relu()
        x = self.dilated(x)
        pools = [
            resized(conv(functional.adaptive_avg_pool2d(x, bins)), x)
            for bins, conv in zip((1, 2, 3, 6), self.pyramid, strict=True)
        ]
        return resized(self.head(torch.cat([x, *pools], 1)), image)


# --- DeepLabv3 (Chen et al., 2017, arXiv:1706.05587): atrous convolutions beside the mean of the image

DEEPLAB = """
block as_large(x, like) {
    x -> interpolate([like.shape[2], like.shape[3]], mode = bilinear, align_corners = false)
}
network DeepLab(image: [N, 3, H, W]) {
    x = image -> repeat 4 { conv(4, 3, stride = 2, padding = 1) -> relu }
    atrous = [x -> conv(3, 3, dilation = rate, padding = rate) for rate in [6, 12, 18]]
    concat([x -> conv(3, 1)] + atrous + [x -> global_avg_pool -> conv(3, 1) -> as_large(x)])
        -> conv(4, 1) -> conv(2, 3, padding = 1) -> as_large(image)
}
"""


class DeepLab(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleList(nn.Conv2d(c, 4, 3, 2, 1) for c in (3, 4, 4, 4))
        self.atrous = nn.ModuleList(
            [*(nn.Conv2d(4, 3, 3, dilation=r, padding=r) for r in (6, 12, 18)), nn.Conv2d(4, 3, 1), nn.Conv2d(4, 3, 1)]
        )
        self.head = nn.Sequential(nn.Conv2d(15, 4, 1), nn.Conv2d(4, 2, 3, padding=1))

    def forward(self, image: Tensor) -> Tensor:
        x = image
        for conv in self.stem:
            x = conv(x).relu()
        *atrous, alone, mean = self.atrous
        parts = [alone(x), *(conv(x) for conv in atrous), resized(mean(functional.adaptive_avg_pool2d(x, 1)), x)]
        return resized(self.head(torch.cat(parts, 1)), image)


# --- EfficientNet (Tan and Le, 2019, arXiv:1905.11946), padded as TensorFlow does

EFFICIENTNET = """
block same(x: [N, C, H, W], kernel, stride) {
    high = max(((H + stride - 1) // stride - 1) * stride + kernel - H, 0)
    wide = max(((W + stride - 1) // stride - 1) * stride + kernel - W, 0)
    x -> pad([wide // 2, wide - wide // 2, high // 2, high - high // 2])
}
block excite(x: [N, C, H, W], squeezed) {
    x * (x -> global_avg_pool -> conv(squeezed, 1) -> silu -> conv(C, 1) -> sigmoid)
}
block mbconv(x: [N, C, H, W], width, kernel, stride) {
    y = x -> conv(2 * C, 1) -> silu -> same(kernel, stride)
        -> conv(2 * C, kernel, stride = stride, groups = 2 * C) -> silu -> excite(2) -> conv(width, 1)
    if stride == 1 and width == C { x + y } else { y }
}
network EfficientNet(image: [N, 3, H, W]) {
    image -> same(3, 2) -> conv(4, 3, stride = 2) -> silu
        -> mbconv(4, 3, 1) -> mbconv(6, 3, 2) -> mbconv(6, 5, 1) -> mbconv(8, 5, 2)
        -> global_avg_pool -> flatten -> linear(3)
}
"""


def tensorflows(x: Tensor, kernel: int, stride: int) -> Tensor:
    """The padding of tf.nn.conv2d(padding="SAME"), https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2"""
    sides: list[int] = []
    for size in (x.shape[3], x.shape[2]):
        whole = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        sides += [whole // 2, whole - whole // 2]
    return functional.pad(x, sides)


class MbConv(nn.Module):
    def __init__(self, c: int, width: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.widen, self.deep = nn.Conv2d(c, 2 * c, 1), nn.Conv2d(2 * c, 2 * c, kernel, stride, groups=2 * c)
        self.down, self.up = nn.Conv2d(2 * c, 2, 1), nn.Conv2d(2, 2 * c, 1)
        self.narrow = nn.Conv2d(2 * c, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.silu(self.widen(x))
        y = functional.silu(self.deep(tensorflows(y, self.kernel, self.stride)))
        y = y * self.up(functional.silu(self.down(functional.adaptive_avg_pool2d(y, 1)))).sigmoid()
        y = self.narrow(y)
        joined: Tensor = x + y if self.stride == 1 and x.shape[1] == y.shape[1] else y
        return joined


class EfficientNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2)
        blocks = [(4, 4, 3, 1), (4, 6, 3, 2), (6, 6, 5, 1), (6, 8, 5, 2)]
        self.blocks = nn.Sequential(*(MbConv(*sizes) for sizes in blocks))
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.blocks(functional.silu(self.stem(tensorflows(x, 3, 2))))
        logits: Tensor = self.fc(functional.adaptive_avg_pool2d(y, 1).flatten(1))
        return logits


# --- a feature pyramid (Lin et al., 2017, arXiv:1612.03144), which doubles what it adds

PYRAMID = """
network Pyramid(image: [N, 3, H, W]) {
    c2 = image -> repeat 2 { conv(4, 3, stride = 2, padding = 1) }
    c3 = c2 -> conv(4, 3, stride = 2, padding = 1)
    c4 = c3 -> conv(4, 3, stride = 2, padding = 1)
    p3 = (c3 -> conv(4, 1)) + (c4 -> interpolate(scale_factor = 2))
    (c2 -> conv(4, 1)) + (p3 -> interpolate(scale_factor = 2))
}
"""


class Pyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(c, 4, 3, 2, 1) for c in (3, 4, 4, 4))
        self.beside = nn.ModuleList(nn.Conv2d(4, 4, 1) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        maps = []
        for conv in self.down:
            x = conv(x)
            maps.append(x)
        p3 = self.beside[0](maps[2]) + functional.interpolate(maps[3], scale_factor=2)
        if p3.shape != maps[2].shape:
            raise RuntimeError("stretched")
        p2: Tensor = self.beside[1](maps[1]) + functional.interpolate(p3, scale_factor=2)
        return p2


NETWORKS: dict[str, tuple[str, type[nn.Module], tuple[str, ...], Iterable[int]]] = {
    "FCN": (FCN, Fcn, (), (1, 17, 40, 63)),
    "PSPNet": (PSPNET, PspNet, (), (1, 8, 29, 48, 65)),
    "DeepLab": (DEEPLAB, DeepLab, (), (1, 16, 33, 70)),
    "EfficientNet": (EFFICIENTNET, EfficientNet, (), range(1, 36, 3)),
    "Pyramid": (PYRAMID, Pyramid, ("(H + 3) % 16 <= 3", "(W + 3) % 16 <= 3"), range(12, 36)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("form", ["text", "yaml"])
def test_it_checks_with_open_sizes_in_both_forms(name: str, form: str, network_of: Build) -> None:
    code, _, needs, _ = NETWORKS[name]
    if form == "yaml":
        code = forms.convert_spec(parse_string(code).spec, "yaml")
    assert header(network_of(code).graph)["requires"] == needs


@pytest.mark.parametrize("name", NETWORKS)
def test_one_module_is_the_one_written_by_hand_at_every_size(name: str, network_of: Build) -> None:
    code, written, _, sizes = NETWORKS[name]
    torch.manual_seed(0)
    model, reference = network_of(code).compile().eval(), written().eval()
    with torch.no_grad():
        for own, other in zip(model.parameters(), reference.parameters(), strict=True):
            own.copy_(other)
        for size in sizes:
            image = torch.randn(1, 3, size, 32 if name == "Pyramid" else size + 3)
            try:
                wanted = reference(image)
            except RuntimeError:
                with pytest.raises(ValueError, match="but the network needs"):
                    model(image)
                continue
            assert torch.equal(model(image), wanted), size

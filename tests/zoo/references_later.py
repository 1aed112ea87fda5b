"""DenseNet, U-Net, siamese networks and vision transformers, written by hand as torch modules: see references.py."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

# --- DenseNet


class DenseLayer(nn.Module):
    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        x = self.conv1(torch.relu(self.norm1(torch.cat(maps, 1))))
        new: torch.Tensor = self.conv2(torch.relu(self.norm2(x)))
        return new


class DenseBlock(nn.Module):
    def __init__(self, channels: int, depth: int, growth: int) -> None:
        super().__init__()
        for i in range(depth):
            self.add_module(f"denselayer{i + 1}", DenseLayer(channels + i * growth, growth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [x]
        for layer in self.children():
            maps.append(layer(maps))
        return torch.cat(maps, 1)


class Transition(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels // 2, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.avg_pool2d(self.conv(torch.relu(self.norm(x))), 2)


class DenseNet(nn.Module):
    def __init__(self, depths: list[int], growth: int = 32) -> None:
        super().__init__()
        channels = 2 * growth
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, channels, 7, stride=2, padding=3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(channels))
        self.features.add_module("relu0", nn.ReLU())
        self.features.add_module("pool0", nn.MaxPool2d(3, 2, padding=1))
        for i, depth in enumerate(depths, 1):
            self.features.add_module(f"denseblock{i}", DenseBlock(channels, depth, growth))
            channels += depth * growth
            if i < 4:
                self.features.add_module(f"transition{i}", Transition(channels))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.features(image))
        logits: torch.Tensor = self.classifier(functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return logits


# --- U-Net


class Double(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(channels, width, 3), nn.Conv2d(width, width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv2(torch.relu(self.conv1(x))))


class Ascent(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.convs = Double(2 * width, width)

    def forward(self, x: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
        x = self.up(x)
        top, left = (beside.shape[2] - x.shape[2]) // 2, (beside.shape[3] - x.shape[3]) // 2
        crop = beside[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        joined: torch.Tensor = self.convs(torch.cat([crop, x], 1))
        return joined


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for i, width in enumerate([64, 128, 256, 512], 1):
            self.add_module(f"down{i}", Double(1 if i == 1 else width // 2, width))
            self.add_module(f"up{i}", Ascent(width))
        self.bottom = Double(512, 1024)
        self.segmentation = nn.Conv2d(64, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        sides = []
        for i in range(1, 5):
            x = self.get_submodule(f"down{i}")(x if i == 1 else functional.max_pool2d(x, 2))
            sides.append(x)
        x = functional.max_pool2d(functional.dropout(x, 0.5, self.training), 2)
        x = functional.dropout(self.bottom(x), 0.5, self.training)
        for i in range(4, 0, -1):
            x = self.get_submodule(f"up{i}")(x, sides[i - 1])
        mask: torch.Tensor = self.segmentation(x)
        return mask


class PaddedDouble(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.double_conv = nn.Sequential(
            *(nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()),
            *(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps: torch.Tensor = self.double_conv(x)
        return maps


class Named(nn.Module):
    """One module under a name."""

    def __init__(self, name: str, module: nn.Module) -> None:
        super().__init__()
        self.add_module(name, module)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = next(self.children())(x)
        return found


class PaddedAscent(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.conv = PaddedDouble(2 * width, width)

    def forward(self, x: torch.Tensor, beside: torch.Tensor) -> torch.Tensor:
        joined: torch.Tensor = self.conv(torch.cat([beside, self.up(x)], 1))
        return joined


class UNetPadded(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inc = PaddedDouble(3, 64)
        for i, width in enumerate([128, 256, 512, 1024], 1):
            steps = nn.Sequential(nn.MaxPool2d(2), PaddedDouble(width // 2, width))
            self.add_module(f"down{i}", Named("maxpool_conv", steps))
            self.add_module(f"up{5 - i}", PaddedAscent(width // 2))
        self.outc = Named("conv", nn.Conv2d(64, 2, 1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        maps = [self.inc(image)]
        for i in range(1, 5):
            maps.append(self.get_submodule(f"down{i}")(maps[-1]))
        x = maps.pop()
        for i in range(1, 5):
            x = self.get_submodule(f"up{i}")(x, maps.pop())
        mask: torch.Tensor = self.outc(x)
        return mask


# --- Siamese


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 64, 10), nn.Conv2d(64, 128, 7)
        self.conv3, self.conv4 = nn.Conv2d(128, 128, 4), nn.Conv2d(128, 256, 4)
        self.fc = nn.Linear(9216, 4096)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv in (self.conv1, self.conv2, self.conv3):
            x = functional.max_pool2d(torch.relu(conv(x)), 2)
        return torch.sigmoid(self.fc(torch.relu(self.conv4(x)).flatten(1)))


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decide = nn.Linear(4096, 1)

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        same: torch.Tensor = self.decide((self.encoder(first) - self.encoder(second)).abs())
        return same


# --- Vision transformer


class EncoderLayer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(
            *(nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(0.0)),
            *(nn.Linear(4 * width, width), nn.Dropout(0.0)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = self.ln_1(x)
        x = self.self_attention(seen, seen, seen, need_weights=False)[0] + x
        out: torch.Tensor = x + self.mlp(self.ln_2(x))
        return out


class TransformerEncoder(nn.Module):
    def __init__(self, length: int, width: int, heads: int) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, length, width))
        self.layers = nn.Sequential()
        for i in range(12):
            self.layers.add_module(f"encoder_layer_{i}", EncoderLayer(width, heads))
        self.ln = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens: torch.Tensor = self.ln(self.layers(x + self.pos_embedding))
        return tokens


class VisionTransformer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.empty(1, 1, width))
        self.conv_proj = nn.Conv2d(3, width, 16, stride=16)
        self.encoder = TransformerEncoder(197, width, heads)
        self.heads = Named("head", nn.Linear(width, 1000))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        patches = self.conv_proj(image).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(image), -1, -1), patches], 1)
        logits: torch.Tensor = self.heads(self.encoder(tokens)[:, 0])
        return logits


REFERENCES: dict[str, Callable[[], nn.Module]] = {
    "densenet121": lambda: DenseNet([6, 12, 24, 16]),
    "densenet161": lambda: DenseNet([6, 12, 36, 24], growth=48),
    "densenet169": lambda: DenseNet([6, 12, 32, 32]),
    "densenet201": lambda: DenseNet([6, 12, 48, 32]),
    "unet": UNet,
    "unet_padded": UNetPadded,
    "siamese": Siamese,
    "vit_b_16": lambda: VisionTransformer(768, 12),
    "vit_tiny_16": lambda: VisionTransformer(192, 3),
}

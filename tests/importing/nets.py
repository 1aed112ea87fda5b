"""Small modules of torch in the ways in which people write them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Unit(nn.Module):
    """A convolution with its norm, as most blocks begin."""

    def __init__(self, channels: int, width: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


class Residual(nn.Module):
    """A block with a shortcut that some instances have a convolution in."""

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.first = Unit(channels, width, 3, stride)
        self.second = Unit(width, 4 * width, 1)
        self.shortcut = None if stride == 1 and channels == 4 * width else nn.Conv2d(channels, 4 * width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.second(self.first(x))
        added: Tensor = out + (x if self.shortcut is None else self.shortcut(x))
        return added


class Stages(nn.Module):
    """Stages of like blocks of several widths."""

    def __init__(self, depths: tuple[int, ...] = (2, 3), classes: int = 5) -> None:
        super().__init__()
        self.stem = Unit(3, 8, 3, 2)
        channels = 8
        for number, depth in enumerate(depths, 1):
            width = 4 * 2**number
            blocks = [Residual(channels, width, 2), *(Residual(4 * width, width) for _ in range(depth - 1))]
            self.add_module(f"stage{number}", nn.Sequential(*blocks))
            channels = 4 * width
        self.head = nn.Linear(channels, classes)

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        for number in range(1, 10):
            x = getattr(self, f"stage{number}")(x) if hasattr(self, f"stage{number}") else x
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


class Layer(nn.Module):
    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, growth, 3, padding=1)

    def forward(self, features: list[Tensor]) -> Tensor:
        return torch.relu(self.conv(torch.cat(features, 1)))


class Dense(nn.ModuleDict):
    """A list that grows."""

    def __init__(self, channels: int, count: int, growth: int = 4) -> None:
        super().__init__()
        for number in range(count):
            self.add_module(f"layer{number + 1}", Layer(channels + number * growth, growth))

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


def dense() -> nn.Module:
    return nn.Sequential(OrderedDict(first=Dense(3, 3), pool=nn.AvgPool2d(2), second=Dense(15, 5)))


class Outputs(NamedTuple):
    logits: Tensor
    auxiliary: Tensor


class WithHead(nn.Module):
    """A head that only trains, and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Unit(3, 8)
        self.aux = nn.Linear(8, 4)
        self.drop = nn.Dropout(0.4)
        self.fc = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor | Outputs:
        x = self.body(x).mean((2, 3))
        logits: Tensor = self.fc(self.drop(x))
        return Outputs(logits, self.aux(x)) if self.training else logits


class Attention(nn.Module):
    """Attention as transformers write it out, with a class token."""

    def __init__(self, width: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        n, length, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        out = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, width)
        added: Tensor = x + self.proj(out)
        return added[:, 0]


class Indexed(nn.Module):
    """What no operator says."""

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = torch.special.bessel_j0(x) + torch.special.bessel_j0(2 * x)
        return found


class Places(nn.Module):
    """What depends on no value of the input, but on how many there are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(4, width)

    def forward(self, count: int) -> Tensor:
        found: Tensor = self.mix(torch.zeros(count, 3, 4).add(1).cumsum(1, dtype=torch.float32))
        return found


class Placed(nn.Module):
    """A module that is given a number alone."""

    def __init__(self) -> None:
        super().__init__()
        self.places = Places(16)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x.flatten(1, 2)[:, :3] + self.places(x.shape[0])
        return found


class Interrupted(nn.Module):
    """Layers of one list with something between them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Unit(3, 4), Unit(4, 4), Unit(4, 4), Unit(4, 4)])
        self.offset = nn.Parameter(torch.randn(1, 4, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers[1](self.layers[0](x)) + self.offset
        best: Tensor = self.layers[3](self.layers[2](x)).flatten(2).max(2)[0]
        return best


class LaidOut(nn.Module):
    """A tensor that is put in order in memory, and one that lies so already."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(3)
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(x.contiguous().permute(0, 2, 3, 1))
        found: Tensor = self.conv(x.permute(0, 3, 1, 2).contiguous())
        return found


class Masked(nn.Module):
    """Attention with a mask that depends on sizes alone."""

    def __init__(self, mask: Callable[[int, int], Tensor]) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = functional.scaled_dot_product_attention(x, x, x, self.mask(x.shape[0], x.shape[2]))
        return found


class Rotary(nn.Module):
    """Features turned by angles that grow with their place."""

    frequencies: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.tensor([1.0, 0.3, 0.1, 0.03]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        freqs = torch.outer(torch.arange(x.shape[1]).float(), self.frequencies)
        angles = torch.cat((freqs, freqs), dim=-1)
        return x * angles.cos() + x.flip(-1) * angles.sin()


class Cache:
    """What a model keeps for the next call, of which torch knows nothing."""

    def __init__(self) -> None:
        self.keys = torch.tensor([])


class WithCache(nn.Module):
    """Attention that joins what it kept, at first nothing, with what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = Attention()

    def forward(self, x: Tensor) -> dict[str, object]:
        cache = Cache()
        cache.keys = torch.cat([cache.keys, x], -2)
        return {"hidden": self.attention(cache.keys), "cache": cache, "length": x.shape[1]}


def small(config: Any) -> Any:
    """A configuration of a language model of transformers with few numbers."""
    sizes = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 4}
    if config.model_type == "gpt2":
        return config(vocab_size=50, n_embd=16, n_layer=3, n_head=4, n_positions=32)
    return config(**sizes, intermediate_size=32, **({"num_key_value_heads": 2} if config.model_type == "llama" else {}))


class Windows(nn.Module):
    """A mean over windows of 3 × 3 that sees only what was next to it before the windows were moved."""

    def __init__(self, channels: int, shift: int) -> None:
        super().__init__()
        self.shift = shift
        self.query, self.key, self.value, self.mix = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        n, height, width, channels = x.shape
        x = torch.roll(x, (-1, -1), (1, 2)) if self.shift else x
        x = x.view(n, height // 3, 3, width // 3, 3, channels).permute(0, 1, 3, 2, 4, 5)
        tokens = x.reshape(-1, 9, channels)
        alike = (self.query(tokens) * 0.5) @ self.key(tokens).transpose(1, 2)
        if self.shift:
            place = torch.zeros(height, width)
            for i, rows in enumerate((slice(0, -3), slice(-3, -1), slice(-1, None))):
                for j, columns in enumerate((slice(0, -3), slice(-3, -1), slice(-1, None))):
                    place[rows, columns] = 3 * i + j
            place = place.view(height // 3, 3, width // 3, 3).permute(0, 2, 1, 3).reshape(-1, 9)
            apart = place.unsqueeze(1) - place.unsqueeze(2)
            apart = apart.masked_fill(apart != 0, -100.0).masked_fill(apart == 0, 0.0)
            alike = (alike.view(n, -1, 9, 9) + apart.unsqueeze(0)).view(-1, 9, 9)
        seen = self.mix(alike.softmax(-1) @ self.value(tokens))
        seen = seen.view(n, height // 3, width // 3, 3, 3, channels).permute(0, 1, 3, 2, 4, 5)
        seen = seen.reshape(n, height, width, channels)
        return torch.roll(seen, (1, 1), (1, 2)) if self.shift else seen


class Windowed(nn.Module):
    """Attention in windows at two sizes, moved every other time."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 2, 2)
        self.first = nn.Sequential(Windows(4, 0), Windows(4, 1))
        self.merge = nn.Conv2d(4, 8, 2, 2)
        self.second = nn.Sequential(Windows(8, 0), Windows(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.stem(x).permute(0, 2, 3, 1))
        found: Tensor = self.second(self.merge(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        return found


class Dropped(nn.Module):
    """A layer with dropout, if there is any."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x)
        return functional.dropout(x, self.p, self.training) if self.p else x


class Dropping(nn.Module):
    """Layers that drop more and more."""

    def __init__(self, chances: tuple[float, ...]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*map(Dropped, chances))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x)
        return found


class PartsInPlace(nn.Module):
    """Parts of a tensor that are written one after the other."""

    def forward(self, x: Tensor) -> Tensor:
        out = torch.zeros(x.shape[0], 3, 16, 16)
        for channel in range(3):
            out[:, channel] = x[:, 2 - channel]
        return out


class Counting(nn.Module):
    """A buffer that changes, on which the output depends."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return x * self.count


class Steps(nn.Module):
    """As many steps as values ask for."""

    def forward(self, x: Tensor) -> Tensor:
        while x.norm() > 1:
            x = x * 0.5
        return x


class Scaled(nn.Module):
    """A number that is taken out of a tensor."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x.max().item()


class Still(nn.Module):
    """What is computed without gradients."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = torch.relu(x)
        return x + y


class Text(nn.Module):
    def forward(self, x: Tensor) -> str:
        return str(x.shape)


class SmallNumbers(nn.Module):
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.arange(16, dtype=torch.int8))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.steps


class Named(nn.Module):
    """A layer of any name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.add_module(name, nn.Linear(16, 16))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = layer(x)
        return x


class Siamese(nn.Module):
    """Two inputs through one encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        found: Tensor = (self.encoder(left) - self.encoder(right)).abs()
        return found


class Tied(nn.Module):
    """A head with the weight of the embedding, which the body is around."""

    def __init__(self) -> None:
        super().__init__()
        words = nn.Embedding(11, 6)
        self.body = nn.ModuleDict({"words": words, "norm": nn.LayerNorm(6)})
        self.head = nn.Linear(6, 11, bias=False)
        self.head.weight = words.weight

    def forward(self, ids: Tensor) -> Tensor:
        found: Tensor = self.head(self.body["norm"](self.body["words"](ids)))
        return found


class Twice(nn.Module):
    """Layers that are used twice, one of which has statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(6)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.norm(self.norm(x))
        return found


class Around(nn.Module):
    """A block around a layer that others have too."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.norm = nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x + self.layer(self.norm(x))
        return found


def passed() -> nn.Module:
    layer = nn.Linear(6, 6)
    return nn.Sequential(*(Around(layer) for _ in range(3)))

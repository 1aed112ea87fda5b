"""A variational autoencoder and a diffusion U-Net, written by hand as torch modules: see references.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import torch
from torch import nn
from torch.nn import functional

# --- VAE


class VAE(nn.Module):
    def __init__(self, hidden: int = 500, latent: int = 20) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, hidden)
        self.fc21, self.fc22 = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.fc3, self.fc4 = nn.Linear(latent, hidden), nn.Linear(hidden, 784)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        code = torch.tanh(self.fc1(image.flatten(1)))
        mu, log_var = self.fc21(code), self.fc22(code)
        z = mu + torch.exp(0.5 * log_var) * torch.randn_like(mu)
        drawn = torch.sigmoid(self.fc4(torch.tanh(self.fc3(z))))
        return drawn.unflatten(1, (1, 28, 28)), mu, log_var

    @staticmethod
    def loss(outputs: Sequence[torch.Tensor], original: torch.Tensor) -> torch.Tensor:
        """torch's own divergence of normal distributions, instead of the formula of appendix B."""
        drawn, mu, log_var = outputs
        ours = torch.distributions.Normal(mu, torch.exp(0.5 * log_var))
        standard = torch.distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
        lost = -torch.distributions.Bernoulli(drawn, validate_args=False).log_prob(original).sum((1, 2, 3))
        whole: torch.Tensor = (lost + torch.distributions.kl_divergence(ours, standard).sum(1)).mean()
        return whole


# --- Diffusion


def norm(channels: int) -> nn.Module:
    return nn.GroupNorm(32, channels, eps=1e-6)


class Named(nn.Module):
    """Modules by their names, which others call."""

    def __init__(self, **modules: nn.Module) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)


class Residual(nn.Module):
    def __init__(self, channels: int, width: int, time: int, drop: float) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(channels), nn.Conv2d(channels, width, 3, padding=1)
        self.temb_proj = nn.Linear(time, width)
        self.norm2, self.conv2 = norm(width), nn.Conv2d(width, width, 3, padding=1)
        self.dropout = nn.Dropout(drop)
        if channels != width:
            self.nin_shortcut = nn.Conv2d(channels, width, 1)

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        h = self.conv1(functional.silu(self.norm1(x)))
        h = h + self.temb_proj(functional.silu(time))[:, :, None, None]
        h = self.conv2(self.dropout(functional.silu(self.norm2(h))))
        out: torch.Tensor = (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x) + h
        return out


class Attention(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.norm(x)
        q, k, v = (part(h).flatten(2).transpose(1, 2) for part in (self.q, self.k, self.v))
        seen = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        return x + cast(torch.Tensor, self.proj_out(seen))


class Diffusion(nn.Module):
    def __init__(
        self,
        factors: Sequence[int] = (1, 2, 2, 2),
        attention: Sequence[int] = (1,),
        width: int = 128,
        depth: int = 2,
        drop: float = 0.1,
        size: int = 32,
    ) -> None:
        super().__init__()
        self.width, levels = width, list(enumerate(factors))
        time = 4 * width
        self.temb = Named(dense=nn.ModuleList([nn.Linear(width, time), nn.Linear(time, time)]))
        self.conv_in = nn.Conv2d(3, width, 3, padding=1)
        kept, self.down, self.up = [width], nn.ModuleList(), nn.ModuleList()
        for i, factor in levels:
            level = Named(block=nn.ModuleList(), attn=nn.ModuleList())
            self._extend(level, [kept[-1], *[factor * width] * (depth - 1)], factor * width, i in attention, drop)
            kept += [factor * width] * depth
            if i < len(levels) - 1:
                level.downsample = Named(conv=nn.Conv2d(factor * width, factor * width, 3, stride=2))
                kept.append(factor * width)
            self.down.append(level)
        wide = kept[-1]
        self.mid = Named(block_1=Residual(wide, wide, time, drop), attn_1=Attention(wide))
        self.mid.block_2 = Residual(wide, wide, time, drop)
        for i, factor in reversed(levels):
            level = Named(block=nn.ModuleList(), attn=nn.ModuleList())
            before = [wide, *[factor * width] * depth]
            self._extend(level, [b + kept.pop() for b in before], factor * width, i in attention, drop)
            wide = factor * width
            if i > 0:
                level.upsample = Named(conv=nn.Conv2d(wide, wide, 3, padding=1))
            self.up.insert(0, level)
        self.norm_out, self.conv_out = norm(wide), nn.Conv2d(wide, 3, 3, padding=1)

    def _extend(self, level: Any, channels: Sequence[int], width: int, attends: bool, drop: float) -> None:
        for before in channels:
            level.block.append(Residual(before, width, 4 * self.width, drop))
            if attends:
                level.attn.append(Attention(width))

    def _run(self, level: Any, i: int, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        h: torch.Tensor = level.block[i](x, time)
        return level.attn[i](h) if len(level.attn) else h

    def forward(self, image: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        half = self.width // 2
        rates = torch.exp(torch.arange(half, device=step.device) * (-math.log(10000) / (half - 1)))
        angles = step[:, None] * rates
        dense: Any = self.temb.dense
        time = dense[1](functional.silu(dense[0](torch.cat([angles.sin(), angles.cos()], 1))))
        maps = [self.conv_in(image)]
        for level in map(cast_any, self.down):
            for i in range(len(level.block)):
                maps.append(self._run(level, i, maps[-1], time))
            if hasattr(level, "downsample"):
                maps.append(level.downsample.conv(functional.pad(maps[-1], (0, 1, 0, 1))))
        mid: Any = self.mid
        h = mid.block_2(mid.attn_1(mid.block_1(maps[-1], time)), time)
        for level in map(cast_any, reversed(self.up)):
            for i in range(len(level.block)):
                h = self._run(level, i, torch.cat([h, maps.pop()], 1), time)
            if hasattr(level, "upsample"):
                h = level.upsample.conv(functional.interpolate(h, scale_factor=2))
        noise: torch.Tensor = self.conv_out(functional.silu(self.norm_out(h)))
        return noise

    @staticmethod
    def loss(outputs: Sequence[torch.Tensor], added: torch.Tensor) -> torch.Tensor:
        return ((outputs[0] - added) ** 2).mean()


def cast_any(module: nn.Module) -> Any:
    return module


LSUN: Final[dict[str, Any]] = {"factors": (1, 1, 2, 2, 4, 4), "attention": (4,), "drop": 0.0}
MODELS: Final[dict[str, Callable[..., nn.Module]]] = {
    "vae_mnist": VAE,
    "ddpm_cifar10": Diffusion,
    "ddpm_lsun": lambda **settings: Diffusion(**(LSUN | settings)),
}

"""Tensors that depend on no other, made as a network runs, or once.

Each function takes a tensor first: what is made lies on its device, and floating-point numbers are as precise as those
of it. So a model that is moved, or cast, makes them where and as its weights are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def arange(like: Tensor, start: int, end: int, step: int, dtype: str) -> Tensor:
    return torch.arange(start, end, step, dtype=_type(like, dtype), device=like.device)


def linspace(like: Tensor, start: float, end: float, steps: int, dtype: str) -> Tensor:
    return torch.linspace(start, end, steps, dtype=_type(like, dtype), device=like.device)


def eye(like: Tensor, n: int, m: int, dtype: str) -> Tensor:
    return torch.eye(n, m, dtype=_type(like, dtype), device=like.device)


def full(like: Tensor, sizes: Sequence[int], value: float, dtype: str) -> Tensor:
    return torch.full(tuple(sizes), value, dtype=_type(like, dtype), device=like.device)


def tensor(values: Any, dtype: str) -> Tensor:
    return torch.tensor(values, dtype=getattr(torch, dtype))


def _type(like: Tensor, dtype: str) -> torch.dtype:
    if dtype == "float32" and like.is_floating_point():
        return like.dtype
    found: torch.dtype = getattr(torch, dtype)
    return found

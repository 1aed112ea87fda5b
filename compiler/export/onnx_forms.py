"""Steps that torch's exporter to ONNX knows no form for, or gets wrong, as steps that it gets right."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.nn import functional

aten = torch.ops.aten


def _avg_pool(
    x: Tensor,
    kernel: list[int],
    stride: list[int] | None = None,
    padding: list[int] | int = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """A divisor of one's own, which is left out silently, is the mean over the whole window, times the quotient. Where
    windows hang over with `ceil_mode`, that is something else."""
    if divisor_override is None or ceil_mode:
        return NotImplemented
    pool = functional.avg_pool2d if len(kernel) == 2 else functional.avg_pool3d
    return pool(x, kernel, stride, padding) * (math.prod(kernel) / divisor_override)


def _sort(x: Tensor, *, stable: bool | None, dim: int = -1, descending: bool = False) -> Any:
    """The largest of all are all of them in order; equal ones may change places, as torch says of sort itself."""
    return NotImplemented if stable else torch.topk(x, x.shape[dim], dim, descending)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Of fewer dimensions than four, it is that of one head."""
    if query.dim() != 3 or enable_gqa:
        return NotImplemented
    mask = None if attn_mask is None else attn_mask.unsqueeze(-3)
    q, k, v = query.unsqueeze(-3), key.unsqueeze(-3), value.unsqueeze(-3)
    return functional.scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal, scale=scale).squeeze(-3)


FORMS: Final[Mapping[Any, tuple[Callable[[fx.Node], bool], Callable[..., Any]]]] = MappingProxyType(
    {
        aten.avg_pool2d.default: (lambda step: len(step.args) > 6, _avg_pool),
        aten.avg_pool3d.default: (lambda step: len(step.args) > 6, _avg_pool),
        aten.sort.stable: (lambda step: True, _sort),
        aten.scaled_dot_product_attention.default: (lambda step: step.meta["val"].dim() < 4, _attention),
    }
)
"""The steps, whether one of them needs another form, and that form."""


def with_forms(program: ExportedProgram) -> ExportedProgram:
    """The program with these steps in the form that can be exported."""
    steps = (step for step in program.graph.nodes if step.op == "call_function")
    if not any(FORMS[step.target][0](step) for step in steps if step.target in FORMS):
        return program
    found: ExportedProgram = program.run_decompositions({target: form for target, (_, form) in FORMS.items()})
    return found

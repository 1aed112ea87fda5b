"""A network and what it was rewritten into, side by side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from archdsl.graph import Graph, Rewriting, header
from archdsl.rewrite.apply import rewritten
from compiler import CompiledNetwork, compile_graph
from compiler.derived_weights import derived
from compiler.fx.compile import carry_over

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def both(graph: Graph, names: Any, phase: Any) -> tuple[CompiledNetwork, CompiledNetwork, Rewriting]:
    """The module of a graph, with weights and statistics as after some training, that of the rewritten graph with what
    follows from them, and how it does."""
    torch.manual_seed(0)
    before, changed = compile_graph(graph), rewritten(graph, names, phase)
    for module in before.modules():
        if isinstance(module, NORMS):
            for tensor in (module.running_mean, module.bias):
                nn.init.normal_(tensor, std=0.3) if tensor is not None else None
            for tensor in (module.running_var, module.weight):
                nn.init.uniform_(tensor, 0.5, 1.5) if tensor is not None else None
    after, rewriting = compile_graph(changed), header(changed)["rewriting"]
    assert rewriting is not None
    carry_over(after, before, rewriting)
    return before, after, rewriting


def outputs(model: nn.Module, *given: Tensor) -> tuple[Tensor, ...]:
    """What a model makes, the random numbers that it draws being the same each time."""
    torch.manual_seed(1)
    found = model(*given)
    return tuple(found) if isinstance(found, tuple) else (found,)


def near(a: Tensor, b: Tensor, within: float = 1e-5) -> bool:
    """Whether two tensors are equal, relative to the largest value."""
    return a.shape == b.shape and float((a - b).abs().max()) <= within * max(float(a.abs().max()), 1e-30)


def follows(rewriting: Rewriting, of: dict[str, Tensor], name: str) -> Tensor:
    """A tensor of the rewritten network, from those of the one before; gradients follow as weights do where all that
    happens to them is to be joined."""
    return derived(rewriting.weights[name], of)

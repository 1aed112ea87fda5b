"""What an engine is asked to run, and what it gives."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.utils._pytree import tree_leaves

from compiler.export.trace import quiet, with_a_tuple
from compiler.fx.model import CompiledNetwork

EngineDtype: TypeAlias = Literal["fp32", "bf16"]
EngineCall: TypeAlias = Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]]  # of all inputs, all outputs


class Unable(Exception):
    """An engine that cannot do what it is asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Task:
    """A model in inference, inputs of the sizes for which an engine is built, in which precision it may compute, and
    with how many threads. Inputs and outputs are float32 whatever the precision is."""

    model: nn.Module
    inputs: tuple[Tensor, ...]
    precision: EngineDtype
    threads: int
    _exported: list[ExportedProgram] = field(default_factory=list, compare=False)  # once for all engines

    def module(self) -> nn.Module:
        """The model in the precision; over weights of its own where that is another than theirs."""
        plain = self.plain()
        if self.precision == "fp32":
            return plain
        return _InHalfTheBits(copy.deepcopy(plain).to(torch.bfloat16))

    def plain(self) -> nn.Module:
        """The model; if it is a network of ours, with several outputs as a plain tuple."""
        return with_a_tuple(self.model) if isinstance(self.model, CompiledNetwork) else self.model

    def exported(self, module: nn.Module | None = None) -> ExportedProgram:
        """The model, or another module, as a program for inputs of these sizes and no others."""
        if module is None and self._exported:
            return self._exported[0]
        with quiet(), torch.no_grad():
            program = torch.export.export(module or self.plain(), self.inputs, strict=False)
        self._exported.extend([program] if module is None else [])
        return program


class _InHalfTheBits(nn.Module):
    """A module that computes in bfloat16 what it is given, and gives, in float32."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        made = self.inner(*(x.to(torch.bfloat16) if x.is_floating_point() else x for x in inputs))
        return tuple(y.float() if y.is_floating_point() else y for y in tree_leaves(made))


def flat(made: object) -> tuple[Tensor, ...]:
    """The tensors of what a model returns."""
    return tuple(tree_leaves(made))

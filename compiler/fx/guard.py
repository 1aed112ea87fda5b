"""Refuses inputs that do not fit what a network declares."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import fx

from archdsl.diagnostics import an_object
from archdsl.dims import Dim
from compiler.program import Feed, Reading
from compiler.sizes import unfit

MAX_KNOWN: Final = 256  # combinations of shapes that are remembered


class Guard:
    """The first node of a compiled network: a function of its inputs that raises `ValueError` where they do not fit.

    It holds ranks, sizes that are numbers, symbols that are said twice and the needs of the network against the inputs,
    for each combination of shapes once. torch.compile and torch.export trace through it, and so keep what it asks of
    dynamic sizes; where nothing has a size (`fx.symbolic_trace`, `torch.jit.trace`), it asks nothing.
    """

    def __init__(self, feeds: tuple[Feed, ...], readings: tuple[Reading, ...], needs: tuple[Dim, ...]) -> None:
        self.__name__ = self.__qualname__ = "inputs_fit"
        self.__module__ = "archdsl"
        self.feeds = feeds
        self.readings = readings
        self.needs = needs
        self._fit: set[tuple[Any, ...]] = set()

    def __call__(self, *inputs: Any) -> None:
        if torch.compiler.is_compiling():
            self._refuse(inputs)
            return
        if torch.jit.is_tracing() or any(isinstance(given, fx.Proxy) for given in inputs):  # type: ignore
            return
        try:
            shapes = self._shapes(inputs)
            if shapes in self._fit:
                return
        except TypeError:  # sizes that torch keeps symbolic have no hash
            self._refuse(inputs)
            return
        self._refuse(inputs)
        if len(self._fit) < MAX_KNOWN:
            self._fit.add(shapes)

    def _shapes(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The shapes of tensors. Raises `TypeError` for what has none."""
        try:
            return tuple([given.shape for given in inputs])
        except AttributeError:
            for feed, given in zip(self.feeds, inputs, strict=True):
                if not hasattr(given, "shape"):
                    raise TypeError(f"input `{feed.name}` is a tensor, found {an_object(given)}") from None
            raise

    def _refuse(self, inputs: tuple[Any, ...]) -> None:
        wrong = unfit(self.feeds, self.readings, self.needs, self._shapes(inputs))
        if wrong is not None:
            raise ValueError(wrong)

"""Refuses inputs that do not fit what a network declares."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import fx

from archdsl.diagnostics import an_object
from archdsl.dims import Dim
from archdsl.ops.dtypes import FLOATING
from compiler.program import Feed, Reading
from compiler.sizes import unfit

MAX_KNOWN: Final = 256  # combinations of shapes that are remembered


class Guard:
    """The first node of a compiled network: a function of its inputs that raises `ValueError` where they do not fit.

    It holds ranks, sizes that are numbers, symbols that are said twice and the needs of the network against the inputs,
    for each combination of shapes once, and what is declared to be integers or truth values against that. torch.compile
    and torch.export trace through it, and so keep what it asks of dynamic sizes; where nothing has a size
    (`fx.symbolic_trace`, `torch.jit.trace`), it asks nothing.
    """

    def __init__(self, feeds: tuple[Feed, ...], readings: tuple[Reading, ...], needs: tuple[Dim, ...]) -> None:
        self.__name__ = self.__qualname__ = "inputs_fit"
        self.__module__ = "archdsl"
        self.feeds = feeds
        self.readings = readings
        self.needs = needs
        self._typed = tuple((i, feed) for i, feed in enumerate(feeds) if feed.dtype != FLOATING)
        self._fit: set[tuple[Any, ...]] = set()

    def __call__(self, *inputs: Any) -> None:
        if torch.compiler.is_compiling():
            self._refuse(inputs)
            return
        if torch.jit.is_tracing() or any(isinstance(given, fx.Proxy) for given in inputs):  # type: ignore
            return
        try:
            shapes = self._shapes(inputs)
            if self._typed:
                self._refuse_types(inputs)
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

    def _refuse_types(self, inputs: tuple[Any, ...]) -> None:
        """Refuse what is not of the kind that an input declares: indices and masks mean nothing else."""
        for i, feed in self._typed:
            found = inputs[i].dtype
            if not isinstance(found, torch.dtype):  # an array of numpy, which has a shape as well
                raise TypeError(f"input `{feed.name}` is a tensor, found {an_object(inputs[i])}")
            whole = not (found.is_floating_point or found.is_complex or found is torch.bool)
            if (feed.dtype == "bool") != (found is torch.bool) or (feed.dtype == "int64") != whole:
                given = str(found).removeprefix("torch.")
                raise ValueError(f"input `{feed.name}` holds {given}, but the network takes {feed.dtype}")

    def _refuse(self, inputs: tuple[Any, ...]) -> None:
        self._refuse_types(inputs)
        wrong = unfit(self.feeds, self.readings, self.needs, self._shapes(inputs))
        if wrong is not None:
            raise ValueError(wrong)

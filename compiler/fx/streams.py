"""Streams of a GPU at work: what runs on one beside the caller's, and how one waits for others.

Whatever is compiled or exported runs on one stream: what traces it has streams of its own, or none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from compiler.streams import CALLER


class SideStreams:
    """The streams of one GPU by number, made when they are used first; 0 is that which the caller has set."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._made: dict[int, torch.cuda.Stream] = {}

    def stream(self, number: int) -> torch.cuda.Stream:
        if number == CALLER:
            return torch.cuda.current_stream(self.device)
        if number not in self._made:
            self._made[number] = torch.cuda.Stream(self.device)
        return self._made[number]


class OnSideStream:
    """A function of modules and tensors that runs on a stream, after all that some others were given.

    Its first `modules` arguments are the modules that it calls. The memory of tensors that enter is not given away
    before the stream has read them, whoever lets go of them first.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        modules: int,
        side: SideStreams,
        number: int,
        waits: tuple[int, ...],
    ) -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = "archdsl"
        self.function, self.modules = function, modules
        self.side, self.number, self.waits = side, number, waits

    def __call__(self, *arguments: Any) -> Any:
        if _traced():
            return self.function(*arguments)
        own = self.side.stream(self.number)
        for other in self.waits:
            own.wait_stream(self.side.stream(other))
        _keep(arguments[self.modules :], own)
        with torch.cuda.stream(own):
            return self.function(*arguments)


class AwaitStreams:
    """Lets the caller's stream wait for others; tensors that it reads of theirs are given."""

    def __init__(self, side: SideStreams, numbers: tuple[int, ...]) -> None:
        self.__name__ = self.__qualname__ = "await_streams"
        self.__module__ = "archdsl"
        self.side, self.numbers = side, numbers

    def __call__(self, *tensors: Any) -> None:
        if _traced():
            return
        caller = self.side.stream(CALLER)
        for other in self.numbers:
            caller.wait_stream(self.side.stream(other))
        _keep(tensors, caller)


def _traced() -> bool:
    return torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore


def _keep(given: tuple[Any, ...], stream: torch.cuda.Stream) -> None:
    for value in given:
        if isinstance(value, Tensor):  # beside them there are sizes
            value.record_stream(stream)

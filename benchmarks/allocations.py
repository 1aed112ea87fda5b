"""What a compiled network really allocates: every storage that torch makes, from its making to its end.

On fake tensors (`torch._subclasses.fake_tensor`) nothing is computed and nothing allocated, so that any network can be
traced in seconds; the same trace of real tensors gives the same figures, which a test shows. What a kernel allocates
for itself and frees before it returns, the workspace of a convolution say, is in neither.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._prims_common import is_non_overlapping_and_dense_or_false
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from archdsl.graph import Layer, header, layer
from archdsl.network import Network


@dataclass(frozen=True)
class Measured:
    """Bytes. `inference_peak` and `kept` are without weights, `training_peak` with weights and their gradients."""

    inference_peak: int
    kept: int
    training_peak: int
    phase: str


class Trace(TorchDispatchMode):
    """Counts the bytes of the storages alive, and their greatest sum."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.alive = self.peak = 0
        self.phase = self.peak_phase = ""
        self._seen: weakref.WeakKeyDictionary[Any, None] = weakref.WeakKeyDictionary()

    def count(self, *tensors: Tensor) -> None:
        """Count the storages of tensors that are not counted yet."""
        for tensor in tensors:
            storage = tensor.untyped_storage()
            if storage in self._seen:
                continue
            self._seen[storage] = None
            size = storage.nbytes()
            self.alive += size
            weakref.finalize(storage, self._free, size)
        if self.alive > self.peak:
            self.peak, self.peak_phase = self.alive, self.phase

    def _free(self, size: int) -> None:
        self.alive -= size

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.phase == "backward" and function is torch.ops.aten.add.Tensor and _last_holder(*args[:2]):
            function = torch.ops.aten.add_.Tensor
        made = function(*args, **(kwargs or {}))
        self.count(*(leaf for leaf in tree_leaves(made) if isinstance(leaf, Tensor)))
        return made


def _last_holder(gradient: Any, other: Any) -> bool:
    """Whether autograd would add a gradient in place: it holds the only reference to it, and it has no gaps.

    Under a dispatch mode it never does, which would show in the peak.
    """
    if not isinstance(gradient, Tensor) or not isinstance(other, Tensor) or gradient.shape != other.shape:
        return False
    holders = torch._C._storage_Use_Count(gradient.untyped_storage()._cdata)
    alone = holders == 2  # the tensor, and the storage asked for here
    return alone and is_non_overlapping_and_dense_or_false(gradient)


def measure(net: Network, *, fake: bool = True, dtype: str = "fp32") -> Measured:
    """Trace an inference and a training step of a network whose inputs have no symbols left.

    `dtype` is one of `PRECISIONS`; mixed is the CPU's autocast, whose lists of operators are not quite a GPU's.
    """
    mode: Callable[[], AbstractContextManager[Any]] = FakeTensorMode if fake else nullcontext
    floats = torch.bfloat16 if dtype == "bf16" else torch.float32
    model = net.compile(None if header(net.graph)["devices"] else "meta")
    with mode():
        _materialise(model, floats)
        given, wanted = inputs(net, "cpu", floats), target(net, "cpu")
        cast = partial(torch.autocast, "cpu", dtype=torch.bfloat16, enabled=dtype == "mixed")
        with cast():
            inference = _inference(model, given)
        with cast():
            kept = _kept(model, given)
        training = _training(model, given, wanted, cast)
    return Measured(inference, kept, training.peak, training.peak_phase)


def _materialise(model: Any, floats: torch.dtype) -> None:
    """Give a compiled network weights of no particular values."""
    for module in model.modules():
        for name, weight in list(module._parameters.items()):
            if weight is not None:
                made = torch.zeros(weight.shape, dtype=floats)
                module._parameters[name] = nn.Parameter(made, requires_grad=weight.requires_grad)
        for name, buffer in list(module._buffers.items()):
            if buffer is not None:
                dtype = floats if buffer.is_floating_point() else buffer.dtype
                module._buffers[name] = torch.zeros(buffer.shape, dtype=dtype)


def inputs(net: Network, device: str, floats: torch.dtype = torch.float32) -> list[Tensor]:
    """Inputs of the shapes that the network declares."""
    nodes = [layer(net.graph, name) for name in header(net.graph)["inputs"]]
    types = [floats if node["dtype"] == "float32" else getattr(torch, node["dtype"]) for node in nodes]
    return [_zeros(node, dtype, device) for node, dtype in zip(nodes, types, strict=True)]


def target(net: Network, device: str) -> dict[str, Tensor] | None:
    """Targets for the network's loss, by name; None where it has no loss."""
    loss = header(net.graph)["loss"]
    if loss is None:
        return None
    nodes = {name: layer(loss, name) for name in header(net.graph)["targets"]}
    return {name: _zeros(node, getattr(torch, node["dtype"]), device) for name, node in nodes.items()}


def _zeros(node: Layer, dtype: torch.dtype, device: str) -> Tensor:
    return torch.zeros([int(size) for size in node["shape"] if isinstance(size, int)], dtype=dtype, device=device)


def _inference(model: Any, given: list[Tensor]) -> int:
    model.eval()
    trace = Trace()
    with torch.no_grad(), trace:
        trace.count(*model.parameters(), *model.buffers())
        weights = trace.alive
        trace.count(*given)
        made = model(*given)
        del made
    return trace.peak - weights


def _kept(model: Any, given: list[Tensor]) -> int:
    """The bytes of the storages that autograd holds after a forward pass, weights excluded."""
    model.train()
    own = {id(t.untyped_storage()) for t in [*model.parameters(), *model.buffers()]}
    held: dict[int, Any] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if id(storage) not in own:
            held[id(storage)] = storage
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        made = model(*given)
    del made
    return sum(storage.nbytes() for storage in held.values())


def _training(model: Any, given: list[Tensor], wanted: dict[str, Tensor] | None, cast: Callable[[], Any]) -> Trace:
    """The trace of a training step, weights included, gradients None before it; backward is outside of autocast."""
    model.train()
    trace = Trace()
    with trace:
        trace.count(*model.parameters(), *model.buffers(), *given, *(wanted or {}).values())
        trace.phase = "forward"
        with cast():
            outputs = model(*given)
            loss = _loss(model, outputs, wanted)
        trace.phase = "backward"
        if loss.requires_grad:  # nothing goes back to integers
            loss.backward()
    return trace


def _loss(model: Any, outputs: Any, wanted: dict[str, Tensor] | None) -> Any:
    """The network's loss; where it has none, one whose gradients of the outputs are as large as they are."""
    if wanted is not None:
        return model.loss(outputs, wanted)
    return sum((end * 1.0).sum() for end in (outputs if isinstance(outputs, tuple) else (outputs,)))


def measure_on_gpu(net: Network) -> Measured:
    """The same on a GPU: peaks as `torch.cuda.max_memory_allocated` has them, in which workspaces are included."""
    model = net.compile("cuda")
    given, wanted = inputs(net, "cuda"), target(net, "cuda")

    def peak_of(run: Callable[[], Any]) -> int:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        run()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated()

    weights = sum(t.untyped_storage().nbytes() for t in [*model.parameters(), *model.buffers()])
    model.eval()
    with torch.no_grad():
        inference = peak_of(lambda: model(*given)) - weights
    kept = _kept(model, given)
    model.train()

    def step() -> None:
        _loss(model, model(*given), wanted).backward()

    return Measured(inference, kept, peak_of(step), "")

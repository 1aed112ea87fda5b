"""How long layers take by the roofline model: a layer cannot be done before its arithmetic is, nor before its bytes
have moved, whichever is later (Williams, Waterman and Patterson, "Roofline", CACM 2009), and each begins with a launch.

    seconds = launch · kernels + max(FLOPs / arithmetic rate + operations / operation rate, bytes / bandwidth)

A recurrent layer has a kernel for each step, any other counts as one. The bytes of a layer are what it reads
(tensors, weights, and in backward what was kept) and what it makes. Tensors move at the bandwidth for as many bytes
as the layer moves, so that small ones may stay in a cache; weights at that for all weights of the network, since all
the others pass through the caches before they are read again. Layers run one after another; copies between devices
are not counted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from archdsl.diagnostics import Diagnostic
from archdsl.dims import Size
from archdsl.errors import SpecError
from archdsl.graph import Graph
from archdsl.measure.memory.training import trainable
from archdsl.measure.run.execution import Execution, ExecutionStep, Hardware, Runs, Setting
from archdsl.measure.run.optimizer import OPTIMIZERS
from archdsl.measure.run.precision import PRECISIONS
from archdsl.measure.run.recomputed import macs_again, recomputed
from archdsl.measure.run.saved import keeps_what_it_makes, saved
from archdsl.measure.time.device_profile import DeviceProfile, Pass, ProfileError, rate_of
from archdsl.net_view import NetView

Bound: TypeAlias = Literal["arithmetic", "memory", "launch", ""]
RATES: Final = {2: "bf16", 4: "fp32"}  # the arithmetic of a layer, by the bytes of a value that it makes
PRECISION_RATES: Final[Mapping[str, tuple[str, ...]]] = {
    "fp32": ("fp32",),
    "bf16": ("bf16",),
    "mixed": ("fp32", "bf16"),
}


@dataclass(frozen=True, slots=True)
class Workload:
    """One run of a layer in one direction, or of several together.

    flops: of multiply-adds. operations: all others. bytes: read and made. `bound` says what takes longest.
    """

    flops: int = 0
    operations: int = 0
    bytes: int = 0
    seconds: float = 0.0
    bound: Bound = ""

    @property
    def intensity(self) -> float | None:
        """Arithmetic intensity: FLOPs and other operations for each byte; None where no byte is moved."""
        return (self.flops + self.operations) / self.bytes if self.bytes else None

    def __add__(self, other: Workload) -> Workload:
        return together((self, other))


NOTHING: Final = Workload()


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes that a layer reads and makes: of tensors, and of weights with their gradients."""

    reads: int
    makes: int
    weights: int = 0
    gradients: int = 0

    @property
    def bytes(self) -> int:
        return self.reads + self.makes + self.weights + self.gradients


@dataclass(frozen=True, slots=True)
class Timing:
    """Predicted times by layer: of inference, and of a training step's forward and backward pass.

    Backward includes what a `@checkpoint` computes again. `loss` is what computes the loss, both ways; `update` the
    optimizer's step.
    """

    profile: DeviceProfile
    dtype: str
    optimizer: str
    inference: Mapping[str, Workload]
    forward: Mapping[str, Workload]
    backward: Mapping[str, Workload]
    loss: Workload
    update: Workload

    @property
    def inference_total(self) -> Workload:
        return together(self.inference.values())

    @property
    def step_total(self) -> Workload:
        """A step of training: forward, loss, backward, update."""
        return together([*self.forward.values(), self.loss, *self.backward.values(), self.update])

    def step(self, path: str) -> Workload:
        """One layer in a step of training, forward and backward."""
        return self.forward.get(path, NOTHING) + self.backward.get(path, NOTHING)

    def bound_by(self, bound: Bound) -> tuple[int, float]:
        """How many layers of inference are bound by something, and their share of its time."""
        found = [work.seconds for work in self.inference.values() if work.bound == bound]
        whole = self.inference_total.seconds
        return len(found), sum(found) / whole if whole else 0.0

    def to_dict(self) -> dict[str, Any]:
        return {
            "profile": self.profile.name,
            "source": self.profile.source,
            "dtype": self.dtype,
            "optimizer": self.optimizer,
            "inference": _plain(self.inference_total),
            "training_step": _plain(self.step_total),
            "loss": _plain(self.loss),
            "update": _plain(self.update),
            "layers": {
                path: {
                    "inference": _plain(self.inference.get(path, NOTHING)),
                    "forward": _plain(self.forward.get(path, NOTHING)),
                    "backward": _plain(self.backward.get(path, NOTHING)),
                }
                for path in dict.fromkeys((*self.inference, *self.forward))
            },
        }


def together(works: Iterable[Workload]) -> Workload:
    """Several as one, bound by what binds for the longest."""
    flops = operations = bytes = 0
    seconds: dict[Bound, float] = {}
    for work in works:
        flops += work.flops
        operations += work.operations
        bytes += work.bytes
        seconds[work.bound] = seconds.get(work.bound, 0.0) + work.seconds
    return Workload(flops, operations, bytes, sum(seconds.values()), max(seconds, key=lambda b: seconds[b], default=""))


def _plain(work: Workload) -> dict[str, Any]:
    return {
        "seconds": work.seconds,
        "flops": work.flops,
        "operations": work.operations,
        "bytes": work.bytes,
        "intensity": work.intensity,
        "bound": work.bound or None,
    }


def predict(
    graph: Graph,
    profile: DeviceProfile,
    *,
    dtype: str = "fp32",
    optimizer: str = "sgd",
    values: Mapping[str, int] | None = None,
) -> Timing:
    """The predicted times of a network on a device, for the batch given, or that of `values`.

    Raises `SpecError` where a size is left open, `ProfileError` for a dtype that the profile has no rates for.
    """
    net, runs = _runs(graph, profile, dtype, values)
    training = _Roofline(runs.training, profile)
    forward, backward = training.forward(), training.backward()
    inside = net.layers
    return Timing(
        profile,
        dtype,
        optimizer,
        _Roofline(runs.inference, profile).forward(),
        {name: work for name, work in forward.items() if name in inside},
        {name: work for name, work in backward.items() if name in inside},
        together(work for each in (forward, backward) for name, work in each.items() if name not in inside),
        training.update(optimizer),
    )


def predict_inference(
    graph: Graph, profile: DeviceProfile, *, dtype: str = "fp32", values: Mapping[str, int] | None = None
) -> Mapping[str, Workload]:
    """What the layers of a network do on a device in inference alone, for the batch given, or that of `values`. Raises
    what `predict` raises."""
    _, runs = _runs(graph, profile, dtype, values)
    return _Roofline(runs.inference, profile).forward()


def _runs(
    graph: Graph, profile: DeviceProfile, dtype: str, values: Mapping[str, int] | None = None
) -> tuple[NetView, Runs]:
    missing = [name for name in PRECISION_RATES[dtype] if name not in profile.precisions()]
    if missing:
        known = ", ".join(profile.precisions())
        raise ProfileError(f"`{profile.name}` has no rates for {missing[0]}; it has those of {known}")
    net = NetView(graph, values)
    _refuse_open_sizes(net)
    hardware: Hardware = "cuda" if profile.hardware == "cuda" else "cpu"
    return net, Runs(net, Setting(PRECISIONS[dtype], hardware))


def _refuse_open_sizes(net: NetView) -> None:
    for node in net.layers.values():
        for shape in node["outputs"]:
            open_ = [size for size in net.counted(shape) if not isinstance(size, int)]
            if open_:
                message = f"a time needs numbers, but a size here is {open_[0]}"
                help = "give symbols a value: --at, or --input with numbers"
                raise SpecError([Diagnostic("undecided", message, node["span"], help=help)])


class _Roofline:
    """The work of an execution's steps on a device."""

    def __init__(self, run: Execution, profile: DeviceProfile) -> None:
        self.run = run
        self.profile = profile
        self.wanted = run.wanted
        self.saved = saved(run) if run.training else {}
        self.again = recomputed(run) if run.training else {}
        # By path, since later uses of shared weights have none of their own.
        self.weights = {step.node["path"]: self._weight_bytes(step) for step in run.steps if step.node["weights"]}
        self.trained = {step.node["path"]: trainable(step.node) for step in run.steps if step.node["weights"]}
        self.all_weights = sum(self.weights.values())

    def forward(self) -> dict[str, Workload]:
        return {step.name: self._forward(step) for step in self.run.steps if step.node["op"] != "input"}

    def backward(self) -> dict[str, Workload]:
        """What layers do in backward, each with what it computes again."""
        steps = [step for step in self.run.steps if step.name in self.saved and not self.run.due.isdisjoint(step.makes)]
        readers = Counter(tensor for step in steps for tensor in step.reads)
        seen: set[Any] = set()
        found = {}
        for step in reversed(steps):
            work = self._backward(step, [t for t in step.reads if readers[t] > 1 and t in seen])
            seen.update(step.reads)
            found[step.name] = work + self._again(step) if step.name in self.again else work
        return found

    def _again(self, step: ExecutionStep) -> Workload:
        """What backward computes again of a step."""
        if self.again[step.name]:
            return self._forward(step)
        macs = macs_again(self.run, {step.name: step}, {step.name: False})[step.name]
        if macs == 0 and not keeps_what_it_makes(self.run, step):
            return NOTHING  # the recomputation stops before it
        return self._forward(step, macs)

    def update(self, optimizer: str) -> Workload:
        """The optimizer's step, which moves each weight, its gradient and states, and computes little."""
        bytes = sum(self.trained.values()) * self.run.setting.precision.weight * OPTIMIZERS[optimizer].passes
        if not bytes:
            return NOTHING
        kernels = 1  # for all tensors at once; on the CPU they come one after the other
        if self.run.setting.hardware == "cpu":
            kernels = sum(w.role != "buffer" for s in self.run.steps if trainable(s.node) for w in s.node["weights"])
        moving, launching = bytes / self.profile.reading.at(bytes), kernels * self.profile.launch
        return Workload(0, 0, bytes, moving + launching, "memory" if moving >= launching else "launch")

    def _forward(self, step: ExecutionStep, macs: Size | None = None) -> Workload:
        """A step forward; `macs` are given where it is not run to its end."""
        operator, run = step.node["operator"], self.run
        if operator.aliases(run.training) or operator.owns_storage:
            return NOTHING
        inputs, output = self._shapes(step)
        reads = sum(self._size(tensor) for tensor in dict.fromkeys(step.reads))
        makes = sum(self._size(tensor) for tensor in step.makes)
        if step.name in self.saved:
            makes += _number(self.saved[step.name].extra)
        weights = self.weights.get(step.node["path"], 0)
        if operator.gathers:
            weights = min(weights, self._size(step.makes[0]))
            first = self._size(step.reads[0])
            reads -= max(first - self._size(step.makes[0]), 0)
        flops = _number(operator.macs(inputs, output) if macs is None else macs) * 2
        return self._work(step, self.profile.forward, flops, Traffic(reads, makes, weights))

    def _backward(self, step: ExecutionStep, added: list[Any]) -> Workload:
        """The gradients of what a step read and of its weights; those of `added` are added to others."""
        operator = step.node["operator"]
        inputs, output = self._shapes(step)
        wanted = [t in self.wanted and i not in operator.undifferentiated for i, t in enumerate(step.reads)]
        out = self._size(step.makes[0])
        new = [
            self._size(tensor)
            for i, (tensor, want) in enumerate(zip(step.reads, wanted, strict=True))
            if want and not self._passed_on(step, self._size(tensor) == out)
            if not (operator.joint and tensor in step.reads[:i])
        ]
        path = step.node["path"]
        trained = self.trained.get(path, 0) * self.run.setting.precision.weight
        sums = sum(self._size(tensor) for tensor in added)
        if not new and not trained:
            return self._moving(Traffic(2 * sums, sums)) if sums else NOTHING
        kept = self.saved[step.name]
        traffic = Traffic(
            reads=out + _number(kept.extra) + sum(_number(size) for _, size in kept.storages) + 2 * sums,
            makes=sum(new) + sums,
            weights=self.weights.get(path, 0) if new else 0,
            gradients=trained,
        )
        flops = _number(operator.backward_macs(inputs, output, wanted, bool(trained))) * 2
        return self._work(step, self.profile.backward, flops, traffic)

    @staticmethod
    def _passed_on(step: ExecutionStep, same: bool) -> bool:
        """Whether a gradient is that of the output, or a part of it, without work."""
        gradient = step.node["operator"].gradient
        return gradient == "part" or (gradient == "same" and same)

    def _work(self, step: ExecutionStep, rates: Pass, flops: int, traffic: Traffic) -> Workload:
        """A roofline for a step."""
        name = step.node["op"]
        inputs, output = self._shapes(step)
        operations = _number(step.node["operator"].operations(inputs, output))
        computing = 0.0
        if flops:
            length = _number(step.node["operator"].macs(inputs, output)) / math.prod(output)
            multiplying = rate_of(rates.arithmetic[RATES[self.run.elements[step.makes[0]]]], name)
            computing += flops / multiplying.at(length) if multiplying is not None else 0.0
        curve = rate_of(rates.operations, name)
        if curve is not None:
            computing += operations / curve.at(traffic.reads + traffic.makes)
        moving = self._moving(traffic)
        launch = self.profile.launch * _number(step.node["operator"].kernels(inputs))
        longest = max(computing, moving.seconds - self.profile.launch)
        bound: Bound = "launch" if launch > longest else "arithmetic" if computing == longest else "memory"
        return Workload(flops, operations, traffic.bytes, launch + longest, bound)

    def _moving(self, traffic: Traffic) -> Workload:
        """What only moves bytes."""
        profile, everything = self.profile, self.all_weights
        seconds = traffic.reads / profile.reading.at(traffic.reads) + traffic.makes / profile.writing.at(traffic.makes)
        seconds += traffic.weights / profile.weights.at(everything) + traffic.gradients / profile.writing.at(everything)
        return Workload(
            0, 0, traffic.bytes, profile.launch + seconds, "memory" if seconds > profile.launch else "launch"
        )

    def _shapes(self, step: ExecutionStep) -> tuple[list[Any], Any]:
        return [self.run.shapes[tensor] for tensor in step.reads], self.run.shapes[step.makes[0]]

    def _size(self, tensor: Any) -> int:
        return _number(self.run.sizes[tensor])

    def _weight_bytes(self, step: ExecutionStep) -> int:
        """Bytes of a layer's weights and buffers as it reads them."""
        width = self.run.setting.precision.activation if self.run.lowered(step) else self.run.setting.precision.weight
        return sum(math.prod(w.shape) * width for w in step.node["weights"])


def _number(size: Size) -> int:
    assert isinstance(size, int)  # open sizes were refused
    return size

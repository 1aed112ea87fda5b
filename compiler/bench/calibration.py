"""Measures what this machine reaches, as a device profile: layers of common shapes, one operator at a time."""

from __future__ import annotations

import datetime
import math
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import Any, Final

import torch
from torch import Tensor, nn

from archdsl.dims import Size
from archdsl.measure.time.device_profile import ANY, Curve, DeviceProfile, Pass, level
from archdsl.ops import OPERATORS, Operator
from archdsl.ops._op import build
from compiler.bench.interleaved import quick
from compiler.bench.stopwatch import Stopwatch
from compiler.devices import real
from compiler.fx.targets import resolve

KnownShape = tuple[int, ...]
BATCH: Final = 4
BUDGET: Final = 0.15  # seconds for each measurement, at least
MIN_ROUNDS: Final = 5
MAX_ROUNDS: Final = 200
ELEMENTS: Final = (2**12, 2**14, 2**16, 2**18, 2**20, 2**22, 2**24, 2**26)  # of tensors, for the bandwidth
FEATURES: Final = (128, 512, 2048, 6144)  # of products with few rows, for the bandwidth of weights
TYPES: Final = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Sample:
    """A layer to be measured: an operator's name and parameters, and the shapes of its inputs."""

    name: str
    inputs: tuple[KnownShape, ...]
    params: tuple[tuple[str, Any], ...] = ()

    @property
    def operator(self) -> Operator:
        return build(OPERATORS[self.name], dict(self.params))

    @property
    def output(self) -> KnownShape:
        return tuple(map(_known, self.operator.infer(*self.inputs)))

    @property
    def macs(self) -> int:
        return _known(self.operator.macs(self.inputs, self.output))

    @property
    def backward_macs(self) -> int:
        wanted, weighs = [True] * len(self.inputs), bool(self.operator.weights(*self.inputs))
        return _known(self.operator.backward_macs(self.inputs, self.output, wanted, weighs))

    @property
    def operations(self) -> int:
        """Operations; of a layer that only moves numbers, the numbers."""
        return _known(self.operator.operations(self.inputs, self.output)) or math.prod(self.output)


def _known(size: Size) -> int:
    assert isinstance(size, int)
    return size


def _sample(name: str, *inputs: KnownShape, **params: Any) -> Sample:
    return Sample(name, inputs, tuple(params.items()))


def _image(channels: int, size: int) -> KnownShape:
    return (BATCH, channels, size, size)


# Layers that take no longer than it takes to begin them.
TINY: Final = (
    _sample("relu", (1, 1, 1, 1)),
    _sample("add", (1, 1, 1, 1), (1, 1, 1, 1)),
    _sample("batch_norm", (1, 1, 1, 1)),
    _sample("conv", (1, 1, 3, 3), out_channels=1, kernel_size=3),
    _sample("linear", (1, 1), out_features=1),
    _sample("max_pool", (1, 1, 2, 2), kernel_size=2),
)
# Multiply-adds for each value of the output: 9, 36, 64, …, as they come in the networks of papers.
PRODUCTS: Final = (
    _sample("conv", _image(256, 28), out_channels=256, kernel_size=3, padding=1, groups=256),
    _sample("conv", _image(128, 56), out_channels=128, kernel_size=3, padding=1, groups=32),
    _sample("conv", _image(64, 56), out_channels=256, kernel_size=1),
    _sample("conv", _image(3, 224), out_channels=64, kernel_size=7, stride=2, padding=3),
    _sample("conv", _image(256, 56), out_channels=64, kernel_size=1),
    _sample("conv", _image(64, 56), out_channels=64, kernel_size=3, padding=1),
    _sample("conv", _image(1024, 14), out_channels=256, kernel_size=1),
    _sample("conv", _image(256, 14), out_channels=256, kernel_size=3, padding=1),
    _sample("conv", _image(512, 7), out_channels=512, kernel_size=3, padding=1),
    _sample("conv_transpose", _image(128, 28), out_channels=64, kernel_size=2, stride=2),
    _sample("conv_transpose", _image(512, 14), out_channels=256, kernel_size=2, stride=2),
    _sample("linear", (BATCH, 197, 192), out_features=768),
    _sample("linear", (BATCH, 197, 768), out_features=768),
    _sample("linear", (BATCH, 197, 3072), out_features=768),
    _sample("matmul", (BATCH, 12, 197, 64), (BATCH, 12, 64, 197)),
    _sample("scaled_dot_product_attention", *[(BATCH, 12, 197, 64)] * 3),
    _sample("multihead_attention", *[(BATCH, 197, 768)] * 3, num_heads=12),
)

_OTHERS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("max_pool", {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("avg_pool", {"kernel_size": 3, "stride": 2, "padding": 1}),
    ("adaptive_avg_pool", {"output_size": 7}),
    ("global_avg_pool", {}),
    ("batch_norm", {}),
    ("instance_norm", {}),
    ("group_norm", {"num_groups": 32}),
    ("local_response_norm", {"size": 5}),
    ("relu", {}),
    ("gelu", {}),
    ("silu", {}),
    ("sigmoid", {}),
    ("tanh", {}),
    ("dropout", {"p": 0.5}),
)
# Everything else, small enough for a cache, and not.
OTHERS: Final = (
    *(_sample(name, _image(64, size), **params) for name, params in _OTHERS for size in (28, 112)),
    *(_sample("add", _image(64, size), _image(64, size)) for size in (28, 112)),
    *(_sample("mul", _image(64, size), _image(64, size)) for size in (28, 112)),
    *(_sample("layer_norm", (BATCH, rows, 768)) for rows in (64, 1024)),
    *(_sample("softmax", (BATCH, 12, rows, 197), dim=-1) for rows in (64, 1024)),
)


def calibrate(
    device: str | torch.device = "cpu",
    *,
    name: str = "this machine",
    dtypes: Sequence[str] = ("fp32",),
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> DeviceProfile:
    """Measure a device. `dtypes` are keys of `TYPES`; `progress` is told how many measurements are done, of how many.

    Nothing else should run meanwhile: what else runs is measured as well. Raises `SpecError` for a device that is not
    here.
    """
    steps = len(ELEMENTS) + len(FEATURES) + len(dtypes) * len(PRODUCTS) + len(OTHERS)
    bench = _Bench(real(device), progress, steps)
    launch = median(bench.forward(sample, torch.float32) for sample in TINY)
    reading, writing = bench.bandwidths(launch)
    forward, backward = bench.products(dtypes, launch)
    others = [bench.operations(sample, launch) for sample in OTHERS]
    return DeviceProfile(
        name=name,
        title=_title(bench.device),
        hardware=bench.device.type,
        source=_source(bench.device),
        reading=reading,
        writing=writing,
        weights=bench.weights(launch),
        launch=launch,
        forward=Pass(forward, _curves([(name, size, rate) for name, size, rate, _ in others])),
        backward=Pass(backward, _curves([(name, size, rate) for name, size, _, rate in others])),
        memory=_memory(bench.device),
    )


class _Bench:
    """Measures samples on a device."""

    def __init__(self, device: torch.device, progress: Callable[[int, int], None], of: int) -> None:
        self.device = device
        self.clock = Stopwatch(device)
        self.progress = progress
        self.done, self.of = 0, of

    def forward(self, sample: Sample, dtype: torch.dtype) -> float:
        """Seconds of a layer in inference."""
        run, given = self._layer(sample, dtype)
        with torch.inference_mode():
            return self._time(lambda: run(*given), [])

    def backward(self, sample: Sample, dtype: torch.dtype) -> float:
        """Seconds of a layer's backward pass."""
        run, given = self._layer(sample, dtype)
        wanted = [tensor.requires_grad_() for tensor in given if tensor.is_floating_point()]
        if isinstance(run, nn.Module):
            wanted += run.train().parameters()
        found: list[float] = []
        gradient = torch.ones(sample.output, dtype=dtype, device=self.device)

        def step() -> None:
            made = run(*given)
            with self.clock.timed(found.append):
                torch.autograd.grad(made, wanted, gradient)

        return self._time(step, found)

    def bandwidths(self, launch: float) -> tuple[Curve, Curve]:
        """Bytes a second, of reading by their sum, and of writing by what a layer takes that reads and writes."""
        reading, writing = [], []
        for elements in ELEMENTS:
            bytes = 4 * elements
            tensor = torch.randn(elements).to(self.device)
            read = _without(self._time(tensor.sum, []), launch)
            both = _without(self.forward(_sample("relu", (elements,)), torch.float32), launch)
            reading.append((float(bytes), bytes / read))
            writing.append((float(bytes), bytes / _without(both, read)))
            self._tell()
        return Curve(tuple(reading)), Curve(tuple(writing))

    def weights(self, launch: float) -> Curve:
        """Bytes of weights a second, of products with few rows."""
        points = []
        for features in FEATURES:
            seconds = self.forward(_sample("linear", (BATCH, features), out_features=features), torch.float32)
            bytes = 4 * features * features
            points.append((float(bytes), bytes / _without(seconds, launch)))
            self._tell()
        return Curve(tuple(points))

    def products(self, dtypes: Sequence[str], launch: float) -> tuple[Any, Any]:
        """FLOP/s forward and backward by precision and operator."""
        passes: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for dtype in dtypes:
            points: tuple[list[Any], list[Any]] = ([], [])
            for sample in PRODUCTS:
                length = sample.macs / math.prod(sample.output)
                counts = (sample.macs, sample.backward_macs)
                for found, measure, count in zip(points, (self.forward, self.backward), counts, strict=True):
                    seconds = measure(sample, TYPES[dtype])
                    found.append((sample.name, length, 2 * count / _without(seconds, launch)))
                self._tell()
            for found, one in zip(points, passes, strict=True):
                one[dtype] = {ANY: level(median(rate for _, _, rate in found)), **_curves(found)}
        return passes

    def operations(self, sample: Sample, launch: float) -> tuple[str, float, float, float]:
        """An operator's name, the bytes it moves, and its operations a second forward and backward."""
        count = sample.operations
        moved = 4 * (sum(math.prod(shape) for shape in sample.inputs) + math.prod(sample.output))
        forward = count / _without(self.forward(sample, torch.float32), launch)
        backward = count / _without(self.backward(sample, torch.float32), launch)
        self._tell()
        return sample.name, float(moved), forward, backward

    def _layer(self, sample: Sample, dtype: torch.dtype) -> tuple[Callable[..., Any], list[Tensor]]:
        """What computes a sample, in inference until it is told otherwise, and random inputs."""
        target = sample.operator.target(*sample.inputs)
        given = [torch.randn(shape).to(self.device, dtype) for shape in sample.inputs]
        function = resolve(target.name)
        if target.kind == "module":
            module = function(**target.kwargs).to(self.device, dtype).eval()
            return module, given
        return lambda *tensors: function(*tensors, *target.args, **target.kwargs), given

    def _time(self, run: Callable[[], Any], inner: list[float]) -> float:
        """The seconds of a run, or of what it timed inside."""
        found: list[float] = []
        rounds = 0
        while rounds < MIN_ROUNDS or (sum(found) < BUDGET and rounds < MAX_ROUNDS):
            with self.clock.timed(found.append):
                run()
            self.clock.finish()
            rounds += 1
        return quick((inner or found)[MIN_ROUNDS // 2 :])

    def _tell(self) -> None:
        self.done += 1
        self.progress(self.done, self.of)


def _without(seconds: float, other: float) -> float:
    """What is left of a time without another; less than a quarter of it no measurement can tell."""
    return max(seconds - other, seconds / 4)


def _curves(points: Sequence[tuple[str, float, float]]) -> dict[str, Curve]:
    """Curves by name, of points (name, size, rate); of points at one size the last counts."""
    ordered = sorted(points, key=lambda point: point[:2])
    return {
        name: Curve(tuple({size: rate for _, size, rate in found}.items()))
        for name, found in groupby(ordered, key=lambda point: point[0])
    }


def _title(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"


def _source(device: torch.device) -> str:
    where = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    return f"measured by `archdsl calibrate` on {datetime.date.today()}, torch {torch.__version__}, {where}"


def _memory(device: torch.device) -> int | None:
    return int(torch.cuda.get_device_properties(device).total_memory) if device.type == "cuda" else None

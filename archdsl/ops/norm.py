"""Normalisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from archdsl.dims import Shape, Size, product, show
from archdsl.ops._op import (
    Example,
    Kept,
    Operator,
    ShapeError,
    Target,
    Use,
    Weight,
    Weighted,
    choose,
    divisor_near,
    divisors,
    known,
    param,
    rank_between,
    same,
)
from archdsl.ops.assumptions import fits
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import ForeignCall, ForeignTensor, Made, Reads, Unreadable, Whole, reading
from archdsl.ops.kinds import Boolean, Integer, Integers, Number
from archdsl.ops.sight import Sees, Slide, pointwise, window
from archdsl.ops.strides import Lies

EPS = Number(0, above=True)
AFFINE = "whether a scale is learnt, and a shift"
SHIFT = "whether the shift is learnt"


class _Norm(Weighted):
    """A normalisation: it starts as the identity, whatever the network's `init`."""

    takes_default_init = False
    lends: ClassVar[tuple[str, ...]] = ("weight", "bias")
    keeps_weights: ClassVar[tuple[str, ...]] = ("weight",)
    weight_places: ClassVar[Mapping[str, tuple[int, int]]] = {"weight": (0, 1), "bias": (0, 1)}
    lies: ClassVar[Lies] = "in format"

    def statistics(self, shape: Shape) -> Size:
        """How many means it computes."""
        return shape[1]

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # For the mean 1, for the variance 3 (subtract, square, add), 1 to divide; 1 to scale, and 1 to shift.
        return (5 + self.scales + self.shifts) * product(output)

    @property
    def scales(self) -> bool:
        """Whether a scale is learnt."""
        return bool(self.params.get("affine", self.params.get("elementwise_affine")))

    @property
    def shifts(self) -> bool:
        """Whether a shift is learnt beside the scale."""
        return self.scales and bool(self.params.get("bias"))

    def saves_float32(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * self.statistics(inputs[0])  # a mean and an inverse deviation each


def _channels(op: Operator, shape: Shape) -> int:
    return known(shape[1], f"the number of channels of `{op.name}`")


def _several_values(op: Operator, sizes: Shape, shape: Shape) -> None:
    """Refuse statistics over one value; symbols are taken to be large enough."""
    if not fits(product(sizes), 2):
        raise ShapeError(
            f"`{op.name}` needs more than one value to normalise over, found {show(shape)}",
            code="single-value-norm",
            culprits=(0,),
        )


def _affine(op: _Norm, channels: int) -> tuple[Weight, ...]:
    """The scale and the shift of each channel, where they are learnt."""
    weight, bias = Weight("weight", (channels,)), Weight("bias", (channels,), "bias")
    return (weight,) * op.scales + (bias,) * op.shifts


def _computed(op: _Norm, layer: str, settings: dict[str, Any]) -> Target:
    """torch's layer; of a scale without a shift one of our own, which not every release of torch has."""
    if op.scales and not op.shifts:
        return Target(f"compiler.fx.lent.Lent{layer}", {**settings, "bias": False, "lent": ()})
    return Target(f"torch.nn.{layer}", settings)


def _statistics(channels: int, on: bool) -> tuple[Weight, ...]:
    if not on:
        return ()
    return (
        Weight("running_mean", (channels,), "buffer"),
        Weight("running_var", (channels,), "buffer"),
        Weight("num_batches_tracked", (), "buffer", "int64"),
    )


_AFFINE: Mapping[str, str] = {"weight": "weight", "bias": "bias"}
_STATE: Mapping[str, str] = {**_AFFINE, "running_mean": "running_mean", "running_var": "running_var"}


def _affine_given(call: ForeignCall) -> bool:
    return call.get("weight") is not None


def _shifted(call: ForeignCall) -> bool:
    return call.get("bias") is not None or call.get("weight") is None


def _tracked(call: ForeignCall) -> bool:
    return call.get("running_mean") is not None


def _several(call: ForeignCall) -> list[int] | None:
    """The sizes normalised, where they are more than the last one, which goes without saying."""
    sizes: list[int] = list(call.get("normalized_shape"))
    return sizes if len(sizes) > 1 else None


def _scaled_alone(call: ForeignCall) -> Made:
    """torch takes a scale without a shift; here the shift is 0 then, and lent as the scale is."""
    scale = call.tensor("weight")
    if call.get("bias") is not None or scale.state is not None or call.get("running_mean") is not None:
        raise Unreadable("a scale and a shift of its own")
    shift = ForeignTensor(f"{scale.name} shift", scale.shape, content=[0.0] * known(scale.shape[0], "a size"))
    parameters = {"eps": call.get("eps"), "track_running_stats": False}
    return Made("batch_norm", parameters, (call.tensor("input"),), {"weight": scale, "bias": shift})


def _onnx_momentum(call: ForeignCall) -> float:
    return round(1 - float(call.get("momentum", 0.9)), 6)  # of what was before


def _onnx_layer_norm(call: ForeignCall) -> Made:
    weights = {"weight": call.tensor("Scale")} | ({"bias": call.tensor("B")} if call.get("B") is not None else {})
    sizes = list(weights["weight"].shape)
    parameters = {"normalized_shape": sizes if len(sizes) > 1 else None, "eps": call.get("epsilon", 1e-5)}
    return Made("layer_norm", {**parameters, "bias": "bias" in weights}, (call.tensor("X"),), weights)


@deferred_dataclass
class BatchNorm(_Norm, group="normalization"):
    """Batch normalisation over every dimension but the channels (Ioffe and Szegedy, 2015, arXiv:1502.03167).

    In training it needs more than one value for each channel.
    """

    eps: float = param(EPS, "added to the variance", 1e-5, kw_only=True)
    momentum: float = param(Number(0, 1), "weight of the new batch in the running statistics", 0.1, kw_only=True)
    affine: bool = param(Boolean(), AFFINE, True, kw_only=True)
    track_running_stats: bool = param(Boolean(), "whether running statistics serve in inference", True, kw_only=True)
    bias: bool = param(Boolean(), SHIFT, True, kw_only=True)

    told = 1
    saves = ("input",)
    reads = (
        reading("aten.batch_norm", _scaled_alone),
        Reads(
            "aten.batch_norm",
            {"affine": _affine_given, "track_running_stats": _tracked},
            weights=_STATE,
            ignored=("training", "cudnn_enabled"),
        ),
        Reads(
            "onnx.BatchNormalization",
            {"eps": "epsilon", "momentum": _onnx_momentum},
            weights={"weight": "scale", "bias": "B", "running_mean": "input_mean", "running_var": "input_var"},
            inputs=("X",),
            ignored=("momentum", "training_mode"),
        ),
    )
    examples = (
        Example("batch_norm", ((2, 8, 5, 5),), (2, 8, 5, 5)),
        Example("batch_norm(eps = 0.001, affine = false)", ((4, 8),), (4, 8)),
        Example("batch_norm(track_running_stats = false)", ((2, 8, 3),), (2, 8, 3)),
        Example("batch_norm(momentum = 0.01)", ((2, 3, 2, 2, 2),), (2, 3, 2, 2, 2)),
        Example("batch_norm(bias = false)", ((2, 8, 5, 5),), (2, 8, 5, 5)),
        Example("batch_norm", ((2, 8, 5, 5), (8,), (8,)), (2, 8, 5, 5), named=("weight", "bias")),
        Example("batch_norm(bias = false)", ((2, 8), (8,)), (2, 8), named=("weight",)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 2, 5, "[N, C] to [N, C, D, H, W]")
        _channels(self, shape)
        if not self.track_running_stats:  # the statistics are the batch's own in inference too
            _several_values(self, (shape[0], *shape[2:]), shape)
        return shape

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        channels = _channels(self, inputs[0])
        return _affine(self, channels) + _statistics(channels, self.track_running_stats)

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # With running statistics all of it is one scale and one shift.
        return 2 * product(output) if self.track_running_stats else super().operations(inputs, output)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        batch = () if self.track_running_stats else (0, *range(2, len(output)))  # in inference
        return pointwise(inputs[0], output, mixed=batch)

    def target(self, *inputs: Shape) -> Target:
        kwargs = {"num_features": inputs[0][1], **_settings(self, "eps", "momentum", "affine", "track_running_stats")}
        return _computed(self, f"BatchNorm{max(len(inputs[0]) - 2, 1)}d", kwargs)


@deferred_dataclass
class InstanceNorm(_Norm, group="normalization"):
    """Normalisation of each channel of each sample over its spatial dimensions."""

    eps: float = param(EPS, "added to the variance", 1e-5, kw_only=True)
    momentum: float = param(Number(0, 1), "weight of the new batch in the running statistics", 0.1, kw_only=True)
    affine: bool = param(Boolean(), AFFINE, False, kw_only=True)
    track_running_stats: bool = param(Boolean(), "whether running statistics serve in inference", False, kw_only=True)
    bias: bool = param(Boolean(), SHIFT, True, kw_only=True)

    keeps_weights = ()  # copies of them
    saves = ("input",)
    lies = "in order"
    reads = (
        Reads(
            "aten.instance_norm",
            {"affine": _affine_given, "track_running_stats": _tracked},
            weights=_STATE,
            ignored=("use_input_stats", "cudnn_enabled"),
        ),
    )
    examples = (
        Example("instance_norm", ((2, 8, 5, 5),), (2, 8, 5, 5)),
        Example("instance_norm(affine = true, track_running_stats = true)", ((2, 8, 5),), (2, 8, 5)),
        Example("instance_norm(affine = true, bias = false)", ((2, 8, 5),), (2, 8, 5)),
        Example("instance_norm", ((2, 8, 5, 5), (8,), (8,)), (2, 8, 5, 5), named=("weight", "bias")),
        Example("instance_norm(bias = false)", ((2, 8, 5, 5), (8,)), (2, 8, 5, 5), named=("weight",)),
    )

    @classmethod
    def told_by(cls, weight: Shape, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"affine": True}

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 3, 5, "[N, C, L], [N, C, H, W] or [N, C, D, H, W]")
        _channels(self, shape)
        _several_values(self, shape[2:], shape)
        return shape

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        channels = _channels(self, inputs[0])
        return _affine(self, channels) + _statistics(channels, self.track_running_stats)

    def copies(self, use: Use) -> tuple[Size, ...]:
        return (0 if use.inputs[0].in_order else use.inputs[0].values,)

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # The scale and the running statistics, repeated for each sample.
        return self.statistics(inputs[0]) * (self.affine + 2 * self.track_running_stats)

    def statistics(self, shape: Shape) -> Size:
        return shape[0] * shape[1]

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        instance = () if self.track_running_stats else range(2, len(output))  # in inference
        return pointwise(inputs[0], output, mixed=instance)

    def target(self, *inputs: Shape) -> Target:
        kwargs = {"num_features": inputs[0][1], **_settings(self, "eps", "momentum", "affine", "track_running_stats")}
        return _computed(self, f"InstanceNorm{len(inputs[0]) - 2}d", kwargs)


@deferred_dataclass
class GroupNorm(_Norm, group="normalization"):
    """Normalisation over groups of channels (Wu and He, 2018, arXiv:1803.08494)."""

    num_groups: int = param(Integer(1), "groups of channels")
    eps: float = param(EPS, "added to the variance", 1e-5, kw_only=True)
    affine: bool = param(Boolean(), AFFINE, True, kw_only=True)
    bias: bool = param(Boolean(), SHIFT, True, kw_only=True)

    saves = ("input",)
    autocast = "float32"
    reads = (Reads("aten.group_norm", {"affine": _affine_given}, weights=_AFFINE, ignored=("cudnn_enabled",)),)
    examples = (
        Example("group_norm(4)", ((2, 8, 5, 5),), (2, 8, 5, 5)),
        Example("group_norm(1, affine = false)", ((2, 6, 3),), (2, 6, 3)),
        Example("group_norm(4, bias = false)", ((2, 8, 5, 5),), (2, 8, 5, 5)),
        Example("group_norm(2)", ((2, 8, 5, 5), (8,)), (2, 8, 5, 5), named=("weight",)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 2, 5, "[N, C] to [N, C, D, H, W]")
        channels = _channels(self, shape)
        if channels % self.num_groups:
            raise ShapeError(
                f"{channels} channels are not divisible by num_groups = {self.num_groups}",
                code="groups",
                help=choose("num_groups", divisors(channels), "channels"),
                culprits=((0, 1),),
                instead={"num_groups": divisor_near(self.num_groups, channels)},
            )
        # torch counts the samples too, though each group of each sample is normalised for itself.
        _several_values(self, (shape[0], channels // self.num_groups, *shape[2:]), shape)
        return shape

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return _affine(self, _channels(self, inputs[0]))

    def copies(self, use: Use) -> tuple[Size, ...]:
        return (0 if use.inputs[0].in_format else use.inputs[0].values,)

    def statistics(self, shape: Shape) -> Size:
        return shape[0] * self.num_groups

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[0], output, mixed=range(1, len(output)))

    def target(self, *inputs: Shape) -> Target:
        kwargs = {"num_channels": inputs[0][1], **_settings(self, "num_groups", "eps", "affine")}
        return _computed(self, "GroupNorm", kwargs)


@deferred_dataclass
class LayerNorm(_Norm, group="normalization"):
    """Normalisation over the last dimensions (Ba et al., 2016, arXiv:1607.06450)."""

    normalized_shape: tuple[int, ...] | None = param(
        Integers(1), "sizes of the dimensions normalised; the last one if not given", None
    )
    eps: float = param(EPS, "added to the variance", 1e-5, kw_only=True)
    elementwise_affine: bool = param(Boolean(), AFFINE, True, kw_only=True)
    bias: bool = param(Boolean(), SHIFT, True, kw_only=True)

    keeps_weights = ("weight", "bias")
    saves = ("input",)
    autocast = "float32"
    lies = "in order"
    reads = (
        Reads(
            "aten.layer_norm",
            {"normalized_shape": _several, "elementwise_affine": _affine_given, "bias": _shifted},
            weights=_AFFINE,
            ignored=("normalized_shape", "cudnn_enable"),
        ),
        reading("onnx.LayerNormalization", _onnx_layer_norm),
    )
    examples = (
        Example("layer_norm", ((2, 5, 16),), (2, 5, 16)),
        Example("layer_norm([8, 4], bias = false)", ((2, 3, 8, 4),), (2, 3, 8, 4)),
        Example("layer_norm(bias = false)", ((2, 3, 8, 4), (8, 4)), (2, 3, 8, 4), named=("weight",)),
        Example("layer_norm", ((2, 5, 16), (16,)), (2, 5, 16), named=("bias",)),
    )

    @classmethod
    def told_by(cls, weight: Shape, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"normalized_shape": weight}

    def _sizes(self, shape: Shape) -> tuple[int, ...]:
        return normalized_sizes(self, shape, self.normalized_shape)

    def infer(self, *inputs: Shape) -> Shape:
        rank_between(self, inputs[0], 1, 8, "[..., D]")
        return normalized(self, inputs[0], self._sizes(inputs[0]))

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        if not self.elementwise_affine:
            return ()
        sizes = self._sizes(inputs[0])
        return (Weight("weight", sizes), *([Weight("bias", sizes, "bias")] if self.bias else []))

    def statistics(self, shape: Shape) -> Size:
        return product(shape[: len(shape) - len(self._sizes(shape))])

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        rank = len(output)
        return pointwise(inputs[0], output, mixed=range(rank - len(self._sizes(inputs[0])), rank))

    def sees_weight(self, name: str, weight: Shape, output: Shape) -> Sees:
        return pointwise(weight, output)

    def target(self, *inputs: Shape) -> Target:
        kwargs = {"normalized_shape": self._sizes(inputs[0]), **_settings(self, "eps", "elementwise_affine", "bias")}
        return Target("torch.nn.LayerNorm", kwargs)


@deferred_dataclass
class RmsNorm(_Norm, group="normalization"):
    """x divided by the root of the mean of its squares over the last dimensions (Zhang and Sennrich, 2019,
    arXiv:1910.07467)."""

    normalized_shape: tuple[int, ...] | None = param(
        Integers(1), "sizes of the dimensions normalised; the last one if not given", None
    )
    eps: float | None = param(EPS, "added to the mean; the least step from 1 if not given", None, kw_only=True)
    elementwise_affine: bool = param(Boolean(), "whether a scale is learnt", True, kw_only=True)

    lends = ("weight",)
    autocast = "float32"
    reads = (
        Reads(
            "aten.rms_norm",
            {"normalized_shape": _several, "elementwise_affine": _affine_given},
            weights={"weight": "weight"},
            ignored=("normalized_shape",),
        ),
    )
    examples = (
        Example("rms_norm(eps = 0.000001)", ((2, 5, 16),), (2, 5, 16)),
        Example("rms_norm([8, 4])", ((2, 3, 8, 4),), (2, 3, 8, 4)),
        Example("rms_norm(elementwise_affine = false)", ((2, 16),), (2, 16)),
        Example("rms_norm", ((2, 3, 8, 4), (8, 4)), (2, 3, 8, 4), named=("weight",)),
    )

    @classmethod
    def told_by(cls, weight: Shape, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"normalized_shape": weight}

    def infer(self, *inputs: Shape) -> Shape:
        rank_between(self, inputs[0], 1, 8, "[..., D]")
        return normalized(self, inputs[0], self._sizes(inputs[0]))

    def _sizes(self, shape: Shape) -> tuple[int, ...]:
        return normalized_sizes(self, shape, self.normalized_shape)

    def weights(self, *inputs: Shape) -> tuple[Weight, ...]:
        return (Weight("weight", self._sizes(inputs[0])),) if self.elementwise_affine else ()

    def statistics(self, shape: Shape) -> Size:
        return product(shape[: len(shape) - len(self._sizes(shape))])

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return (3 + self.scales) * product(output)  # squares, their sum, the division; the scale

    def keeps(self, use: Use) -> Kept:
        means = self.statistics(use.output)
        if use.hardware == "cuda":  # one kernel
            return Kept((0,), float32=means)
        scaled = product(use.output) if self.elementwise_affine and use.trained else 0
        return Kept((0,), values=means + scaled) if use.wanted[0] else Kept(values=scaled)

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 0

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        rank = len(output)
        return pointwise(inputs[0], output, mixed=range(rank - len(self._sizes(inputs[0])), rank))

    def sees_weight(self, name: str, weight: Shape, output: Shape) -> Sees:
        return pointwise(weight, output)

    def target(self, *inputs: Shape) -> Target:
        kwargs = {"normalized_shape": self._sizes(inputs[0]), **_settings(self, "eps", "elementwise_affine")}
        return Target("torch.nn.RMSNorm", kwargs)


def normalized_sizes(op: Operator, shape: Shape, sizes: tuple[int, ...] | None) -> tuple[int, ...]:
    """The sizes of the last dimensions that are normalised: of one, if nothing else is said."""
    return sizes if sizes is not None else (known(shape[-1], f"the last dimension, which `{op.name}` normalises"),)


def normalized(op: Operator, shape: Shape, sizes: tuple[int, ...]) -> Shape:
    """The shape of what is normalised over dimensions of these sizes. Raises `ShapeError`."""
    if len(sizes) > len(shape) or not all(map(same, sizes, shape[-len(sizes) :])):
        raise ShapeError(
            f"`normalized_shape` {show(sizes)} differs from the last dimensions of {show(shape)}",
            culprits=(0,),
            instead={"normalized_shape": shape[-len(sizes) :]},
        )
    return shape


def _whole_response_norm(calls: list[ForeignCall], taken: list[ForeignTensor]) -> Made:
    """torch's module by what it does: squares, a mean over a window of channels, times alpha, plus k, to the power."""
    if len(taken) != 1:
        raise Unreadable("`LocalResponseNorm` of several tensors")
    number = {call.name: call.get("other", call.get("exponent")) for call in calls
              if not isinstance(call.get("other", call.get("exponent")), (ForeignTensor, type(None)))}  # fmt: skip
    windows = [max(call.get("kernel_size")) for call in calls if "avg_pool" in call.name]
    if len(windows) != 1 or not {"aten.mul", "aten.add", "aten.pow"} <= number.keys():
        raise Unreadable("`LocalResponseNorm` that is worked out in another way")
    parameters = {"size": windows[0], "alpha": float(number["aten.mul"]), "beta": float(number["aten.pow"]),
                  "k": float(number["aten.add"])}  # fmt: skip
    return Made("local_response_norm", parameters, (taken[0],))


@deferred_dataclass
class LocalResponseNorm(Operator, group="normalization"):
    """Local response normalisation across channels (Krizhevsky et al., 2012, section 3.3), as torch computes it:

    b = a / (k + alpha / size · Σ a²)^beta. The paper does not divide alpha by size.
    """

    size: int = param(Integer(1), "channels in the sum")
    alpha: float = param(Number(), "weight of the sum", 1e-4)
    beta: float = param(Number(), "exponent", 0.75)
    k: float = param(Number(), "constant in the sum", 1.0)

    saves = ("input",)
    autocast = "float32"
    lies = "elementwise"
    reads = (
        Whole(_whole_response_norm, cls="torch.nn.modules.normalization.LocalResponseNorm"),
        Reads("onnx.LRN", {"k": "bias"}),
    )
    examples = (Example("local_response_norm(5, alpha = 0.0001, beta = 0.75, k = 2)", ((2, 8, 5, 5),), (2, 8, 5, 5)),)

    def infer(self, *inputs: Shape) -> Shape:
        rank_between(self, inputs[0], 3, 5, "[N, C, ...]")
        return inputs[0]

    def operations(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # A square and `size - 1` additions; then times alpha, plus k, the power, and the division.
        return (self.size + 4) * product(output)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        rest = (Slide(dim) for dim in range(2, len(output)))
        return (Slide(0), window(1, self.size, offset=-(self.size // 2)), *rest)

    def also_saves(self, inputs: Sequence[Shape], output: Shape) -> Size:
        # The squares with a border of channels, the sum before the power and the power itself.
        (shape,) = inputs
        return shape[0] * (shape[1] + self.size - 1) * product(shape[2:]) + 2 * product(shape)

    def scratch(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 2 * product(output)

    def scratch_backward(self, inputs: Sequence[Shape], output: Shape) -> Size:
        return 3 * product(output)

    def target(self, *inputs: Shape) -> Target:
        name = "compiler.fx.layers.VolumeResponseNorm" if len(inputs[0]) == 5 else "torch.nn.LocalResponseNorm"
        return Target(name, _settings(self, "size", "alpha", "beta", "k"))


def _settings(op: Operator, *names: str) -> dict[str, Any]:
    return {name: getattr(op, name) for name in names}

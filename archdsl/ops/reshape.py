"""Operators that rearrange a tensor: its values stay, its shape changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from archdsl.dims import Shape, Size, product, show, total
from archdsl.ops._op import (
    Example,
    Operator,
    ShapeError,
    Target,
    Use,
    choose,
    divisor_near,
    divisors,
    index_dim,
    known,
    param,
    rank_between,
    same,
)
from archdsl.ops.assumptions import fits
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.foreign import ForeignCall, ForeignOperand, ForeignTensor, Made, Reads, Unreadable, reading, same_as
from archdsl.ops.kinds import MAX_INT, Integer, Integers, Sides
from archdsl.ops.rearranged import (
    between,
    chunked,
    dims_moved,
    divided,
    expansion,
    flattened,
    mirrored,
    part,
    parts,
    permuted,
    reshaped,
    selected,
    sliced,
    squeezed,
    swapped,
    unbound,
    unflattened,
)
from archdsl.ops.sight import Sees, Slide, pointwise, window
from archdsl.ops.strides import Strides, expanded, viewed
from archdsl.symbolic import at_least

ANY: Any = Integer(-MAX_INT)
INDEX: Any = Integer(-MAX_INT, open=True)
MAX_PARTS = 100_000  # of a tensor: each is an output of its own


class _View(Operator):
    """A view: no copy is made of a contiguous input."""

    takes = ("anything",)
    view = True
    gradient: ClassVar[Literal["new", "same", "part"]] = "same"

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return viewed(use.inputs[0], output)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return "in order"


class _Part(_View):
    """A view of a range of a dimension."""

    gradient = "new"

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return use.inputs[0].strides


def _narrowed(call: ForeignCall) -> Made:
    start, length = call.get("start"), call.get("length")
    return Made("slice", {"start": start, "end": start + length, "dim": call.get("dim")}, (call.tensor("self"),))


def _numbers(call: ForeignCall, name: str) -> Any:
    """An attribute of ONNX, or an input in its place that is written down."""
    found = call.get(name)
    return found.content if isinstance(found, ForeignTensor) else found


def _onnx_flatten(call: ForeignCall) -> ForeignOperand:
    if call.get("axis", 1) != 1:
        raise Unreadable(f"`axis` = {call.get('axis')}")
    return Made("flatten", {}, (call.tensors[0],))


def _onnx_reshape(call: ForeignCall) -> ForeignOperand:
    return between(call.tensor("data"), call.output.shape)


def _onnx_squeeze(call: ForeignCall) -> ForeignOperand:
    made: ForeignOperand = call.tensor("data")
    for axis in sorted(_numbers(call, "axes"), reverse=True):
        made = Made("squeeze", {"dim": axis}, (made,))
    return made


def _onnx_unsqueeze(call: ForeignCall) -> ForeignOperand:
    made: ForeignOperand = call.tensor("data")
    for axis in sorted(_numbers(call, "axes")):
        made = Made("unsqueeze", {"dim": axis}, (made,))
    return made


def _onnx_split(call: ForeignCall) -> ForeignOperand:
    x, dim, sizes = call.tensor("input"), call.get("axis", 0), _numbers(call, "split")
    if sizes is None:
        return Made("chunk", {"chunks": call.get("num_outputs", 2), "dim": dim}, (x,))
    return parts(x, list(sizes), dim)


def _onnx_slice(call: ForeignCall) -> ForeignOperand:
    made: ForeignOperand = call.tensor("data")
    starts, ends = _numbers(call, "starts"), _numbers(call, "ends")
    axes = _numbers(call, "axes") or list(range(len(starts)))
    steps = _numbers(call, "steps") or [1] * len(starts)
    for start, end, dim, step in zip(starts, ends, axes, steps, strict=True):
        made = Made(
            "slice", {"start": start, "end": end if end < 2**31 - 1 else None, "dim": dim, "step": step}, (made,)
        )
    return made


@deferred_dataclass
class Flatten(_View, group="reshape"):
    """The dimensions from start_dim to end_dim as one. The batch dimension stays."""

    start_dim: int = param(ANY, "first dimension merged", 1)
    end_dim: int = param(ANY, "last dimension merged", -1)

    reads = (
        reading("aten.flatten", flattened),
        reading("onnx.Flatten", _onnx_flatten),
    )
    examples = (
        Example("flatten", ((2, 8, 5, 5),), (2, 200)),
        Example("flatten(2)", ((2, 8, 5, 5),), (2, 8, 25)),
        Example("flatten(1, 2)", ((2, 8, 5, 3),), (2, 40, 3)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        start = index_dim(self.start_dim, len(shape), "`start_dim`")
        end = index_dim(self.end_dim, len(shape), "`end_dim`")
        if start > end:
            raise ShapeError(f"`start_dim` {start} comes after `end_dim` {end}", code="bad-parameter")
        if start == 0 and end > 0:
            raise ShapeError(
                "`flatten` would merge the batch dimension",
                code="bad-parameter",
                help="start at dimension 1, or use `reshape` if the batch is meant to be merged",
            )
        return (*shape[:start], product(shape[start : end + 1]), *shape[end + 1 :])

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Flatten", self.params)

    def idiom(self, *inputs: Shape) -> str | None:
        end = ", {end_dim}" if self.end_dim != -1 else ""
        return f"{{0.atom}}.flatten({{start_dim}}{end})"


@deferred_dataclass
class Unflatten(_View, group="reshape"):
    """One dimension split into several."""

    dim: int = param(ANY, "the dimension split")
    sizes: tuple[Size, ...] = param(Sides(-1), "its new sizes; one may be -1")

    reads = (reading("aten.unflatten", unflattened),)
    examples = (Example("unflatten(1, [4, -1])", ((2, 12, 5),), (2, 4, 3, 5)),)

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        dim = index_dim(self.dim, len(shape), "`dim`")
        return (*shape[:dim], *_fill(self.sizes, shape[dim]), *shape[dim + 1 :])

    def target(self, *inputs: Shape) -> Target:
        dim = index_dim(self.dim, len(inputs[0]), "`dim`")
        sizes = _left_to_torch(_fill(self.sizes, inputs[0][dim]))
        return Target("torch.unflatten", args=(self.dim, sizes), kind="function")


@deferred_dataclass
class Reshape(_View, group="reshape"):
    """The same values in another shape; one size may be -1."""

    shape: tuple[Size, ...] = param(Sides(-1), "sizes of the output")

    reads = (
        reading("aten.view aten.reshape aten._unsafe_view aten.reshape_as aten.view_as", reshaped),
        reading("onnx.Reshape", _onnx_reshape),
    )
    examples = (
        Example("reshape([2, -1])", ((2, 8, 5),), (2, 40)),
        Example("reshape([-1, 4])", ((2, 6),), (3, 4)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        return _fill(self.shape, product(inputs[0]))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.reshape", args=(_left_to_torch(self.infer(*inputs)),), kind="function")


def _left_to_torch(sizes: Shape) -> Shape:
    """Sizes as torch takes them: the only open one is found by torch; several are worked out as the network runs."""
    open_ones = sum(not isinstance(size, int) for size in sizes)
    return sizes if open_ones > 1 else tuple(size if isinstance(size, int) else -1 for size in sizes)


def _fill(sizes: tuple[Size, ...], whole: Size) -> Shape:
    """The sizes with -1 worked out, so that their product is the total."""
    unknown = [i for i, size in enumerate(sizes) if size == -1]
    if len(unknown) > 1:
        raise ShapeError(f"only one size may be -1, found {show(sizes)}", code="bad-parameter")
    if 0 in sizes:
        raise ShapeError(f"sizes must be at least 1, found {show(sizes)}", code="bad-parameter")
    rest = product(size for size in sizes if size != -1)
    if not unknown:
        if not same(rest, whole):
            raise ShapeError(f"{whole} elements do not fit the shape {show(sizes)}, which has {rest}", culprits=(0,))
        return sizes
    if not same(whole % rest, 0):
        raise ShapeError(f"{whole} elements do not divide into {show(sizes)}", culprits=(0,))
    return tuple(whole // rest if i in unknown else size for i, size in enumerate(sizes))


@deferred_dataclass
class Permute(_View, group="reshape"):
    """The dimensions in another order."""

    dims: tuple[int, ...] = param(Integers(), "which input dimension each output dimension is")

    reads = (
        reading("aten.permute", permuted),
        reading("aten.transpose aten.swapaxes aten.swapdims", swapped),
        reading("aten.mT aten.t aten.numpy_T aten.adjoint", mirrored),
        reading("aten.movedim aten.moveaxis", dims_moved),
        Reads("onnx.Transpose", {"dims": "perm"}),
    )
    examples = (Example("permute([0, 2, 3, 1])", ((2, 8, 5, 4),), (2, 5, 4, 8)),)

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        dims = [index_dim(dim, len(shape), "`dims`") for dim in self.dims]
        if sorted(dims) != list(range(len(shape))):
            raise ShapeError(
                f"`dims` {show(self.dims)} must name each of the {len(shape)} dimensions once", code="bad-parameter"
            )
        return tuple(shape[dim] for dim in dims)

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return use.inputs[0].permuted(self.dims).strides

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        dims = [dim % len(output) for dim in self.dims]
        return tuple(Slide(dims.index(dim)) for dim in range(len(output)))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.permute", args=(self.dims,), kind="function")

    def idiom(self, *inputs: Shape) -> str | None:
        return "{0.atom}.permute({args[0]})"


@deferred_dataclass
class Squeeze(_View, group="reshape"):
    """Without a dimension of size 1."""

    dim: int = param(ANY, "the dimension taken away")

    reads = (
        reading("aten.squeeze", squeezed),
        reading("onnx.Squeeze", _onnx_squeeze),
    )
    examples = (Example("squeeze(-1)", ((2, 8, 1),), (2, 8)),)

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        dim = index_dim(self.dim, len(shape), "`dim`")
        if not same(shape[dim], 1):
            raise ShapeError(f"dimension {dim} of {show(shape)} is {shape[dim]}, not 1", culprits=((0, dim),))
        return (*shape[:dim], *shape[dim + 1 :])

    def layout(self, use: Use, output: Shape) -> Strides | None:
        shape, strides = use.inputs[0]
        gone = self.dim % len(shape)
        return (*strides[:gone], *strides[gone + 1 :])

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.squeeze", args=(self.dim,), kind="function")

    def idiom(self, *inputs: Shape) -> str | None:
        return "{0.atom}.squeeze({args[0]})"


@deferred_dataclass
class Unsqueeze(_View, group="reshape"):
    """With a new dimension of size 1."""

    dim: int = param(ANY, "where the new dimension goes")

    reads = (
        "aten.unsqueeze",
        reading("onnx.Unsqueeze", _onnx_unsqueeze),
    )
    examples = (Example("unsqueeze(1)", ((2, 8),), (2, 1, 8)), Example("unsqueeze(-1)", ((2, 8),), (2, 8, 1)))

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        dim = index_dim(self.dim, len(shape) + 1, "`dim`")
        return (*shape[:dim], 1, *shape[dim:])

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return use.inputs[0].unsqueezed(self.dim % len(output)).strides

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.unsqueeze", args=(self.dim,), kind="function")

    def idiom(self, *inputs: Shape) -> str | None:
        return "{0.atom}.unsqueeze({args[0]})"


def _parts(output: Shape, divided: int) -> Sees:
    """What parts of a tensor see, each another range of the dimension that is divided."""
    divided %= len(output)
    return tuple(Slide(dim, ordered=dim != divided) for dim in range(len(output)))


@deferred_dataclass
class Chunk(_Part, group="reshape"):
    """Equal parts along a dimension, as a list: `a, b = chunk(x, 2, dim = 1)`. It must divide evenly."""

    chunks: int = param(Integer(1, MAX_PARTS), "number of parts")
    dim: int = param(ANY, "the dimension divided", 1)

    reads = (reading("aten.chunk", chunked),)
    examples = (Example("chunk(2, dim = 1)", ((2, 8, 5),), ((2, 4, 5), (2, 4, 5))),)

    def infer_all(self, *inputs: Shape) -> tuple[Shape, ...]:
        (shape,) = inputs
        dim = index_dim(self.dim, len(shape), "`dim`")
        if not same(shape[dim] % self.chunks, 0):
            raise ShapeError(
                f"dimension {dim} of {show(shape)} does not divide into {self.chunks} equal parts",
                code="groups",
                help="use `split` with the sizes of the parts",
                culprits=((0, dim),),
            )
        return ((*shape[:dim], shape[dim] // self.chunks, *shape[dim + 1 :]),) * self.chunks

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return _parts(output, self.dim)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.chunk", args=(self.chunks,), kwargs={"dim": self.dim}, kind="function")

    def idiom(self, *inputs: Shape) -> str | None:
        return "{0.atom}.chunk({args[0]}, dim={dim})"


@deferred_dataclass
class Split(_Part, group="reshape"):
    """Parts of these sizes along a dimension, as a list; together they must be the whole."""

    sizes: tuple[Size, ...] = param(Integers(1, open=True), "sizes of the parts")
    dim: int = param(ANY, "the dimension divided", 1)

    reads = (
        reading("aten.split aten.split_with_sizes", divided),
        reading("aten.unbind", unbound),
        reading("onnx.Split", _onnx_split),
    )
    examples = (Example("split([2, 6])", ((2, 8, 5),), ((2, 2, 5), (2, 6, 5))),)

    def infer_all(self, *inputs: Shape) -> tuple[Shape, ...]:
        (shape,) = inputs
        dim = index_dim(self.dim, len(shape), "`dim`")
        whole = total(self.sizes)
        if not same(whole, shape[dim]):
            raise ShapeError(
                f"the sizes {show(self.sizes)} add up to {whole}, but dimension {dim} of {show(shape)} is {shape[dim]}",
                culprits=((0, dim),),
            )
        return tuple((*shape[:dim], size, *shape[dim + 1 :]) for size in self.sizes)

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return _parts(output, self.dim)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.split", args=(self.sizes,), kwargs={"dim": self.dim}, kind="function")

    def idiom(self, *inputs: Shape) -> str | None:
        return "{0.atom}.split({args[0]}, dim={dim})"


def _from_start(index: Size, size: Size) -> Size:
    """An index counted from the start. One with symbols is taken to count from there, unless it is always negative."""
    return size + index if at_least(-1, index) else index


@deferred_dataclass
class Slice(_Part, group="reshape"):
    """A range of one dimension: from `start`, up to but without `end`, every `step`-th."""

    start: Size = param(INDEX, "first index; negative counts from the end", 0)
    end: Size | None = param(INDEX, "index after the last; the end if not given", None)
    dim: int = param(ANY, "the dimension", 1)
    step: int = param(Integer(1), "distance between indices", 1)

    reads = (
        reading("aten.slice", sliced),
        reading("aten.select", selected),
        reading("aten.narrow", _narrowed),
        reading("onnx.Slice", _onnx_slice),
    )
    examples = (
        Example("slice(2, 6)", ((2, 8, 5),), (2, 4, 5)),
        Example("slice(-3)", ((2, 8, 5),), (2, 3, 5)),
        Example("slice(step = 2, dim = 2)", ((2, 8, 5),), (2, 8, 3)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        dim = index_dim(self.dim, len(shape), "`dim`")
        size = shape[dim]
        start = _from_start(self.start, size)
        end = size if self.end is None else _from_start(self.end, size)
        # torch clips silently; a range beyond the tensor is a mistake here.
        for name, bound in (("start", start), ("end", end)):
            if not (fits(bound, 0) and fits(size - bound, 0)):
                raise ShapeError(f"`{name}` {bound} is outside dimension {dim} of {show(shape)}", code="bad-parameter")
        length = (end - start + self.step - 1) // self.step
        if not fits(length):
            raise ShapeError(f"the slice from {start} to {end} is empty", code="empty-output")
        return (*shape[:dim], length, *shape[dim + 1 :])

    def layout(self, use: Use, output: Shape) -> Strides | None:
        strides = use.inputs[0].strides
        cut = self.dim % len(output)
        return (*strides[:cut], strides[cut] * self.step, *strides[cut + 1 :])

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        cut = self.dim % len(output)
        start = _from_start(self.start, inputs[0][cut])
        taken = window(cut, 1, self.step, start) if isinstance(start, int) else Slide(cut, ordered=False)
        return tuple(taken if dim == cut else Slide(dim) for dim in range(len(output)))

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.layers.slice_dim", kwargs=self.params, kind="function")

    def idiom(self, *inputs: Shape) -> str | None:
        start = "{start}" if self.start != 0 else ""
        end = "{end}" if self.end is not None else ""
        step = ":{step}" if self.step != 1 else ""
        return f"{{0.atom}}[{':, ' * (self.dim % len(inputs[0]))}{start}:{end}{step}]"


@deferred_dataclass
class ChannelShuffle(Operator, group="reshape"):
    """Channels of the groups interleaved (Zhang et al., 2017, arXiv:1707.01083)."""

    groups: int = param(Integer(1), "groups of channels")

    lies = "in format"
    reads = ("aten.channel_shuffle aten.native_channel_shuffle",)
    examples = (Example("channel_shuffle(2)", ((2, 8, 5, 5),), (2, 8, 5, 5)),)

    def infer(self, *inputs: Shape) -> Shape:
        (shape,) = inputs
        rank_between(self, shape, 3, 5, "[N, C, L], [N, C, H, W] or [N, C, D, H, W]")
        channels = known(shape[1], "the number of channels of `channel_shuffle`")
        if channels % self.groups:
            raise ShapeError(
                f"{channels} channels are not divisible by groups = {self.groups}",
                code="groups",
                help=choose("groups", divisors(channels), "channels"),
                culprits=((0, 1),),
                instead={"groups": divisor_near(self.groups, channels)},
            )
        return shape

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return tuple(Slide(dim, ordered=dim != 1) for dim in range(len(output)))

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.ChannelShuffle", {"groups": self.groups})


@deferred_dataclass
class Expand(_View, group="reshape"):
    """A tensor repeated, without a copy, along dimensions of size 1, until they are as long as those of another.

    `expand(token, tokens)` gives a class token of [1, 1, D] the batch of tokens [N, T, D].
    """

    dim: tuple[int, ...] = param(Integers(), "the dimensions", (0,))

    inputs = ("input", "like")
    undifferentiated = (1,)
    gradient = "new"
    reads = (reading("aten.expand aten.expand_as aten.broadcast_to", expansion),)
    examples = (
        Example("expand", ((1, 1, 16), (2, 9, 16)), (2, 1, 16)),
        Example("expand([0, 2])", ((1, 3, 1), (2, 9, 16)), (2, 3, 16)),
    )

    def infer(self, *inputs: Shape) -> Shape:
        shape, like = inputs
        out = list(shape)
        for dim in self.dim:
            axis = index_dim(dim, min(len(shape), len(like)), "`dim`")
            if shape[axis] != 1 and not same(shape[axis], like[axis]):
                message = f"dimension {axis} of {show(shape)} is {shape[axis]}, neither 1 nor {like[axis]}"
                raise ShapeError(message, culprits=((0, axis), (1, axis)))
            out[axis] = like[axis]
        return tuple(out)

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return expanded(use.inputs[0], output).strides

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[number], output)

    def target(self, *inputs: Shape) -> Target:
        return Target("compiler.fx.layers.expand_like", args=(self.dim,), kind="function")

    def idiom(self, *inputs: Shape) -> str | None:
        sizes = ["-1"] * len(inputs[0])
        for dim in self.dim:
            axis = dim % min(map(len, inputs))
            sizes[axis] = f"{{1.atom}}.shape[{axis}]"
        return f"{{0.atom}}.expand({', '.join(sizes)})"


@deferred_dataclass
class Contiguous(_View, group="reshape"):
    """The input in the order of its dimensions in memory: a copy where it lies otherwise, as behind `permute`.

    It changes no value, but which kernels compute what follows, and so their last bits.
    """

    reads = (Reads("aten.contiguous", ignored=("memory_format",)),)
    examples = (Example("contiguous", ((2, 8, 5),), (2, 8, 5)),)

    @staticmethod
    def simpler(made: Made) -> ForeignOperand:
        return made.inputs[0]

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return use.inputs[0].strides if use.inputs[0].in_order else None

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[number], output)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.Tensor.contiguous", kind="function")

    def idiom(self, *inputs: Shape) -> str | None:
        return "{0.atom}.contiguous()"


@deferred_dataclass
class Identity(_View, group="reshape"):
    """The input itself."""

    reads = (
        reading("aten.clone aten.detach aten.alias aten.lift_fresh_copy aten.positive", same_as("self")),
        reading("onnx.Identity", same_as("input")),
        reading("getitem", part),
    )
    examples = (Example("identity", ((2, 8),), (2, 8)),)

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def layout(self, use: Use, output: Shape) -> Strides | None:
        return use.inputs[0].strides

    def sees(self, inputs: Sequence[Shape], output: Shape, number: int) -> Sees:
        return pointwise(inputs[number], output)

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Identity")

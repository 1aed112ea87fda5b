"""Layers that do the same to different channels, as one layer that does it to all of them.

    f(x₁), …, f(xₙ)  are the parts of  f([x₁ … xₙ])    for f that treats each channel by itself

Activations that look at single values and pooling do so, and batch norm with its channels' own weights and statistics,
which are joined. A convolution reads all channels of its part: of the parts side by side, it is one with n times the
groups, whose kernels W₁, …, Wₙ lie one after the other (Xie et al., 2016, arXiv:1611.05431, figure 3, b → c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from archdsl.derived_weights import Expression, Joined
from archdsl.dims import Shape, total
from archdsl.graph import Layer
from archdsl.net_view import Operand
from archdsl.ops import Operator
from archdsl.ops.conv import Conv
from archdsl.ops.linear import Linear
from archdsl.ops.norm import BatchNorm
from archdsl.ops.sight import pointwise
from archdsl.rewrite.draft import Draft

COUNTER: Final = "num_batches_tracked"  # of batch norm: one number, whatever the channels


def described(operator: Operator) -> Operator:
    """What layers that become one have in common: all but how many channels they make, and how weights start, since
    they are carried over."""
    if isinstance(operator, Conv):
        return replace(operator, out_channels=1, init=None, bias_init=None)
    if isinstance(operator, Linear):
        return replace(operator, out_features=1, init=None, bias_init=None)
    if isinstance(operator, BatchNorm):
        return replace(operator, init=None, bias_init=None)
    return operator


def alike(draft: Draft, keys: Sequence[str]) -> bool:
    """Whether different layers may become one: alike but for weights and channels, each with its own, together."""
    nodes = [draft.layers[key] for key in keys]
    return (
        len(set(keys)) == len(keys)
        and all(type(node["operator"]) is type(nodes[0]["operator"]) for node in nodes)
        and len({described(node["operator"]) for node in nodes}) == 1
        and all(draft.own(key) for key in keys)
        and draft.together(keys)
    )


def by_channel(node: Layer, shape: Shape) -> bool:
    """Whether a layer without weights treats each channel of its only input, the second dimension, by itself."""
    operator = node["operator"]
    if node["weights"] or operator.several or len(operator.inputs) != 1 or operator.variadic is not None:
        return False
    return node["op"] != "input" and (operator.group == "pooling" or by_value(node, shape))


def by_value(node: Layer, shape: Shape) -> bool:
    """Whether a layer is an activation that treats each value of its input by itself."""
    operator = node["operator"]
    whole = operator.group == "activation" and not node["weights"] and node["shape"] == shape
    return whole and operator.sees([shape], shape, 0) == pointwise(shape, shape)


def join(draft: Draft, keys: Sequence[str], source: Operand, dim: int = 1) -> str:
    """One layer in the place of some that are `alike`, on a tensor that has their inputs along a dimension: what each
    of them made is a part of what it makes. They are taken out once nothing reads them."""
    operators: list[Any] = [draft.layers[key]["operator"] for key in keys]
    first, shapes = operators[0], [draft.shape((key, 0)) for key in keys]
    weights = {
        name: draft.weight(keys[0], name) if name == COUNTER else joined(draft, keys, name, 0)
        for name in (weight.name for weight in draft.layers[keys[0]]["weights"])
    }
    if isinstance(first, Conv):
        many = sum(operator.out_channels for operator in operators)
        first = replace(first, out_channels=many, groups=first.groups * len(keys), **_starts(operators))
    elif isinstance(first, BatchNorm):
        first = replace(first, **_starts(operators))
    return draft.merge(keys, first, [source], [beside(shapes, dim)], weights)


def widened(draft: Draft, keys: Sequence[str], source: Operand) -> str:
    """One convolution or linear layer in the place of some that are `alike` and read the same tensor: it makes their
    channels, one after the other."""
    operators: list[Any] = [draft.layers[key]["operator"] for key in keys]
    size = "out_channels" if isinstance(operators[0], Conv) else "out_features"
    operator = replace(operators[0], **{size: sum(getattr(one, size) for one in operators)}, **_starts(operators))
    names = [weight.name for weight in draft.layers[keys[0]]["weights"]]
    weights = {name: joined(draft, keys, name, 0) for name in names}
    shape = beside([draft.shape((key, 0)) for key in keys], channels_of(operator))
    return draft.merge(keys, operator, [source], [shape], weights)


def channels_of(operator: Operator) -> int:
    """The dimension of what a layer makes that its weights are of."""
    return -1 if isinstance(operator, Linear) else 1


def joined(draft: Draft, keys: Sequence[str], name: str, dim: int) -> Expression:
    return Joined(tuple(draft.weight(key, name) for key in keys), dim)


def beside(shapes: Sequence[Shape], dim: int) -> Shape:
    """The shape of tensors one after the other."""
    found = list(shapes[0])
    found[dim] = total(shape[dim] for shape in shapes)
    return tuple(found)


def _starts(operators: Sequence[Any]) -> dict[str, Any]:
    """How weights start: as those did, where all did alike."""
    names = ("init", "bias_init")
    found = {name: {getattr(operator, name) for operator in operators} for name in names}
    return {name: next(iter(values)) if len(values) == 1 else None for name, values in found.items()}

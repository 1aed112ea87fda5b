"""Tensors whose values are part of a graph, in the shortest words."""

from __future__ import annotations

import math
from typing import Any, Final

from archdsl.importing.tables import relative_positions, shifted_windows
from archdsl.ops.foreign import ForeignTensor, Made, Unreadable, flattened

MOST: Final = 4096  # values that are written out


def constant(value: ForeignTensor) -> Made:
    """An operator that makes the tensor."""
    content = content_of(value)
    flat = flattened(content)
    sizes = [size for size in value.shape if isinstance(size, int)]
    if not sizes:
        return Made("tensor", {"values": content})
    if not flat:
        raise Unreadable("a tensor without numbers")
    if any(one != one for one in flat):
        raise Unreadable("a tensor of what is not a number")
    typed = {} if value.dtype == _type_of(flat[0]) else {"dtype": value.dtype}
    if all(one == flat[0] for one in flat):
        if flat[0] in (0, 1) and value.dtype in ("float32", "int64", "bool"):
            other = {} if value.dtype == "float32" else {"dtype": value.dtype}
            return Made("ones" if flat[0] else "zeros", {"sizes": sizes, **other})
        return Made("full", {"sizes": sizes, "value": flat[0], **typed})
    if len(flat) == max(sizes) and value.dtype in ("int64", "float32"):
        step = flat[1] - flat[0]
        whole = all(math.isfinite(one) and one == int(one) for one in flat) and step
        if whole and flat == [flat[0] + i * step for i in range(len(flat))]:
            other = {} if value.dtype == "int64" else {"dtype": value.dtype}
            begins = {"start": int(flat[0])} if flat[0] else {}
            strides = {"step": int(step)} if step != 1 else {}
            made = Made("arange", {"end": int(flat[0] + len(flat) * step), **begins, **strides, **other})
            return made if len(sizes) == 1 else made.then("reshape", shape=sizes)
    if len(sizes) == 2 and flat == [int(i == j) for i in range(sizes[0]) for j in range(sizes[1])]:
        other = {} if value.dtype == "float32" else {"dtype": value.dtype}
        return Made("eye", {"n": sizes[0], **({} if sizes[0] == sizes[1] else {"m": sizes[1]}), **other})
    table = relative_positions(flat, sizes) or shifted_windows(flat, sizes)
    if table is not None:
        return table
    if len(flat) > MOST:
        raise Unreadable(f"a constant of {len(flat):,} numbers that no `state_dict` has")
    return Made("tensor", {"values": content, **typed})


def content_of(value: ForeignTensor) -> Any:
    """The values, in lists of lists; a door may hand in what lists them when it is asked."""
    return value.content.tolist() if hasattr(value.content, "tolist") else value.content


def _type_of(value: Any) -> str:
    return "bool" if isinstance(value, bool) else "int64" if isinstance(value, int) else "float32"

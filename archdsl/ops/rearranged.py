"""How calls that rearrange tensors are read: their shapes say more than their arguments, which may be worked out."""

from __future__ import annotations

from typing import Final

from archdsl.dims import Dim, Shape, Size, symbols
from archdsl.dims import value as number
from archdsl.ops.foreign import EVERYTHING, ForeignCall, ForeignOperand, ForeignTensor, Made, Unreadable

LARGE: Final = (1_000_003, 1_000_033, 1_000_037, 1_000_039)  # primes that stand for open sizes


def shape_of(call: ForeignCall, name: str = "self") -> Shape:
    return call.tensor(name).shape


def plain(sizes: Shape) -> list[int] | None:
    """Sizes, if all are numbers."""
    found = [size for size in sizes if isinstance(size, int)]
    return found if len(found) == len(sizes) else None


def reshaped(call: ForeignCall) -> ForeignOperand:
    """A view: `flatten` or `unflatten` where it is one, else `reshape`."""
    return between(call.tensor("self"), call.output.shape)


def between(value: ForeignOperand, new: Shape, old: Shape | None = None) -> ForeignOperand:
    """A tensor in another shape."""
    if old is None:
        assert isinstance(value, ForeignTensor)
        old = value.shape
    if old == new:
        return value
    moved = [(of, to) for of, to in groups(old, new) if len(of) != 1 or len(to) != 1]
    if len(moved) == 1 and 0 not in moved[0][0]:
        (of, to), last = moved[0], len(old) - 1
        sizes = [new[i] if isinstance(new[i], int) else -1 for i in to]
        if len(to) == 1:
            return Made("flatten", {"start_dim": of[0], "end_dim": of[-1] if of[-1] < last else -1}, (value,))
        if len(of) == 1 and sizes.count(-1) < 2:
            return Made("unflatten", {"dim": of[0], "sizes": sizes}, (value,))
    if sum(isinstance(size, Dim) for size in new) > 1:
        return Made("reshape", {"shape": list(new)}, (value,))
    return Made("reshape", {"shape": [size if isinstance(size, int) else -1 for size in new]}, (value,))


def groups(old: Shape, new: Shape) -> list[tuple[list[int], list[int]]]:
    """Which dimensions of a view come of which: the fewest of both that are equal in size. Those of size 1 go with the
    dimension behind them, as one head goes with its features."""
    names = sorted({name for size in (*old, *new) for name in symbols(size)})
    large = dict(zip(names, LARGE, strict=False))
    sizes, wanted = ([number(size, large) for size in shape] for shape in (old, new))
    found: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) and j < len(new):
        of, to = [i], [j]
        have, want = sizes[i], wanted[j]
        while have != want:
            if have < want and of[-1] + 1 < len(old):
                of.append(of[-1] + 1)
                have *= sizes[of[-1]]
            elif to[-1] + 1 < len(new):
                to.append(to[-1] + 1)
                want *= wanted[to[-1]]
            else:
                break
        found.append((of, to))
        i, j = of[-1] + 1, to[-1] + 1
    if found:
        found[-1] = ([*found[-1][0], *range(i, len(old))], [*found[-1][1], *range(j, len(new))])
    return found


def flattened(call: ForeignCall) -> ForeignOperand:
    rank = len(shape_of(call))
    start, end = call.get("start_dim", 0) % rank, call.get("end_dim", -1) % rank
    if start == 0 and end > 0:
        return reshaped(call)
    return Made("flatten", {"start_dim": start, "end_dim": end if end < rank - 1 else -1}, (call.tensor("self"),))


def unflattened(call: ForeignCall) -> ForeignOperand:
    dim = call.get("dim") % len(shape_of(call))
    sizes = [size if isinstance(size, int) else -1 for size in call.get("sizes")]
    if dim == 0:
        return reshaped(call)
    return Made("unflatten", {"dim": dim, "sizes": sizes}, (call.tensor("self"),))


def permuted(call: ForeignCall) -> ForeignOperand:
    dims = [dim % len(shape_of(call)) for dim in call.get("dims")]
    return Made("permute", {"dims": dims}, (call.tensor("self"),))


def swapped(call: ForeignCall) -> ForeignOperand:
    """Two dimensions change places."""
    rank = len(shape_of(call))
    first, second = (call.get(a, call.get(b)) % rank for a, b in (("dim0", "axis0"), ("dim1", "axis1")))
    dims = list(range(rank))
    dims[first], dims[second] = second, first
    return Made("permute", {"dims": dims}, (call.tensor("self"),)) if first != second else call.tensor("self")


def mirrored(call: ForeignCall) -> ForeignOperand:
    """The last two dimensions change places, or all."""
    rank = len(shape_of(call))
    dims = list(range(rank))
    return Made("permute", {"dims": [*dims[:-2], *dims[:-3:-1]]}, (call.tensor("self"),))


def dims_moved(call: ForeignCall) -> ForeignOperand:
    rank = len(shape_of(call))
    listed = [[one] if isinstance(one, int) else list(one) for one in (call.get("source"), call.get("destination"))]
    places = {to % rank: of % rank for of, to in zip(*listed, strict=True)}
    rest = iter(dim for dim in range(rank) if dim not in places.values())
    return Made(
        "permute", {"dims": [places[i] if i in places else next(rest) for i in range(rank)]}, (call.tensor("self"),)
    )


def squeezed(call: ForeignCall) -> ForeignOperand:
    """Dimensions of size 1 taken away: a given one, several, or all that there are."""
    shape = shape_of(call)
    given = call.get("dim", list(range(len(shape))))
    dims = sorted({dim % len(shape) for dim in ([given] if isinstance(given, int) else given)}, reverse=True)
    made: ForeignOperand = call.tensor("self")
    for dim in dims:
        if shape[dim] == 1:
            made = Made("squeeze", {"dim": dim}, (made,))
    return made


def sliced(call: ForeignCall) -> ForeignOperand:
    dim, x = call.get("dim", 0), call.tensor("self")
    start, end, step = call.get("start", 0), call.get("end", EVERYTHING), call.get("step", 1)
    size = x.shape[dim]
    if (isinstance(end, int) and (end >= EVERYTHING or (isinstance(size, int) and end >= size))) or end == size:
        end = None
    if isinstance(start, int) and isinstance(size, int) and start < -size:
        start = 0
    if start == 0 and end is None and step == 1:
        return x
    return Made("slice", {"start": start, "end": end, "dim": dim, "step": step}, (x,))


def selected(call: ForeignCall) -> ForeignOperand:
    """One index of a dimension, which is gone then."""
    dim, index, x = call.get("dim"), call.get("index"), call.tensor("self")
    if x.shape[dim] == 1:
        return Made("squeeze", {"dim": dim}, (x,))
    end = None if index == -1 or x.shape[dim] == index + 1 else index + 1
    return Made("slice", {"start": index, "end": end, "dim": dim}, (x,)).then("squeeze", dim=dim)


def divided(call: ForeignCall) -> ForeignOperand:
    """Parts of a size, the last of which may be smaller, or of sizes that are listed: `chunk` where they are equal."""
    x, dim, given = call.tensor("self"), call.get("dim", 0), call.get("split_size", call.get("split_sizes"))
    size = x.shape[dim]
    if isinstance(given, int):
        if not isinstance(size, int):
            raise Unreadable("parts of a size that is not known")
        given = [given] * (size // given) + ([size % given] if size % given else [])
    return parts(x, list(given), dim)


def parts(x: ForeignOperand, sizes: list[Size], dim: int) -> Made:
    if len(sizes) > 1 and len(set(sizes)) == 1:
        return Made("chunk", {"chunks": len(sizes), "dim": dim}, (x,))
    return Made("split", {"sizes": sizes, "dim": dim}, (x,))


def chunked(call: ForeignCall) -> ForeignOperand:
    x, dim, chunks = call.tensor("self"), call.get("dim", 0), call.get("chunks")
    size = x.shape[dim]
    if isinstance(size, int) and size % chunks:
        each = -(-size // chunks)
        return parts(x, [each] * (size // each) + ([size % each] if size % each else []), dim)
    return Made("chunk", {"chunks": chunks, "dim": dim}, (x,))


EXTREMES: Final = ("aten.max", "aten.min")  # whose values are an operator's only output


def part(call: ForeignCall) -> ForeignOperand:
    """One of the outputs of a call that has several."""
    number, whole = call.get("index"), call.tensor("self")
    maker = whole.made_by
    if maker is not None and maker.name in EXTREMES:
        if number:
            raise Unreadable("the places of the greatest or least")
        return whole
    if maker is not None and maker.name == "aten.unbind":  # the parts of size 1 are taken out of their dimension
        x, dim = maker.tensor("self"), maker.get("dim", 0)
        if x.shape[dim] == 1:
            return Made("squeeze", {"dim": dim}, (x,))
        return Made("squeeze", {"dim": dim}, (Made("", {"index": number}, (whole,)),))
    return Made("", {"index": number}, (whole,))


def unbound(call: ForeignCall) -> ForeignOperand:
    x, dim = call.tensor("self"), call.get("dim", 0)
    size = x.shape[dim]
    if not isinstance(size, int):
        raise Unreadable("parts of a size that is not known")
    return parts(x, [1] * size, dim)


def expansion(call: ForeignCall) -> ForeignOperand:
    """Dimensions of size 1 made as long as those of another tensor, which is looked for, or repeated so often."""
    x, new = call.tensor("self"), call.output.shape
    if x.shape == new:
        return x
    other = call.arguments.get("other")
    if len(x.shape) < len(new):
        value: ForeignOperand = x
        for _ in range(len(new) - len(x.shape)):
            value = Made("unsqueeze", {"dim": 0}, (value,))
        old: Shape = (1,) * (len(new) - len(x.shape)) + x.shape
    else:
        value, old = x, x.shape
    dims = [i for i, (a, b) in enumerate(zip(old, new, strict=True)) if a != b]
    if isinstance(other, ForeignTensor) and len(other.shape) == len(new):
        return Made("expand", {"dim": dims if dims != [0] else [0]}, (value, other))
    if all(isinstance(new[i], int) for i in dims):
        return Made("tile", {"dims": [new[i] if i in dims else 1 for i in range(len(new))]}, (value,))
    open_ = [i for i in dims if not isinstance(new[i], int)]
    if len(open_) == 1:
        like = call.like(open_[0], new[open_[0]])
        if like is not None:
            sizes = [size if i in dims and isinstance(size, int) else 1 for i, size in enumerate(new)]
            value = value if len(dims) == 1 else Made("tile", {"dims": sizes}, (value,))
            return Made("expand", {"dim": open_}, (value, like))
    raise Unreadable("expanded to sizes that no tensor before it has")


def repeated(call: ForeignCall) -> ForeignOperand:
    times = call.get("repeats", call.get("dims"))
    x = call.tensor("self")
    if all(isinstance(one, int) for one in times):
        return Made("tile", {"dims": list(times)}, (x,)) if any(one != 1 for one in times) else x
    return expansion(call)


def padded(call: ForeignCall) -> ForeignOperand:
    pad = list(call.get("pad"))
    parameters = {"pad": pad, "mode": call.get("mode", "constant"), "value": call.get("value", 0.0)}
    return Made("pad", parameters, (call.tensor("self"),)) if any(pad) else call.tensor("self")


def indexed(call: ForeignCall) -> ForeignOperand:
    """`x[index]` with one tensor of indices: `index_select`, reshaped where the indices have more dimensions."""
    x, indices = call.tensor("self"), call.get("indices")
    given = [(dim, index) for dim, index in enumerate(indices) if index is not None]
    if len(given) != 1:
        raise Unreadable("indexed by several tensors at once")
    dim, index = given[0]
    if index.dtype == "bool":
        raise Unreadable("indexed by a mask: a size that depends on values")
    if len(index.shape) == 1:
        return Made("index_select", {"dim": dim}, (x, index))
    if plain(index.shape) is None:
        raise Unreadable("indexed by a tensor of open sizes")
    one = index
    flat = Made("reshape", {"shape": [-1]}, (one,))
    picked = Made("index_select", {"dim": dim}, (x, flat))
    before, after = list(x.shape[:dim]), list(x.shape[dim + 1 :])
    sizes = [size if isinstance(size, int) else -1 for size in (*before, *index.shape, *after)]
    if dim == 0:
        return picked.then("reshape", shape=sizes)
    return picked.then("unflatten", dim=dim, sizes=list(index.shape))


def converted(call: ForeignCall) -> ForeignOperand:
    """Another type, device or order in memory: a tensor that has the type already is itself."""
    x, to = call.tensor("self"), call.output.dtype
    if x.dtype == to:
        return x
    if to not in ("float32", "int64", "bool"):
        raise Unreadable(f"converted to {to}")
    return Made("to", {"dtype": to}, (x,))

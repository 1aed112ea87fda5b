"""Which layers of two networks correspond, whatever they are called.

The layers of both are aligned in the order in which they stand (Needleman and Wunsch, 1970, "A general method
applicable to the search for similarities in the amino acid sequence of two proteins"): of all ways to pair them
without crossing, the one with the most likeness. What is left is paired wherever it stands.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from archdsl.compare.computed import same_network
from archdsl.dims import Shape, each_in_symbols
from archdsl.graph import Graph, layers
from archdsl.net_view import NetView

MAX_CELLS = 500_000  # of an alignment's table; beyond, layers of equal path and kind are fixed first
LEAST = 3.0  # the likeness below which two layers are not the same one changed
LEAST_ELSEWHERE = 5.0  # the same for two that stand at different places


class LayerPair(NamedTuple):
    """A layer of the first network and one of the second that correspond; None where there is none."""

    a: str | None
    b: str | None


class _Kind(NamedTuple):
    """What a layer is, without its name."""

    op: str
    group: str
    params: tuple[tuple[str, Any], ...]
    shape: Shape
    weights: tuple[tuple[int, ...], ...]


class _Item(NamedTuple):
    key: str
    kind: _Kind
    label: str  # the last component of the path
    counted: bool  # whether it only says how many such layers stand before: a number, `relu_2`
    parent: str


def match(a: Graph, b: Graph) -> list[LayerPair]:
    """The layers of two networks in pairs, inputs left out: in the order of the second, with those of the first that
    have no partner where they would stand."""
    same = same_network(a, b)
    if same is not None:
        by_second = {other: own for own, other in same.items()}
        return [LayerPair(by_second[key], key) for key, node in layers(b) if node["op"] != "input"]
    return _Matcher().match(_items(a), _items(b))


def _items(graph: Graph) -> list[_Item]:
    net = NetView(graph)
    kinds: dict[_Kind, _Kind] = {}
    found = []
    for key, node in net.layers.items():
        if node["op"] == "input":
            continue
        said = ((name, value) for name, value in node["params"].items() if not isinstance(value, list))
        params = tuple((name, each_in_symbols(value)) for name, value in said)
        weights = tuple(w.shape for w in node["weights"])
        kind = _Kind(node["op"], node["operator"].group, params, each_in_symbols(net.counted(node["shape"])), weights)
        parent, _, label = key.rpartition(".")
        counted = label.isdigit() or label.rstrip("0123456789").rstrip("_") == node["op"]
        found.append(_Item(key, kinds.setdefault(kind, kind), label, counted, parent))
    return found


class _Matcher:
    """Remembers how alike kinds of layers are: networks have few kinds and many layers."""

    def __init__(self) -> None:
        self._alike: dict[tuple[_Kind, _Kind], float] = {}

    def match(self, a: Sequence[_Item], b: Sequence[_Item]) -> list[LayerPair]:
        aligned = list(self._align(a, b))
        lone_a = [i for i, j in aligned if i is not None and j is None]
        lone_b = [j for i, j in aligned if j is not None and i is None]
        elsewhere = self._elsewhere(a, b, lone_a, lone_b)
        partner = {j: i for i, j in elsewhere}
        moved = set(partner.values())
        return [
            LayerPair(a[i].key if i is not None else None, b[j].key if j is not None else None)
            for i, j in ((partner.get(j, i) if j is not None else i, j) for i, j in aligned)
            if not (j is None and i in moved)
        ]

    def _align(self, a: Sequence[_Item], b: Sequence[_Item]) -> Iterator[tuple[int | None, int | None]]:
        """Pairs of positions, both ascending."""
        start = 0
        while start < min(len(a), len(b)) and a[start].key == b[start].key and a[start].kind == b[start].kind:
            start += 1
        yield from ((i, i) for i in range(start))
        if (len(a) - start) * (len(b) - start) <= MAX_CELLS:
            yield from self._align_all(a, b, start, len(a), start, len(b))
            return
        i, j = start, start
        for anchor_a, anchor_b in [*_anchors(a, b, start), (len(a), len(b))]:
            if (anchor_a - i) * (anchor_b - j) <= MAX_CELLS:
                yield from self._align_all(a, b, i, anchor_a, j, anchor_b)
            else:  # two long stretches with no layer in common
                yield from ((k, None) for k in range(i, anchor_a))
                yield from ((None, k) for k in range(j, anchor_b))
            if anchor_a < len(a):
                yield anchor_a, anchor_b
            i, j = anchor_a + 1, anchor_b + 1

    def _align_all(
        self, a: Sequence[_Item], b: Sequence[_Item], from_a: int, to_a: int, from_b: int, to_b: int
    ) -> list[tuple[int | None, int | None]]:
        width = to_b - from_b
        best = [0.0] * (width + 1)
        rows = []  # for each cell: 0 leaves out one of a, 1 one of b, 2 pairs them
        for i in range(from_a, to_a):
            before, best = best, [0.0] * (width + 1)
            row = bytearray(width + 1)
            for j in range(1, width + 1):
                likeness = self._likeness(a[i], b[from_b + j - 1])
                score, step = before[j], 0
                if best[j - 1] > score:
                    score, step = best[j - 1], 1
                if likeness >= LEAST and before[j - 1] + likeness > score:
                    score, step = before[j - 1] + likeness, 2
                best[j], row[j] = score, step
            rows.append(row)
        found: list[tuple[int | None, int | None]] = []
        i, j = to_a - from_a, width
        while i > 0 or j > 0:
            step = 1 if i == 0 else 0 if j == 0 else rows[i - 1][j]
            i, j = i - (step != 1), j - (step != 0)
            found.append((from_a + i if step != 1 else None, from_b + j if step != 0 else None))
        return found[::-1]

    def _elsewhere(
        self, a: Sequence[_Item], b: Sequence[_Item], lone_a: Sequence[int], lone_b: Sequence[int]
    ) -> list[tuple[int, int]]:
        """Pairs among what the alignment left alone: the most alike first."""
        moved = _Moved(a, b, lone_a, lone_b)
        if len(lone_a) * len(lone_b) > MAX_CELLS:
            at = {b[j].key: j for j in lone_b}
            pairs = [(i, at[a[i].key]) for i in lone_a if a[i].key in at]
            return [(i, j) for i, j in pairs if a[i].kind.op == b[j].kind.op]
        likely = ((i, j) for i in lone_a for j in lone_b if moved.may_be(a[i], b[j]))
        scored = sorted((-self._likeness(a[i], b[j]), i, j) for i, j in likely)
        used_a, used_b, found = set[int](), set[int](), []
        for likeness, i, j in scored:
            if -likeness >= LEAST_ELSEWHERE and i not in used_a and j not in used_b:
                used_a.add(i)
                used_b.add(j)
                found.append((i, j))
        return found

    def _likeness(self, x: _Item, y: _Item) -> float:
        """How much speaks for two layers being the same: what they are (2 to 6), and what they are called."""
        pair = (x.kind, y.kind)
        alike = self._alike.get(pair)
        if alike is None:
            alike = self._alike[pair] = _alike(x.kind, y.kind)
        if alike == 0.0:
            return 0.0
        parent = x.parent == y.parent
        if x.label != y.label or x.counted or y.counted:
            return alike + parent
        if not parent:
            return alike + 1.0
        return alike + (6.0 if x.kind.op == y.kind.op else 3.0)  # whatever else changed, it is still the same layer


class _Moved:
    """Which layers may be one that stands elsewhere: those of one name, and those of a block all of which stands
    elsewhere. Others of one kind are one taken out and one put in."""

    def __init__(self, a: Sequence[_Item], b: Sequence[_Item], lone_a: Sequence[int], lone_b: Sequence[int]) -> None:
        self._blocks = _whole(a, lone_a) & _whole(b, lone_b)

    def may_be(self, x: _Item, y: _Item) -> bool:
        return (x.label == y.label and not x.counted) or (x.key == y.key and x.parent in self._blocks)


def _whole(items: Sequence[_Item], lone: Sequence[int]) -> set[str]:
    """The parents all of whose layers are alone."""
    alone = set(lone)
    return {items[i].parent for i in lone} - {item.parent for i, item in enumerate(items) if i not in alone}


def _alike(x: _Kind, y: _Kind) -> float:
    if x.op != y.op:  # another activation, pooling or norm, say: the same one only in the same place
        return 2.0 if x.group == y.group and x.shape == y.shape else 0.0
    names = dict(y.params)
    equal = sum(1 for name, value in x.params if same_value(value, names.get(name)))
    share = equal / len(x.params) if x.params else 1.0
    return 2.0 + 2.0 * share + (x.shape == y.shape) + (x.weights == y.weights)


def same_value(x: Any, y: Any) -> bool:
    """Whether two values of a parameter say the same: 3 is [3, 3]."""
    if isinstance(x, tuple) and isinstance(y, int):
        x, y = y, x
    if isinstance(y, tuple) and isinstance(x, int) and not isinstance(x, bool):
        return all(value == x for value in y)
    return bool(each_in_symbols(x) == each_in_symbols(y))


def _anchors(a: Sequence[_Item], b: Sequence[_Item], start: int) -> list[tuple[int, int]]:
    """Layers that are the same in both, name included: the longest run of them in which both orders agree."""
    at: Mapping[tuple[str, _Kind], int] = {(b[j].key, b[j].kind): j for j in range(start, len(b))}
    common = [(i, at[key]) for i in range(start, len(a)) if (key := (a[i].key, a[i].kind)) in at]
    tails: list[int] = []  # the longest increasing subsequence, by patience sorting
    last: list[int] = []
    before: list[int | None] = []
    for position, (_, j) in enumerate(common):
        length = bisect.bisect_left(tails, j)
        if length == len(tails):
            tails.append(j)
            last.append(position)
        else:
            tails[length], last[length] = j, position
        before.append(last[length - 1] if length else None)
    found = []
    position_or_none: int | None = last[-1] if last else None
    while position_or_none is not None:
        found.append(common[position_or_none])
        position_or_none = before[position_or_none]
    return found[::-1]

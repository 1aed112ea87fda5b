"""One body for two: their parts aligned in order, with parts that one of them lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final

from archdsl.columns import ABSENT, same, there
from archdsl.recovery.parts import BodyPart, GivenTensor, PartRef, RecoveredBody, changed

MOST_ABSENT: Final = 3  # parts that one of two bodies may lack and still be of one block,
OF_LARGE: Final = 3  # or one part in so many


def merged(first: RecoveredBody, second: RecoveredBody, positional: bool = False) -> RecoveredBody | None:
    """A body with the instances of both; None where they are too different. `positional`: labels only count."""
    if len(first.shapes) != len(second.shapes) or len(first.outputs) != len(second.outputs):
        return None
    pairs = aligned(first.parts, second.parts, positional)
    alone = sum(a is None or b is None for a, b in pairs)
    if alone > max(MOST_ABSENT, len(pairs) // OF_LARGE) or (len(pairs) - alone) * 2 < len(pairs):
        return None
    merging = _Merging(first, second, pairs)
    return merging.body() if merging.parts() else None


def aligned(
    first: Sequence[BodyPart], second: Sequence[BodyPart], positional: bool
) -> list[tuple[int | None, int | None]]:
    """Pairs of numbers of parts that correspond, in order, so that the most correspond the best."""
    n, m = len(first), len(second)
    if n == m and all(_alike(a, b, positional) for a, b in zip(first, second, strict=True)):
        return [(i, i) for i in range(n)]
    score = [[0.0] * (m + 1) for _ in range(n + 1)]
    gain = {(i, j): 1 + _likeness(a, b) for i, a in enumerate(first) for j, b in enumerate(second)
            if _alike(a, b, positional)}  # fmt: skip
    for i in range(n - 1, -1, -1):
        for j in range(m - 1, -1, -1):
            best = max(score[i + 1][j], score[i][j + 1])
            score[i][j] = max(best, score[i + 1][j + 1] + gain[i, j]) if (i, j) in gain else best
    found: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < n or j < m:
        if (i, j) in gain and score[i][j] == score[i + 1][j + 1] + gain[i, j]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif j == m or (i < n and score[i + 1][j] >= score[i][j + 1]):
            found.append((i, None))
            i += 1
        else:
            found.append((None, j))
            j += 1
    return found


def _alike(a: BodyPart, b: BodyPart, positional: bool) -> bool:
    """Whether two parts may be one: the same step under the same name."""
    if (a.kind, a.block, a.trains) != (b.kind, b.block, b.trains) or a.named.keys() != b.named.keys():
        return False
    if a.kind == "operator" and a.weighted != b.weighted:  # of one path only one can be
        return False
    if a.name != b.name and (a.wider is None or b.wider is None or a.wider[0] != b.wider[0]):
        return False
    return positional or a.label == b.label or not (a.weighted and b.weighted)


def _likeness(a: BodyPart, b: BodyPart) -> float:
    """How like two parts are that may be one, between -0.4 and 0.5: by their arguments and how these go together."""
    if a.name != b.name:
        return -0.2
    facts = [(_facts(a), _facts(b))]
    shares = [sum(same(x.get(k), y.get(k)) for k in x) / len(x) for x, y in facts if x]
    structure = 0.05 if len(a.operands) == len(b.operands) else -0.4
    label = 0.1 if a.label == b.label else 0.0
    return 0.3 * (shares[0] if shares else 1) + structure + label


def _facts(part: BodyPart) -> dict[str, Any]:
    """What a part's arguments are in its first instance, and which of them are one number."""
    values = {key: there(column)[0] for key, column in part.columns.items() if there(column)}
    numbers = {key: value for key, value in values.items() if isinstance(value, int) and not isinstance(value, bool)}
    equal = {f"{a} = {b}": numbers[a] == numbers[b] for a, b in combinations(sorted(numbers), 2)}
    ones = {f"{key} = 1": value == 1 for key, value in numbers.items()}
    return values | equal | ones


def widened(part: BodyPart) -> BodyPart:
    """A part as the operator of which its own is a special case."""
    assert part.wider is not None
    name, columns = part.wider
    return part if part.name == name else replace(part, name=name, columns=columns)


class _Merging:
    def __init__(self, first: RecoveredBody, second: RecoveredBody, pairs: list[tuple[int | None, int | None]]) -> None:
        self.bodies = (first, second)
        self.pairs = pairs
        self.numbers = tuple(
            {pair[side]: k for k, pair in enumerate(pairs) if pair[side] is not None} for side in (0, 1)
        )
        self.merged: list[BodyPart] = []
        self.operands: list[tuple[list[PartRef] | None, list[PartRef] | None]] = []

    def moved(self, ref: PartRef, side: int) -> PartRef:
        """A reference of one of the bodies, in the numbers of the merged one."""
        return changed(ref, lambda one: one if isinstance(one, GivenTensor) else self.numbers[side][one])

    def parts(self) -> bool:
        """The merged parts; False where they do not go together."""
        for pair in self.pairs:
            sides = [None if i is None else body.parts[i] for body, i in zip(self.bodies, pair, strict=True)]
            part = self._part(sides)
            if part is None:
                return False
            self.merged.append(part)
            self.operands.append(tuple(
                None if one is None else [self.moved(ref, side) for ref in [*one.operands, *one.named.values()]]
                for side, one in enumerate(sides)
            ))  # type: ignore[arg-type]  # fmt: skip
        return all(map(self._operands, range(len(self.merged))))

    def _part(self, sides: list[BodyPart | None]) -> BodyPart | None:
        base = next(one for one in sides if one is not None)
        body = base.body
        if body is not None:
            if sides[0] is not None and sides[1] is not None:
                assert sides[0].body is not None and sides[1].body is not None
                body = merged(sides[0].body, sides[1].body, positional=True)
                if body is None:
                    return None
            else:
                body = padded(
                    body, *((0, self.bodies[1].instances) if sides[1] is None else (self.bodies[0].instances, 0))
                )
        if len({one.name for one in sides if one is not None}) > 1:
            sides = [one and widened(one) for one in sides]
            base = next(one for one in sides if one is not None)
        keys = dict.fromkeys(key for one in sides if one is not None for key in one.columns)
        wider = base.wider
        if wider is not None:
            columns = {
                key: self._column(sides, lambda one, key=key: one.wider[1][key] if one.wider else None, ABSENT)
                for key in wider[1]
            }
            wider = (wider[0], columns)
        passes = [self.moved(one.passes, side) for side, one in enumerate(sides) if one and one.passes is not None]
        return replace(
            base,
            labels=self._column(sides, lambda one: one.labels, None),
            columns={key: self._column(sides, lambda one, key=key: one.columns.get(key), ABSENT) for key in keys},
            present=self._column(sides, lambda one: one.present, False),
            times=self._column(sides, lambda one: one.times, 0),
            body=body,
            wider=wider,
            passes=passes[0] if passes else None,
        )

    def _column(self, sides: list[BodyPart | None], get: Any, missing: Any) -> list[Any]:
        found: list[Any] = []
        for one, body in zip(sides, self.bodies, strict=True):
            column = get(one) if one is not None else None
            found += [missing] * body.instances if column is None else column
        return found

    def _operands(self, number: int) -> bool:
        """Choose operands for both sides: where they differ, one may pass through what the other lacks."""
        first, second = self.operands[number]
        part = self.merged[number]
        if first is None or second is None:
            chosen: list[PartRef] = list(first or second or [])
        elif len(first) != len(second):
            return False
        else:
            refs = [self._both(a, b) for a, b in zip(first, second, strict=True)]
            if None in refs:
                return False
            chosen = [ref for ref in refs if ref is not None]
        count = len(part.operands)
        part.operands = chosen[:count]
        part.named = dict(zip(part.named, chosen[count:], strict=True))
        return True

    def _both(self, first: PartRef, second: PartRef) -> PartRef | None:
        if first == second:
            return first
        if self._through(first, 1, second):
            return first
        return second if self._through(second, 0, first) else None

    def _through(self, ref: PartRef, side: int, wanted: PartRef) -> bool:
        """Whether a reference can stand for another on a side that lacks it, and what is passed through then."""
        if ref == wanted:
            return True
        if not isinstance(ref, int) or self.pairs[ref][side] is not None:
            return False
        part = self.merged[ref]
        if part.passes is not None:
            return self._through(part.passes, side, wanted)
        operands = next(one for one in self.operands[ref] if one is not None)
        for operand in operands:
            if self._through(operand, side, wanted):
                part.passes = operand
                return True
        return False

    def _passes(self, part: BodyPart) -> bool:
        """Whether it is known what passes where a part is absent."""
        if part.always or part.passes is not None:
            return True
        if len(part.operands) == 1:
            part.passes = part.operands[0]
        return len(part.operands) < 2

    def body(self) -> RecoveredBody | None:
        first, second = self.bodies
        outputs = [
            self._both(self.moved(a, 0), self.moved(b, 1)) for a, b in zip(first.outputs, second.outputs, strict=True)
        ]
        if None in outputs or not all(map(self._passes, self.merged)):
            return None
        return RecoveredBody(
            self.merged,
            [ref for ref in outputs if ref is not None],
            [a + b for a, b in zip(first.shapes, second.shapes, strict=True)],
            first.cls,
            first.paths + second.paths,
            {key: first.seeds[key] + second.seeds[key] for key in first.seeds if key in second.seeds},
        )


def padded(body: RecoveredBody, before: int, after: int) -> RecoveredBody:
    """A body with instances before and behind in which it is absent."""

    def column(values: list[Any], missing: Any) -> list[Any]:
        return [missing] * before + values + [missing] * after

    parts = [
        replace(
            part,
            labels=column(part.labels, None),
            columns={key: column(values, ABSENT) for key, values in part.columns.items()},
            wider=part.wider and (part.wider[0], {key: column(v, ABSENT) for key, v in part.wider[1].items()}),
            present=column(part.present, False),
            times=column(part.times, 0),
            body=None if part.body is None else padded(part.body, before, after),
        )
        for part in body.parts
    ]
    shapes = [column(values, ()) for values in body.shapes]
    return RecoveredBody(parts, body.outputs, shapes, body.cls, column(body.paths, ""), {})

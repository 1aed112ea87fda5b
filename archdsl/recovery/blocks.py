"""A tree of instances of classes as blocks: class by class from the inside, instances merged and parameterised."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from archdsl.columns import same
from archdsl.recovery.accumulators import Joins, grown, listed
from archdsl.recovery.merging import merged
from archdsl.recovery.parameters import Default, Idle, parameterised, snake
from archdsl.recovery.parts import BodyPart, GivenTensor, PartRef, RecoveredBlock, RecoveredBody


@dataclass(frozen=True)
class Recovered:
    """What was found: blocks, each after those that it uses, and the wholes, one where all are alike. The parameters of
    a whole have a value for each of the networks that it was found from."""

    blocks: list[RecoveredBlock]
    wholes: list[RecoveredBlock]


def recovered(
    roots: Sequence[RecoveredBody],
    default: Default,
    taken: Collection[str],
    joins: Joins,
    idle: Idle = lambda operator: None,
) -> Recovered:
    """Blocks for the classes of trees. Parts of the kind `block` have the bodies of instances, which are replaced.

    `default` says an operator's defaults, `joins` which operators join any number of tensors, `idle` with which
    argument one does nothing; `taken` are names that no block and no parameter may have.
    """
    blocks: list[RecoveredBlock] = []
    names: set[str] = set(taken)
    for root in roots:
        listed(root, joins)
    for instances in _from_inside(roots):
        for part in instances:
            assert part.body is not None
            part.body = _grown(part.body, blocks)
        for body, parts in _groups(instances):
            block = parameterised(body, _free(snake(body.cls.rpartition(".")[2]), names), default, taken, idle)
            names.add(block.name)
            blocks.append(block)
            for i, part in enumerate(parts):
                part.block, part.body, part.name = block, None, block.name
                part.columns = {one.name: [one.values[i]] for one in block.parameters}
    wholes: list[RecoveredBody] = []
    for root in roots:
        body = compressed(_grown(root, blocks))
        both = merged(wholes[-1], body) if wholes else None
        wholes[-1:] = [both] if both is not None else [*wholes[-1:], body]
    return Recovered(blocks, [parameterised(whole, "", default, taken, idle) for whole in wholes])


def _grown(body: RecoveredBody, blocks: list[RecoveredBlock]) -> RecoveredBody:
    """A body with loops in the place of what adds to a list; the blocks that add come after those that they add."""
    layers = {block.name: block for block in blocks if block.growth is not None}
    found = grown(body, layers)
    blocks += [block for name, block in layers.items() if all(block is not one for one in blocks)]
    return found


def _free(name: str, names: Collection[str]) -> str:
    wanted, number = name or "part", 2
    wanted = wanted if wanted[0].isalpha() else f"b_{wanted}"
    base = f"{wanted}_block" if wanted in names and not wanted.endswith("_block") else wanted
    found = base
    while found in names:
        found, number = f"{base}_{number}", number + 1
    return found


def _groups(instances: list[BodyPart]) -> Iterator[tuple[RecoveredBody, list[BodyPart]]]:
    """The instances of a class in groups that are one block each, with their merged bodies."""
    groups: list[tuple[RecoveredBody, list[BodyPart]]] = []
    for part in instances:
        assert part.body is not None
        body = compressed(part.body)
        for i, (other, parts) in enumerate(groups):
            both = merged(other, body)
            if both is not None:
                groups[i] = (both, [*parts, part])
                break
        else:
            groups.append((body, [part]))
    return iter(groups)


def _from_inside(roots: Sequence[RecoveredBody]) -> Iterator[list[BodyPart]]:
    """The parts that are instances of a class, class by class, each after those that it contains; of a class that
    contains itself, the inner instances first."""
    left: dict[str, list[BodyPart]] = {}

    def visit(body: RecoveredBody) -> None:
        for part in body.parts:
            if part.body is not None:
                visit(part.body)
            if part.kind == "block":
                left.setdefault(part.name, []).append(part)

    for root in roots:
        visit(root)
    left = {name: left[name] for name in sorted(left, key=list(left).index)}
    while left:
        ready = {name: [part for part in parts if _ready(part)] for name, parts in left.items()}
        whole = [name for name, parts in left.items() if len(ready[name]) == len(parts)]
        names = whole or [next(name for name in left if ready[name])]
        for name in names:
            left[name] = [part for part in left[name] if all(part is not one for one in ready[name])]
            if not left[name]:
                del left[name]
            yield ready[name]


def _ready(part: BodyPart) -> bool:
    """Whether all instances of classes in a part have been made blocks."""
    assert part.body is not None
    return all(inner.kind != "block" or inner.block is not None for inner in part.body.every_part())


def compressed(body: RecoveredBody) -> RecoveredBody:
    """A body of one instance in which equal parts that follow one another in braces are one, so often."""
    parts = [
        replace(part, body=_runs(compressed(part.body))) if part.kind == "sequence" and part.body is not None else part
        for part in body.parts
    ]
    return replace(body, parts=parts)


def _runs(body: RecoveredBody) -> RecoveredBody:
    """A chain in which a run of equal blocks is one part."""
    kept: list[BodyPart] = []
    for part in body.parts:
        last = kept[-1] if kept else None
        if last is not None and part.kind == "block" and equal_parts(last, part) and _follows(last, part):
            kept[-1] = replace(last, times=[last.times[0] + 1])
        else:
            kept.append(part)
    chain: list[BodyPart] = []
    for i, part in enumerate(kept):
        first: PartRef = GivenTensor(0) if i == 0 else i - 1
        chain.append(replace(part, operands=[first]))
    return replace(body, parts=chain, outputs=[len(chain) - 1])


def _follows(last: BodyPart, part: BodyPart) -> bool:
    a, b = last.labels[0], part.labels[0]
    if a is None or b is None:
        return a is b
    return a.isdigit() and b.isdigit() and int(b) == int(a) + last.times[0]


def equal_parts(a: BodyPart, b: BodyPart) -> bool:
    """Whether two parts of one instance each are the same but for their labels and what they are given."""
    if (a.kind, a.name, a.block, a.named, a.trains) != (b.kind, b.name, b.block, b.named, b.trains):
        return False
    if (a.columns.keys() != b.columns.keys()) or not all(same(a.columns[key], b.columns[key]) for key in a.columns):
        return False
    if a.body is None or b.body is None:
        return a.body is b.body
    pairs = zip(a.body.parts, b.body.parts, strict=False)
    return len(a.body.parts) == len(b.body.parts) and all(
        equal_parts(x, y) and x.labels == y.labels and x.operands == y.operands and x.times == y.times for x, y in pairs
    )

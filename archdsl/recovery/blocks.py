"""A tree of instances of classes as blocks: class by class from the inside, instances merged and parameterised."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from archdsl.recovery.accumulators import Joins, grown, listed
from archdsl.recovery.columns import same
from archdsl.recovery.merging import merged
from archdsl.recovery.parameters import Default, parameterised, snake
from archdsl.recovery.parts import BodyPart, GivenTensor, PartRef, RecoveredBlock, RecoveredBody


class Entangled(Exception):
    """Classes contain each other, so that there is no order from the inside."""


@dataclass(frozen=True)
class Recovered:
    """What was found: blocks, each after those that it uses, and the body of the whole, with parameters of its own."""

    blocks: list[RecoveredBlock]
    whole: RecoveredBlock


def recovered(root: RecoveredBody, default: Default, taken: Collection[str], joins: Joins) -> Recovered:
    """Blocks for the classes of a tree. Parts of the kind `block` have the bodies of instances, which are replaced.

    `default` says an operator's defaults, `joins` which operators join any number of tensors; `taken` are names that no
    block and no parameter may have. Raises `Entangled`.
    """
    blocks: list[RecoveredBlock] = []
    names: set[str] = set(taken)
    listed(root, joins)
    for instances in _from_inside(root):
        for part in instances:
            assert part.body is not None
            part.body = _grown(part.body, blocks)
        for body, parts in _groups(instances):
            block = parameterised(body, _free(snake(body.cls.rpartition(".")[2]), names), default, taken)
            names.add(block.name)
            blocks.append(block)
            for i, part in enumerate(parts):
                part.block, part.body, part.name = block, None, block.name
                part.columns = {one.name: [one.values[i]] for one in block.parameters}
    return Recovered(blocks, parameterised(compressed(_grown(root, blocks)), "", default, taken))


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


def _from_inside(root: RecoveredBody) -> Iterator[list[BodyPart]]:
    """The parts that are instances of a class, class by class, each after those that it contains."""
    instances: dict[str, list[BodyPart]] = {}
    contains: dict[str, set[str]] = {}

    def visit(body: RecoveredBody, around: tuple[str, ...]) -> None:
        for part in body.parts:
            inner = around
            if part.kind == "block":
                instances.setdefault(part.name, []).append(part)
                contains.setdefault(part.name, set())
                for name in around:
                    contains[name].add(part.name)
                inner = (*around, part.name)
            if part.body is not None:
                visit(part.body, inner)

    visit(root, ())
    done: set[str] = set()
    while len(done) < len(instances):
        ready = [name for name in instances if name not in done and contains[name] <= done]
        if not ready:
            raise Entangled(", ".join(sorted(set(instances) - done)))
        for name in ready:
            done.add(name)
            yield instances[name]


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

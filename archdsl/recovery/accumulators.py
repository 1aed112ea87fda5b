"""Lists that grow: a block that is given all that its likes before it made, as in a DenseNet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from archdsl.columns import same
from archdsl.recovery.parts import (
    BodyPart,
    GivenTensor,
    Growth,
    PartRef,
    RecoveredBlock,
    RecoveredBody,
    Several,
    within,
    without,
)

Joins = Callable[[str], bool]  # whether an operator joins any number of tensors
LEAST: Final = 2  # rounds that make a loop


def listed(root: RecoveredBody, joins: Joins) -> None:
    """Make one list of the tensors of classes whose instances are given different numbers, and join them at once."""
    instances: dict[str, list[BodyPart]] = {}
    for part in _instances(root):
        instances.setdefault(part.name, []).append(part)
    for parts in instances.values():
        bodies = [part.body for part in parts if part.body is not None]
        if len({len(body.shapes) for body in bodies}) > 1 and all(_joined(body, joins) for body in bodies):
            for part, body in zip(parts, bodies, strict=True):
                part.body = replace(
                    body,
                    parts=[replace(body.parts[0], operands=[GivenTensor(0)]), *body.parts[1:]],
                    shapes=[[()]],
                )
                part.operands = [Several(tuple(part.operands))]


def _instances(body: RecoveredBody) -> Iterator[BodyPart]:
    for part in body.parts:
        if part.kind == "block":
            yield part
        if part.body is not None:
            yield from _instances(part.body)


def _joined(body: RecoveredBody, joins: Joins) -> bool:
    """Whether all that a body is given goes, in order, into one operator that joins it, and nowhere else."""
    if not body.parts or not joins(body.parts[0].name) or body.parts[0].named:
        return False
    first, *rest = body.parts
    if first.operands != [GivenTensor(number) for number in range(len(body.shapes))]:
        return False
    later: list[PartRef] = [ref for part in rest for ref in (*part.operands, *part.named.values())] + body.outputs
    return not any(isinstance(one, GivenTensor) for ref in later for one in _names(ref))


def _names(ref: PartRef) -> list[int | GivenTensor]:
    return list(within(ref))


def grown(body: RecoveredBody, layers: dict[str, RecoveredBlock]) -> RecoveredBody:
    """A body in which blocks that add to a list, one after the other, are a loop. `layers` gets the blocks that add."""
    for start, part in enumerate(body.parts):
        run = _run(body, start)
        if len(run) < LEAST:
            continue
        label = re.fullmatch(r"(.*?)(\d+)", part.labels[0] or "")
        assert label is not None and part.block is not None
        growth = Growth(part.block, label[1])
        name = f"add_{part.block.name}"
        block = layers.setdefault(name, RecoveredBlock(name, part.block.body, part.block.parameters, growth=growth))
        (first,) = part.operands
        loop = replace(part, block=block, name=name, times=[len(run)], counts_from=int(label[2]), labels=[None])
        whole = Several((*_values(first), *run))
        end = run[-1]
        parts = [
            loop if i == end else replace(one, operands=[end if ref == whole else ref for ref in _lists(one)])
            for i, one in enumerate(body.parts)
        ]
        outputs: list[PartRef] = [end if ref == whole else ref for ref in body.outputs]
        gone = set(run[:-1])
        left = [ref for i, one in enumerate(parts) if i not in gone for ref in (*one.operands, *one.named.values())]
        if not any(one in gone for ref in (*left, *outputs) for one in _names(ref)):
            return grown(without(replace(body, parts=parts, outputs=outputs), gone, {}), layers)
    return body


def _lists(part: BodyPart) -> list[PartRef]:
    """A part's operands, those of an operator that joins tensors as one list."""
    plain = all(isinstance(ref, (int, GivenTensor)) for ref in part.operands)
    if part.kind == "operator" and len(part.operands) > 1 and plain:
        return [Several(tuple(part.operands))]
    return part.operands


def _values(ref: PartRef) -> tuple[PartRef, ...]:
    return ref.values if isinstance(ref, Several) else (ref,)


def _run(body: RecoveredBody, start: int) -> list[int]:
    """The numbers of blocks from one on, each of which is given what the one before was, and what that made."""
    first = body.parts[start]
    found = [start]
    if first.block is None or len(first.operands) != 1 or not isinstance(first.operands[0], Several):
        return []
    label = re.fullmatch(r"(.*?)(\d+)", first.labels[0] or "")
    if label is None:
        return []
    whole = (*first.operands[0].values, start)
    for number in range(start + 1, len(body.parts)):
        part = body.parts[number]
        alike = part.block is first.block and all(same(part.columns[key], first.columns[key]) for key in first.columns)
        follows = part.labels[0] == f"{label[1]}{int(label[2]) + len(found)}"
        if not alike or not follows or part.operands != [Several(whole)]:
            break
        found.append(number)
        whole = (*whole, number)
    return found

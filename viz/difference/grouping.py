"""The groups of two networks as one tree: blocks that hold the same layers are one, whatever they are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Final, TypeAlias

from archdsl.outline.subnets import Prefix, Subnet, subnets
from viz.difference.union import SIDES, Union, graph_of

ALIKE: Final = 0.5  # the share of common layers above which two groups are one
NAME: Final = 0.25  # what a common name adds to it

SubnetPair: TypeAlias = tuple[Subnet | None, Subnet | None]  # of the two networks
Enclosing: TypeAlias = tuple[Subnet, ...]  # the groups around a layer, outermost first


@dataclass(frozen=True, slots=True)
class Groups:
    """The tree of all parts, and for its groups, by path and use, what they are in the two networks, if they are."""

    tree: Subnet
    origins: Mapping[Prefix, SubnetPair]

    def of(self, path: str, use: str) -> SubnetPair:
        """What a group is in the two networks."""
        return self.origins.get((path, use), (None, None))

    def paths(self, branch: Subnet) -> tuple[str, str]:
        """The paths of a group in both networks."""
        a, b = self.of(branch.path, branch.use)
        return a.path if a else "", b.path if b else ""


def groups(union: Union) -> Groups:
    """Group the parts of both networks."""
    graphs = (graph_of(union.difference, side) for side in SIDES)
    around_a, around_b = (dict(_chains(subnets(graph, list(graph)))) for graph in graphs)
    partner = _partners(union, around_a, around_b)
    root = Subnet("")
    found: dict[Prefix, Subnet] = {}
    origins: dict[Prefix, SubnetPair] = {}
    of_b = {_prefix(b): a for a, b in partner.values()}
    for key, part in union.parts.items():
        inside = root
        inside.keys.append(key)
        for a, b in _groups_of(part.a, part.b, around_a, around_b, partner) if part.kind == "layer" else ():
            shown = b if b is not None else a
            assert shown is not None
            prefix = _prefix(shown) if b is not None else (shown.path, f"{shown.use}-")
            if prefix not in found:
                found[prefix] = replace(shown, use=prefix[1], depth=inside.depth + 1, keys=[], items=[])
                origins[prefix] = (of_b.get(prefix) if b is not None else a, b)
                inside.items.append(found[prefix])
            inside = found[prefix]
            inside.keys.append(key)
        inside.items.append(key)
    return Groups(root, origins)


def _groups_of(
    a: str | None,
    b: str | None,
    around_a: Mapping[str, Enclosing],
    around_b: Mapping[str, Enclosing],
    partner: Mapping[Prefix, tuple[Subnet, Subnet]],
) -> Iterator[SubnetPair]:
    """The groups around a part: those of the second network where it has it, else the way into that of the first."""
    if b is not None:
        yield from ((None, group) for group in around_b[b])
        return
    assert a is not None
    chain = around_a[a]
    known = next((i for i in reversed(range(len(chain))) if _prefix(chain[i]) in partner), None)
    if known is not None:
        _, host = partner[_prefix(chain[known])]
        yield from ((None, group) for group in around_b[host.keys[0]][: host.depth])
    yield from ((group, None) for group in chain[0 if known is None else known + 1 :])


def _partners(
    union: Union, around_a: Mapping[str, Enclosing], around_b: Mapping[str, Enclosing]
) -> dict[Prefix, tuple[Subnet, Subnet]]:
    """For groups of the first network, one of the second each: the most alike first."""
    common: Counter[tuple[Prefix, Prefix]] = Counter()
    known: dict[Prefix, tuple[dict[Prefix, Subnet], Subnet]] = {}
    for part in union.parts.values():
        if part.kind != "layer" or part.a is None or part.b is None:
            continue
        for a, b in product(around_a[part.a], around_b[part.b]):
            known.setdefault(_prefix(a), ({}, a))[0][_prefix(b)] = b
            common[_prefix(a), _prefix(b)] += 1
    rated = sorted(
        (
            (-_likeness(a, b, common[_prefix(a), _prefix(b)]), _prefix(a), _prefix(b), a, b)
            for others, a in known.values()
            for b in others.values()
        ),
        key=lambda found: found[:3],
    )
    found: dict[Prefix, tuple[Subnet, Subnet]] = {}
    taken = set()
    for likeness, of_a, of_b, a, b in rated:
        if -likeness > ALIKE and of_a not in found and of_b not in taken:
            found[of_a] = (a, b)
            taken.add(of_b)
    return found


def _likeness(a: Subnet, b: Subnet, common: int) -> float:
    """The share of common layers; a common name speaks for two groups as well."""
    name = NAME if _prefix(a) == _prefix(b) else 0.0
    return name + 2 * common / (len(a.keys) + len(b.keys))


def _chains(root: Subnet) -> Iterator[tuple[str, Enclosing]]:
    """Each layer with the groups around it."""
    stack: list[tuple[Subnet, Enclosing]] = [(root, ())]
    while stack:
        branch, chain = stack.pop()
        for item in branch.items:
            if isinstance(item, Subnet):
                stack.append((item, (*chain, item)))
            else:
                yield item, chain


def _prefix(branch: Subnet) -> Prefix:
    return branch.path, branch.use

"""Where tensors enter frames: what several boxes in a frame read of one outside comes in once, at a point from which
all of them are reached. So a residual that begins with what a frame is given stays in that frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from viz.graph.edges import DrawnEdge
from viz.graph.scene import Box, Group, Scene
from viz.graph.scene import boxes as scene_boxes


def entered(scene: Scene) -> Scene:
    """The scene with such points as boxes, the first in their groups, and edges that lead over them."""
    several: dict[tuple[str, str], list[DrawnEdge]] = {}
    for edge in scene.edges:
        if not edge.crossing:
            several.setdefault((edge.source, edge.shape), []).append(edge)
    found = _Entries({box.id: groups for box, groups in scene_boxes(scene.items)})
    kept = [edge for edge in scene.edges if edge.crossing]
    for (source, _), edges in several.items():
        own = found.around[source]
        by_depth: dict[int, list[DrawnEdge]] = {}
        for edge in edges:
            by_depth.setdefault(_common(own, found.around[edge.target]), []).append(edge)
        for depth, alike in by_depth.items():
            kept += found.led(alike, source, depth)
    if not found.points:
        return scene
    return replace(scene, items=_with_points(scene.items, found.points), edges=tuple(kept))


def _common(a: Sequence[Group], b: Sequence[Group]) -> int:
    """How many groups are around both."""
    return sum(1 for one, other in zip(a, b, strict=False) if one.id == other.id)


@dataclass(slots=True)
class _Entries:
    """The points found so far, by the groups in which they stand."""

    around: Mapping[str, tuple[Group, ...]]  # each box: outermost first
    points: dict[str, list[Box]] = field(default_factory=dict)

    def led(self, edges: Sequence[DrawnEdge], source: str, depth: int) -> Iterator[DrawnEdge]:
        """Edges that bring one tensor from a box, or a point, to boxes in the groups that are so deep, or to these
        groups' neighbours."""
        inside: dict[str, list[DrawnEdge]] = {}
        for edge in edges:
            groups = self.around[edge.target]
            if len(groups) > depth:
                inside.setdefault(groups[depth].id, []).append(edge)
            else:
                yield replace(edge, source=source)
        for several in inside.values():
            yield from self._into(several, source, depth)

    def _into(self, edges: Sequence[DrawnEdge], source: str, depth: int) -> Iterator[DrawnEdge]:
        """Edges to boxes in one group."""
        if len({edge.target for edge in edges}) == 1:
            yield from (replace(edge, source=source) for edge in edges)
            return
        within = [self.around[edge.target][depth + 1 :] for edge in edges]
        if all(groups and groups[0].id == within[0][0].id for groups in within):  # they go on into one group
            yield from self._into(edges, source, depth + 1)
            return
        group = self.around[edges[0].target][depth]
        beside = self.points.setdefault(group.id, [])
        train = all(edge.train for edge in edges)
        point = Box(f"{group.id}_in{len(beside)}", "entry", group.path, "", "", "merge", train=train)
        beside.append(point)
        roles = {edge.role for edge in edges}
        main = next((edge for edge in edges if edge.role == "main"), edges[0])
        yield replace(
            main, source=source, target=point.id, train=train, news=any(edge.news for edge in edges),
            role="main" if "main" in roles else "side",
        )  # fmt: skip
        onward = [replace(edge, news=False, role="main" if edge == main else "side") for edge in edges]
        yield from self.led(onward, point.id, depth + 1)


def _with_points(items: Sequence[Box | Group], points: Mapping[str, Sequence[Box]]) -> tuple[Box | Group, ...]:
    return tuple(
        replace(item, items=(*points.get(item.id, ()), *_with_points(item.items, points)))
        if isinstance(item, Group)
        else item
        for item in items
    )

"""Known edits of a network: the difference names no more than these."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from archdsl.compare.diff import compare
from archdsl.compare.difference import Difference
from archdsl.graph import Graph
from archdsl.presentation.changes import text

Build = Callable[..., Graph]


@dataclass(frozen=True)
class Step:
    """A layer that keeps the size of its maps."""

    op: str
    size: int
    width: int
    name: str = ""

    def __str__(self) -> str:
        said = {
            "conv": f"conv({self.width}, {self.size}, padding = {self.size // 2})",
            "max_pool": f"max_pool({self.size}, stride = 1, padding = {self.size // 2})",
            "dropout": f"dropout(0.{self.size})",
        }
        return (f"{self.name}: " if self.name else "") + said.get(self.op, self.op)


OPS = ("conv", "conv", "conv", "relu", "batch_norm", "gelu", "max_pool", "dropout")
HAS_SIZE = ("conv", "max_pool", "dropout")


def network(steps: list[Step]) -> str:
    return f"network Net(x: [N, 8, 16, 16]) {{ x -> body: {{ {' -> '.join(map(str, steps))} }} }}"


def edited(seed: int, named: bool) -> tuple[list[Step], list[Step], int]:
    """A network, the same with one to three edits in it, and how many these are."""
    draw = random.Random(seed)

    def step(name: str) -> Step:
        return Step(draw.choice(OPS), draw.choice((1, 3, 5)), draw.choice((8, 16)), name if named else "")

    before = [step(f"n{i}") for i in range(draw.randint(5, 14))]
    after: list[tuple[Step, bool]] = [(one, False) for one in before]  # and whether it is edited
    edits = 0
    for number in range(draw.randint(1, 3)):
        places = [i for i, (_, done) in enumerate(after) if not done]
        i = draw.choice(places)
        kind = draw.choice(("insert", "delete", "change", "rename"))
        if kind == "insert":
            after.insert(i, (step(f"new{number}"), True))
        elif kind == "delete" and len(after) > 3:
            after.pop(i)
        elif kind == "change" and after[i][0].op in HAS_SIZE:
            other = draw.choice([size for size in (1, 3, 5) if size != after[i][0].size])
            after[i] = replace(after[i][0], size=other), True
        elif kind == "rename" and named:
            after[i] = replace(after[i][0], name=f"other{number}"), True
        else:
            continue
        edits += 1
    return before, [one for one, _ in after], edits


def said(difference: Difference, *, names: bool) -> int:
    """How many edits a difference speaks of."""
    found = Counter(layer.status for layer in difference.layers)
    renamed = sum(layer.renamed for layer in difference.layers) if names else 0
    return found["added"] + found["removed"] + found["changed"] + renamed


@pytest.mark.parametrize("named", [True, False], ids=["named", "numbered"])
@pytest.mark.parametrize("seed", range(60))
def test_a_difference_is_no_longer_than_what_was_edited(graph_of: Build, seed: int, named: bool) -> None:
    before, after, edits = edited(seed, named)
    difference = compare(graph_of(network(before)), graph_of(network(after)))
    assert said(difference, names=named) <= edits


@pytest.mark.parametrize("seed", range(20))
def test_a_network_without_edits_has_no_difference(graph_of: Build, seed: int) -> None:
    before, _, _ = edited(seed, False)
    assert compare(graph_of(network(before)), graph_of(network(before))).same


def test_a_layer_put_in_beside_one_that_changed_is_told_from_it(graph_of: Build) -> None:
    before = "network Net(x: [N, 8, 9, 9]) { x -> conv(8, 3, padding = 1) -> relu -> conv(8, 3, padding = 1) -> relu }"
    after = before.replace(
        "relu -> conv(8, 3, padding = 1) -> relu", "relu -> batch_norm -> conv(8, 5, padding = 2) -> relu"
    )
    found = {layer.status: layer for layer in compare(graph_of(before), graph_of(after)).layers}
    assert found["added"].b is not None
    assert found["added"].b.op == "batch_norm"
    assert [c.what for c in found["changed"].changes] == ["kernel_size", "padding"]


DEEPER = """
block unit(x, w, k = 1) { x -> conv: conv(w, k, padding = k // 2) -> act: relu }
block one(x, w) { x -> cv1: unit(w) -> m.0: unit(w, 3) -> cv2: unit(w) }
block two(x, w) { x -> cv1: unit(w) -> m.0: { cv1: unit(w) -> m.0: unit(w, 3) -> cv2: unit(w) } -> cv2: unit(w) }
network Net(x: [N, 8, 9, 9]) { x -> model.0: unit(8) -> model.1: WHICH(8) -> model.2: unit(8) }
"""


def test_a_block_in_both_is_not_said_to_be_one_within_it(graph_of: Build) -> None:
    difference = compare(graph_of(DEEPER.replace("WHICH", "one")), graph_of(DEEPER.replace("WHICH", "two")))
    assert "model.1 → model.1.m.0" not in text(difference)
    same = {layer.a.path for layer in difference.layers if layer.a and layer.status == "same" and not layer.renamed}
    assert "model.1.cv1.conv" in same

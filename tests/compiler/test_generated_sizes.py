"""Generated chains of operators that take sizes, one compiled module for all sizes, against torch's own functions."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from archdsl.network import Network

Atom = str | int
Size = tuple[Atom, ...]  # a product
Values = Mapping[str, int]
Step = Callable[[Tensor, Values], Tensor]
MOST_DIMS = 5


def text(size: Size) -> str:
    return " * ".join(map(str, size)) or "1"


def number(size: Size, values: Values) -> int:
    return math.prod(values[atom] if isinstance(atom, str) else atom for atom in size)


def numbers(sizes: list[Size], values: Values) -> list[int]:
    return [number(size, values) for size in sizes]


@dataclass
class Chain:
    """A network while it grows, and what each of its steps means in torch."""

    draw: random.Random
    sizes: list[Size]
    written: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def grow(self) -> None:
        fitting = [self.merge, self.permute]
        if any(len(size) > 1 for size in self.sizes) and len(self.sizes) < MOST_DIMS:
            fitting += [self.unflatten, self.split]
        if 3 <= len(self.sizes) <= 5:
            fitting.append(self.interpolate)
        self.draw.choice(fitting)()

    def add(self, written: str, step: Step, sizes: list[Size]) -> None:
        self.written.append(written)
        self.steps.append(step)
        self.sizes = sizes

    def reshape(self, sizes: list[Size]) -> None:
        shown = list(map(text, sizes))
        if self.draw.random() < 0.4:
            shown[self.draw.randrange(len(shown))] = "-1"
        self.add(f"reshape([{', '.join(shown)}])", lambda x, v: x.reshape(numbers(sizes, v)), sizes)

    def merge(self) -> None:
        if len(self.sizes) < 3:
            return self.permute()
        at = self.draw.randrange(len(self.sizes) - 1)
        self.reshape([*self.sizes[:at], self.sizes[at] + self.sizes[at + 1], *self.sizes[at + 2 :]])
        return None

    def _divided(self) -> tuple[int, Size, Size]:
        at = self.draw.choice([i for i, size in enumerate(self.sizes) if len(size) > 1])
        cut = self.draw.randrange(1, len(self.sizes[at]))
        return at, self.sizes[at][:cut], self.sizes[at][cut:]

    def split(self) -> None:
        at, first, second = self._divided()
        self.reshape([*self.sizes[:at], first, second, *self.sizes[at + 1 :]])

    def unflatten(self) -> None:
        at, first, second = self._divided()
        shown = [text(first), text(second)]
        if self.draw.random() < 0.4:
            shown[self.draw.randrange(2)] = "-1"
        self.add(
            f"unflatten({at}, [{', '.join(shown)}])",
            lambda x, v: x.unflatten(at, (number(first, v), number(second, v))),
            [*self.sizes[:at], first, second, *self.sizes[at + 1 :]],
        )

    def permute(self) -> None:
        order = list(range(len(self.sizes)))
        self.draw.shuffle(order)
        self.add(f"permute({order})", lambda x, v: x.permute(order), [self.sizes[i] for i in order])

    def interpolate(self) -> None:
        atoms = [atom for size in self.sizes for atom in size]
        wanted: list[Size] = [tuple(self.draw.sample(atoms, 1)) for _ in self.sizes[2:]]
        self.add(
            f"interpolate([{', '.join(map(text, wanted))}])",
            lambda x, v: functional.interpolate(x, numbers(wanted, v)),
            [*self.sizes[:2], *wanted],
        )


def chain(seed: int) -> tuple[Chain, list[Size]]:
    draw = random.Random(seed)
    declared: list[Size] = [("N",)]
    for name in draw.sample(["T", "H", "W"], draw.randrange(1, 4)):
        declared.append(draw.choice([(name,), (2, name), (3, name)]))
    declared.insert(draw.randrange(1, len(declared) + 1), (draw.choice([4, 6]),))
    grown = Chain(draw, [tuple(size) for size in declared])
    for _ in range(draw.randrange(2, 7)):
        grown.grow()
    return grown, declared


@pytest.mark.parametrize("seed", range(60))
def test_one_module_is_torchs_functions_for_all_sizes(seed: int, network_of: Callable[..., Network]) -> None:
    grown, declared = chain(seed)
    code = f"network Net(x: [{', '.join(map(text, declared))}]) {{ x -> {' -> '.join(grown.written)} }}"
    model = network_of(code).compile()
    for values in (
        {"N": 2, "T": 3, "H": 4, "W": 5},
        {"N": 1, "T": 6, "H": 2, "W": 1},
        {"N": 5, "T": 1, "H": 3, "W": 7},
    ):
        x = torch.randn(numbers(declared, values), generator=torch.Generator().manual_seed(seed))
        wanted = x
        for step in grown.steps:
            wanted = step(wanted, values)
        assert torch.equal(model(x), wanted), code

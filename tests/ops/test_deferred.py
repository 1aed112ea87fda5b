"""A deferred dataclass is made when it is first used, and is what `@dataclass(frozen=True)` is from then on."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from archdsl.ops.deferred import deferred_dataclass


def classes() -> tuple[Any, Any]:
    """A class and one below it, both not made yet."""

    @deferred_dataclass
    class Outer:
        first: int
        second: Any = dataclasses.field(default=2, metadata={"doc": "the second"}, kw_only=True)

    @deferred_dataclass
    class Inner(Outer):
        third: int = 3

        def total(self) -> Any:
            return self.first + self.second + self.third

    return Outer, Inner


def is_made(cls: type) -> bool:
    return isinstance(vars(cls)["__dataclass_fields__"], dict)


def test_a_class_is_made_by_its_first_instance_with_those_above_it() -> None:
    outer, inner = classes()
    assert not is_made(outer)
    assert not is_made(inner)
    assert inner(1, second=5).total() == 9
    assert is_made(inner)
    assert is_made(outer)


def test_a_class_above_that_is_made_does_not_make_the_one_below() -> None:
    outer, inner = classes()
    outer(1)
    assert not is_made(inner)
    assert inner(1, 4).third == 4


def test_whoever_asks_for_the_fields_makes_the_class() -> None:
    _, inner = classes()
    assert [field.name for field in dataclasses.fields(inner)] == ["first", "second", "third"]
    assert dataclasses.fields(inner)[1].metadata["doc"] == "the second"


def test_instances_are_frozen_and_compared_by_their_values() -> None:
    _, inner = classes()
    made = inner(1)
    assert (made, hash(made)) == (inner(1), hash(inner(1)))
    assert made != dataclasses.replace(made, third=4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.first = 2


def test_a_dataclass_below_one_that_is_not_made_has_its_fields() -> None:
    _, inner = classes()

    @dataclasses.dataclass(frozen=True)
    class Own(inner):  # type: ignore[valid-type, misc]
        fourth: int = 4

    assert Own(1, 3, 5).fourth == 5


def test_threads_that_make_a_class_at_once_all_have_it() -> None:
    for _ in range(20):
        _, inner = classes()
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(inner, [1] * 8))) == 1

"""A deferred dataclass is made when it is first used, and is what `@dataclass(frozen=True)` is from then on."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from archdsl.ops.activation import Relu
from archdsl.ops.deferred import deferred_dataclass
from archdsl.ops.regularization import Dropout
from tests.conftest import ROOT


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


def test_instances_that_come_without_being_made_are_compared_by_their_values() -> None:
    """As from a pickle in a process that has made none."""
    for use in (lambda a, b: a == b, lambda a, b: hash(a) == hash(b), lambda a, b: repr(a) == repr(b)):
        _, inner = classes()
        found = [object.__new__(inner) for _ in range(2)]
        for one in found:
            vars(one).update(first=1, second=2, third=3)
        assert not is_made(inner)
        assert use(*found)


def test_a_method_of_its_own_stays() -> None:
    @deferred_dataclass
    class Own:
        first: int

        def __repr__(self) -> str:
            return f"<{self.first}>"

    assert repr(Own(1)) == "<1>"
    assert Own(1) == Own(1)


def test_operators_from_a_pickle_are_equal_in_a_process_that_has_made_none() -> None:
    code = """
import pickle, sys
from archdsl.ops import OPERATORS
one, other = (pickle.loads(bytes.fromhex(sys.argv[1])) for _ in range(2))
print(one == other, len({*one, *other}), one[0])
"""
    pickled = pickle.dumps([Relu(), Dropout(0.5)]).hex()
    done = subprocess.run([sys.executable, "-c", code, pickled], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "True 2 Relu()\n"

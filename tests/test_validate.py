"""Arguments of the Python interface that cannot be: each error names the argument and what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import archdsl
from archdsl.errors import SpecError

load: Any = archdsl.load  # wrong types are meant


@pytest.fixture(scope="module")
def net() -> archdsl.Network:
    return archdsl.load("lenet5")


@pytest.mark.parametrize(
    ("call", "kind", "says"),
    [
        (lambda net: net.memory(hardware="foo"), ValueError, "hardware is 'cuda' or 'cpu', not 'foo'"),
        (lambda net: net.memory(optimizer="sdg"), ValueError, "optimizer is 'sgd', 'momentum', 'adam' or 'adamw', not"),
        (lambda net: net.memory(optimizer=None), ValueError, "optimizer is 'sgd'"),
        (lambda net: net.memory(optimizer=["sgd"]), ValueError, "optimizer is 'sgd'"),
        (lambda net: net.memory(dtype="fp16"), ValueError, "dtype is 'fp32', 'bf16' or 'mixed', not 'fp16'"),
        (lambda net: net.timing("h100", dtype="fp8"), ValueError, "dtype is 'fp32'"),
        (lambda net: net.timing("h100", optimizer=3), ValueError, "optimizer is 'sgd'"),
        (lambda net: net.timing(3), TypeError, "profile is the name of a device"),
        (lambda net: net.plot(optimizer="sdg"), ValueError, "optimizer is 'sgd'"),
        (lambda net: net.plot(hardware="tpu"), ValueError, "hardware is 'cuda' or 'cpu'"),
        (lambda net: net.plot(beside=["lenet5"]), TypeError, "each of beside is a Network, not a str"),
        (lambda net: net.diff("lenet5"), TypeError, "other is a Network, not a str"),
        (lambda net: net.compile({1: "cpu"}), SpecError, "`devices` maps names to devices, found 1 for a name"),
        (lambda net: load("lenet5", classes=[1] * 200_000), SpecError, "a list has at most 100,000"),
        (lambda net: load("lenet5", classes=[[1] * 200_000]), SpecError, "a list has at most 100,000"),
        (lambda net: load("lenet5", inputs={3: (1, 1)}), SpecError, "names to shapes, found 3 for a name"),
        (lambda net: load("lenet5", inputs=[1]), SpecError, "`inputs` maps names to shapes, found a list"),
        (lambda net: load("lenet5", inputs={"image": "1x1"}), SpecError, "found the text '1x1'"),
        (lambda net: load("lenet5", inputs={"image": [1] * 99}), SpecError, "found a shape of 99 sizes"),
        (lambda net: load(3), TypeError, "the SPEC is a path, .* not an int"),
        (lambda net: load(None), TypeError, "the SPEC is a path, .* not None"),
        (lambda net: load(b"lenet5"), TypeError, "the SPEC is a path, .* not a bytes"),
    ],
)
def test_a_wrong_argument_is_named(
    call: Callable[[archdsl.Network], Any], kind: type[Exception], says: str, net: archdsl.Network
) -> None:
    with pytest.raises(kind, match=says):
        call(net)


@pytest.mark.parametrize("suffix", ["svg", "html", "dot"])
@pytest.mark.parametrize("depth", [0, -1])
def test_no_depth_is_refused_in_every_format(
    suffix: str, depth: int, net: archdsl.Network, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(ValueError, match="a drawing is at least 1 deep"):
        net.draw(tmp_path_factory.getbasetemp() / f"net.{suffix}", depth=depth)

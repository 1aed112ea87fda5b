"""Arguments of the Python interface that cannot be: each error names the argument and what it takes."""

from __future__ import annotations

import copy
import pickle
from array import array
from collections.abc import Callable
from typing import Any

import pytest

import archdsl
from archdsl.errors import SpecError

load: Any = archdsl.load  # wrong types are meant


def limit(**limits: Any) -> None:
    with archdsl.limited(**limits):
        pass


class Undecidable:
    """Whether it equals something has no answer, as with an array of numpy."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        raise ValueError("ambiguous")


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
        (lambda net: net.plot(beside=net), TypeError, "beside is a list, each of it a Network, not a Network"),
        (lambda net: net.plot(beside=None), TypeError, "beside is a list"),
        (lambda net: net.plot(panels="stages"), TypeError, "panels is a list, each of it the name of a panel, not a"),
        (lambda net: net.plot(panels=None), TypeError, "panels is a list"),
        (lambda net: net.plot(pannels=[]), TypeError, "a plot has no option `pannels`; did you mean `panels`?"),
        (lambda net: net.plot("a\0.svg"), ValueError, "path is the path of a file, and no file can be called"),
        (lambda net: net.memory(dtype=array("d", [1, 2])), ValueError, "dtype is 'fp32'"),
        (lambda net: net.memory(dtype=Undecidable()), ValueError, "dtype is 'fp32'"),
        (lambda net: net.plot().render("gif"), ValueError, "format is 'pdf', 'png' or 'svg', not 'gif'"),
        (lambda net: net.plot().save(None), TypeError, "path is the path of a file, not None"),
        (lambda net: net.compile()("x"), TypeError, "input `image` is a tensor, found a str"),
        (lambda net: net.compile()(None), TypeError, "input `image` is a tensor, found None"),
        (lambda net: net.compile(3), SpecError, "`devices` is a name, a device or a mapping, found an int"),
        (lambda net: load("lenet5", classes=object()), SpecError, "found an object"),
        (lambda net: load("lenet5", classes=None), SpecError, "found None"),
        (lambda net: load("lenet5:x"), SpecError, "`lenet5` ships with archdsl and is one network"),
        (lambda net: net.draw(None), TypeError, "path is the path of a file, not None"),
        (lambda net: net.draw(b"a.svg"), TypeError, "path is the path of a file, not a bytes"),
        (lambda net: net.draw("a\0.svg"), ValueError, "path is the path of a file, and no file can be called"),
        (lambda net: net.draw("\ud800.svg"), ValueError, "path is the path of a file, and no file can be called"),
        (lambda net: net.draw("/nosuch/net.svg"), FileNotFoundError, "'/nosuch/net.svg'"),
        (lambda net: net.draw("a.svg", them="dark"), TypeError, "a drawing has no option `them`; did you mean `theme`"),
        (lambda net: net.draw("a.svg", nosuch=1), TypeError, "a drawing has no option `nosuch`; known are view, "),
        (
            lambda net: net.diff(net).draw("a.svg", depth=1),
            TypeError,
            "the drawing of a difference has no option `depth`; known are arrange",
        ),
        (lambda net: net.diff(net).draw(3), TypeError, "path is the path of a file, not an int"),
        (lambda net: limit(max_layers=3), TypeError, "no limit is called `max_layers`; known are bytes, nodes"),
        (lambda net: limit(layers="3"), TypeError, "the limit `layers` is a whole number, found '3'"),
        (lambda net: limit(layers=None), TypeError, "the limit `layers` is a whole number, found None"),
        (lambda net: limit(layers=0), ValueError, "the limit `layers` is at least 1"),
        (lambda net: load("lenet5", inputs={"image": None}), SpecError, "a list of its sizes, found None"),
        (lambda net: load("lenet5", inputs={"image": 3}), SpecError, "a list of its sizes, found an int"),
        (lambda net: load("lenet5", inputs={"image": {1: 2}}), SpecError, "a list of its sizes, found a dict"),
        (lambda net: load("lenet5", inputs={"image": b"abcd"}), SpecError, "a list of its sizes, found a bytes"),
        (lambda net: load("lenet5", inputs={"image": [1, 1, "x", 32]}), SpecError, "to 2147483647, found 'x'"),
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


def test_a_plot_can_be_pickled_and_copied(net: archdsl.Network) -> None:
    plot: Any = net.plot()
    for again in (pickle.loads(pickle.dumps(plot)), copy.deepcopy(plot)):
        assert again.render("svg") == plot.render("svg")

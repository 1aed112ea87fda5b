"""Operators of a user's own: what is wrong with them is told with file and line, and their examples can be computed."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from archdsl.errors import SpecError
from archdsl.network import load
from archdsl.operator_examples import check_operators
from archdsl.ops import OPERATORS
from archdsl.own_operators import load_operators, own_operators

GOOD = """
from dataclasses import dataclass

from archdsl.ops import Example, Operator, Target, Weight, param
from archdsl.ops.kinds import Integer, Number


@dataclass(frozen=True)
class Own(Operator, group="activation"):
    bound: float = param(Number(0), "bound", 1.0)
    saves = ("input",)
    pointwise = True
    examples = (Example("own(2.0)", ((2, 8, 4, 4),), (2, 8, 4, 4)),)

    def infer(self, *inputs):
        return inputs[0]

    def target(self, *inputs):
        return Target("torch.nn.Hardtanh", {"min_val": -self.bound, "max_val": self.bound})
"""
LINEAR = """
from dataclasses import dataclass

from archdsl.ops import Example, Operator, Target, Weight, param
from archdsl.ops.kinds import Integer


@dataclass(frozen=True)
class Own(Operator, group="linear"):
    width: int = param(Integer(1), "width")
    examples = (Example("own(3)", ((2, 8),), (2, 3)),)

    def infer(self, *inputs):
        return (*inputs[0][:-1], self.width)

    def weights(self, *inputs):
        return (Weight("weight", (self.width, inputs[0][-1])), Weight("bias", (self.width,), "bias"))

    def macs(self, inputs, output):
        return inputs[0][-1] * output[-1] * output[0]

    def target(self, *inputs):
        return Target("torch.nn.Linear", {"in_features": inputs[0][-1], "out_features": self.width})
"""
COUNT = itertools.count()
Load = Callable[[str], Path]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Load]:
    """Loads a text as operators of one's own, and forgets them in the end."""
    before, modules = dict(OPERATORS), set(sys.modules)

    def run(text: str) -> Path:
        path = tmp_path / f"mine{next(COUNT)}.py"
        path.write_text(text, encoding="utf-8")
        load_operators(path)
        return path

    yield run
    for name in set(OPERATORS) - set(before):
        del OPERATORS[name]
    for name in set(sys.modules) - modules:
        if name.startswith("mine"):
            del sys.modules[name]


def spec(tmp_path: Path, step: str = "own") -> Path:
    path = tmp_path / "net.arch"
    path.write_text(f"network Net(x: [N, 8]) {{ x -> {step} }}\n", encoding="utf-8")
    return path


def only(caught: pytest.ExceptionInfo[SpecError]) -> Any:
    (fault,) = caught.value.diagnostics
    assert fault.code == "bad-operators"
    assert fault.span is not None
    return fault


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "    def infer(",
            "    def __post_init__(self):\n        raise ValueError\n\n    def infer(",
            "`__post_init__` of",
        ),
        (
            "    def infer(",
            "    def macs(self, inputs, output):\n        return -5\n\n    def infer(",
            "gives -5, not a",
        ),
        (
            "    def infer(",
            "    def sees(self, *given):\n        return 3\n\n    def infer(",
            "gives 3, not what it sees",
        ),
        (
            "    def infer(",
            "    def weights(self, *inputs):\n        return (Weight('w', ('a',)),)\n\n    def infer(",
            "not weights, each with its name and shape",
        ),
    ],
)
def test_what_a_method_gives_is_looked_at(own: Load, tmp_path: Path, old: str, new: str, says: str) -> None:
    own(GOOD.replace(old, new).replace("Target, param", "Target, Weight, param"))
    with pytest.raises(SpecError) as caught:
        load(spec(tmp_path)).report()
    assert says in only(caught).message


@pytest.mark.parametrize("text", [GOOD, LINEAR])
def test_the_examples_of_what_is_right_are_computed(own: Load, text: str) -> None:
    own(text)
    assert check_operators() == [("own", 1)]


@pytest.mark.parametrize(
    ("old", "new", "says", "line"),
    [
        ('saves = ("input",)', 'saves = ("inptu",)', "`saves` of `own` has the unknown word `inptu`", "saves ="),
        ("pointwise = True", 'pointwise = "yes"', "`pointwise` of `own` cannot be `yes`", "pointwise ="),
        ("pointwise = True", "pointwise = 1", "`pointwise` of `own` cannot be `1`", "pointwise ="),
        ('group="activation"', 'group="activatoin"', "`own` has the unknown group `activatoin`", "class Own"),
        ("(frozen=True)", "", "`own` can be changed after it was checked", "class Own"),
        ('saves = ("input",)', 'saves = "input"', "`saves` of `own` is a tuple of words", "saves ="),
        (
            '(Example("own(2.0)", ((2, 8, 4, 4),), (2, 8, 4, 4)),)',
            '("own",)',
            "an example of `own` is a st",
            "examples =",
        ),
        (
            '(Example("own(2.0)", ((2, 8, 4, 4),), (2, 8, 4, 4)),)',
            '"own"',
            "`examples` of `own` is a tuple",
            "examples =",
        ),
        ("((2, 8, 4, 4),), (2, 8, 4, 4)", "(2, 8, 4, 4), (2, 8, 4, 4)", "an example of `own` is a step", "examples ="),
        ("((2, 8, 4, 4),), (2, 8, 4, 4)", "((2, 8, 4, 4),), 3", "the output of an example of `own` is", "examples ="),
        ('"own(2.0)"', '"relu"', "the example `relu` of `own` is of another operator", "examples ="),
        (
            'group="activation"',
            'group="activation", name="a b"',
            "is called 'a b', which no spec can write",
            "@dataclass",
        ),
        ('group="activation"', 'group="activation", name=3', "is called 3, which no spec can write", "@dataclass"),
        ("Number(0), ", "float, ", "the kind of `bound` of `own` is none", "bound:"),
        ('"bound", 1.0', '"bound", -1.0', "the default of `bound` of `own` must be at least 0", "bound:"),
        ("pointwise = True", "sees = 3", "`sees` of `own` is a method", "sees ="),
        ('saves = ("input",)', 'savse = ("input",)', "an operator has no `savse`", "savse ="),
        (', group="activation"', "", "the operator `Own` has no group", "class Own"),
        ("@dataclass(frozen=True)\n", "", "the operator `own` is no dataclass", "class Own"),
        ('param(Number(0), "bound", 1.0)', "1.0", "`bound` of `own` is no parameter", "bound:"),
        ("def infer(", "def infre(", "an operator has no `infre`", "def infre"),
        ("def target(", "def aim(", "the operator `own` has no `target`", "class Own"),
        ("pointwise = True", 'gradient = "news"', "`gradient` of `own` cannot be `news`", "gradient ="),
        ("from archdsl.ops.kinds", "from archdsl.ops.kindz", "cannot be imported", "from archdsl.ops.kindz"),
        ("return inputs[0]", "return inputs[0", "cannot be imported", "return inputs[0"),
        (
            "from archdsl.ops.kinds",
            "raise SystemExit(3)\nfrom archdsl.ops.kinds",
            "cannot be imported",
            "raise SystemExit",
        ),
    ],
)
def test_what_is_wrong_with_a_class_is_told_where_it_stands(
    own: Load, old: str, new: str, says: str, line: str
) -> None:
    known = set(OPERATORS)
    with pytest.raises(SpecError) as caught:
        own(GOOD.replace(old, new))
    faults = [fault for fault in caught.value.diagnostics if says in fault.message]
    assert faults
    assert faults[0].span is not None
    assert faults[0].span.text.startswith(line)
    assert set(OPERATORS) == known, "nothing of a file with a fault is known"


@pytest.mark.parametrize(
    ("text", "old", "new", "says", "line"),
    [
        (GOOD, "return inputs[0]", "return inputs[1]", "`infer` of `Own` fails: IndexError", "return inputs[1]"),
        (GOOD, "return inputs[0]", "return 3", "`infer` of `Own` gives 3, not a shape", "def infer"),
        (GOOD, "return inputs[0]", "return list(inputs[0])", "not a shape, a tuple of sizes", "def infer"),
        (
            LINEAR,
            "return inputs[0][-1] * output",
            "return inputs[9] * output",
            "`macs` of `Own` fails",
            "return inputs[9]",
        ),
        (LINEAR, "return inputs[0][-1] * output", "return 0.5 * output", "not a whole number", "def macs"),
        (LINEAR, "return (Weight", "return (None, Weight", "not weights", "def weights"),
    ],
)
def test_what_goes_wrong_in_a_method_is_told_where_it_stands(
    own: Load, tmp_path: Path, text: str, old: str, new: str, says: str, line: str
) -> None:
    own(text.replace(old, new))
    step = "own(3)" if text is LINEAR else "own"
    with pytest.raises(SpecError) as caught:
        load(spec(tmp_path, step)).report()
    fault = only(caught)
    assert says in fault.message
    assert fault.span.text.startswith(line)


@pytest.mark.parametrize(
    ("text", "old", "new", "says", "line"),
    [
        (
            GOOD,
            "(2, 8, 4, 4)),)",
            "(2, 8, 4, 5)),)",
            "`infer` says [2, 8, 4, 4], the example [2, 8, 4, 5]",
            "def infer",
        ),
        (GOOD, "torch.nn.Hardtanh", "torch.nn.Hardtahn", "torch cannot compute `torch.nn.Hardtahn`", "def target"),
        (GOOD, '"min_val"', '"minval"', "torch cannot compute `torch.nn.Hardtanh`: TypeError", "def target"),
        (GOOD, "own(2.0)", "own(-2.0)", "`bound` of `own` must be", "examples ="),
        (GOOD, "    examples = (Example", "    _examples = (Example", "has no example to be checked by", "class Own"),
        (
            LINEAR,
            '"out_features": self.width',
            '"out_features": 4',
            "`infer` says [2, 3], torch makes [2, 4]",
            "def infer",
        ),
        (LINEAR, ', Weight("bias", (self.width,), "bias"))', ",)", "`weights` says", "def weights"),
    ],
)
def test_examples_find_what_torch_has_otherwise(own: Load, text: str, old: str, new: str, says: str, line: str) -> None:
    assert old in text
    own(text.replace(old, new))
    with pytest.raises(SpecError) as caught:
        check_operators()
    fault = only(caught)
    assert says in fault.message
    assert fault.span.text.startswith(line)


def test_the_command_names_what_is_right(own: Load, command_line: Callable[..., Any]) -> None:
    path = own(GOOD)
    said = command_line("--operators", str(path), "check-operators")
    assert (said.status, said.out) == (0, "own: ok (1 example)\n")


def test_the_command_needs_operators(command_line: Callable[..., Any]) -> None:
    assert own_operators() == []
    said = command_line("check-operators")
    assert said.status == 2
    assert "there are no operators of your own" in said.err


def test_what_several_operators_have_in_common_is_no_operator(own: Load) -> None:
    own(
        GOOD.replace(
            "class Own(Operator, ", "class Shared(Operator):\n    pass\n\n\n@dataclass(frozen=True)\nclass Own(Shared, "
        )
    )
    assert [operator.name for operator in own_operators()] == ["own"]

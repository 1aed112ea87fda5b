"""Generated networks of calls that stand side by side: any operator, configured as where its shape rule is tested."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from archdsl.dims import Undecided
from archdsl.ops import OPERATORS, Operator, ShapeError, build
from archdsl.ops.dtypes import TAKEN
from archdsl.ops.kinds import ParamError, literal
from archdsl.ops.loss import Loss
from tests.generate.networks import Generated
from tests.ops.cases import CASES, typed
from tests.ops.oracle import Case

MOST = 4  # calls in a network


def _operator(case: Case) -> Operator | None:
    """The operator of a case; None where it does not fit, or a network cannot have such inputs."""
    if not all(shape and all(shape) for shape in case.shapes):
        return None
    try:
        operator: Operator = build(OPERATORS[case.operator], case.params)
        if any(dtype not in TAKEN[operator.taken(i)] for i, dtype in enumerate(case.types)):
            return None
        operator = operator.typed(case.types)
        operator.infer_all(*case.shapes)
    except (ParamError, ShapeError, Undecided):
        return None
    return operator


@st.composite
def _valid(draw: DrawFn) -> Case:
    case: Case = draw(typed(CASES[draw(st.sampled_from(sorted(CASES)))]))
    assume(_operator(case) is not None)
    return case


def summed(loss: str, shape: tuple[object, ...]) -> str:
    """A loss as a number."""
    return f"sum({loss}, {list(range(len(shape)))})" if shape else loss


@st.composite
def calls(draw: DrawFn) -> Generated:
    """A network with an output for each call, and with the loss of the first call of one."""
    shapes: dict[str, tuple[int, ...]] = {"x": (2, 3)}
    lines = ["output main = x -> linear(3)"]
    loss = ""
    types: dict[str, str] = {}
    for i, case in enumerate(draw(st.lists(_valid(), min_size=1, max_size=MOST))):
        operator = _operator(case)
        assert operator is not None
        named = [f"{name} = {literal(value)}" for name, value in case.params.items()]
        inputs = {f"{letter}{i}": shape for letter, shape in zip("abcdefgh", case.shapes, strict=False)}
        if isinstance(operator, Loss):
            (first, shape), *others = inputs.items()
            call = f"{first} -> sigmoid"  # every loss takes what may be a probability
            if not loss:
                names = [name for name, _ in others]
                targets = [f"target {name}: {list(s)} {t}" for (name, s), t in zip(others, case.types[1:], strict=True)]
                loss = f"{case.operator}({', '.join([f'y{i}', *names, *named])})"
                loss = "\n    ".join([*targets, f"loss {summed(loss, operator.infer(*case.shapes))}"])
            inputs = {first: shape}
        else:
            call = f"{case.operator}({', '.join([*inputs, *named])})" + ("[0]" if operator.several else "")
        shapes |= inputs
        types |= dict(zip(inputs, case.types, strict=False)) if case.dtypes else {}
        lines.append(f"output y{i} = {call}")
    params = ", ".join(f"{name}: {list(shape)} {types.get(name, '')}".rstrip() for name, shape in shapes.items())
    body = "\n    ".join([*lines, loss]).rstrip()
    return Generated(f"network Net({params}) {{\n    {body}\n}}\n", shapes, symbolic=False)

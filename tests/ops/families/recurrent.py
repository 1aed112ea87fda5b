"""Recurrent layers."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.ops.drawing import Values, flag, fraction, shapes, small
from tests.ops.oracle import Case, Numbers
from tests.ops.refusal import IMAGE, LINE, ROW, Refused, no, probability


@st.composite
def recurrent(draw: DrawFn, /, operator: str, **more: Values) -> Case:
    shape = draw(shapes(3, 3) | shapes(1, 4))
    optional = {"num_layers": small, "bias": flag, "dropout": fraction, "bidirectional": flag, **more}
    params: dict[str, Any] = draw(st.fixed_dictionaries({"hidden_size": st.integers(1, 4)}, optional=optional))
    if len(shape) != 3 or draw(flag):
        return Case(operator, params, (shape,))
    runs = params.get("num_layers", 1) * (1 + params.get("bidirectional", False))
    widths = [params.get("proj_size") or params["hidden_size"], params["hidden_size"]]
    begins = [[runs, shape[0], width] for width in widths[: 2 if operator == "lstm" else 1]]
    if not draw(st.integers(0, 3)):
        wrong: list[int] = draw(st.sampled_from(begins))
        wrong[draw(st.integers(0, 2))] += 1
    if not draw(st.integers(0, 5)):
        begins.pop()
    return Case(operator, params, (shape, *map(tuple, begins)))


CASES: dict[str, SearchStrategy[Case]] = {
    "lstm": recurrent("lstm", proj_size=st.integers(0, 4)),
    "gru": recurrent("gru"),
    "rnn": recurrent("rnn", nonlinearity=st.sampled_from(["tanh", "relu"])),
}


def refused(*states: Numbers, **more: Any) -> list[Refused]:
    return [
        no("wrong-rank", ROW, hidden_size=4),
        no("wrong-rank", IMAGE, hidden_size=4),
        no("shape-mismatch", LINE, (1, 2, 5), *states, hidden_size=4),
        no("shape-mismatch", LINE, (2, 2, 4), *states, hidden_size=4),
        no("shape-mismatch", LINE, (2, 4), *states, hidden_size=4),
        no("bad-parameter", LINE, hidden_size=0),
        no("bad-parameter", LINE, hidden_size=True),
        no("bad-parameter", LINE, hidden_size=4, num_layers=0),
        no("bad-parameter", LINE, hidden_size=4, bias=1),
        *[found._replace(params=found.params | {"hidden_size": 4}) for found in probability("dropout", LINE)],
        *[no("bad-parameter", LINE, hidden_size=4, **{name: value}) for name, value in more.items()],
    ]


REFUSED: dict[str, list[Refused]] = {
    "lstm": [
        *refused((1, 2, 4), proj_size=4),
        no("bad-parameter", LINE, hidden_size=4, proj_size=-1),
        no("wrong-arity", LINE, (1, 2, 4), hidden_size=4),
        no("shape-mismatch", LINE, (1, 2, 4), (1, 2, 3), hidden_size=4),
    ],
    "gru": refused(),
    "rnn": refused(nonlinearity="sigmoid"),
}

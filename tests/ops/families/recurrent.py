"""Recurrent layers."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.ops.drawing import Values, flag, fraction, shapes, small
from tests.ops.oracle import Case
from tests.ops.refusal import IMAGE, LINE, ROW, Refused, no, probability


@st.composite
def recurrent(draw: DrawFn, /, operator: str, **more: Values) -> Case:
    shape = draw(shapes(3, 3) | shapes(1, 4))
    optional = {"num_layers": small, "bias": flag, "dropout": fraction, "bidirectional": flag, **more}
    params: dict[str, Any] = draw(st.fixed_dictionaries({"hidden_size": st.integers(1, 4)}, optional=optional))
    return Case(operator, params, (shape,))


CASES: dict[str, SearchStrategy[Case]] = {
    "lstm": recurrent("lstm", proj_size=st.integers(0, 4)),
    "gru": recurrent("gru"),
    "rnn": recurrent("rnn", nonlinearity=st.sampled_from(["tanh", "relu"])),
}


def refused(**more: Any) -> list[Refused]:
    return [
        no("wrong-rank", ROW, hidden_size=4),
        no("wrong-rank", IMAGE, hidden_size=4),
        no("bad-parameter", LINE, hidden_size=0),
        no("bad-parameter", LINE, hidden_size=True),
        no("bad-parameter", LINE, hidden_size=4, num_layers=0),
        no("bad-parameter", LINE, hidden_size=4, bias=1),
        *[found._replace(params=found.params | {"hidden_size": 4}) for found in probability("dropout", LINE)],
        *[no("bad-parameter", LINE, hidden_size=4, **{name: value}) for name, value in more.items()],
    ]


REFUSED: dict[str, list[Refused]] = {
    "lstm": [*refused(proj_size=4), no("bad-parameter", LINE, hidden_size=4, proj_size=-1)],
    "gru": refused(),
    "rnn": refused(nonlinearity="sigmoid"),
}

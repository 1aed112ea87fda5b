"""Generated networks with a fault: a number of a valid one is another, or no number."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from tests.generate.networks import BLOCKS, Generated, generated

INSTEAD = ("0", "64", "1000", "-1", "1.5", '"a"', "[2, 3]", "true")


@st.composite
def faulty(draw: DrawFn) -> Generated:
    """A network with one to three numbers exchanged. Some are valid again: who needs faults looks for them."""
    net = draw(generated())
    body = net.text[len(BLOCKS) :]
    head, brace, steps = body.partition("{\n")
    for _ in range(draw(st.integers(1, 3))):
        numbers = list(re.finditer(r"(?<=[(\[ ])\d+(?=[,)\] ])", steps))
        if numbers:
            place = draw(st.sampled_from(numbers))
            steps = steps[: place.start()] + draw(st.sampled_from(INSTEAD)) + steps[place.end() :]
    return replace(net, text=f"{BLOCKS}{head}{brace}{steps}")

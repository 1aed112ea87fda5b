"""Windows that step over inputs."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from archdsl.lint._rule import Found, Net, rule
from archdsl.lint.windows import windows


@rule("stride-over-kernel")
def check(net: Net) -> Iterator[Found]:
    for key, _, window in windows(net):
        read = Fraction(1)
        for extent, stride in zip(window.extent, window.stride, strict=True):
            read *= min(Fraction(extent) / Fraction(stride), Fraction(1))
        if read < 1:
            kernel, steps = (" × ".join(map(str, sizes)) for sizes in (window.extent, window.stride))
            message = f"a {kernel} kernel with stride {steps} never reads {1 - read} of its input"
            help = "let the layer before it take the stride, pool first, or use a kernel as large as the stride"
            yield Found(key, message, help)

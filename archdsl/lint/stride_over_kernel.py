"""Windows that step over inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archdsl.lint._rule import Found, Net, rule
from archdsl.lint.windows import sliding


@rule("stride-over-kernel")
def check(net: Net) -> Iterator[Found]:
    for key, _, axes in sliding(net):
        read = math.prod(axis.read for axis in axes)
        if read < 1:
            kernel, stride = (" × ".join(map(str, s)) for s in ([a.kernel for a in axes], [a.stride for a in axes]))
            dilated = " dilated" if any(axis.dilation > 1 for axis in axes) else ""
            message = f"a{dilated} {kernel} kernel with stride {stride} never reads {1 - read} of its input"
            help = "let the layer before it take the stride, pool first, or use a kernel as large as the stride"
            yield Found(key, message, help)

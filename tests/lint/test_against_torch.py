"""What lint says that no window reads is what no gradient reaches in torch."""

from __future__ import annotations

import itertools
import re

import pytest
import torch

from archdsl.elaborate import elaborate
from archdsl.lint import lint
from archdsl.program import parse_string
from compiler import compile_graph

SIZES, KERNELS, STRIDES, PADDINGS, DILATIONS = (9, 12), (1, 2, 3), (1, 2, 3), (0, 1), (1, 2)
GRID = [case for case in itertools.product(SIZES, KERNELS, STRIDES, PADDINGS, DILATIONS) if case[3] <= case[1] // 2]


@pytest.mark.parametrize("operator", ["conv", "avg_pool"])
def test_unread_positions_have_no_gradient(operator: str) -> None:
    for size, kernel, stride, padding, dilation in GRID:
        if operator == "conv":
            step = f"conv(1, {kernel}, stride = {stride}, padding = {padding}, dilation = {dilation}, init = ones)"
        elif dilation == 1:
            step = f"avg_pool({kernel}, stride = {stride}, padding = {padding})"
        else:
            continue
        program = parse_string(f"network Net(x: [2, 1, {size}]) {{ x -> l: {step} }}")
        graph = elaborate(program.spec.networks[0], program.definitions)
        found = {f.diagnostic.code: f.diagnostic.message for f in lint([graph])}
        image = torch.ones(2, 1, size, requires_grad=True)
        compile_graph(graph)(image).sum().backward()
        assert image.grad is not None
        reached = image.grad[0, 0] != 0
        last = int(reached.nonzero().max()) + 1
        if "stride-over-kernel" not in found:
            told = re.search(r"the last (\d+)? ?of", found.get("unread-border", ""))
            assert size - last == (int(told.group(1) or 1) if told else 0), step
            assert dilation > 1 or reached[:last].all(), step  # holes at the border are no stride's fault
        else:
            assert not reached.all(), step

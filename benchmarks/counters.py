"""Measures what other tools say of the networks in specs/, as tests/zoo/counters.json has it.

None of the tools is needed by archdsl or its tests:

    pip install fvcore==0.1.5.post20221221 torchinfo==1.8.0 thop==0.1.1.post2209072238 ptflops==0.7.5
    python -m benchmarks.counters lenet5 resnet18
"""

from __future__ import annotations

import copy
import json
import sys

import torch
import torchinfo
from fvcore.nn import FlopCountAnalysis
from ptflops import get_model_complexity_info
from thop import profile

import archdsl
from archdsl.graph import header, layer
from tests.zoo.references import reference


def measured(variant: str) -> dict[str, int]:
    """For a batch of 1 in evaluation mode. fvcore reads the hand-written module, as does ptflops where there is
    attention: it knows torch's own class alone."""
    net = archdsl.load(variant)
    compiled, written = net.compile().eval(), reference(variant).to_empty(device="cpu").eval()
    shapes = [
        [s if isinstance(s, int) else 1 for s in layer(net.graph, k)["shape"]] for k in header(net.graph)["inputs"]
    ]
    images = tuple(torch.zeros(*shape) for shape in shapes)
    with torch.no_grad():
        found = {
            "fvcore": FlopCountAnalysis(written, images).unsupported_ops_warnings(False).total(),
            "torchinfo": torchinfo.summary(compiled, input_data=list(images), verbose=0).total_mult_adds,
            "thop": profile(copy.deepcopy(compiled), inputs=images, verbose=False)[0],
        }
        if len(images) == 1:
            attends = any(isinstance(module, torch.nn.MultiheadAttention) for module in written.modules())
            model = copy.deepcopy(written if attends else compiled)
            size = tuple(shapes[0][1:])
            found["ptflops"], _ = get_model_complexity_info(
                model, size, as_strings=False, print_per_layer_stat=False, backend="pytorch"
            )
    return {tool: int(value) for tool, value in found.items()}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"    {json.dumps(name)}: {json.dumps(measured(name))}", flush=True)

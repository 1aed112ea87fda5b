"""Measures what other tools say of the networks in specs/, as tests/zoo/counters.json has it, and of a small network
for each operator and mode: those in tests/measure/counters.json, which `--operators` writes anew.

None of the tools is needed by archdsl or its tests:

    pip install fvcore==0.1.5.post20221221 torchinfo==1.8.0 thop==0.1.1.post2209072238 ptflops==0.7.5
    python -m benchmarks.counters lenet5 resnet18
    python -m benchmarks.counters --operators
"""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torchinfo
from fvcore.nn import FlopCountAnalysis
from ptflops import get_model_complexity_info
from thop import profile
from torch import Tensor, nn

import archdsl
from archdsl.elaborate import Choices, elaborate
from archdsl.graph import header, layer
from archdsl.network import Network
from archdsl.program import parse_string
from benchmarks.allocations import inputs
from compiler.fx.layers import HeadsAttention
from tests.zoo.references import reference

OPERATORS = Path(__file__).parents[1] / "tests" / "measure" / "counters.json"


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


class Attention(nn.Module):
    """Attention as torch has it, in a module of its own: tools know no class that derives from torch's."""

    def __init__(self, own: HeadsAttention) -> None:
        super().__init__()
        biased = own.in_proj_bias is not None
        self.attention = nn.MultiheadAttention(own.embed_dim, own.num_heads, own.dropout, biased, batch_first=True)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        found: Tensor = self.attention(query, key, value, need_weights=False)[0]
        return found


def measured_alone(net: Network) -> dict[str, int]:
    """The same of a network of one input without symbols."""
    (given,) = inputs(net, "cpu")

    def model() -> Any:
        compiled = net.compile("cpu").eval()
        for name, module in list(compiled.named_modules()):
            if isinstance(module, HeadsAttention):
                compiled.set_submodule(name, Attention(module).eval())
        return compiled

    tools: dict[str, Callable[[], Any]] = {
        "fvcore": lambda: FlopCountAnalysis(model(), (given,)).unsupported_ops_warnings(False).total(),
        "torchinfo": lambda: torchinfo.summary(model(), input_data=[given], verbose=0).total_mult_adds,
        "thop": lambda: profile(model(), inputs=(given,), verbose=False)[0],
        "ptflops": lambda: get_model_complexity_info(
            model(),
            tuple(given.shape[1:]),
            as_strings=False,
            print_per_layer_stat=False,
            backend="pytorch",
            input_constructor=lambda _: {"x": given},
        )[0],
    }
    found = {}
    with torch.no_grad():
        for tool, run in tools.items():
            try:
                found[tool] = int(run())
            except Exception as error:  # of a tool that knows no such layer
                print(f"{tool} fails: {type(error).__name__}", file=sys.stderr)
    return found


def _network(text: str) -> Network:
    program = parse_string(text)
    network, variant = program.find(None)
    return Network(elaborate(network, program.definitions, variant, Choices()))


def measure_operators() -> None:
    """Measure the networks of the file again, and write it."""
    document = json.loads(OPERATORS.read_text(encoding="utf-8"))
    networks = {text: measured_alone(_network(text)) for text in document["networks"]}
    lines = ",\n".join(f"    {json.dumps(text)}: {json.dumps(found)}" for text, found in networks.items())
    text = f'{{\n  "about": {json.dumps(document["about"])},\n  "networks": {{\n{lines}\n  }}\n}}\n'
    OPERATORS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--operators"]:
        measure_operators()
        sys.exit()
    for name in sys.argv[1:]:
        print(f"    {json.dumps(name)}: {json.dumps(measured(name))}", flush=True)

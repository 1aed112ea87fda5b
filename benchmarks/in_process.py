"""Analyses of ResNet-152 in one process, one of each in turn: what people call from a notebook.

The torch model of the others is built beforehand, on the meta device where they take it; archdsl reads its spec
anew each time. Prints one JSON document: seconds of each round, by name.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torchinfo
from fvcore.nn import FlopCountAnalysis
from torch import fx
from torch.fx.passes.shape_prop import ShapeProp

import archdsl
from benchmarks.torchinfo_resnet152 import resnet152

ROUNDS = 15


def analyses() -> dict[str, Callable[[], Any]]:
    with torch.device("meta"):
        model = resnet152().eval()
        image = torch.empty(1, 3, 224, 224)
    traced = fx.symbolic_trace(model)
    real, photo = resnet152().eval(), torch.zeros(1, 3, 224, 224)  # fvcore's tracing takes no meta tensors
    return {
        "archdsl: spec to finished report": lambda: str(archdsl.load("resnet152").report()),
        "torchinfo on meta tensors": lambda: str(torchinfo.summary(model, input_data=image, device="meta", verbose=0)),
        "fvcore": lambda: FlopCountAnalysis(real, photo).total(),
        "torch.fx ShapeProp on meta tensors": lambda: ShapeProp(traced).propagate(image),
    }


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    todo = analyses()
    found: dict[str, list[float]] = {}
    with torch.no_grad():
        for round_ in range(ROUNDS + 1):
            for name, analysis in todo.items():
                started = time.perf_counter()
                analysis()
                if round_:  # the first warms up
                    found.setdefault(name, []).append(time.perf_counter() - started)
    print(json.dumps(found))


if __name__ == "__main__":
    main()

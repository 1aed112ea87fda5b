"""A program of `torch.export`, which torch loads without archdsl: `torch.export.load("net.pt2").module()`."""

from __future__ import annotations

import io

import torch

from archdsl.embedded import KEY, RECORD
from compiler.export.formats import Export
from compiler.export.trace import quiet, traced


def render(what: Export) -> bytes:
    """The network with its weights, in one phase; open sizes are open, with their ranges. Raises `SpecError`."""
    program = traced(what.model, what.graph, what.routine)
    file = io.BytesIO()
    with quiet():
        torch.export.save(program, file, extra_files={RECORD: what.metadata[KEY]})
    return file.getvalue()

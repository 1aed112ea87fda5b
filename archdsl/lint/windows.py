"""The layers that slide a window over their input: convolutions and pooling."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.graph import Layer
from archdsl.lint._rule import Net
from archdsl.ops import Window


def windows(net: Net) -> Iterator[tuple[str, Layer, Window]]:
    """Convolutions and poolings whose windows all have one size and whole steps, each with its window."""
    for key, node in net.layers:
        if node["operator"].group in ("convolution", "pooling"):
            (shape,) = net.input_shapes(key)
            window = node["operator"].sees(shape, node["shape"])
            if isinstance(window, Window) and all(isinstance(part, int) for parts in window for part in parts):
                yield key, node, window

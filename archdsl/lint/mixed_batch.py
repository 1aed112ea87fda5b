"""Layers for which a batch must be a multiple of something, as where a wrong `reshape` mixes its samples."""

from __future__ import annotations

from collections.abc import Iterator

from archdsl.dims import symbols
from archdsl.lint._rule import Found, Net, rule
from archdsl.needs import needs


@rule("mixed-batch")
def check(net: Net) -> Iterator[Found]:
    header = net.header
    for name in header["batch"]:
        key = header["narrowed"].get(name)
        if key is not None and key in net.layers:
            (need, *_) = needs(size for size in header["needs"] if symbols(size) == {name})
            message = f"`{net.layers[key]['op']}` takes samples of a batch together: the network needs {need}"
            way = f"where it is meant, write `[2 * {name}, …]` in the input's shape"
            help = f"keep the batch, `reshape([{name}, …])`; {way}"
            yield Found(key, message, help)

"""What a network computes, layer by layer: in inference, and in a step of training.

In a step of training a layer is run forward, with a `@checkpoint` once more (but for the end of its region, see
`archdsl.measure.run.recomputed`), and backward: a gradient of each input
that leads to something trainable, and of its own weights unless they are `@frozen`, as far as the network's loss, or
without one its outputs, depend on them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from archdsl.dims import Size
from archdsl.graph import Graph, Layer, layer
from archdsl.measure.network import cost
from archdsl.measure.run.execution import Execution, Runs
from archdsl.measure.run.recomputed import macs_again, recomputed
from archdsl.net_view import NetView


class Count(NamedTuple):
    """Of one layer, or of several together. MACs are multiply-adds; `operations` are all others, in inference."""

    layers: int = 1
    params: int = 0
    trainable: int = 0
    macs: Size = 0
    macs_training: Size = 0  # forward, in training
    macs_recomputed: Size = 0
    macs_backward: Size = 0
    operations: Size = 0

    @property
    def macs_step(self) -> Size:
        """Of a step of training, without the optimizer's."""
        return self.macs_training + self.macs_recomputed + self.macs_backward

    def __add__(self, other: tuple[object, ...]) -> Count:
        return Count(*(a + b for a, b in zip(self, other, strict=True)))  # type: ignore[arg-type, operator]


NOTHING: Final = Count(layers=0)


def counts(graph: Graph) -> dict[str, Count]:
    """The counts of all layers."""
    net = NetView(graph)
    in_inference, in_training = net.live(training=False), net.live(training=True)
    run = Runs(net).training
    again = _again(net, run)
    found = {}
    for key, node in net.layers.items():
        if node["op"] == "input":
            continue
        operator, inputs, output = node["operator"], net.counted_inputs(key), net.counted(node["shape"])
        macs, params = operator.macs(inputs, output), cost.params(node)
        found[key] = Count(
            params=params,
            trainable=params if not node["frozen"] else 0,
            macs=macs if key in in_inference else 0,
            macs_training=macs if key in in_training else 0,
            macs_recomputed=again.get(key, 0),
            macs_backward=_backward(run, key, node) if macs != 0 else 0,
            operations=operator.operations(inputs, output) if key in in_inference else 0,
        )
    return found


def _backward(run: Execution, key: str, node: Layer) -> Size:
    """The multiply-adds of a layer in backward, where a gradient arrives at it."""
    if all((key, number) not in run.due for number in range(len(node["outputs"]))):
        return 0
    use = run.uses[key]
    return node["operator"].backward_macs(use.shapes, use.output, use.wanted, use.trained)


def _again(net: NetView, run: Execution) -> Mapping[str, Size]:
    """The multiply-adds that backward computes again, by layer."""
    if all(node["checkpoint"] is None for node in net.layers.values()):
        return {}
    return macs_again(run, {step.name: step for step in run.steps}, recomputed(run))


def _block(key: str, node: Layer) -> str:
    return node["blocks"][-1].block if node["blocks"] else "no block"


# By what layers can be counted together.
GROUPS: Final[Mapping[str, Callable[[str, Layer], str]]] = MappingProxyType(
    {
        "operator": lambda key, node: node["op"],
        "block": _block,
        "device": lambda key, node: node["device"] or "any",
        "dtype": lambda key, node: node["dtype"],
    }
)


def grouped(graph: Graph, by: str) -> dict[str, Count]:
    """The counts of a network by one of `GROUPS`, in the order in which these appear."""
    return added(graph, GROUPS[by])


def added(graph: Graph, of: Callable[[str, Layer], str]) -> dict[str, Count]:
    """The counts of a network by any such function."""
    found: dict[str, Count] = {}
    for key, count in counts(graph).items():
        group = of(key, layer(graph, key))
        found[group] = found.get(group, NOTHING) + count
    return found


def total(graph: Graph) -> Count:
    """The counts of a whole network."""
    return sum(counts(graph).values(), NOTHING)

"""Holds the source of a network against the compiled network: keys, weights, outputs, losses, gradients, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archdsl.graph import Graph, header, layer


def module_of(text: str, graph: Graph, **arguments: Any) -> nn.Module:
    """The network that a source defines."""
    names: dict[str, Any] = {}
    exec(compile(text, "net.py", "exec"), names)
    made: nn.Module = names[header(graph)["network"]](**arguments)
    return made


def random_inputs(graph: Graph, sizes: dict[str, int] | None = None) -> list[Tensor]:
    """Inputs of a graph; `sizes` are those of its symbols, 2 where nothing is said."""
    found = []
    for name in header(graph)["inputs"]:
        node = layer(graph, name)
        shape = [size if isinstance(size, int) else (sizes or {}).get(str(size), 2) for size in node["shape"]]
        if node["dtype"] == "float32":
            found.append(torch.rand(shape))
        else:
            found.append(torch.rand(shape) > 0.5 if node["dtype"] == "bool" else torch.randint(0, 2, shape))
    return found


def random_targets(graph: Graph, outputs: Sequence[Tensor]) -> Any:
    """What the loss compares with; sizes that are open are those of the first output."""
    loss = header(graph)["loss"]
    if loss is None or not header(graph)["targets"]:
        return None
    found = {}
    for name in header(graph)["targets"]:
        node = layer(loss, name)
        known = {
            str(size): given
            for output, made in zip(header(graph)["outputs"], outputs, strict=False)
            for size, given in zip(layer(loss, output["name"])["shape"], made.shape, strict=True)
        }
        declared = [str(size) for size in node["shape"]]
        whole = [known[size] if size in known else int(size) for size in declared if size in known or size.isdigit()]
        first = outputs[0].shape
        shape = (
            whole if len(whole) == len(node["shape"]) else (first[0], *first[2:]) if node["dtype"] == "int64" else first
        )
        found[name] = torch.randint(0, 2, shape) if node["dtype"] == "int64" else torch.rand(shape)
    return found if list(found) != ["target"] else found["target"]


def assert_equal(compiled: Any, written: Any, graph: Graph, inputs: Sequence[Tensor]) -> None:
    """Compares all that two models from one seed are and compute, in inference and in a training step."""
    assert list(compiled.state_dict()) == list(written.state_dict())
    _same_state(compiled, written)
    trained = [name for name, weight in compiled.named_parameters() if weight.requires_grad]
    assert trained == [name for name, weight in written.named_parameters() if weight.requires_grad]
    outputs = []
    for model in (compiled.eval(), written.eval()):
        torch.manual_seed(1)
        outputs.append(_several(model(*inputs)))
    _same(*outputs)
    for one in inputs:
        one.requires_grad_(one.is_floating_point())
    made, losses, gradients = [], [], []
    for model in (compiled.train(), written.train()):
        torch.manual_seed(2)
        result = model(*inputs)
        made.append(_several(result))
        torch.manual_seed(3)
        losses.append(_loss(model, graph, result))
        wanted = [weight for _, weight in model.named_parameters() if weight.requires_grad]
        wanted += [one for one in inputs if one.requires_grad]
        value = losses[-1]
        gradients.append(torch.autograd.grad(value, wanted, allow_unused=True) if value.requires_grad else ())
    _same(*made)
    _same([losses[0]], [losses[1]])
    assert [one is None for one in gradients[0]] == [one is None for one in gradients[1]]
    _same(*([one for one in found if one is not None] for found in gradients))
    _same_state(compiled, written)


def _loss(model: Any, graph: Graph, result: Any) -> Tensor:
    outputs = _several(result)
    if header(graph)["loss"] is None:
        floating = [one.square().mean() for one in outputs if one.is_floating_point()]
        return torch.stack(floating).sum() if floating else torch.zeros(())
    target = random_targets(graph, outputs)
    value: Tensor = model.loss(result) if target is None else model.loss(result, target)
    return value.sum()


def _several(result: Any) -> list[Tensor]:
    return list(result) if isinstance(result, tuple) else [result]


def _same_state(one: nn.Module, other: nn.Module) -> None:
    _same(list(one.state_dict().values()), list(other.state_dict().values()))


def _same(some: Sequence[Tensor], others: Sequence[Tensor]) -> None:
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one.detach().nan_to_num(7), other.detach().nan_to_num(7))

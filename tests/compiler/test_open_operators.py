"""Every operator with its sizes left open: one compiled module does for all sizes what a network of just these sizes
does, and refuses the sizes that such a network refuses."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from archdsl.errors import SpecError
from archdsl.network import Network
from archdsl.ops import OPERATORS, Example, Operator
from archdsl.ops.loss import Loss

Build = Callable[..., Network]
EXAMPLES = [
    (operator, example)
    for operator in OPERATORS.values()
    for example in operator.examples
    if example.inputs and not issubclass(operator, Loss)
]
MOST_OPEN = 3  # sizes of an example that are varied
CHANGES: tuple[Callable[[int], int], ...] = (
    lambda size: size + 1,
    lambda size: 2 * size,
    lambda size: max(1, size - 2),
)


def names_of(example: Example) -> dict[int, str]:
    """A symbol for each size: those that are equal in the example stay equal."""
    sizes = sorted({size for shape in example.inputs for size in shape if size > 1})
    return dict(zip(sizes, ("A", "B", "C", "D", "E", "F", "G"), strict=False))


def code_of(example: Example, names: dict[int, str]) -> str:
    """A network of the operator alone."""
    inputs = []
    for k, shape in enumerate(example.inputs):
        dtype = f" {example.dtypes[k]}" if example.dtypes else ""
        inputs.append(f"i{k}: [{', '.join(names.get(size, str(size)) for size in shape)}]{dtype}")
    step = example.call([f"i{k}" for k in range(len(example.inputs))])
    if not isinstance(example.output[0], int):
        parts = "abc"[: len(example.output)]
        step = f"{', '.join(parts)} = {step}\n" + "\n".join(f" output y{part} = {part}" for part in parts)
    return f"network Net({', '.join(inputs)}) {{ {step} }}"


def openings(example: Example, build: Build) -> Iterator[tuple[str, tuple[int, ...], Network]]:
    """The example with some of its sizes open, where they may be: the text, these sizes, and the network."""
    names = names_of(example)
    for count in range(1, min(len(names), MOST_OPEN) + 1):
        for chosen in itertools.combinations(names, count):
            code = code_of(example, {size: names[size] for size in chosen})
            with contextlib.suppress(SpecError):
                yield code, chosen, build(code)


def tensors(example: Example, values: dict[int, int], types: tuple[str, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = [[values.get(size, size) for size in shape] for shape in example.inputs]
    return [
        torch.randn(shape, generator=generator)
        if dtype == "float32"
        else torch.zeros(shape, dtype=getattr(torch, dtype))
        for shape, dtype in zip(shapes, types, strict=True)
    ]


def outcome(model: torch.nn.Module, given: list[Tensor]) -> list[Tensor]:
    """What a model makes, of the same random numbers each time; what is not a number counts as 7."""
    torch.manual_seed(2)
    return [torch.nan_to_num(leaf, nan=7.0) for leaf in tree_leaves(model(*given))]


@pytest.mark.parametrize(("operator", "example"), EXAMPLES, ids=[example.step for _, example in EXAMPLES])
def test_open_sizes_are_computed_as_if_they_had_been_given(
    operator: type[Operator], example: Example, network_of: Build
) -> None:
    names = names_of(example)
    for code, chosen, network in openings(example, network_of):
        model = network.compile().eval()
        for change in CHANGES:
            values = {size: change(size) for size in chosen}
            given = tensors(example, values, example.types(operator))
            try:
                alone = network_of(code, symbols={names[size]: value for size, value in values.items()})
            except SpecError:
                with pytest.raises(ValueError, match="input"):
                    model(*given)
                continue
            wanted = alone.compile().eval()
            wanted.load_state_dict(model.state_dict())
            found, right = (outcome(one, given) for one in (model, wanted))
            assert all(map(torch.equal, found, right)), (code, values)


def test_nearly_all_examples_have_sizes_that_may_be_open(network_of: Build) -> None:
    opened = [example for _, example in EXAMPLES if any(openings(example, network_of))]
    assert len(opened) >= len(EXAMPLES) - 3

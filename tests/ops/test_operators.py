"""What every operator says about itself, held against torch: its examples, its target, its weights, its counts."""

import functools
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from torch.utils.flop_counter import FlopCounterMode

from archdsl.dims import Shape, Undecided, numbers, substitute, symbol
from archdsl.elaborate import elaborate
from archdsl.graph import Layer, header, layers
from archdsl.ops import OPERATORS, Example, Operator, ShapeError, build
from archdsl.ops.loss import Loss
from archdsl.ops.merge import folds
from archdsl.program import parse_string
from compiler.fx.targets import resolve
from tests.ops.cases import CASES
from tests.ops.oracle import Case, Numbers
from tests.ops.test_shape_rules import EXAMPLES

few = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))

EVERY_EXAMPLE = [
    pytest.param(operator, example, id=f"{name}-{i}")
    for name, operator in OPERATORS.items()
    for i, example in enumerate(operator.examples)
]
every_example = pytest.mark.parametrize(("operator", "example"), EVERY_EXAMPLE)


# --- from an example to an operator, and from an operator to torch


def network(operator: type[Operator], example: Example) -> str:
    """A network of one line that holds the example's step."""
    letters = "abcde"[: len(example.inputs)]
    if issubclass(operator, Loss):
        return loss_network(operator, example)
    call = example.call(letters)
    if isinstance(example.output[:1], tuple) and example.output and isinstance(example.output[0], tuple):
        call += "[0]"
    declared = zip(letters, example.inputs, example.types(operator), strict=True)
    shapes = ", ".join(f"{letter}: {list(shape)} {dtype}" for letter, shape, dtype in declared)
    return f"network T({shapes or 'a: [1]'}) {{ {call} }}"


def loss_network(operator: type[Operator], example: Example) -> str:
    """A network that returns its input, and compares it with targets; what is no number yet is added up."""
    name, _, rest = example.step.partition("(")
    declared = list(zip("bcd", example.inputs[1:], example.types(operator)[1:], strict=False))
    targets = "".join(f" target {letter}: {list(shape)} {dtype}\n" for letter, shape, dtype in declared)
    call = f"{name}({', '.join(filter(None, ['y', *(letter for letter, *_ in declared), rest.removesuffix(')')]))})"
    if example.output:
        call = f"sum({call}, {list(range(len(example.output)))})"
    return f"network T(a: {list(example.inputs[0])}) {{\n output y = a -> identity\n{targets} loss {call}\n}}"


def elaborated(operator: type[Operator], example: Example) -> Layer:
    """The graph's node of the example."""
    return _elaborated(operator.name, example)


@functools.cache
def _elaborated(name: str, example: Example) -> Layer:
    program = parse_string(network(OPERATORS[name], example))
    graph = elaborate(program.spec.networks[0], program.definitions)
    if issubclass(OPERATORS[name], Loss):
        loss = header(graph)["loss"]
        assert loss is not None
        graph = loss
    return next(node for _, node in layers(graph) if node["op"] == name)


def outputs(example: Example) -> tuple[Numbers, ...]:
    several = tuple(shape for shape in example.output if isinstance(shape, tuple))
    return several or (tuple(size for size in example.output if isinstance(size, int)),)


def tensors(shapes: Sequence[Numbers], dtypes: Sequence[str], device: str) -> list[torch.Tensor]:
    """Tensors of these shapes and types; of integers, 0 is an index and a class that there always is."""
    return [
        torch.zeros(shape, dtype=getattr(torch, dtype), device=device)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]


def made(operator: Operator, shapes: Sequence[Numbers], device: str = "cpu") -> torch.nn.Module | torch.Tensor | None:
    """What the target names: a module, a tensor, or None for a function."""
    target = operator.target(*shapes)
    if target.kind == "module":
        with torch.device(device):
            module: torch.nn.Module = resolve(target.name)(**target.kwargs)
            return module
    if target.kind == "constant":
        with torch.device(device):
            constant: torch.Tensor = resolve(target.name)(*target.args, **target.kwargs)
            return constant
    if target.kind in ("parameter", "buffer"):
        size = numbers(operator.infer())
        assert size is not None
        tensor: torch.Tensor = resolve(target.name)(torch.empty(size, device=device))
        return tensor
    return None


def run(
    operator: Operator, shapes: Sequence[Numbers], device: str, dtypes: Sequence[str] = ()
) -> tuple[Sequence[torch.Tensor], float]:
    """The outputs of the target on tensors of these shapes, with the multiply-adds that torch counts."""
    target, module = operator.target(*shapes), made(operator, shapes, device)
    if isinstance(module, torch.Tensor):
        return (module,), 0
    given = tensors(shapes, dtypes or operator.default_types(len(shapes)), device)
    if target.kind == "source":  # what it is made like
        given = [torch.empty(0, device=device)]

    def call(*operands: torch.Tensor) -> Any:
        if module is not None:
            return module(*operands)
        return resolve(target.name)(*([operands] if target.pack else operands), *target.args, **target.kwargs)

    with FlopCounterMode(display=False) as counter:
        found = functools.reduce(call, given) if folds(operator, given) else call(*given)
    return found if isinstance(found, (tuple, list)) else (found,), counter.get_total_flops() / 2


NOT_ON_META = {"ctc_loss"}  # torch has no kernel

# --- the examples


@pytest.mark.parametrize("name", OPERATORS)
def test_has_an_example(name: str) -> None:
    assert OPERATORS[name].examples


@every_example
def test_infers_the_output_of_its_example(operator: type[Operator], example: Example) -> None:
    assert elaborated(operator, example)["outputs"] == outputs(example)


@pytest.mark.parametrize("device", ["cpu", "meta"])
@every_example
def test_its_target_gives_the_output_of_its_example(operator: type[Operator], example: Example, device: str) -> None:
    if device == "meta" and operator.name in NOT_ON_META:
        pytest.skip("torch has no kernel")
    node = elaborated(operator, example)
    found, _ = run(node["operator"], example.inputs, device, example.types(operator))
    assert tuple(tuple(tensor.shape) for tensor in found) == outputs(example)
    assert tuple(str(tensor.dtype).removeprefix("torch.") for tensor in found) == node["dtypes"]


@every_example
def test_its_target_has_the_weights_it_says(operator: type[Operator], example: Example) -> None:
    built = elaborated(operator, example)["operator"]
    module, weights = made(built, example.inputs), built.weights(*example.inputs)
    if isinstance(module, torch.Tensor):  # a tensor of the network's own: its name is the layer's path
        found: dict[str, torch.Tensor] = {"": module}
        buffers = {""} if not isinstance(module, torch.nn.Parameter) else set()
    else:
        found = module.state_dict() if module is not None else {}
        buffers = {name for name, _ in module.named_buffers()} if module is not None else set()
    assert [(w.name, w.shape) for w in weights] == [(name, tuple(tensor.shape)) for name, tensor in found.items()]
    assert {w.name: f"torch.{w.dtype}" for w in weights} == {name: str(tensor.dtype) for name, tensor in found.items()}
    assert {w.name for w in weights if w.role == "buffer"} == buffers


@every_example
def test_counts_the_multiply_adds_that_torch_counts(operator: type[Operator], example: Example) -> None:
    built = elaborated(operator, example)["operator"]
    device = "cpu" if operator.name in NOT_ON_META else "meta"
    _, counted = run(built, example.inputs, device, example.types(operator))
    assert built.macs(example.inputs, outputs(example)[0]) == counted


COUNTED = [
    "lstm",
    "gru",
    "rnn",
    "conv",
    "conv_transpose",
    "linear",
    "matmul",
    "scaled_dot_product_attention",
    "multihead_attention",
]


@pytest.mark.parametrize("name", COUNTED)
def test_its_target_agrees_for_any_parameters(name: str) -> None:
    """Shape and multiply-adds on the meta device, and the weights, of random valid configurations."""

    @few
    @given(CASES[name])
    def agree(case: Case) -> None:
        operator = build(OPERATORS[name], case.params)
        try:
            expected = operator.infer_all(*case.shapes)
        except ShapeError:
            return
        found, counted = run(operator, case.shapes, "meta")
        assert tuple(tuple(tensor.shape) for tensor in found) == expected
        assert operator.macs(case.shapes, expected[0]) == counted
        module = made(operator, case.shapes, "meta")
        if isinstance(module, torch.nn.Module):
            weights = [(name, tuple(tensor.shape)) for name, tensor in module.state_dict().items()]
            assert [(w.name, w.shape) for w in operator.weights(*case.shapes)] == weights

    agree()


# --- shapes with symbols

# The axes (from either end) whose size an operator must know, in its examples. All others may be symbols.
CHANNELS, LAST = {1}, {-1}
NUMBER_NEEDED = {
    "conv": CHANNELS,
    "conv_transpose": CHANNELS,
    "batch_norm": CHANNELS,
    "instance_norm": CHANNELS,
    "group_norm": CHANNELS,
    "pixel_shuffle": CHANNELS,
    "channel_shuffle": CHANNELS,
    "prelu": CHANNELS,
    "unflatten": CHANNELS,  # the dimension that is divided, in these three
    "chunk": CHANNELS,
    "split": CHANNELS,
    "linear": LAST,
    "scaled_dot_product_attention": {1, -3},  # heads that share one
    "einsum": set(range(-5, 5)),  # what several tensors have
    "lstm": {0, -1},  # samples, which stand elsewhere in the first states
    "gru": {0, -1},
    "rnn": {0, -1},
    "multihead_attention": {0, -1, -3},
    "matmul": LAST,
    "squeeze": LAST,
    "glu": {1, -1},  # which is halved
    "pixel_unshuffle": {2, 3, -1, -2},
    "fold": {1, 2, -1, -2},
    "expand": {0, 1, 2, -1, -2, -3},
    "layer_norm": {-1, -2},
    "rms_norm": {-1, -2},
    "reshape": {0, 1},  # where the batch is merged
    "cross_entropy": CHANNELS,  # where they have weights, in these two
    "nll_loss": CHANNELS,
    "binary_cross_entropy_with_logits": LAST,
    "ctc_loss": CHANNELS,  # the batch, which its targets have in front
    "interpolate": {-1},  # with a factor that is no fraction in binary
}


def with_symbol(shapes: Sequence[Numbers], axis: int) -> tuple[list[Shape], int]:
    """The shapes with `S` for the size of an axis of the first, and of those that go with it, from either end."""
    rank, size = len(shapes[0]), shapes[0][axis]

    def replaced(shape: Numbers) -> Shape:
        matching = {axis, axis - rank + len(shape)}
        return tuple(symbol("S") if i in matching and side == size else side for i, side in enumerate(shape))

    return [replaced(shape) for shape in shapes], size


@every_example
def test_shapes_with_a_symbol_are_shapes_with_its_value(operator: type[Operator], example: Example) -> None:
    built = elaborated(operator, example)["operator"]
    for axis in range(len(example.inputs[0]) if example.inputs else 0):
        shapes, value = with_symbol(example.inputs, axis)
        try:
            found = built.infer_all(*shapes)
        except Undecided:
            assert {axis, axis - len(example.inputs[0])} & NUMBER_NEEDED.get(operator.name, set())
            continue
        assert tuple(tuple(substitute(size, {"S": value}) for size in shape) for shape in found) == outputs(example)


SPATIAL = ["conv", "conv_transpose", "max_pool", "avg_pool", "lp_pool", "adaptive_avg_pool", "interpolate", "pad"]


@pytest.mark.parametrize("name", SPATIAL)
def test_batch_and_spatial_sizes_may_be_symbols(name: str) -> None:
    """For any parameters: the shape with symbols, with numbers put in, is the shape with numbers."""

    @few
    @given(CASES[name])
    def agree(case: Case) -> None:
        operator, (shape,) = build(OPERATORS[name], case.params), case.shapes
        assume(3 <= len(shape) <= 5)
        values = dict(zip("NDHW", (shape[0], *shape[2:]), strict=False))
        with_symbols = [symbol(letter) for letter in values]
        try:
            expected = operator.infer(shape)
        except ShapeError:
            expected = None
        try:
            found = operator.infer((with_symbols[0], shape[1], *with_symbols[1:]))
        except ShapeError:
            assert expected is None
            return
        except Undecided:
            assert name == "interpolate"  # by a factor that is no fraction in binary
            return
        if expected is not None:
            assert tuple(substitute(size, values) for size in found) == expected

    agree()

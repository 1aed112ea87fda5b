"""The examples of a user's own operators, computed: what the operators say of them is what torch makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archdsl.backends import backend
from archdsl.diagnostics import Diagnostic
from archdsl.elaborate import elaborate
from archdsl.errors import SpecError
from archdsl.graph import header, layer, layers
from archdsl.ops import Example, Operator
from archdsl.own_operators import at, own_operators
from archdsl.program import parse_string


def check_operators() -> list[tuple[str, int]]:
    """The operators that were loaded, each with the number of its examples, if all of them are right.

    Each example is compiled and run. Raises `SpecError` with all that is wrong: an operator without examples; shapes of
    outputs and weights that are others in the example, in what the operator says, or in torch; a target that cannot be
    built. Raises `ImportError` without torch.
    """
    faults: list[Diagnostic] = []
    for operator in own_operators():
        if not operator.examples:
            help = f'examples = (Example("{operator.name}", ((2, 8, 4, 4),), (2, 8, 4, 4)),)'
            faults.append(at(operator, None, f"`{operator.name}` has no example to be checked by", help))
        for example in operator.examples:
            faults += _wrong(operator, example)
    if faults:
        raise SpecError(faults)
    return [(operator.name, len(operator.examples)) for operator in own_operators()]


def _wrong(operator: type[Operator], example: Example) -> Iterable[Diagnostic]:
    """What is wrong with one example."""
    shapes = ", ".join(str(list(shape)) for shape in example.inputs)

    def fault(attribute: str, message: str) -> list[Diagnostic]:
        return [at(operator, attribute, f"the example `{example.step}` of {shapes}: {message}")]

    try:
        program = parse_string(network_of_example(example))
        graph = elaborate(program.spec.networks[0], program.definitions)
    except SpecError as error:
        first = error.diagnostics[0]
        return [first] if first.code == "bad-operators" else fault("examples", first.message)
    key = next(key for key, node in layers(graph) if node["op"] == operator.name)
    said = layer(graph, key)["outputs"]
    wanted: Any = example.output if isinstance(next(iter(example.output), None), tuple) else (example.output,)
    if _plain(said) != _plain(wanted):
        return fault("infer", f"`infer` says {_shown(said)}, the example {_shown(wanted)}")
    try:
        model: Any = backend("compiler").compile_graph(graph)
        made = backend("compiler").run_once(model, graph)
    except SpecError as error:
        return error.diagnostics
    except Exception as error:  # whatever torch makes of the user's target is told, not passed on
        target = layer(graph, key)["operator"].target(*example.inputs)
        return fault("target", f"torch cannot compute `{target.name}`: {type(error).__name__}: {error}")
    outputs = [shape for output in header(graph)["outputs"] for shape in [made.outputs[output["name"]]]]
    if outputs != _plain(said)[: len(outputs)]:
        return fault("infer", f"`infer` says {_shown(said)}, torch makes {_shown(outputs)}")
    weights = {f"{key}.{weight.name}": tuple(weight.shape) for weight in layer(graph, key)["weights"]}
    if weights != made.weights:
        return fault("weights", f"`weights` says {weights or 'none'}, torch has {made.weights or 'none'}")
    return []


def network_of_example(example: Example) -> str:
    """A network of one line that holds the example's step."""
    letters = [f"x{i}" for i in range(len(example.inputs))]
    call = example.call(letters)
    if isinstance(next(iter(example.output), None), tuple):
        call += "[0]"
    types = example.dtypes or [""] * len(letters)
    declared = zip(letters, example.inputs, types, strict=True)
    inputs = ", ".join(f"{x}: {list(shape)} {dtype}".rstrip() for x, shape, dtype in declared)
    return f"network Example({inputs or 'x: [1]'}) {{ {call} }}"


def _plain(shapes: Iterable[Iterable[Any]]) -> list[tuple[Any, ...]]:
    return [tuple(shape) for shape in shapes]


def _shown(shapes: Iterable[Iterable[Any]]) -> str:
    return ", ".join(str(list(shape)) for shape in shapes)

"""The program of a network: what runs on what, where, and moved when, as data that needs no torch."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl.graph import Graph
from archdsl.network import Network
from compiler import assemble
from compiler.program import Assembly, Instruction, Invoke, Recompute, Ref, Transfer

Build = Callable[..., Graph]
ROOT = Path(__file__).resolve().parents[2]

TOWERS = """
network Net(x: [N, 4]) {
    device gpu0, gpu1
    a = x -> a: linear(8) @gpu0
    b = x -> b: linear(8) @gpu1
    p = concat(a, b) @gpu0 -> p: linear(2) @gpu0
    q = concat(a, b) @gpu1 -> q: linear(2) @gpu1
    p + q
}
"""
REGION = """
network Net(x: [N, 4]) {
    device gpu0, gpu1
    s = x -> stem: linear(8) @gpu0
    output a, b = s -> body: two @checkpoint
}
"""


def transfers(steps: tuple[Instruction, ...]) -> list[tuple[str, str | None, str | None]]:
    return [(s.source.layer, s.source.device, s.result.device) for s in steps if isinstance(s, Transfer)]


def reads_and_makes(step: Instruction) -> tuple[tuple[Ref, ...], tuple[Ref, ...]]:
    match step:
        case Invoke():
            return step.operands, step.results
        case Transfer():
            return (step.source,), (step.result,)
        case Recompute():
            return step.enters, step.leaves


def check_order(steps: tuple[Instruction, ...], known: set[Ref]) -> None:
    """Every tensor is made before it is read, and once."""
    for step in steps:
        reads, makes = reads_and_makes(step)
        assert set(reads) <= known
        if isinstance(step, Recompute):
            inner = set(step.enters)
            check_order(step.steps, inner)
            assert set(step.leaves) <= inner - set(step.enters)
        assert not set(makes) & known
        known |= set(makes)


def test_making_a_program_loads_no_torch() -> None:
    code = "import sys, archdsl, compiler, compiler.program, compiler.sizes\n"
    code += "compiler.assemble(archdsl.load('googlenet').graph); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_what_needs_torch_is_loaded_when_it_is_asked_for() -> None:
    import compiler

    assert {"compile_graph", "assemble", "measure"} <= set(compiler.__all__)
    with pytest.raises(AttributeError, match="no attribute `compile_grph`"):
        compiler.compile_grph  # noqa: B018


@pytest.mark.parametrize("variant", ["alexnet", "googlenet", "densenet121", "vit_tiny_16", "siamese", "unet"])
def test_every_tensor_is_made_once_before_it_is_read(variant: str) -> None:
    assembly = assemble(archdsl.load(variant).graph)
    for routine in (assembly.training, assembly.inference, assembly.training_loss, assembly.inference_loss):
        if routine is not None:
            known = {Ref(feed.name) for feed in routine.feeds}
            check_order(routine.steps, known)
            assert {result.ref for result in routine.results} <= known


@pytest.mark.parametrize("variant", ["alexnet", "googlenet", "vit_tiny_16", "siamese", "lenet5_1998"])
def test_what_is_held_is_the_state_dict_in_its_order(variant: str) -> None:
    network = archdsl.load(variant)
    held = {h.path: h.weight for holder in assemble(network.graph).holders for h in holder.held}
    state = network.compile("meta").state_dict()
    assert {path: tuple(weight.shape) for path, weight in held.items()} == {k: tuple(t.shape) for k, t in state.items()}
    assert {path: weight.dtype for path, weight in held.items()} == {
        key: str(tensor.dtype).removeprefix("torch.") for key, tensor in state.items()
    }


def test_a_program_is_frozen(graph_of: Build) -> None:
    assembly = assemble(graph_of("network Net(x: [N, 4]) { x -> relu }"))
    for value in (assembly, assembly.training, assembly.training.steps[0]):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, None)


def test_phases_that_do_not_differ_are_one_program(graph_of: Build) -> None:
    plain = assemble(graph_of("network Net(x: [N, 4]) { x -> linear(2) }"))
    assert plain.inference is plain.training
    heads = assemble(graph_of("network Net(x: [N, 4]) { output a = x -> relu\n output b = x -> f: linear(2) @train }"))
    assert [step.layer for step in heads.training.invoked()] == ["relu", "f"]
    assert [step.layer for step in heads.inference.invoked()] == ["relu"]
    assert [holder.path for holder in heads.holders] == ["relu", "f"]


def test_weights_know_how_they_start(graph_of: Build) -> None:
    code = "network Net(x: [N, 4]) { x -> a: linear(4, init = ones) -> b: linear(4) @frozen -> add(p: parameter([4])) }"
    holders = {holder.path: holder for holder in assemble(graph_of(code)).holders}
    assert [(h.path, str(h.start)) for h in holders["a"].held] == [("a.weight", "ones"), ("a.bias", "zeros")]
    assert [(h.path, h.start) for h in holders["b"].held] == [("b.weight", None), ("b.bias", None)]
    assert [(h.path, str(h.start)) for h in holders["p"].held] == [("p", "zeros")]
    assert [holder.frozen for holder in holders.values()] == [False, True, False]


# --- devices


def test_a_tensor_is_moved_once_to_each_device_that_reads_it(graph_of: Build) -> None:
    assert transfers(assemble(graph_of(TOWERS)).training.steps) == [
        ("x", None, "gpu0"),
        ("x", None, "gpu1"),
        ("a", "gpu0", "gpu1"),
        ("b", "gpu1", "gpu0"),
        ("q", "gpu1", "gpu0"),
    ]


def test_without_devices_nothing_moves(graph_of: Build) -> None:
    assembly = assemble(graph_of("network Net(x: [N, 4]) { x -> linear(2)\n loss mse_loss(output) }"))
    assert transfers(assembly.training.steps) == []
    assert assembly.training_loss is not None
    assert transfers(assembly.training_loss.steps) == []


def test_feeds_say_their_types(graph_of: Build) -> None:
    code = "network Net(ids: [N, T]) {{ ids -> embedding(9, 4) -> mean(1) -> linear(3)\n loss {}(output) }}"
    for loss, dtype in (("cross_entropy", "int64"), ("mse_loss", "float32")):
        assembly = assemble(graph_of(code.format(loss)))
        assert assembly.training_loss is not None
        feeds = [*assembly.training.feeds, *assembly.training_loss.feeds]
        assert [feed.dtype for feed in feeds] == ["int64", "float32", dtype]


LOSSES = """
network Net(x: [N, 4]) {
    device gpu0, gpu1
    output a = x -> a: linear(3) @gpu0
    output b = x -> b: linear(3) @gpu1
    loss cross_entropy(a) + 0.3 * cross_entropy(b)
}
"""


def test_a_loss_runs_where_its_outputs_are_and_adds_up_on_one_device(graph_of: Build) -> None:
    loss = assemble(graph_of(LOSSES)).training_loss
    assert loss is not None
    homes = {step.layer: step.results[0].device for step in loss.invoked()}
    assert homes == {"cross_entropy": "gpu0", "cross_entropy_2": "gpu1", "mul": "gpu1", "add": "gpu0"}
    assert ("target", None, "gpu0") in transfers(loss.steps)
    assert ("target", None, "gpu1") in transfers(loss.steps)
    assert ("mul", "gpu1", "gpu0") in transfers(loss.steps)


def test_a_loss_of_outputs_on_two_devices_is_computed(network_of: Callable[..., Network]) -> None:
    model = network_of(LOSSES).compile({"gpu0": "meta", "gpu1": "cpu"})
    loss = model.loss(model(torch.randn(2, 4)), torch.tensor([0, 1]))
    assert (loss.shape, loss.device.type) == ((), "meta")


# --- regions


def region(assembly: Assembly) -> Recompute:
    (found,) = (step for step in assembly.training.steps if isinstance(step, Recompute))
    return found


def test_a_region_says_what_enters_and_what_leaves(graph_of: Build) -> None:
    code = """
        network Net(x: [N, 8], y: [N, 8]) {
            s = x -> stem: linear(8)
            a, b = s -> body: { linear(8) -> add(y) -> chunk(2, dim = 1) } @checkpoint
            b -> relu
        }"""
    found = region(assemble(graph_of(code)))
    assert found.enters == (Ref("stem"), Ref("y"))
    assert found.leaves == (Ref("body.2", 1),)
    assert [holder.path for holder in found.holders] == ["body.0"]


ABROAD = """
network Net(x: [N, 8]) {
    device gpu0, gpu1
    t = x -> stem: linear(8) @gpu0 @checkpoint
    u = t -> inside: linear(8) @gpu1 @checkpoint
    v = t -> outside: linear(8) @gpu1
    u + v
}
"""


def one_region(code: str, build: Build) -> Graph:
    """The graph, all marked layers in one region."""
    graph = build(code)
    for _, node in graph.nodes(data=True):
        if node["checkpoint"]:
            node["checkpoint"] = "checkpoint1"
    return graph


def test_a_regions_tensor_used_abroad_inside_and_outside_is_copied_once(graph_of: Build) -> None:
    graph = one_region(ABROAD, graph_of)
    steps = assemble(graph).training.steps
    (found,) = (step for step in steps if isinstance(step, Recompute))
    everywhere = [*transfers(steps), *transfers(found.steps)]
    assert everywhere.count(("stem", "gpu0", "gpu1")) == 1
    assert found.leaves == (Ref("stem", 0, "gpu1"), Ref("inside", 0, "gpu1"))


def test_a_copy_that_left_a_region_gives_the_same_gradients(graph_of: Build) -> None:
    from compiler import compile_graph

    models = []
    for graph in (graph_of(ABROAD.replace("@checkpoint", "")), one_region(ABROAD, graph_of)):
        torch.manual_seed(0)
        models.append(compile_graph(graph))
    x = torch.randn(3, 8)
    for model in models:
        model(x).square().sum().backward()
    for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        torch.testing.assert_close(a.grad, b.grad)
    placed = compile_graph(one_region(ABROAD, graph_of), {"gpu0": "cpu", "gpu1": "meta"})
    assert placed(x).device.type == "meta"


def test_a_region_that_reads_a_tensor_and_its_copy_takes_it_once_where_both_are_one(graph_of: Build) -> None:
    from compiler import compile_graph

    code = """network Net(x: [N, 8]) {
        device gpu0, gpu1
        t = x -> stem: linear(8) @gpu0
        a = t -> here: linear(8) @gpu0 @checkpoint
        b = t -> there: linear(8) @gpu1 @checkpoint
        a + b
    }"""
    graph = one_region(code, graph_of)
    plain = compile_graph(graph_of(code.replace("@checkpoint", "")), seed=0)
    x = torch.randn(3, 8)
    assert torch.equal(compile_graph(graph, seed=0)(x), plain(x))


# --- sharing


def test_a_shared_layer_is_held_once(graph_of: Build) -> None:
    assembly = assemble(graph_of("network Net(a: [N, 4], b: [N, 4]) { f = module linear(3)\n (a -> f) - (b -> f) }"))
    assert [holder.path for holder in assembly.holders] == ["linear"]
    first, second = (step.holder for step in assembly.training.invoked() if step.holder is not None)
    assert first is second


def test_a_shared_layer_without_weights_fits_each_of_its_inputs(network_of: Callable[..., Network]) -> None:
    code = """
        network Net(a: [N, 2, 8, 8], b: [N, 2, 8]) {
            p = module max_pool(2)
            u = module unflatten(1, [2, -1])
            output x = a -> p
            output y = b -> p
            output z = (a -> u)
        }"""
    model = network_of(code).compile()
    a, b = torch.randn(3, 2, 8, 8), torch.randn(3, 2, 8)
    x, y, z = model(a, b)
    assert torch.equal(x, torch.nn.functional.max_pool2d(a, 2))
    assert torch.equal(y, torch.nn.functional.max_pool1d(b, 2))
    assert torch.equal(z, a.unflatten(1, (2, -1)))


def test_a_sum_of_several_is_one_step_that_folds(graph_of: Build) -> None:
    (step,) = assemble(graph_of("network Net(a: [N, 4], b: [N, 4]) { add(a, b, a) }")).training.steps
    assert isinstance(step, Invoke)
    assert (step.folds, [ref.layer for ref in step.operands]) == (True, ["a", "b", "a"])

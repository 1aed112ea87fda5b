"""A network over several devices of one process: nothing meets what is elsewhere, and everything moves once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch._subclasses.fake_tensor import FakeTensorMode

import archdsl
from archdsl.graph import Graph, content_hash, header, layers
from archdsl.net_view import NetView
from archdsl.network import Network
from archdsl.placement.applied import placed
from archdsl.placement.devices import PlacementError
from archdsl.rewrite.recompute import recomputing, regions
from archdsl.shipped import zoo
from compiler import assemble, compile_graph
from compiler.fx.lower import lower
from compiler.program import Instruction, Invoke, Recompute, Ref, Routine, Transfer
from tests.compiler import devices_in_name
from tests.generate.agreement import graph_of as generated_graph
from tests.generate.networks import Generated, generated
from tests.zoo.published import LARGE

# Of each kind of wiring one: towers, heads, shortcuts, skips, shared weights, attention.
SOME = ("lenet5", "alexnet", "vgg_a", "googlenet", "resnet18", "unet", "siamese", "vit_b_16")
# The first and the last weight of these are one, beside which no plan splits what has weights; and those that are large
# take their time to plan.
BY_HAND = sorted({"llama_260k", "llama_15m", *LARGE})
OTHERS = [variant for variant in zoo() if variant not in {*SOME, *BY_HAND}]
Build = Callable[..., Network]


def by_turns(network: Network) -> Network:
    """A network on two devices by a plan in which each has two stages, so that tensors go both ways."""
    schedule = {"schedule": "interleaved", "batch": 4, "micro_batches": 2}
    plan = network.place(2, "a100", link="300GB/s", **schedule)  # type: ignore[arg-type]
    return network.placed(plan)


def by_hand(network: Network) -> Network:
    """A network on two devices: every second block in each list of blocks, and all else on the first."""
    homes = {}
    for _, node in layers(network.graph):
        numbers = [int(name) for name in node["path"].split(".") if name.isdigit()]
        if node["op"] != "input" and numbers:
            homes[node["path"]] = ("gpu0", "gpu1")[numbers[0] % 2]
    return Network(placed(network.graph, ("gpu0", "gpu1"), homes))


def on_devices_in_name(variant: str, split: Callable[[Network], Network] = by_turns) -> None:
    """Two devices that are not one to torch, and that every build of it has autograd for: those for the CPU have none
    for cuda, not even in name."""
    network = archdsl.load(variant)
    two = network if header(network.graph)["devices"] else split(network)
    first, second = header(two.graph)["devices"]
    model = devices_in_name.train(two, {first: "lazy", second: "cpu"})
    assert all(p.grad is not None and p.grad.device == p.device for p in model.parameters() if p.requires_grad)
    assert {parameter.device.type for parameter in model.parameters()} == {"lazy", "cpu"}


@pytest.mark.parametrize("variant", SOME)
def test_no_layer_meets_what_is_on_another_device(variant: str) -> None:
    on_devices_in_name(variant)


@pytest.mark.heavy
@pytest.mark.parametrize("variant", OTHERS)
def test_no_layer_of_any_other_network_meets_what_is_on_another_device(variant: str) -> None:
    on_devices_in_name(variant)


@pytest.mark.heavy
@pytest.mark.parametrize("variant", BY_HAND)
def test_no_layer_of_a_large_or_tied_network_meets_what_is_on_another_device(variant: str) -> None:
    on_devices_in_name(variant, by_hand)


def test_devices_in_name_do_not_mix() -> None:
    """What the tests above rest on: where nothing is moved, they fail."""
    network = by_turns(archdsl.load("lenet5"))
    first, second = header(network.graph)["devices"]
    with FakeTensorMode(), torch.no_grad():
        model = devices_in_name.compiled(network, {first: "cuda:0", second: "cuda:1"})
        for node in [node for node in model.graph.nodes if "transfer" in node.meta][1:]:
            node.replace_all_uses_with(node.args[0])
        model.recompile()
        with pytest.raises(RuntimeError, match="two devices, cuda:0 and cuda:1"):
            model(devices_in_name.zeros(network.graph, "image"))


# --- what is moved, and when


@st.composite
def placements(draw: st.DrawFn) -> Graph:
    """A generated network on three devices, each path anywhere; some blocks recomputed."""
    net: Generated = draw(generated())
    graph = generated_graph(net.text, net.shapes)
    paths = sorted({node["path"] for _, node in layers(graph) if node["op"] != "input"})
    homes = {path: draw(st.sampled_from(["a", "b", "c"])) for path in paths}
    blocks = regions(NetView(graph))
    chosen = [block for block in blocks if draw(st.booleans())]
    return placed(recomputing(graph, chosen), ("a", "b", "c"), homes)


def routines(graph: Graph) -> Iterator[Routine]:
    assembly = assemble(graph)
    for routine in (assembly.training, assembly.inference, assembly.training_loss, assembly.inference_loss):
        if routine is not None:
            yield routine


def flat(steps: tuple[Instruction, ...]) -> Iterator[Invoke | Transfer]:
    for step in steps:
        if isinstance(step, Recompute):
            yield from step.steps
        else:
            yield step


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(placements())
def test_a_tensor_moves_once_to_each_device_and_is_read_there(graph: Graph) -> None:
    for routine in routines(graph):
        steps = list(flat(routine.steps))
        moved = Counter(step.result for step in steps if isinstance(step, Transfer))
        read = {ref for step in steps if isinstance(step, Invoke) for ref in step.operands}
        assert all(count == 1 for count in moved.values())
        assert set(moved) <= read
        for step in steps:
            if isinstance(step, Invoke):
                home = step.results[0].device
                assert {ref.device for ref in step.operands} <= {home}


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(placements())
def test_a_tensor_moves_as_soon_as_it_is_there(graph: Graph) -> None:
    """Between what makes it and its copy there is nothing but other copies."""

    def check(steps: tuple[Instruction, ...], there: set[Ref]) -> None:
        for step in steps:
            if isinstance(step, Transfer):
                assert step.source in there
            elif isinstance(step, Recompute):
                inside = {part.result for part in step.steps if isinstance(part, Transfer)}
                check(step.steps, set())
                there = set(step.leaves) - inside
            else:
                there = set(step.results)

    for routine in routines(graph):
        check(routine.steps, {Ref(feed.name) for feed in routine.feeds})


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(placements())
def test_fx_graphs_move_each_tensor_once_without_waiting(graph: Graph) -> None:
    places: dict[str | None, torch.device] = {name: torch.device("cuda", i) for i, name in enumerate("abc")}
    for routine in routines(graph):
        lowered = lower(routine, places | {None: torch.device("cpu")})
        copies = [node for node in lowered.nodes if "transfer" in node.meta]
        inside = sum(isinstance(part, Transfer) for s in routine.steps if isinstance(s, Recompute) for part in s.steps)
        assert len({(node.meta["transfer"], node.args[1]) for node in copies}) == len(copies)
        assert len(copies) + inside == sum(isinstance(step, Transfer) for step in flat(routine.steps))
        assert all(node.kwargs == {"non_blocking": True} for node in copies)


def test_a_copy_to_the_cpu_is_waited_for(network_of: Build) -> None:
    net = network_of("network Net(x: [N, 4]) { device a, b\n x -> linear(4) @a -> linear(4) @b }")
    model = net.compile({"a": "meta", "b": "cpu"})
    (to_cpu,) = (node for node in model.graph.nodes if node.name.endswith("_to_cpu") and node.name.startswith("linear"))
    assert to_cpu.kwargs == {}


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(placements())
def test_a_placed_network_computes_on_the_cpu_what_it_does_without_devices(graph: Graph) -> None:
    plain = placed(graph, ("a",), {})
    models = [compile_graph(each, seed=0) for each in (plain, graph)]
    inputs = [torch.randn_like(devices_in_name.zeros(graph, name)) for name in header(graph)["inputs"]]
    for training in (False, True):
        found = []
        for model in models:
            torch.manual_seed(0)
            made = model.train(training)(*inputs)
            found.append(made if isinstance(made, tuple) else (made,))
        assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


# --- plans


@pytest.mark.parametrize("variant", ["resnet18", "googlenet", "unet"])
def test_a_plan_places_every_layer_and_changes_nothing_else(variant: str) -> None:
    network = archdsl.load(variant)
    plan = network.place(3, "a100", link="300GB/s", batch=4, micro_batches=2)
    found = network.placed(plan)
    homes = {layer: stage.device for stage in plan.stages for layer in stage.layers}
    needed = NetView(network.graph).live(training=True)
    for key, node in layers(found.graph):
        if node["op"] != "input" and key in needed:
            assert node["device"] == homes[key]
    back = placed(found.graph, ("all",), {})
    back.graph["devices"] = ()
    for _, node in layers(back):
        node["device"] = None
    assert content_hash(back) == content_hash(network.graph)
    assert header(network.graph)["devices"] == ()


def test_a_plan_of_another_network_is_refused() -> None:
    plan = archdsl.load("resnet18").place(2, "a100", link="300GB/s")
    with pytest.raises(PlacementError, match="made for another network than `ResNet`"):
        archdsl.load("resnet34").placed(plan)


def test_sizes_stay_as_open_in_a_placed_network() -> None:
    network = archdsl.load("resnet18", inputs={"image": (2, 3, 64, 64)})
    plan = archdsl.load("resnet18").place(2, "a100", link="300GB/s")
    model = archdsl.load("resnet18").placed(plan).compile()
    assert model.eval()(torch.zeros(1, 3, 96, 80)).shape == network.compile().eval()(torch.zeros(1, 3, 96, 80)).shape


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_compute_what_the_cpu_computes() -> None:
    network = archdsl.load("resnet18")
    two = by_turns(network)
    first, second = header(two.graph)["devices"]
    one, other = network.compile(seed=0).eval(), two.compile({first: "cuda:0", second: "cuda:1"}, seed=0).eval()
    image = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(other(image).cpu(), one(image), atol=1e-4, rtol=1e-4)

"""Streams of GPUs: nothing is read before it is made, and what runs beside one another is worth it.

There need be no GPU: what streams do is told by a record of calls, and orders by a graph of what comes before what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import networkx as nx
import pytest
import torch
from hypothesis import HealthCheck, given, settings

import archdsl
from archdsl.graph import Graph
from archdsl.network import Network
from compiler import assemble
from compiler.fx.compile import layer_seconds
from compiler.fx.lower import lower
from compiler.fx.model import CompiledNetwork
from compiler.fx.modules import build
from compiler.program import Invoke, Recompute, Ref, Routine, Transfer
from compiler.streams import CALLER, Await, LayerSeconds, OnStream, StreamedInstruction, on_streams
from tests.compiler import devices_in_name
from tests.compiler.test_one_process import placements

Build = Callable[..., Network]
ONE: Mapping[str | None, str] = {None: "cuda:0"}
TOWERS = """network Net(x: [N, 8, 4, 4]) {
  a = x -> conv(8, 3, padding = 1) -> relu -> conv(8, 3, padding = 1) -> relu
  b = x -> conv(8, 5, padding = 2) -> relu -> conv(8, 5, padding = 2) -> relu
  concat(a, b) -> conv(4, 1)
}"""


# --- what comes before what


def happens_before(
    instructions: tuple[StreamedInstruction, ...], gpus: Mapping[str | None, str]
) -> tuple[nx.DiGraph[Any], dict[Ref, Any], list[tuple[Any, Ref]]]:
    """What streams promise, worked out from the instructions alone: a graph of moments, the moment at which each tensor
    is made, and every read. Streams go on from what they were given before; the CPU is as one more stream."""
    order: nx.DiGraph[Any] = nx.DiGraph()
    last: dict[Any, Any] = {}
    made: dict[Ref, Any] = {}
    reads: list[tuple[Any, Ref]] = []

    def moment(*streams: Any, after: tuple[Any, ...] = ()) -> int:
        now = len(order)
        order.add_node(now)
        order.add_edges_from((last[stream], now) for stream in (*streams, *after) if stream in last)
        last.update(dict.fromkeys(streams, now))
        return now

    begun = {gpu: moment((gpu, CALLER)) for gpu in {*gpus.values(), "cpu"}}
    for step in instructions:
        if isinstance(step, Await):
            moment((step.gpu, CALLER), after=tuple((step.gpu, n) for n in step.streams))
        elif isinstance(step, OnStream):
            assert step.stream != CALLER
            now = moment((step.gpu, step.stream), after=tuple((step.gpu, n) for n in step.waits))
            assert nx.has_path(order, begun[step.gpu], now)  # what the caller did before: inputs and weights
            inside: set[Ref] = set()
            for part in step.steps:
                assert gpus[part.results[0].device] == step.gpu
                now = moment((step.gpu, step.stream))
                reads += [(now, ref) for ref in part.operands]
                assert {*part.operands} - inside <= {*step.enters}
                inside |= {*part.results}
                made |= dict.fromkeys(part.results, now)
            assert {*step.leaves} <= inside
        elif isinstance(step, Transfer):
            ends = (gpus.get(step.source.device, "cpu"), gpus.get(step.result.device, "cpu"))
            now = moment(*((end, CALLER) for end in dict.fromkeys(ends)))
            reads.append((now, step.source))
            made[step.result] = now
        elif isinstance(step, Invoke):
            now = moment((gpus.get(step.results[0].device, "cpu"), CALLER))
            reads += [(now, ref) for ref in step.operands]
            made |= dict.fromkeys(step.results, now)
    end = moment(("the caller", 0), after=tuple((gpu, CALLER) for gpu in {*gpus.values(), "cpu"}))
    assert all(nx.has_path(order, now, end) for now in order)  # the caller's streams come last
    return order, made, reads


def check(routine: Routine, gpus: Mapping[str | None, str], seconds: LayerSeconds | None) -> int:
    """Check the streams of a routine. Returns how many are beside the callers'."""
    found = on_streams(routine, gpus, seconds)
    order, made, reads = happens_before(found, gpus)
    feeds = {Ref(feed.name) for feed in routine.feeds}
    for now, ref in reads:
        assert ref in feeds or nx.has_path(order, made[ref], now)
    flat = [part for step in found for part in (step.steps if isinstance(step, OnStream) else (step,))]
    assert sorted(map(repr, routine.steps)) == sorted(repr(part) for part in flat if not isinstance(part, Await))
    check_memory(routine, found, gpus)
    return len({(step.gpu, step.stream) for step in found if isinstance(step, OnStream)})


def check_memory(
    routine: Routine, instructions: tuple[StreamedInstruction, ...], gpus: Mapping[str | None, str]
) -> None:
    """Whatever the caller's stream reads of another was given to an `Await`; another is given all that it reads."""
    foreign: set[Ref] = set()
    for step in instructions:
        if isinstance(step, OnStream):
            foreign |= {*step.leaves}
        elif isinstance(step, Await):
            foreign -= {*step.tensors}
        elif isinstance(step, Invoke):
            assert not foreign & {*step.operands}
        elif isinstance(step, Transfer):
            assert step.source not in foreign
    assert not foreign & {result.ref for result in routine.results}


@settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
@given(placements())
def test_everything_is_made_before_it_is_read(graph: Graph) -> None:
    routine = assemble(graph).inference
    assert not any(isinstance(step, Recompute) for step in routine.steps)
    check(routine, {"a": "cuda:0", "b": "cuda:1", "c": "cuda:2"}, None)
    check(routine, {"a": "cuda:0", "b": "cuda:0"}, None)


def test_a_read_that_waits_for_nothing_is_found(network_of: Build) -> None:
    """What the test above rests on: without its waits, a plan fails."""
    routine = assemble(network_of(TOWERS).graph).inference
    found = tuple(step for step in on_streams(routine, ONE, None) if not isinstance(step, Await))
    order, made, reads = happens_before_alone(found)
    assert any(ref in made and not nx.has_path(order, made[ref], now) for now, ref in reads)


def happens_before_alone(instructions: tuple[StreamedInstruction, ...]) -> Any:
    try:
        return happens_before(instructions, ONE)
    except AssertionError:  # the caller's stream does not come last
        joined = (*instructions, Await("cuda:0", (1, 2, 3), ()))
        return happens_before(joined, ONE)


@pytest.mark.parametrize(
    ("name", "beside"),
    [("alexnet", 1), ("siamese", 1), ("googlenet", 3), ("inception_v3", 3), ("vgg11", 0), ("mobilenet_v2", 0)],
)
def test_towers_and_branches_are_on_streams_where_there_are_any(name: str, beside: int) -> None:
    graph = archdsl.load(name).graph
    places: dict[str | None, str] = dict.fromkeys((*graph.graph["devices"], None), "cuda:0")
    assert check(assemble(graph).inference, places, None) == beside


# --- what pays


def test_streams_are_used_where_they_are_predicted_to_pay(network_of: Build) -> None:
    routine = assemble(network_of(TOWERS).graph).inference
    layers = [step.layer for step in routine.steps if isinstance(step, Invoke)]
    waiting = LayerSeconds(dict.fromkeys(layers, 4e-6), launch=3e-6)  # launches overlap
    working = LayerSeconds(dict.fromkeys(layers, 4e-6), launch=0.1e-6)  # work is shared
    assert any(isinstance(step, OnStream) for step in on_streams(routine, ONE, waiting))
    assert on_streams(routine, ONE, working) == routine.steps


def test_what_is_on_no_gpu_stays_as_it_is() -> None:
    routine = assemble(archdsl.load("googlenet").graph).inference
    assert on_streams(routine, {}, None) == routine.steps


def test_times_are_those_of_one_sample_and_unknown_where_a_size_is_open(network_of: Build) -> None:
    found = layer_seconds(archdsl.load("googlenet").graph)
    assert found is not None
    assert min(found.whole.values()) >= 0
    assert found.launch > 0
    assert layer_seconds(network_of("network Net(x: [N, 3, H, W]) { x -> conv(4, 3) }").graph) is None


# --- at work, on streams in name


class Record:
    """torch.cuda, of which each call is noted."""

    def __init__(self) -> None:
        self.said: list[tuple[Any, ...]] = []
        self.at: list[Any] = ["caller"]
        record = self

        class Stream:
            def __init__(self, device: torch.device) -> None:
                self.name = f"side {sum(said[0] == 'new' for said in record.said)}"
                record.said.append(("new", self.name, str(device)))

            def wait_stream(self, other: Any) -> None:
                record.said.append(("wait", self.name, other.name))

        class Caller(Stream):
            def __init__(self) -> None:
                self.name = "caller"

        @contextmanager
        def stream(own: Stream) -> Iterator[None]:
            record.at.append(own.name)
            try:
                yield
            finally:
                record.at.pop()

        self.Stream, self.stream = Stream, stream
        self.caller = Caller()

    def current_stream(self, device: torch.device) -> Any:
        return self.caller


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    found = Record()
    for name in ("Stream", "stream", "current_stream"):
        monkeypatch.setattr(torch.cuda, name, getattr(found, name))
    monkeypatch.setattr(torch.Tensor, "record_stream", lambda _, own: found.said.append(("keep", own.name)))
    return found


def on_streams_in_name(network: Network) -> tuple[CompiledNetwork, CompiledNetwork]:
    """A network on the CPU whose steps are on streams as on a GPU, and the same without any."""
    assembly = assemble(network.graph)
    places: dict[str | None, torch.device] = dict.fromkeys((*assembly.devices, None), torch.device("cpu"))
    gpus: dict[str | None, str] = dict.fromkeys(places, "cuda:0")
    root = build(assembly.holders, places, seed=0)
    streamed = lower(assembly.inference, places, on_streams(assembly.inference, gpus, None))
    plain = lower(assembly.inference, places)
    one, other = (CompiledNetwork(root, {True: plain, False: graph}, {}) for graph in (streamed, plain))
    return one.eval(), other.eval()


def test_a_tower_waits_for_the_caller_and_the_caller_for_it(network_of: Build, record: Record) -> None:
    one, other = on_streams_in_name(network_of(TOWERS))
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(one(x), other(x))
    assert record.said == [
        ("new", "side 0", "cuda:0"),
        ("wait", "side 0", "caller"),
        ("keep", "side 0"),  # the input
        ("wait", "caller", "side 0"),
        ("keep", "caller"),  # what the tower made
    ]
    record.said.clear()
    one(x)
    assert [said[0] for said in record.said] == ["wait", "keep", "wait", "keep"]  # streams are made once


def test_a_tower_runs_on_its_stream_and_the_caller_has_its_own_back(network_of: Build, record: Record) -> None:
    network = network_of(TOWERS)
    one, _ = on_streams_in_name(network)
    tower = next(s for s in on_streams(assemble(network.graph).inference, ONE, None) if isinstance(s, OnStream))
    seen = []

    def fails(*_: Any) -> None:
        seen.append(record.at[-1])
        raise ZeroDivisionError

    one.get_submodule(tower.steps[-1].layer).register_forward_hook(fails)
    with pytest.raises(ZeroDivisionError):
        one(torch.randn(2, 8, 4, 4))
    assert seen == ["side 0"]
    assert record.at == ["caller"]


@pytest.mark.parametrize("name", ["alexnet", "googlenet"])
def test_a_network_on_streams_computes_the_same(name: str, record: Record) -> None:
    network = archdsl.load(name)
    one, other = on_streams_in_name(network)
    inputs = [torch.randn_like(devices_in_name.zeros(network.graph, each)) for each in network.graph.graph["inputs"]]
    with torch.no_grad():
        found, wanted = one(*inputs), other(*inputs)
    assert torch.equal(found, wanted) if isinstance(found, torch.Tensor) else all(map(torch.equal, found, wanted))
    assert record.said


def test_streams_change_nothing_where_there_is_no_gpu(network_of: Build) -> None:
    network = network_of(TOWERS)
    one, other = network.compile(streams=True).eval(), network.compile().eval()
    assert str(one.graph) == str(other.graph)


def test_an_engine_has_no_streams(network_of: Build) -> None:
    with pytest.raises(ValueError, match="leave `streams` out"):
        network_of(TOWERS).compile(mode="inference", engine="eager", streams=True)  # type: ignore[call-overload]


@pytest.mark.skipif(torch.cuda.device_count() < 1, reason="needs a GPU")
@pytest.mark.parametrize("name", ["alexnet", "googlenet", "inception_v3"])
def test_streams_of_a_gpu_compute_what_one_computes(name: str) -> None:
    network = archdsl.load(name)
    one = network.compile("cuda:0", seed=0, streams=True).eval()
    other = network.compile("cuda:0", seed=0).eval()
    inputs = [devices_in_name.zeros(network.graph, each).cuda().normal_() for each in network.graph.graph["inputs"]]
    for _ in range(20):
        torch.testing.assert_close(one(*inputs), other(*inputs))

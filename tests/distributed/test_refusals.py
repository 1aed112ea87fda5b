"""What makes a plan unfit is said before any process starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.distributed import load_network
from archdsl.network import Network
from archdsl.placement.devices import PlacementError
from archdsl.placement.reading import read_plan
from archdsl.placement.runnable import RunnablePlan, refuse_another_network, refuse_processes, runnable
from tests.distributed.equality import even_plan

SMALL = Path(__file__).parent / "small.arch"
Changed = Callable[..., RunnablePlan]


@pytest.fixture(scope="module")
def network() -> Network:
    return archdsl.load(SMALL)


@pytest.fixture
def changed(network: Network) -> Changed:
    """A plan for two processes, some of its keys replaced."""
    return lambda **keys: runnable(even_plan(network, 2, "1f1b", 1, 8, 4) | keys)


def test_a_plan_of_place_runs_the_network_that_it_names(tmp_path: Path) -> None:
    """The document says where the network is from, with the settings and sizes that were chosen."""
    shape = {"image": (None, 3, 64, 64)}
    plan = archdsl.load("resnet18", inputs=shape, classes=10).place(2, profile="a100", link="25GB/s")  # type: ignore[arg-type]
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan.to_dict()))
    found = read_plan(file)
    graph = load_network(found)
    refuse_another_network(found, graph)
    assert graph.nodes["fc"]["shape"][1] == 10
    assert found == read_plan(plan)
    assert (found.micro_batch, found.owners, found.devices) == (2, (0, 1), ("gpu0", "gpu1"))


def test_a_plan_for_latency_is_refused_as_it_is() -> None:
    plan = archdsl.load("alexnet").place(2, profile="v100", link="8GB/s", objective="latency")
    with pytest.raises(PlacementError, match=r"one process runs: .* of `--objective throughput`"):
        read_plan(plan)


def test_devices_without_a_stage_have_no_process(changed: Changed) -> None:
    devices = [{"name": name} for name in ("idle", "d1", "d0")]
    assert (changed(devices=devices).devices, changed(devices=devices).owners) == (("d0", "d1"), (0, 1))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"batch": 30}, "a batch of 30 cannot be cut into 4 micro-batches of equal size"),
        ({"batch": 0}, "a batch of 0 cannot be cut"),
        ({"micro_batches": "4"}, "cannot be cut into 4 micro-batches"),
        ({"devices": [{"name": "d0"}]}, "a stage on `d1`, which is none of its devices"),
        ({"schedule": "zig-zag"}, "the plan's schedule is `zig-zag`; schedules are gpipe, 1f1b"),
        ({"schedule": "latency"}, "for the latency of one batch, which one process runs: `net.placed"),
        ({"schedule": "zbv"}, "zbv takes 2 stages on a device, not 1"),
        ({"stages": []}, "no stages"),
        ({"stages": [{"device": "d0"}]}, "this is no plan"),
        ({"hash": None, "devices": 3}, "this is no plan"),
    ],
)
def test_a_plan_that_cannot_be_run_is_refused(changed: Changed, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(PlacementError, match=said):
        changed(**keys)


@pytest.mark.parametrize("text", ["{", "[]", "\x00", "3"])
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(PlacementError, match="no plan"):
        read_plan(tmp_path / "plan.json")


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlacementError, match=r"cannot read the plan .*: no such file"):
        read_plan(tmp_path / "plan.json")


def test_another_network_is_refused(changed: Changed) -> None:
    plan, other = changed(), archdsl.load(SMALL, classes=7)
    with pytest.raises(PlacementError, match=f"another network: the hash of `Small` was {plan.hash[:12]}"):
        refuse_another_network(plan, other.graph)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda first, second: (first, second[:-1]), "no stage of the plan has the layer `mean`"),
        (lambda first, second: (first, [*second, "dense"]), "the layer `dense`, which the network has not"),
        (lambda first, second: (first, [*second, first[0]]), "the layer `stem.conv` twice"),
        (lambda first, second: (second, first), r"`.*` in an earlier stage than `.*`, which it reads"),
    ],
)
def test_stages_that_do_not_fit_the_network_are_refused(
    network: Network, changed: Changed, change: Callable[[Any, Any], Any], said: str
) -> None:
    first, second = change(*map(list, changed().layers))
    plan = changed(stages=[{"device": "d0", "layers": first}, {"device": "d1", "layers": second}])
    with pytest.raises(PlacementError, match=said):
        refuse_another_network(plan, network.graph)


def test_layers_that_share_weights_in_two_stages_are_refused() -> None:
    network = archdsl.load("siamese")
    plan = even_plan(network, 2, "1f1b", 1, 4, 2)
    first, second = (stage["layers"] for stage in plan["stages"])
    shared = first.index("encoder.fc#2")
    plan["stages"][0]["layers"], plan["stages"][1]["layers"] = first[:shared], [*first[shared:], *second]
    with pytest.raises(PlacementError, match=r"`encoder\.fc` and `encoder\.fc#2`, which share weights, in two stages"):
        refuse_another_network(runnable(plan), network.graph)


def test_reduced_precision_is_refused(network: Network, changed: Changed) -> None:
    with pytest.raises(PlacementError, match="the plan is for mixed, and stages run in fp32"):
        refuse_another_network(changed(dtype="mixed"), network.graph)


@pytest.mark.parametrize(("processes", "said"), [(1, "there is 1 process: start 2"), (3, "there are 3 processes")])
def test_a_missing_process_is_refused(changed: Changed, processes: int, said: str) -> None:
    with pytest.raises(PlacementError, match=said):
        refuse_processes(changed(), processes)


def test_replicas_that_torch_computes_wrongly_are_refused(changed: Changed) -> None:
    """DistributedDataParallel hooks into backward as a whole, which zero-bubble schedules do not run."""
    with pytest.raises(
        PlacementError, match="DistributedDataParallel computes wrong gradients with the schedule zero-b"
    ):
        refuse_processes(changed(schedule="zero-bubble"), 4)
    refuse_processes(changed(schedule="zero-bubble"), 4, "fsdp")
    refuse_processes(changed(schedule="zero-bubble"), 2)
    refuse_processes(changed(), 4)

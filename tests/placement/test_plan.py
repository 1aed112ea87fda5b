"""Plans of networks: `archdsl place` and `net.place`."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest
import torch

import archdsl
from archdsl.measure.time.gpus import GPUS
from archdsl.network import Network
from archdsl.placement.devices import PlacementError
from archdsl.presentation.placement import PrintedPlan, answer
from tests.conftest import Said

Run = Callable[..., Said]
A100 = {"profile": "a100", "link": "25GB/s"}


@pytest.fixture(scope="module")
def resnet() -> PrintedPlan:
    return archdsl.load("resnet18").place(4, **A100)  # type: ignore[arg-type]


def test_every_layer_is_in_one_stage_and_follows_what_it_reads(resnet: PrintedPlan) -> None:
    graph = archdsl.load("resnet18").graph
    stage = {layer: s for s, found in enumerate(resnet.stages) for layer in found.layers}
    assert sum(len(found.layers) for found in resnet.stages) == len(stage)
    assert set(stage) == {key for key, node in graph.nodes(data=True) if node["op"] != "input"}
    assert all(stage[u] <= stage[v] for u, v in nx.DiGraph(graph).edges if u in stage)


def test_the_optimum_can_be_checked_from_the_document(resnet: PrintedPlan) -> None:
    """The bottleneck is that of the stages, reckoned from the problem alone."""
    found = json.loads(json.dumps(resnet.to_dict()))
    problem, link = found["problem"], found["problem"]["link"]
    seconds = {node["layer"]: node["forward_s"] + node["backward_s"] for node in problem["nodes"]}
    stage = {layer: s for s, each in enumerate(found["stages"]) for layer in each["layers"]}
    stage["loss"] = len(found["stages"]) - 1
    loads = [0.0] * len(found["stages"])
    for layer, s in stage.items():
        loads[s] += seconds[layer]
    for tensor in problem["tensors"]:
        bytes = tensor["bytes"] + tensor["gradient_bytes"]
        cost = bytes / link["bytes_per_s"] + (2 if tensor["gradient_bytes"] else 1) * link["latency_s"]
        for s in range(stage.get(tensor["layer"], 0), max(stage[reader] for reader in tensor["readers"])):
            loads[s] += cost
            loads[s + 1] += cost
    assert max(loads) == pytest.approx(found["bottleneck_s"])
    assert found["bound_s"] == pytest.approx(found["bottleneck_s"])


def test_keys_of_the_document_are_those_that_are_promised(resnet: PrintedPlan) -> None:
    found = resnet.to_dict()
    assert {"stages", "bottleneck_s", "bound_s", "step_s", "bubble", "instead", "problem"} <= set(found)
    assert all(
        set(stage) == {"device", "layers", "forward_s", "backward_s", "weight_bytes", "peak_bytes", "receives"}
        for stage in found["stages"]
    )
    assert set(found["stages"][1]["receives"][0]) == {"layer", "output", "bytes", "from"}
    assert {"how", "step_s"} <= set(found["instead"][0])


def test_weights_of_all_stages_are_those_of_the_memory_report(resnet: PrintedPlan) -> None:
    memory = archdsl.load("resnet18").memory().to_dict()["devices"]["all"]
    assert sum(stage.weight_bytes for stage in resnet.stages) == memory["weights"] + memory["gradients"]


def test_what_one_device_holds_is_what_torch_keeps() -> None:
    """Saved tensors of a training step, each storage once, weights and inputs left out."""
    net = archdsl.load("cifar_resnet20")
    plan = net.place(1, batch=2, micro_batches=1, **A100)  # type: ignore[arg-type]
    model, image = net.compile(), torch.randn(2, 3, 32, 32)
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers(), image)}
    kept: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.untyped_storage().data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model.loss(model(image), torch.zeros(2, dtype=torch.int64))
    stage = plan.stages[0]
    found = sum(storage.nbytes() for storage in kept.values())
    outputs = image.nbytes + 2 * 10 * 4
    assert loss.requires_grad
    assert stage.peak_bytes - stage.weight_bytes - outputs == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize("memory", ["1GiB", "960MiB"])
def test_no_stage_needs_more_than_its_device_has(memory: str) -> None:
    plan = archdsl.load("vgg16").place(4, memory=memory, **A100)  # type: ignore[arg-type]
    limit = plan.cluster.devices[0].memory
    assert limit is not None
    assert max(stage.peak_bytes for stage in plan.stages) <= limit


def test_layers_that_share_weights_stay_together() -> None:
    net = archdsl.load("siamese")
    plan = net.place(3, **A100)  # type: ignore[arg-type]
    stage = {layer: s for s, found in enumerate(plan.stages) for layer in found.layers}
    uses: dict[str, set[int]] = {}
    for key, s in stage.items():
        uses.setdefault(key.split("#")[0], set()).add(s)
    assert all(len(stages) == 1 for stages in uses.values())


def test_the_faster_of_two_devices_has_more_to_do() -> None:
    plan = archdsl.load("resnet50").place({"fast": "a100", "slow": "t4"}, link="25GB/s")
    layers = {stage.device: len(stage.layers) for stage in plan.stages}
    assert layers["fast"] > layers["slow"]


def test_one_device_is_the_answer_where_the_link_is_slow() -> None:
    plan = archdsl.load("unet").place(4, "a100", link="10MB/s")
    assert len(plan.stages) == 1
    assert answer(plan).startswith("one device (gpu0)")


def test_what_memory_forbids_is_said() -> None:
    plan = archdsl.load("vgg16").place({"big": "a100", "small": "t4"}, memory={"big": "1GiB"}, link="25GB/s")
    assert "but needs" in answer(plan)
    assert not next(way for way in plan.ways if way.how == "one device (big)").fits


def test_all_reduce_sends_each_gradient_twice_but_one_share() -> None:
    net, link = archdsl.load("resnet18"), 25e9
    plan = net.place(4, "a100", link=link, latency=0.0)
    step = next(way.step for way in plan.instead if way.how.startswith("data parallel"))
    alone = archdsl.load("resnet18", inputs={"image": (8, 3, 224, 224)}).timing("a100").step_total.seconds
    bytes = net.report().to_dict()["totals"]["trainable_params"] * 4
    assert step == pytest.approx(alone + 2 * 3 / 4 * bytes / link)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"batch": 30}, "cannot be cut into 16 micro-batches of equal size; 15 would do"),
        ({"memory": "100MiB"}, "each device would need"),
        ({"memory": "lots"}, "`lots` is not a size as 24GiB"),
        ({"memory": {"gpu9": "1GiB"}}, "no device is called `gpu9`"),
        ({"link": "fast"}, "`fast` is not a rate as 25GB/s"),
        ({"latency": "soon"}, "`soon` is not a time as 10us"),
        ({"profile": None}, "say what the devices are"),
        ({"profile": "a1000"}, "did you mean `a100`"),
        ({"schedule": "gp"}, "schedule is 'gpipe', '1f1b', 'zero-bubble', 'breadth-first', 'interleaved', 'zbv' or "),
        ({"devices": 65}, "1 to 64 devices"),
        ({"micro_batches": 0}, "micro_batches is 1 or more"),
    ],
)
def test_wrong_arguments_are_told_with_a_way_out(more: dict[str, object], said: str) -> None:
    given = {"devices": 2, **A100, **more}
    with pytest.raises(ValueError, match=said.replace("[", r"\[")):
        archdsl.load("vgg16").place(**given)  # type: ignore[arg-type]


def test_what_is_missing_is_enough() -> None:
    net = archdsl.load("vgg16")
    with pytest.raises(PlacementError, match="more"):
        net.place(2, memory="800MiB", **A100)  # type: ignore[arg-type]
    assert net.place(2, memory="1200MiB", **A100).stages  # type: ignore[arg-type]


def test_where_no_pipeline_fits_the_ways_that_do_are_named() -> None:
    """In gpipe everything is in flight at once, on one device as on all; a share of the batch is less."""
    net = archdsl.load("vgg11")
    with pytest.raises(PlacementError, match=r"there is room: data parallel on 8 devices, .* a step"):
        net.place(8, memory="3GiB", schedule="gpipe", batch=256, micro_batches=256, **A100)  # type: ignore[arg-type]


def test_a_batch_that_is_a_number_is_refused() -> None:
    net = archdsl.load("resnet18", inputs={"image": (8, 3, 224, 224)})
    with pytest.raises(PlacementError, match="leave it open"):
        net.place(2, **A100)  # type: ignore[arg-type]


def test_profiles_may_be_objects() -> None:
    net: Network = archdsl.load("lenet5")
    assert net.place(2, GPUS["t4"], link=1e9).to_dict() == net.place(2, "t4", link="1GB/s").to_dict()


# --- where the spec marks its devices


def test_marks_of_the_spec_are_kept() -> None:
    net = archdsl.load("alexnet")
    plan = net.place(2, **A100)  # type: ignore[arg-type]
    device = {layer: stage.device for stage in plan.stages for layer in stage.layers}
    assert device == {key: node["device"] for key, node in net.graph.nodes(data=True) if node["op"] != "input"}
    assert plan.schedule == "list"


def test_stages_of_devices_that_alternate_follow_what_they_read() -> None:
    net = archdsl.load("alexnet")
    stages = net.place(2, **A100).stages  # type: ignore[arg-type]
    at = {layer: s for s, stage in enumerate(stages) for layer in stage.layers}
    assert all(one.device != other.device for one, other in pairwise(stages))
    assert all(at[u] <= at[v] for u, v in nx.DiGraph(net.graph).edges if u in at)


def test_layers_without_a_mark_are_where_elaboration_puts_them(network_of: Callable[..., Network]) -> None:
    code = """network Net(x: [N, 8]) {
        device a, b
        x -> first: linear(8) @a -> relu -> second: linear(8) @b -> third: linear(8)
    }"""
    plan = network_of(code).place(2, **A100)  # type: ignore[arg-type]
    assert [(stage.device, stage.layers) for stage in plan.stages] == [
        ("a", ("first", "relu")),
        ("b", ("second", "third")),
    ]
    assert plan.schedule == "1f1b"


def test_layers_that_a_spec_leaves_unmarked_are_placed_for_it(network_of: Callable[..., Network]) -> None:
    code = """network Net(image: [N, 64, 64, 64]) {
        device a, b
        image -> one: conv(64, 3, padding = 1) -> two: conv(64, 3, padding = 1)
            -> three: conv(64, 3, padding = 1) @b -> four: conv(64, 3, padding = 1)
    }"""
    plan = network_of(code).place(2, "a100", link="2TB/s", latency="0us")
    assert [(stage.device, stage.layers) for stage in plan.stages] == [("a", ("one", "two")), ("b", ("three", "four"))]
    assert plan.pinned == 1
    assert "1 of 4 layers are where the spec marks them" in str(plan)
    assert plan.gap == 0


def test_marks_that_memory_forbids_are_told_by_how_much() -> None:
    with pytest.raises(PlacementError, match=r"places on gpu0 needs .* more than it has"):
        archdsl.load("alexnet").place(2, memory="100MiB", **A100)  # type: ignore[arg-type]


def test_devices_other_than_those_marked_are_refused() -> None:
    with pytest.raises(PlacementError, match="on gpu0, gpu1, and these devices are gpu0, gpu1, gpu2"):
        archdsl.load("alexnet").place(3, **A100)  # type: ignore[arg-type]


# --- on the command line


def test_the_first_line_is_the_answer(command_line: Run) -> None:
    said = command_line("place", "resnet50", "--devices", "4", "--profile", "a100", "--link", "25GB/s")
    first = said.out.splitlines()[0]
    assert first.startswith("data parallel on 4 devices: ")
    assert "pipeline of 3 stages" in first


def test_the_plan_is_written_and_is_the_document(command_line: Run, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    arguments = ["place", "lenet5", "--devices", "2", "--profile", "t4", "--link", "1GB/s"]
    said = command_line(*arguments, "-o", str(file), "--json")
    assert json.loads(file.read_text()) == json.loads(said.out)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--link 1GB/s", "give --devices with --profile"),
        ("--link 1GB/s --devices 2 --device a=t4", "give --devices with --profile"),
        ("--link 1GB/s --device t4", "give --devices with --profile"),
        ("--link 1GB/s --device a=t4 --device a=t4", "`a` is given twice"),
        ("--link 1GB/s --devices 2 --profile t4 -o plan.txt", "a plan is a .json file"),
        ("--link 1GB/s --devices 2 --profile t4 --memory 1GiB --memory gpu0=1GiB", "one size for all, or NAME=SIZE"),
        ("--link 1GB/s --devices 2 --profile nothing", "no device profile is called `nothing`"),
    ],
)
def test_wrong_options_are_told(command_line: Run, options: str, said: str) -> None:
    found = command_line("place", "lenet5", *options.split())
    assert found.status == 2
    assert said in " ".join(found.err.split())

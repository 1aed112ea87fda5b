"""Every network that ships goes out of torch and comes back: spec → module → spec → module, spec → source → spec.

Networks that are small enough are compared by what they compute, to the last bit, in both phases; of all others the
graphs are compared, layer by layer from the outputs to the inputs, with weights that take no memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import torch
from torch import Tensor, nn

import archdsl
from archdsl.backends import backend
from archdsl.graph import header, layer
from archdsl.imported import ImportedNetwork, networks_of
from archdsl.network import Network
from archdsl.shipped import zoo
from tests.importing.same_graph import difference

QUICK: Final = ("nin_cifar10", "dcgan_discriminator")  # the others say the same of more, and take longer
SOURCES: Final = ("lenet5",)
MOST_WEIGHTS, MOST_WORK = 30_000_000, 6_000_000_000  # of a network that is run
SHORT: Final = {"words": (2, 12)}  # torch.export follows a recurrent layer step by step

# Here one operator is many calls of torch, or constants are worked out in another way: values are compared only.
WORKED_OUT: Final = ("bert", "clip", "ddpm", "moe", "mixtral", "llama", "gpt2", "swin", "vit", "pointnet", "recurrent",
                     "lstm", "gru", "vae", "yolov8", "siamese")  # fmt: skip


# Where a layer's weight is lent to one below another path, no path is left for both.
REFUSED: Final = ("bert_base_pretraining",)


def marked(quick: tuple[str, ...]) -> list[Any]:
    """All variants; those that are not quick are heavy."""
    names = [name for name in zoo() if name not in REFUSED]
    return [name if name in quick else pytest.param(name, marks=pytest.mark.heavy) for name in names]


def inputs_of(network: Network, device: str) -> dict[str, Tensor]:
    torch.manual_seed(0)
    found = {}
    for name in header(network.graph)["inputs"]:
        node = layer(network.graph, name)
        shape = SHORT.get(name) or tuple(size if isinstance(size, int) else 2 for size in node["shape"])
        drawn = torch.rand(shape)
        kinds = {"float32": drawn, "bool": drawn > 0.5}
        found[name] = kinds.get(node["dtype"], (drawn > 0.5).long()).to(device)
    return found


def without_memory(network: Network) -> ImportedNetwork:
    """The import of a network whose weights are not there: only its graph can be compared."""
    compiler = backend("compiler")
    with torch.device("meta"):
        model: nn.Module = network.compile().to("meta")
    inputs = inputs_of(network, "meta")
    subject = compiler.subject_of(model, header(network.graph)["network"])
    made = next(iter(compiler.import_modules([subject], compiler.given(subject, list(inputs.values()), list(inputs)))))
    return networks_of(made, "a network without memory")[0]


@pytest.mark.parametrize("variant", marked(QUICK))
def test_a_network_goes_through_a_module_and_comes_back(variant: str) -> None:
    original = archdsl.load(variant)
    report = original.report()
    macs = report.macs if isinstance(report.macs, int) else 0
    if report.params > MOST_WEIGHTS or macs > MOST_WORK:
        found = without_memory(original)
    else:
        found = archdsl.from_module(original.compile(), inputs_of(original, "cpu"))
        assert found.proof is not None
        assert found.proof.equal, str(found.proof)
    if not variant.startswith("yolov8"):  # whose table of 16 numbers is a buffer here, and a convolution's weight there
        assert found.report().params == report.params
    if not variant.startswith(WORKED_OUT):
        assert difference(original.graph, found.graph) is None


@pytest.mark.parametrize("variant", marked(SOURCES))
def test_a_network_goes_through_its_source_and_comes_back(variant: str, tmp_path: Path) -> None:
    original = archdsl.load(variant)
    report = original.report()
    macs = report.macs if isinstance(report.macs, int) else 0
    if report.params > MOST_WEIGHTS or macs > MOST_WORK:
        pytest.skip("its weights and values are too many here; smaller networks of its family say the same")
    path = tmp_path / f"{variant}.py"
    path.write_text(original.source(), encoding="utf-8")
    made = backend("compiler").made(f"{path}:{header(original.graph)['network']}")
    found = archdsl.from_module(made.model, inputs_of(original, "cpu"))
    assert found.proof is not None
    assert found.proof.equal, str(found.proof)
    if not variant.startswith(WORKED_OUT):
        compared = original.diff(found)
        assert {change.what for one in compared.layers for change in one.changes} <= {"init", "bias_init"}
        assert all(one.a is not None and one.b is not None and one.inputs is None for one in compared.layers)

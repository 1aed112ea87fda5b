"""What was rewritten is a network as any other: reported, drawn, compared, compiled, saved, and read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import archdsl
from archdsl.errors import SpecError
from archdsl.graph import content_hash
from archdsl.network import Network
from tests.rewrite.equality import near

Build = Callable[..., Network]
SPEC = """
block unit(x: [N, C, ...], width) { x -> conv(width, 3, padding = 1, bias = false) -> batch_norm -> relu }
network Small(x: [N, 3, 8, 8]) {
    y = x -> stem: unit(4)
    z = concat(y -> a: conv(2, 1), y -> b: conv(3, 1)) -> dropout
    output aux = z -> flatten -> aux: linear(2) @train
    output main = z -> mean([2, 3]) -> head: linear(2)
    loss cross_entropy(main) + cross_entropy(aux)
}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "small.arch").write_text(SPEC, encoding="utf-8")
    return tmp_path / "small.arch"


def test_it_starts_with_the_weights_that_the_network_before_is_drawn_with(spec: Path) -> None:
    network, x = archdsl.load(spec), torch.randn(2, 3, 8, 8)
    torch.manual_seed(0)
    before = network.compile().eval()
    drawn = torch.rand(1)
    torch.manual_seed(0)
    after = network.rewrite().compile()
    assert torch.equal(torch.rand(1), drawn)  # no more random numbers were taken
    assert not after.training
    assert near(before(x).detach(), after(x).detach())
    assert near(before(x).detach(), network.rewrite().compile(seed=3)(x).detach()) is False
    assert near(network.compile(seed=3).eval()(x).detach(), network.rewrite().compile(seed=3)(x).detach())


def test_it_takes_weights_of_the_network_before_and_its_own(spec: Path, tmp_path: Path) -> None:
    network, x = archdsl.load(spec), torch.randn(2, 3, 8, 8)
    before = network.compile().eval()
    save_file(before.state_dict(), tmp_path / "before.safetensors")
    after = network.rewrite().compile(weights=tmp_path / "before.safetensors")
    assert near(before(x).detach(), after(x).detach())
    again = network.rewrite().compile(weights=after.state_dict())
    assert torch.equal(again(x), after(x))
    lacking = {name: tensor for name, tensor in before.state_dict().items() if name != "head.bias"}
    with pytest.raises(SpecError, match=r"missing 1 tensor: `head\.bias`"):
        network.rewrite().compile(weights=lacking)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt2"])
def test_an_exported_file_is_read_back_with_its_rewrites(spec: Path, tmp_path: Path, suffix: str) -> None:
    changed, path = archdsl.load(spec).rewrite(), tmp_path / f"net{suffix}"
    changed.export(path)
    again = archdsl.load(path)
    assert content_hash(again.graph) == content_hash(changed.graph)
    assert again.diff(changed).same
    if suffix == ".safetensors":
        model, x = again.compile(weights=path), torch.randn(2, 3, 8, 8)
        assert model(x).shape == (2, 2)
        assert not model.training


def test_a_file_that_names_rewrites_that_there_are_not_is_refused(spec: Path, tmp_path: Path) -> None:
    changed, path = archdsl.load(spec).rewrite(), tmp_path / "net.safetensors"
    changed.export(path)
    path.write_bytes(path.read_bytes().replace(b"group-paths", b"other-paths"))
    with pytest.raises(SpecError, match="there is no rewrite `other-paths`"):
        archdsl.load(path)
    path.write_bytes(path.read_bytes().replace(b'\\"phase\\": \\"inference\\"', b'\\"phase\\": \\"elsewhere\\"'))
    with pytest.raises(SpecError, match="damaged"):
        archdsl.load(path)


def test_for_training_it_trains_with_all_outputs_and_the_loss(spec: Path) -> None:
    network = archdsl.load(spec).rewrite(phase="training")
    model, x = network.compile(), torch.randn(2, 3, 8, 8)
    outputs = model(x)
    assert outputs._fields == ("aux", "main")
    model.loss(outputs, torch.tensor([0, 1])).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert model.eval()(x).shape == (2, 2)


def test_it_says_what_each_rewrite_did_and_saved(spec: Path) -> None:
    network = archdsl.load(spec).rewrite(["fold-batch-norm", "merge-siblings"])
    found = network.rewriting().to_dict()
    assert [one["rewrite"] for one in found["rewrites"]] == ["inference", "fold-batch-norm", "merge-siblings"]
    assert found["rewrites"][1]["changes"] == ["`stem.conv` takes `stem.batch_norm`"]
    folded, merged = (one["after"] for one in found["rewrites"][1:])
    assert folded["params"] == merged["params"] == network.report().params == 108 + 4 + 10 + 15 + 12
    assert folded["macs"] == found["before"]["macs"]
    assert merged["layers"] == network.report().layers
    assert "merge-siblings" in str(network.rewriting())
    with pytest.raises(ValueError, match="as its spec says"):
        archdsl.load(spec).rewriting()


@pytest.mark.parametrize(
    ("rewrites", "message"), [(["fold-batch-nrm"], "no rewrite `fold-batch-nrm`"), ("", "no rewrite ``")]
)
def test_a_rewrite_that_there_is_not_is_refused(rewrites: Any, message: str, spec: Path) -> None:
    with pytest.raises(SpecError, match=message):
        archdsl.load(spec).rewrite(rewrites)


def test_the_command_line_has_it_everywhere(command_line: Callable[..., Any], spec: Path, tmp_path: Path) -> None:
    said = command_line("compile", "small.arch", "--rewrite", "all", "--explain", cwd=tmp_path)
    assert said.status == 0
    assert "fold-batch-norm" in said.out
    assert "`a`, `b` are `conv`, split by `split`" in said.out or "group-paths" in said.out
    said = command_line("compile", "small.arch", "--rewrite", "fold-batch-norm", "--json", "-o", "n.safetensors")
    assert said.status == 0
    found = json.loads(said.out)
    assert found["rewriting"]["rewrites"][-1]["rewrite"] == "fold-batch-norm"
    assert "stem.conv.bias" in found["state_dict"]
    assert "batch_norm" not in command_line("compile", "n.safetensors", "--weights", "n.safetensors").out
    assert command_line("draw", "small.arch", "--rewrite", "all", "-o", "n.dot").status == 0
    assert "batch_norm" not in (tmp_path / "n.dot").read_text(encoding="utf-8")
    assert "batch_norm" not in command_line("report", "small.arch", "--rewrite", "all").out
    said = command_line("diff", "small.arch", "--rewrite", "fold-batch-norm")
    assert "stem.conv: conv bias false → true" in said.out


def test_wrong_uses_are_refused(command_line: Callable[..., Any], spec: Path, tmp_path: Path) -> None:
    said = command_line("compile", "small.arch", "--explain", cwd=tmp_path)
    assert said.status == 2
    assert "--explain changes nothing without --rewrite" in said.err
    assert "give two SPECs, or one and --rewrite" in command_line("diff", "small.arch").err
    said = command_line("compile", "small.arch", "--rewrite", "fold-batch-norm", "--phase", "train")
    assert said.status == 2
    assert "changes the mathematics of training" in said.err
    command_line("compile", "small.arch", "--rewrite", "all", "-o", "n.safetensors")
    said = command_line("compile", "n.safetensors", "--phase", "training")
    assert said.status == 2
    assert "was rewritten for inference" in said.err

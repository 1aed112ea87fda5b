"""`run`, `compile` and `calibrate` try the place of their result before the work, and keep what they cannot write."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from archdsl.cli import results

CLASSIFIER = """network Net(image: [N, 1, 8, 8]) {{
    image -> flatten -> {layers}
    loss cross_entropy(output)
}}
"""


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(CLASSIFIER.format(layers="linear(10)"), encoding="utf-8")


Command = Callable[..., Any]
COMMANDS = [["compile", "net.arch"], ["run", "net.arch", "--epochs", "1"]]


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize("command", [*COMMANDS, ["calibrate"]], ids=lambda command: command[0])
@pytest.mark.parametrize("place", ["none", "file", "folder"])
def test_a_place_that_cannot_be_written_is_said_before_the_work(
    command: list[str], place: str, command_line: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffix = ".json" if command == ["calibrate"] else ".safetensors"
    Path("file").touch()
    Path(f"folder{suffix}").mkdir()
    output = f"folder{suffix}" if place == "folder" else f"{place}/result{suffix}"

    def worked(*_: Any, **__: Any) -> None:
        raise AssertionError("the work was done")

    monkeypatch.setattr("compiler.fx.compile.compile_graph", worked)
    monkeypatch.setattr("compiler.bench.calibration.calibrate", worked)
    said = command_line(*command, "-o", output)
    assert said.status == 2
    assert f"cannot write `{output}`" in said.err
    assert sorted(path.name for path in Path().iterdir()) == ["file", f"folder{suffix}", "net.arch"]


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_result_that_cannot_be_written_in_the_end_is_kept_and_named(
    command: list[str], command_line: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(kept))
    place = tmp_path / "gone"
    place.mkdir()
    original = torch.manual_seed

    def seed(number: int) -> Any:  # while it works, the folder goes
        if place.exists():
            place.rename(tmp_path / "moved")
        return original(number)

    monkeypatch.setattr(torch, "manual_seed", seed)
    said = command_line(*command, "-o", "gone/w.safetensors")
    assert said.status == 2
    assert "cannot write `gone/w.safetensors`" in said.err
    named = re.search(r"the result is kept in `(.*)`", said.err)
    assert named is not None
    assert load_file(named[1])["linear.weight"].shape == (10, 64)


@pytest.mark.usefixtures("digits")
def test_trying_a_place_leaves_what_is_there(command_line: Command) -> None:
    Path("old.safetensors").write_text("old", encoding="utf-8")
    results.try_place(Path("old.safetensors"))
    results.try_place(Path("new.safetensors"))
    assert sorted(path.name for path in Path().iterdir()) == ["net.arch", "old.safetensors"]
    assert Path("old.safetensors").read_text(encoding="utf-8") == "old"


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ("linear(10) @frozen", "every weight is @frozen: nothing to train"),
        ("slice(0, 10)", "no weights: nothing to train"),
    ],
)
def test_run_says_why_it_trains_nothing(layers: str, says: str, command_line: Command) -> None:
    Path("net.arch").write_text(CLASSIFIER.format(layers=layers), encoding="utf-8")
    said = command_line("run", "net.arch", "--epochs", "1")
    assert (said.status, says in said.err) == (2, True)


@pytest.mark.usefixtures("digits")
def test_run_says_where_the_loss_depends_on_no_weight_that_is_trained(command_line: Command) -> None:
    code = """network Net(image: [N, 1, 8, 8]) {
        output scores = image -> flatten -> slice(0, 10)
        output other = image -> flatten -> linear(3)
        loss cross_entropy(scores)
    }"""
    Path("net.arch").write_text(code, encoding="utf-8")
    said = command_line("run", "net.arch", "--epochs", "1")
    assert (said.status, "the loss depends on no weight that is trained" in said.err) == (2, True)


@pytest.mark.usefixtures("digits")
def test_a_batch_chosen_for_the_report_is_not_that_of_training(command_line: Command) -> None:
    said = command_line("run", "net.arch", "--epochs", "1", "--input", "image=4x1x8x8")
    assert said.status == 0
    assert "held-out accuracy" in said.out


@pytest.mark.parametrize("step", ["reshape([N, T, 4, 16])", "reshape([N, 4, -1])"])
def test_open_sizes_compile_and_bench(step: str, command_line: Command, tmp_path: Path) -> None:
    file = tmp_path / "open.arch"
    file.write_text(f"network Net(x: [N, T, 64]) {{ x -> {step} }}", encoding="utf-8")
    assert command_line("compile", str(file)).status == 0
    arguments = ["--input", "x=2x3x64", "--profile", "a100", "--rounds", "4"]
    assert command_line("bench", str(file), *arguments).status == 0
    said = command_line("bench", str(file), "--rounds", "4")  # at once: no device is calibrated
    assert said.status == 1
    assert "a size here is T" in said.err

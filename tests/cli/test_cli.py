"""The command line: what it prints, where, and with which exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.shipped import shipped_specs
from tests.conftest import ROOT, Said
from tests.safety.confined import archdsl

GOOD = "network Net(x: [N, 4], classes = 2) {\n    x -> linear(classes)\n}\n"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.arch"
    path.write_text(GOOD, encoding="utf-8")
    return path


# --- check


def test_check_says_what_is_in_a_file(good: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("check", good.name, cwd=good.parent)
    assert (done.status, done.out, done.err) == (0, "good.arch: ok (Net)\n", "")


def test_all_specs_that_ship_are_correct(command_line: Callable[..., Said]) -> None:
    assert command_line("check", *map(str, shipped_specs())).status == 0


def test_standard_input_is_a_spec(good: Path, command_line: Callable[..., Said]) -> None:
    assert command_line("check", "-", text=GOOD).out == "-: ok (Net)\n"


def test_faults_go_to_standard_error_with_status_1(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    (tmp_path / "bad.arch").write_text(GOOD.replace("linear", "linaer"), encoding="utf-8")
    done = command_line("check", "bad.arch", cwd=tmp_path)
    assert (done.status, done.out) == (1, "")
    assert "bad.arch:2:10" in done.err
    assert "did you mean `linear`?" in done.err


def test_check_prints_faults_as_json(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    (tmp_path / "bad.arch").write_text(GOOD.replace("linear", "linaer"), encoding="utf-8")
    done = command_line("check", "bad.arch", "--json", cwd=tmp_path)
    (result,) = json.loads(done.out)["specs"]
    (fault,) = result["diagnostics"]
    assert (done.status, done.err, result["ok"]) == (1, "", False)
    assert (fault["code"], fault["span"]["line"], fault["span"]["column"]) == ("unknown-operator", 2, 10)
    assert fault["fix"]["edits"][0]["replacement"] == "linear"


@pytest.mark.parametrize(
    ("name", "content", "status", "says"),
    [
        ("missing.arch", None, 2, "no such file"),
        ("empty.arch", b"", 1, "the spec is empty"),
        ("binary.arch", bytes(range(128, 256)) * 64, 1, "not UTF-8 text"),
        ("utf16.arch", GOOD.encode("utf-16"), 1, "looks like UTF-16"),
        ("nul.arch", b"network\x00", 1, "control character U+0000"),
        ("bidi.arch", "# \u202e\n".encode(), 1, "bidirectional character U+202E"),
        ("large.arch", b"#" * 2**19, 1, "larger than 262,144 bytes"),
        ("old-mac.arch", GOOD.replace("linear", "linaer").replace("\n", "\r").encode(), 1, "old-mac.arch:2:10"),
    ],
)
def test_files_that_are_no_spec(
    tmp_path: Path, name: str, content: bytes | None, status: int, says: str, command_line: Callable[..., Said]
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = command_line("check", name, cwd=tmp_path)
    assert done.status == status
    assert says in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("path", [".", os.devnull])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, path: str, command_line: Callable[..., Said]) -> None:
    done = command_line("check", path, cwd=tmp_path)
    assert done.status == 2
    assert "directory" in done.err or "not a regular file" in done.err


def test_a_fifo_does_not_hang(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in command_line("check", "fifo", cwd=tmp_path).err


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("x -> conv(8, 1000000000000000000000000000000)", "the number has 31 digits"),
        ("x -> repeat 1000000000 { relu }", "more than 100000 layers"),
        ("x -> repeat 100000 { repeat 100000 { relu } }", "more than 100000 layers"),
        ("n = [i for i in range(1000000000)]\nx -> relu", "more than 100000 items"),
        ("x -> for i in range(100000) { for j in range(100000) { if i > j { relu } } }", "more than"),
        ("x -> linear(" + "(" * 100_000 + "1", "nested deeper than 64"),
        ("y = " + "-" * 100_000 + "1\nx -> relu", "nested too deep"),
        ("y = 1" + " if true else 1" * 15_000 + "\nx -> relu", "alternatives in a row"),
        ("y = " + "1 + " * 60_000 + "1\nx -> linear(y)", ""),
        ("y0 = [1]\n" + "\n".join(f"y{i + 1} = [y{i}]" for i in range(2000)) + "\nx -> relu", "nested deeper than 16"),
        ("x -> linear(2 ** 10 ** 10)", "larger than 2^63"),
        ("x -> " + "a" * 200_000 + ": relu", "the limit is"),
    ],
)
def test_monstrous_specs_end_promptly(tmp_path: Path, body: str, says: str, command_line: Callable[..., Said]) -> None:
    (tmp_path / "f.arch").write_text(f"network Net(x: [N, 3, 8, 8]) {{\n{body}\n}}\n", encoding="utf-8")
    done = command_line("check", "f.arch", cwd=tmp_path)
    assert says in done.err
    assert done.status == (1 if says else 0)
    assert "Traceback" not in done.err


# --- usage


def test_an_unknown_command_suggests_a_known_one(command_line: Callable[..., Said]) -> None:
    done = command_line("chekc", "x")
    assert done.status == 2
    assert "did you mean `check`?" in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["report", "resnet5"], "did you mean"),
        (["report", "specs/resnet.arch:resnet51"], "did you mean `resnet50`"),
        (["report", "resnet50", "--set", "clases=10"], "did you mean `classes`?"),
        (["report", "resnet50", "--set", "classes=many"], "found"),
        (["report", "resnet50", "--set", "classes"], "is not NAME=VALUE"),
        (["report", "resnet50", "--input", "imgae=1x3x64x64"], "did you mean `image`?"),
        (["report", "resnet50", "--input", "image=1x3x64"], "has 4 dimensions"),
        (["report", "resnet50", "--input", "image=big"], "is not NAME=SHAPE"),
        (["report", "resnet50", "--input", "image=0x3x64x64"], "a size is from 1"),
        (["draw", "lenet5", "-o", "a.svg", "--format", "pdf"], "--format changes nothing"),
        (["draw", "lenet5", "-o", "lenet.bmp"], "bmp"),
        (["compile", "alexnet", "--devices", "gpu0=cpu"], "says nothing of `gpu1`"),
        (["run", "alexnet_grouped", "--data", "faces"], "faces"),
    ],
)
def test_a_wrong_command_line_has_status_2(
    tmp_path: Path, arguments: list[str], says: str, command_line: Callable[..., Said]
) -> None:
    done = command_line(*arguments)
    assert says in done.err
    assert done.status in (1, 2) if "classes=many" in arguments else done.status == 2
    assert "Traceback" not in done.err
    assert done.out == ""


def test_help_and_version(command_line: Callable[..., Said]) -> None:
    assert "report" in command_line("--help").out
    assert "SPEC" in command_line("report", "--help").out
    assert command_line("--version").status == 0


# --- report, draw, compile, zoo


def test_report_takes_settings_and_shapes(good: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("report", f"{good}:Net", "--set", "classes=5", "--input", "x=3x4", "--json")
    document = json.loads(done.out)
    assert document["outputs"] == [{"name": "output", "shape": [3, 5], "phase": "both"}]
    assert document["totals"]["macs"] == 60


def test_report_in_json_says_what_is_wrong_in_json(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("report", "nowhere.arch", "--json", cwd=tmp_path)
    assert done.status == 2
    assert json.loads(done.out)["diagnostics"][0]["code"] == "unreadable-file"


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m archdsl report resnet152 | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr == ""
    assert done.stdout.startswith("layer")


def test_draw_of_two_networks_shows_them_side_by_side(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    for name, width in (("a", 8), ("b", 16)):
        code = f"network Net(x: [2, 4]) {{ x -> linear({width}) -> relu }}"
        (tmp_path / f"{name}.arch").write_text(code, encoding="utf-8")
    done = command_line("draw", "a.arch", "b.arch", cwd=tmp_path)
    assert (done.status, done.out) == (0, "wrote a-b.svg\n")
    assert command_line("draw", "a.arch", "b.arch", "-o", "two.html").status == 0
    assert command_line("diff", "a.arch", "b.arch", "--arrange", "side-by-side", "-o", "diff.html").status == 0
    assert (tmp_path / "two.html").read_bytes() == (tmp_path / "diff.html").read_bytes()
    assert "--view changes nothing of two networks" in command_line("draw", "a.arch", "b.arch", "--view", "stages").err
    assert "two side by side" in command_line("draw", "a.arch", "b.arch", "a.arch").err


@pytest.mark.parametrize("suffix", ["svg", "png", "dot"])
def test_draw_writes_the_format_of_the_suffix(good: Path, suffix: str, command_line: Callable[..., Said]) -> None:
    target = good.with_suffix(f".{suffix}")
    assert command_line("draw", str(good), "-o", str(target)).status == 0
    start = {"svg": b"<?xml", "png": b"\x89PNG", "dot": b"digraph"}[suffix]
    assert target.read_bytes().lstrip().startswith(start)


@pytest.mark.parametrize(
    ("spec", "options", "file"),
    [
        ("lenet5", [], "lenet5.svg"),
        ("specs/resnet.arch:resnet18", ["--depth", "1", "--format", "dot"], "resnet18.dot"),
        ("docs/residual.arch", [], "residual.svg"),
        ("-", [], "Net.svg"),
    ],
)
def test_draw_without_a_file_names_it_for_the_network_and_says_so(
    tmp_path: Path, spec: str, options: list[str], file: str, command_line: Callable[..., Said]
) -> None:
    for folder in ("specs", "docs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    done = command_line("draw", spec, *options, cwd=tmp_path, text="network Net(x: [2, 4]) { x -> relu }")
    assert (done.status, done.out, done.err) == (0, f"wrote {file}\n", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([file, "docs", "specs"])


def test_draw_writes_to_standard_output_and_nothing_beside(
    good: Path, tmp_path: Path, command_line: Callable[..., Said]
) -> None:
    assert command_line("draw", str(good), "-o", str(good.with_suffix(".dot"))).status == 0
    before = sorted(tmp_path.iterdir())
    done = command_line("draw", str(good), "-o", "-", "--format", "dot")
    assert (done.status, done.out) == (0, good.with_suffix(".dot").read_text(encoding="utf-8"))
    assert sorted(tmp_path.iterdir()) == before


def test_a_drawing_that_cannot_be_written_leaves_the_old_one(good: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("draw", str(good), "-o", str(good.parent / "nowhere" / "net.svg"))
    assert done.status == 2
    assert "cannot write" in done.err
    target = good.with_suffix(".svg")
    target.write_text("old", encoding="utf-8")
    good.write_text("network", encoding="utf-8")
    assert command_line("draw", str(good), "-o", str(target)).status == 1
    assert target.read_text(encoding="utf-8") == "old"


def test_compile_shows_the_code_and_saves_weights(good: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("compile", str(good), "-o", str(good.with_suffix(".safetensors")))
    assert "linear = self.linear(x)" in done.out
    assert good.with_suffix(".safetensors").exists()


def test_compile_prints_json(good: Path, command_line: Callable[..., Said]) -> None:
    document = json.loads(command_line("compile", str(good), "--json").out)
    assert document["state_dict"] == {"linear.weight": [2, 4], "linear.bias": [2]}


def test_run_trains_a_small_network(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    (tmp_path / "small.arch").write_text(
        "network Small(image: [N, 1, 8, 8]) { image -> flatten -> linear(10)\n loss cross_entropy(output) }",
        encoding="utf-8",
    )
    done = command_line("run", "small.arch", "--epochs", "2", "-o", "small.safetensors", cwd=tmp_path)
    assert done.status == 0, done.err
    assert "held-out accuracy" in done.out
    assert (tmp_path / "small.safetensors").exists()


def test_run_gives_the_digits_as_the_target_that_is_declared(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    """The same numbers as without a declaration."""
    said = []
    for loss in ("loss cross_entropy(output)", "target labels: [N] int64\n loss cross_entropy(output, labels)"):
        text = f"network Small(image: [N, 1, 8, 8]) {{\n image -> flatten -> linear(10)\n {loss}\n}}"
        (tmp_path / "small.arch").write_text(text, encoding="utf-8")
        done = command_line("run", "small.arch", "--epochs", "1", cwd=tmp_path)
        assert done.status == 0, done.err
        said.append(done.out.partition(" after ")[0])
    assert said[0] == said[1]
    assert "held-out accuracy" in said[1]


def test_run_needs_a_loss_and_an_image(good: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("run", str(good))
    assert done.status == 2
    assert "one input [N, C, H, W]" in done.err


OWN = """
from dataclasses import dataclass

from archdsl.ops import Operator, Target, param
from archdsl.ops.kinds import Number


@dataclass(frozen=True)
class Clipped(Operator, group="activation"):
    bound: float = param(Number(0), "bound", 1.0)

    def infer(self, *inputs):
        return inputs[0]

    def target(self, *inputs):
        return Target("torch.nn.Hardtanh", {"min_val": -self.bound, "max_val": self.bound})
"""


def test_operators_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "net.arch").write_text("network Net(x: [N, 4]) { x -> clipped(2) }", encoding="utf-8")
    assert archdsl("check", "net.arch", cwd=tmp_path).status == 1
    assert archdsl("--operators", "own.py", "check", "net.arch", cwd=tmp_path).status == 0
    assert "clipped = self.clipped(x)" in archdsl("--operators", "own.py", "compile", "net.arch", cwd=tmp_path).out


@pytest.mark.parametrize("content", [None, "raise RuntimeError('no')", OWN.replace("Clipped(", "Relu(")])
def test_operators_that_cannot_be_loaded(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "own.py").write_text(content, encoding="utf-8")
    done = archdsl("--operators", "own.py", "zoo", cwd=tmp_path)
    assert (done.status, "Traceback" in done.err, "bad-operators" in done.err) == (2, False, True)


def test_zoo_lists_what_ships(command_line: Callable[..., Said]) -> None:
    names = {entry["name"] for entry in json.loads(command_line("zoo", "--json").out)["networks"]}
    assert {"lenet5", "alexnet", "vgg16", "resnet152", "cifar_resnet110"} <= names


def test_an_interrupt_ends_with_one_line_and_status_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from archdsl import cli

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.cli, "main", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "interrupted; nothing was written\n"

"""The command line: what it prints, where, and with which exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from archdsl.shipped import shipped_specs

ROOT = Path(__file__).resolve().parents[2]
GOOD = "network Net(x: [N, 4], classes = 2) {\n    x -> linear(classes)\n}\n"


def run(*arguments: str, cwd: Path = ROOT, text: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "archdsl", *arguments],
        capture_output=True, text=True, cwd=cwd, input=text, env=environment, timeout=120,
    )  # fmt: skip


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.arch"
    path.write_text(GOOD, encoding="utf-8")
    return path


# --- check


def test_check_says_what_is_in_a_file(good: Path) -> None:
    done = run("check", good.name, cwd=good.parent)
    assert (done.returncode, done.stdout, done.stderr) == (0, "good.arch: ok (Net)\n", "")


def test_all_specs_that_ship_are_correct() -> None:
    assert run("check", *map(str, shipped_specs())).returncode == 0


def test_standard_input_is_a_spec(good: Path) -> None:
    assert run("check", "-", text=GOOD).stdout == "-: ok (Net)\n"


def test_faults_go_to_standard_error_with_status_1(tmp_path: Path) -> None:
    (tmp_path / "bad.arch").write_text(GOOD.replace("linear", "linaer"), encoding="utf-8")
    done = run("check", "bad.arch", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "bad.arch:2:10" in done.stderr
    assert "did you mean `linear`?" in done.stderr


def test_check_prints_faults_as_json(tmp_path: Path) -> None:
    (tmp_path / "bad.arch").write_text(GOOD.replace("linear", "linaer"), encoding="utf-8")
    done = run("check", "bad.arch", "--json", cwd=tmp_path)
    (result,) = json.loads(done.stdout)["specs"]
    (fault,) = result["diagnostics"]
    assert (done.returncode, done.stderr, result["ok"]) == (1, "", False)
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
def test_files_that_are_no_spec(tmp_path: Path, name: str, content: bytes | None, status: int, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = run("check", name, cwd=tmp_path)
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("path", [".", os.devnull])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, path: str) -> None:
    done = run("check", path, cwd=tmp_path)
    assert done.returncode == 2
    assert "directory" in done.stderr or "not a regular file" in done.stderr


def test_a_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in run("check", "fifo", cwd=tmp_path).stderr


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
def test_monstrous_specs_end_promptly(tmp_path: Path, body: str, says: str) -> None:
    (tmp_path / "f.arch").write_text(f"network Net(x: [N, 3, 8, 8]) {{\n{body}\n}}\n", encoding="utf-8")
    done = run("check", "f.arch", cwd=tmp_path)
    assert says in done.stderr
    assert done.returncode == (1 if says else 0)
    assert "Traceback" not in done.stderr


# --- usage


def test_an_unknown_command_suggests_a_known_one() -> None:
    done = run("chekc", "x")
    assert done.returncode == 2
    assert "did you mean `check`?" in done.stderr


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
        (["draw", "lenet5"], "Missing option"),
        (["draw", "lenet5", "-o", "lenet.bmp"], "bmp"),
        (["compile", "alexnet", "--devices", "gpu0=cpu"], "says nothing of `gpu1`"),
        (["run", "alexnet_grouped", "--data", "faces"], "faces"),
    ],
)
def test_a_wrong_command_line_has_status_2(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = run(*arguments)
    assert says in done.stderr
    assert done.returncode in (1, 2) if "classes=many" in arguments else done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_help_and_version() -> None:
    assert "report" in run("--help").stdout
    assert "SPEC" in run("report", "--help").stdout
    assert run("--version").returncode == 0


# --- report, draw, compile, zoo


def test_report_takes_settings_and_shapes(good: Path) -> None:
    done = run("report", f"{good}:Net", "--set", "classes=5", "--input", "x=3x4", "--json")
    document = json.loads(done.stdout)
    assert document["outputs"] == [{"name": "output", "shape": [3, 5], "phase": "both"}]
    assert document["totals"]["macs"] == 60


def test_report_in_json_says_what_is_wrong_in_json(tmp_path: Path) -> None:
    done = run("report", "nowhere.arch", "--json", cwd=tmp_path)
    assert done.returncode == 2
    assert json.loads(done.stdout)["diagnostics"][0]["code"] == "unreadable-file"


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m archdsl report resnet152 | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, cwd=ROOT)
    assert done.stderr == ""
    assert done.stdout.startswith("layer")


@pytest.mark.parametrize("suffix", ["svg", "png", "dot"])
def test_draw_writes_the_format_of_the_suffix(good: Path, suffix: str) -> None:
    target = good.with_suffix(f".{suffix}")
    assert run("draw", str(good), "-o", str(target)).returncode == 0
    start = {"svg": b"<?xml", "png": b"\x89PNG", "dot": b"digraph"}[suffix]
    assert target.read_bytes().lstrip().startswith(start)


def test_a_drawing_that_cannot_be_written_leaves_the_old_one(good: Path) -> None:
    done = run("draw", str(good), "-o", str(good.parent / "nowhere" / "net.svg"))
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    target = good.with_suffix(".svg")
    target.write_text("old", encoding="utf-8")
    good.write_text("network", encoding="utf-8")
    assert run("draw", str(good), "-o", str(target)).returncode == 1
    assert target.read_text(encoding="utf-8") == "old"


def test_compile_shows_the_code_and_saves_weights(good: Path) -> None:
    done = run("compile", str(good), "-o", str(good.with_suffix(".safetensors")))
    assert "linear = self.linear(x)" in done.stdout
    assert good.with_suffix(".safetensors").exists()


def test_compile_prints_json(good: Path) -> None:
    document = json.loads(run("compile", str(good), "--json").stdout)
    assert document["state_dict"] == {"linear.weight": [2, 4], "linear.bias": [2]}


def test_run_trains_a_small_network(tmp_path: Path) -> None:
    (tmp_path / "small.arch").write_text(
        "network Small(image: [N, 1, 8, 8]) { image -> flatten -> linear(10)\n loss cross_entropy(output) }",
        encoding="utf-8",
    )
    done = run("run", "small.arch", "--epochs", "2", "-o", "small.safetensors", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "held-out accuracy" in done.stdout
    assert (tmp_path / "small.safetensors").exists()


def test_run_needs_a_loss_and_an_image(good: Path) -> None:
    done = run("run", str(good))
    assert done.returncode == 2
    assert "one input [N, C, H, W]" in done.stderr


OWN = """
from dataclasses import dataclass

from archdsl.ops import Operator, Target, param
from archdsl.ops.kinds import Number


@dataclass(frozen=True)
class Hardtanh(Operator, group="activation"):
    bound: float = param(Number(0), "bound", 1.0)

    def infer(self, *inputs):
        return inputs[0]

    def target(self, *inputs):
        return Target("torch.nn.Hardtanh", {"min_val": -self.bound, "max_val": self.bound})
"""


def test_operators_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "net.arch").write_text("network Net(x: [N, 4]) { x -> hardtanh(2) }", encoding="utf-8")
    assert run("check", "net.arch", cwd=tmp_path).returncode == 1
    assert run("--operators", "own.py", "check", "net.arch", cwd=tmp_path).returncode == 0
    assert "hardtanh = self.hardtanh(x)" in run("--operators", "own.py", "compile", "net.arch", cwd=tmp_path).stdout


@pytest.mark.parametrize("content", [None, "raise RuntimeError('no')", OWN.replace("Hardtanh(", "Relu(")])
def test_operators_that_cannot_be_loaded(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "own.py").write_text(content, encoding="utf-8")
    done = run("--operators", "own.py", "zoo", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr, "bad-operators" in done.stderr) == (2, False, True)


def test_zoo_lists_what_ships() -> None:
    names = {entry["name"] for entry in json.loads(run("zoo", "--json").stdout)["networks"]}
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

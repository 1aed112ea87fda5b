"""Outputs are old or new, always whole: killed, interrupted, without space, or several at once."""

from __future__ import annotations

import os
import random
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.errors import SpecError
from archdsl.graph import Graph
from compiler import compile_graph
from tests.safety.confined import ROOT, archdsl

ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
NET = "network Net(x: [N, 4]) {\n    x -> linear(2)\n}\n"
KILLS = int(os.environ.get("KILLS", "20"))
# Writes one of two large contents after the other, and says so on standard output after each.
WRITER = """
import sys
from pathlib import Path
from archdsl.write import write_atomically
path = Path(sys.argv[1])
while True:
    for letter in b"ab":
        write_atomically(path, bytes([letter]) * 2_000_000)
        print(end=".", flush=True)
"""


@pytest.fixture
def net(tmp_path: Path) -> Path:
    (tmp_path / "net.arch").write_text(NET, encoding="utf-8")
    return tmp_path


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("trial", range(KILLS))
def test_a_killed_writer_leaves_a_whole_file(trial: int, tmp_path: Path) -> None:
    target = tmp_path / "net.svg"
    chance = random.Random(trial)
    command = [sys.executable, "-c", WRITER, str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as child:
        assert child.stdout is not None
        child.stdout.read(1 + chance.randrange(4))
        for _ in range(chance.randrange(20_000)):
            pass  # at no particular place
        child.send_signal(signal.SIGKILL)
    assert target.read_bytes() in (b"a" * 2_000_000, b"b" * 2_000_000)
    assert all(name.startswith(".net.svg.archdsl-") and name.endswith(".tmp") for name in leftovers(tmp_path))


def test_an_interrupt_while_reading_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("old", encoding="utf-8")
    command = [sys.executable, "-m", "archdsl", "convert", "-", "-o", "net.yaml"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a shell may ignore
    ) as child:  # fmt: skip
        assert child.stdin is not None
        child.stdin.write(b"#" * 200_000)  # more than a pipe holds: the command is reading when this returns
        child.stdin.flush()
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert (child.returncode, said.decode().lstrip()) == (130, "interrupted; nothing was written\n")
    assert (tmp_path / "net.yaml").read_text(encoding="utf-8") == "old"
    assert leftovers(tmp_path) == []


def without_space() -> None:
    """No file may grow beyond 10 bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", "net.arch", "-o", "out.yaml"],
        ["schema", "-o", "out.json"],
        ["compile", "net.arch", "-o", "out.safetensors"],
        ["fmt", "out.arch"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_space_the_old_file_stays(arguments: list[str], net: Path) -> None:
    target = net / arguments[-1]
    old = NET.replace("    ", "") if target.suffix == ".arch" else "old"
    target.write_text(old, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", *arguments],
        cwd=net, env=ENVIRONMENT, capture_output=True, text=True, preexec_fn=without_space,
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert target.read_text(encoding="utf-8") == old
    assert leftovers(net) == []


@pytest.mark.parametrize("target", ["/proc/net.yaml", "nowhere/net.yaml", "net.arch/net.yaml", "/dev/full/net.yaml"])
def test_a_place_that_takes_no_files_is_named(target: str, net: Path) -> None:
    ended = archdsl("convert", "net.arch", "-o", target, cwd=net)
    assert ended.status == 2
    assert f"cannot write `{target}`" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_standard_output_is_said_in_one_line(net: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "archdsl", "report", "net.arch"],
            cwd=net, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "error: cannot write the output: no space left on device\n")


def test_several_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    results = set()
    children = []
    for i in range(4):
        (tmp_path / f"n{i}.arch").write_text(NET.replace("linear(2)", f"linear({i + 1})"), encoding="utf-8")
        command = [sys.executable, "-m", "archdsl", "convert", f"n{i}.arch", "-o", "out.yaml"]
        children.append(subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.DEVNULL))
        results.add(archdsl("convert", f"n{i}.arch", cwd=tmp_path).out)
    assert [child.wait() for child in children] == [0] * 4
    assert (tmp_path / "out.yaml").read_text(encoding="utf-8") in results
    assert leftovers(tmp_path) == []


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(net: Path) -> None:
    (net / "real.yaml").write_text("old", encoding="utf-8")
    (net / "real.yaml").chmod(0o640)
    (net / "link.yaml").symlink_to("real.yaml")
    assert archdsl("convert", "net.arch", "-o", "link.yaml", cwd=net).status == 0
    assert (net / "link.yaml").is_symlink()
    assert stat.S_IMODE((net / "real.yaml").stat().st_mode) == 0o640
    assert (net / "real.yaml").read_text(encoding="utf-8").startswith("archdsl: 1")


@pytest.mark.parametrize("device", ["gpu0", "cuda:99", "cuda:-1", "cpu:abc"])
def test_devices_that_are_not_here_are_named(device: str, graph_of: Callable[..., Graph]) -> None:
    with pytest.raises(SpecError, match=f"`{device}`") as caught:
        compile_graph(graph_of(NET), device)
    assert {(d.code, d.exit_status) for d in caught.value.diagnostics} == {("bad-device", 2)}

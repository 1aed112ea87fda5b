"""`-o` onto what is no regular file: it is written to, as a shell does, and never replaced."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.write import try_to_write, write_atomically
from tests.conftest import Said
from tests.safety.confined import archdsl

SPEC = "network Net(x: [N, 3, 8, 8]) {\n    x -> conv(4, 3) -> relu\n}\n"
# Every command that writes a file where -o or --plot says, but for those that train or measure.
WRITERS = {
    "schema": ("schema", "-o", "out.json"),
    "convert": ("convert", "net.arch", "-o", "out.yaml"),
    "draw": ("draw", "net.arch", "-o", "out.dot"),
    "page": ("draw", "net.arch", "-o", "out.html"),
    "diff": ("diff", "net.arch", "net.arch", "-o", "out.svg"),
    "plot": ("report", "net.arch", "--plot", "out.svg"),
    "sweep": ("sweep", "net.arch", "--over", "N=1,2", "--plot", "out.png"),
    "compile": ("compile", "net.arch", "-o", "out.safetensors"),
}
ROOT = hasattr(os, "getuid") and os.getuid() == 0


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(SPEC, encoding="utf-8")


@pytest.mark.parametrize("writer", WRITERS)
def test_a_link_to_a_device_is_written_through(writer: str, command_line: Callable[..., Said]) -> None:
    *command, target = WRITERS[writer]
    Path(target).symlink_to("/dev/null")
    said = command_line(*command, target)
    assert (said.status, "Traceback" in said.err) == (0, False)
    assert Path(target).is_symlink()
    assert stat.S_ISCHR(Path(target).stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_pipe_gets_the_bytes_that_a_file_would_get(writer: str, command_line: Callable[..., Said]) -> None:
    *command, target = WRITERS[writer]
    command_line(*command, target)
    expected = Path(target).read_bytes()
    Path(target).unlink()
    os.mkfifo(target)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(Path(target).read_bytes()))
    reader.start()
    said = command_line(*command, target)
    reader.join()
    assert said.status == 0
    assert got == [expected]
    assert stat.S_ISFIFO(Path(target).stat().st_mode)


@pytest.mark.skipif(not ROOT, reason="only root makes devices")
def test_a_device_stays_a_device() -> None:
    try:
        os.mknod("null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("no devices can be made here")
    try_to_write(Path("null"))
    write_atomically(Path("null"), b"gone")
    assert stat.S_ISCHR(Path("null").stat().st_mode)
    assert sorted(path.name for path in Path().iterdir()) == ["net.arch", "null"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_device_that_takes_nothing_is_named(command_line: Callable[..., Said]) -> None:
    Path("out.json").symlink_to("/dev/full")
    said = command_line("schema", "-o", "out.json")
    assert said.status == 2
    assert "cannot write `out.json`: no space left on device" in said.err
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="there is no /dev/stdout")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
def test_standard_output_by_its_name_is_the_open_file(name: str, tmp_path: Path) -> None:
    ended = archdsl("schema", "-o", name, cwd=tmp_path)
    assert json.loads(ended.out)["$schema"]
    assert (ended.status, ended.err) == (0, f"wrote {name}\n")


def test_a_file_that_standard_output_goes_to_is_written_where_it_is_open(tmp_path: Path) -> None:
    with open("log", "ab") as log:
        log.write(b"before\n")
        log.flush()
        write_atomically(Path(f"/proc/self/fd/{log.fileno()}"), b"new\n")
        log.write(b"after\n")
    assert Path("log").read_bytes() == b"before\nnew\nafter\n"


def test_a_directory_is_neither_replaced_nor_written() -> None:
    Path("out").mkdir()
    with pytest.raises(IsADirectoryError):
        try_to_write(Path("out"))
    with pytest.raises(IsADirectoryError):
        write_atomically(Path("out"), b"")


@pytest.mark.parametrize("writer", [w for w in WRITERS if w not in ("compile", "page")])
@pytest.mark.parametrize("place", ["nowhere", "net.arch", "/proc"])
def test_the_place_is_tried_before_the_work(
    writer: str, place: str, command_line: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    *command, target = WRITERS[writer]
    for module, name in (("pipeline", "load_graph"), ("address", "source_of"), ("syntax.schema", "schema")):
        monkeypatch.setattr(f"archdsl.{module}.{name}", lambda *_, **__: pytest.fail("the work was begun"))
    said = command_line(*command, f"{place}/{target}")
    assert said.status == 2
    assert f"cannot write `{place}/{target}`" in said.err


@pytest.mark.parametrize("writer", [w for w in WRITERS if w not in ("compile", "page")])
def test_what_cannot_be_written_in_the_end_is_kept_elsewhere_and_named(
    writer: str, command_line: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    *command, target = WRITERS[writer]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    command_line(*command, target)
    expected = Path(target).read_bytes()
    Path(target).unlink()
    monkeypatch.setattr("archdsl.cli.results.try_to_write", lambda path: path.mkdir())  # it is taken meanwhile
    said = command_line(*command, target)
    (kept,) = temporary.rglob(target)
    assert said.status == 2
    assert f"the result is kept in `{kept}`" in said.err
    assert kept.read_bytes() == expected

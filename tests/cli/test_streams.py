"""Standard streams that are closed, and file names that would steer a terminal or are no text at all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Said

GOOD = "network Net(x: [N, 4]) {\n    x -> linear(2)\n}\n"
BAD = GOOD.replace("linear", "linaer")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.arch").write_text(GOOD, encoding="utf-8")
    Path("bad.arch").write_text(BAD, encoding="utf-8")


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """What a shell makes of a line in which `archdsl` is the command."""
    line = line.replace("archdsl", f"{sys.executable} -m archdsl", 1)
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, env=ENVIRONMENT, timeout=120)


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("archdsl check good.arch >&-", 2, "error: cannot write the output: it is closed\n"),
        ("archdsl report good.arch --json >&-", 2, "error: cannot write the output: it is closed\n"),
        ("archdsl --help >&-", 2, "error: cannot write the output: it is closed\n"),
        ("archdsl check bad.arch >&-", 1, "unknown operator or block `linaer`"),
        ("archdsl check - <&-", 2, "cannot read standard input: it is closed"),
        ("archdsl check - >&- <&-", 2, "cannot read standard input: it is closed"),
        ("archdsl check bad.arch 2>&-", 1, ""),
        ("archdsl check good.arch 2>&-", 0, ""),
        ("archdsl convert good.arch -o new.yaml 2>&- >&- <&-", 0, ""),
    ],
)
def test_a_closed_stream_is_no_traceback(line: str, status: int, says: str) -> None:
    done = shell(line)
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_a_file_never_gets_the_number_of_a_closed_stream() -> None:
    assert shell("archdsl convert good.arch -o new.yaml 2>&- >&- <&-").returncode == 0
    assert Path("new.yaml").read_text(encoding="utf-8").startswith("archdsl: 1\n")


NAMES = ["\x1b[31mred", "\x1b]0;title\x07", "\u061c\u202eevil", "line\nbreak", "back\rwards", "\udcff"]


@pytest.mark.parametrize(
    "command",
    [
        ("check", "FILE"),
        ("check", "FILE", "--format", "json"),
        ("check", "FILE", "--format", "sarif"),
        ("check", "FILE", "--format", "github"),
        ("check", "--fix", "FILE"),
        ("check", "--diff", "FILE"),
        ("lint", "FILE"),
        ("lint", "FILE", "--json"),
        ("fmt", "FILE"),
        ("fmt", "--check", "FILE"),
        ("fmt", "--diff", "FILE"),
        ("report", "FILE"),
        ("report", "FILE", "FILE"),
        ("report", "FILE", "--json"),
        ("sweep", "FILE", "--over", "N=1,2"),
        ("sweep", "FILE", "--over", "N=1,2", "--format", "csv"),
        ("diff", "FILE", "FILE"),
        ("diff", "FILE", "good.arch", "--json"),
        ("fit", "FILE", "--memory", "1GiB"),
        ("convert", "FILE"),
        ("convert", "good.arch", "-o", "FILE.yaml"),
        ("draw", "FILE", "-o", "FILE.dot"),
        ("report", "good.arch", "--set", "FILE=1"),
        ("report", "good.arch", "--input", "FILE"),
        ("explain", "FILE"),
        ("FILE",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("spec", [GOOD, BAD, GOOD.replace("    ", "")], ids=["good", "bad", "unformatted"])
def test_no_name_of_a_file_steers_the_terminal(
    command: tuple[str, ...], spec: str, command_line: Callable[..., Said]
) -> None:
    for name in NAMES:
        file = Path(f"{name}.arch")
        file.write_text(spec, encoding="utf-8")
        said = command_line(*(word.replace("FILE", file.name) for word in command))
        written = said.out + said.err
        assert re.sub("[\n\r]", "", written).isprintable(), name
        assert "\r" not in written.replace("\r\n", "")
        assert "Traceback" not in written
        written.encode()


def test_a_name_that_is_no_text_is_an_address_in_sarif(command_line: Callable[..., Said]) -> None:
    Path("\udcff.arch").write_text(BAD, encoding="utf-8")
    (run,) = json.loads(command_line("check", "\udcff.arch", "--format", "sarif").out)["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "%FF.arch"


def test_json_gives_a_name_back_as_it_is(command_line: Callable[..., Said]) -> None:
    for name in NAMES:
        Path(f"{name}.arch").write_text(GOOD, encoding="utf-8")
        (spec,) = json.loads(command_line("check", f"{name}.arch", "--json").out)["specs"]
        assert spec["spec"] == f"{name}.arch"


def test_what_an_encoding_has_not_is_spelt_out() -> None:
    ENVIRONMENT["PYTHONIOENCODING"] = "ascii"
    try:
        done = shell("archdsl report good.arch")
    finally:
        del ENVIRONMENT["PYTHONIOENCODING"]
    assert done.returncode == 0
    assert "Traceback" not in done.stderr

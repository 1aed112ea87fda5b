"""`archdsl fmt` on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.cli.changes import changes
from archdsl.source import Source
from archdsl.syntax.forms import format_spec
from tests.conftest import Said

Cli = Callable[..., Any]

UGLY = "network Net( x:[N,4] ) {\n  x->linear(2)   # the head\n}\n"
NEAT = "network Net(x: [N, 4]) {\n    x -> linear(2) # the head\n}\n"


@pytest.fixture
def ugly(tmp_path: Path) -> Path:
    path = tmp_path / "ugly.arch"
    path.write_text(UGLY, encoding="utf-8")
    return path


def test_fmt_writes_the_file(ugly: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("fmt", ugly.name, cwd=ugly.parent)
    assert (done.status, done.out, done.err) == (0, "", "formatted ugly.arch\n")
    assert ugly.read_text(encoding="utf-8") == NEAT
    again = command_line("fmt", ugly.name, cwd=ugly.parent)
    assert (again.status, again.err) == (0, "")


def test_check_names_what_would_change_and_writes_nothing(ugly: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("fmt", "--check", ugly.name, cwd=ugly.parent)
    assert (done.status, done.out, done.err) == (1, "", "ugly.arch is not formatted\n")
    assert ugly.read_text(encoding="utf-8") == UGLY
    ugly.write_text(NEAT, encoding="utf-8")
    assert command_line("fmt", "--check", ugly.name, cwd=ugly.parent).status == 0


def test_diff_shows_what_would_change(ugly: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("fmt", "--diff", ugly.name, cwd=ugly.parent)
    assert done.status == 0
    assert {"-  x->linear(2)   # the head", "+    x -> linear(2) # the head"} <= set(done.out.splitlines())
    assert ugly.read_text(encoding="utf-8") == UGLY


def test_standard_input_goes_to_standard_output(command_line: Callable[..., Said]) -> None:
    done = command_line("fmt", "-", text=UGLY)
    assert (done.status, done.out) == (0, NEAT)


def test_a_file_that_cannot_be_read_leaves_itself_alone_and_the_others_formatted(
    ugly: Path, command_line: Callable[..., Said]
) -> None:
    wrong = ugly.with_name("wrong.arch")
    wrong.write_text("network Net(", encoding="utf-8")
    done = command_line("fmt", wrong.name, ugly.name, cwd=ugly.parent)
    assert done.status == 1
    assert "error[syntax]" in done.err
    assert wrong.read_text(encoding="utf-8") == "network Net("
    assert ugly.read_text(encoding="utf-8") == NEAT


def test_a_file_that_is_not_there_is_a_wrong_command(command_line: Callable[..., Said]) -> None:
    assert command_line("fmt", "nowhere.arch").status == 2


def test_a_comment_of_yaml_that_stands_deeper_than_a_definition_stays_at_its_end() -> None:
    text = (
        "archdsl: 1\n\nnetworks:\n  A:\n    inputs: {x: [N, 8]}\n    body:\n      - relu\n      # the last of A\n\n"
        "  # about B\n  B:\n    inputs: {x: [N, 8]}\n    body: [relu]\n    # the last of B\n# of the file\n"
    )
    written = format_spec(Source("net.yaml", text))
    assert "body: [relu]\n    # the last of A\n\n  # about B\n  B:" in written
    assert written.endswith("body: [relu]\n    # the last of B\n# of the file\n")
    assert format_spec(Source("net.yaml", written)) == written


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", MARK])
def test_ends_of_lines_and_a_byte_order_mark_stay(ending: str, mark: bytes, ugly: Path, command_line: Cli) -> None:
    ugly.write_bytes(mark + UGLY.replace("\n", ending).encode())
    assert command_line("fmt", str(ugly)).status == 0
    assert ugly.read_bytes() == mark + NEAT.replace("\n", ending).encode()


def test_mixed_ends_of_lines_become_the_first_one(ugly: Path, command_line: Cli) -> None:
    ugly.write_bytes(b"network Net( x:[N,4] ) {\r\n  x->linear(2)   # the head\n}\r")
    command_line("fmt", str(ugly))
    assert ugly.read_bytes() == NEAT.replace("\n", "\r\n").encode()


def test_a_file_that_is_formatted_is_not_written_whatever_ends_its_lines(ugly: Path, command_line: Cli) -> None:
    ugly.write_bytes(NEAT.replace("\n", "\r\n").encode())
    ugly.chmod(0o444)
    assert command_line("fmt", "--check", str(ugly)).status == 0


# --- diffs


def patched(old: str, patch: str) -> str:
    """What a unified diff makes of a text."""
    lines, done, at = old.splitlines(keepends=True), list[str](), 0
    for line in patch.splitlines(keepends=True)[2:]:
        if head := re.match(r"@@ -(\d+)(?:,(\d+))? ", line):
            start = int(head[1]) - (head[2] != "0")
            done += lines[at:start]
            at = start
        elif line[0] == "+":
            done.append(line[1:])
        else:
            assert lines[at] == line[1:]
            done += [line[1:]] if line[0] == " " else []
            at += 1
    return "".join([*done, *lines[at:]])


@given(st.lists(st.sampled_from("abcdefgh")), st.lists(st.sampled_from("abcdefgh")))
def test_a_diff_makes_the_one_text_of_the_other(old: list[str], new: list[str]) -> None:
    before, after = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    diff = changes("n.arch", before, after, "formatted")
    assert patched(before, diff) == after
    assert bool(diff) == (before != after)


def test_a_diff_of_thousands_of_lines_costs_as_they_grow(calls_of: Callable[[Callable[[], object]], int]) -> None:
    def cost(lines: int) -> int:
        before = "".join(f"block b{i}(x) {{ relu(x) }}\n" for i in range(lines))
        return calls_of(lambda: changes("n", before, before.replace("\n", "\n\n"), "formatted"))

    assert cost(4000) < 5 * cost(1000)

"""`archdsl lint` and `archdsl check --lint`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.lint import RULES, SUPPRESSION_CODES
from tests.conftest import Said

CLEAN = "network Net(x: [N, 8, 32, 32]) {\n    x -> max_pool(2)\n}\n"
WARNED = CLEAN.replace("32, 32", "31, 31")
NOTED = "network Net(x: [N, 8]) {\n    x -> a: linear(9) -> relu -> b: linear(2)\n}\n"


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    for name, text in {"clean": CLEAN, "warned": WARNED, "noted": NOTED, "bad": WARNED.replace("max", "mxa")}.items():
        (tmp_path / f"{name}.arch").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "last"),
    [
        (["clean.arch"], 0, "1 spec: no warnings"),
        (["warned.arch", "clean.arch"], 1, "2 specs: 1 warning"),
        (["noted.arch"], 0, "1 spec: no warnings; 1 note not shown (--notes)"),
        (["noted.arch", "--notes"], 1, "1 spec: no warnings, 1 note"),
        (["noted.arch", "--only", "uneven-channels"], 1, "1 spec: no warnings, 1 note"),
        (["warned.arch", "--only", "dead-layer"], 0, "1 spec: no warnings"),
        (["warned.arch", "--off", "unread-border", "--off", "dead-layer"], 0, "1 spec: no warnings"),
        (["lenet5", "resnet50"], 0, "2 specs: no warnings; 7 notes not shown (--notes)"),
    ],
)
def test_the_status_is_1_where_anything_is_shown(
    specs: Path, arguments: list[str], status: int, last: str, command_line: Callable[..., Said]
) -> None:
    done = command_line("lint", *arguments, cwd=specs)
    assert (done.status, done.out.splitlines()[-1], done.err) == (status, last, "")


def test_findings_are_shown_like_errors(specs: Path, command_line: Callable[..., Said]) -> None:
    shown = command_line("lint", "warned.arch", cwd=specs).out
    assert shown.startswith("warning[unread-border]: no window of this `max_pool` reads the last of 31 positions")
    assert " --> warned.arch:2:10\n" in shown


def test_a_spec_with_errors_hides_no_findings_of_the_others(specs: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("lint", "bad.arch", "warned.arch", cwd=specs)
    assert done.status == 1
    assert "unread-border" in done.out
    assert "did you mean `max_pool`" in done.err


def test_where_every_spec_has_errors_nothing_is_said_of_warnings(
    specs: Path, command_line: Callable[..., Said]
) -> None:
    done = command_line("lint", "bad.arch", cwd=specs)
    assert (done.status, done.out) == (1, "")
    assert "did you mean `max_pool`" in done.err


def test_json_has_the_findings_with_their_layers_and_networks(specs: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("lint", "warned.arch", "bad.arch", "--json", cwd=specs)
    warned, bad = json.loads(done.out)["specs"]
    (finding,) = warned["findings"]
    assert (done.status, done.err) == (1, "")
    assert (finding["code"], finding["level"], finding["span"]["line"]) == ("unread-border", "warning", 2)
    assert (finding["layers"], finding["networks"]) == (["max_pool"], ["Net"])
    assert (bad["ok"], bad["findings"], bad["diagnostics"][0]["code"]) == (False, [], "unknown-operator")


def test_the_list_has_every_rule(command_line: Callable[..., Said]) -> None:
    rules = {rule["rule"] for rule in json.loads(command_line("lint", "--list", "--json").out)["rules"]}
    assert rules == {*RULES, *SUPPRESSION_CODES}
    assert "bias-before-norm" in command_line("lint", "--list").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name a SPEC"),
        (["clean.arch", "--only", "unread-boarder"], "did you mean `unread-border`?"),
        (["clean.arch", "--off", "everything"], "`archdsl lint --list` shows the rules"),
        (["missing.arch"], "no such file"),
    ],
)
def test_a_wrong_command_has_status_2(
    specs: Path, arguments: list[str], says: str, command_line: Callable[..., Said]
) -> None:
    done = command_line("lint", *arguments, cwd=specs)
    assert (done.status, says in done.err) == (2, True)


def test_check_shows_warnings_on_request_and_strictly(specs: Path, command_line: Callable[..., Said]) -> None:
    assert command_line("check", "warned.arch", cwd=specs).err == ""
    linted = command_line("check", "--lint", "warned.arch", "noted.arch", cwd=specs)
    assert (linted.status, linted.err.count("warning["), linted.err.count("note[")) == (0, 1, 0)
    assert command_line("check", "--strict", "warned.arch", cwd=specs).status == 1
    assert command_line("check", "--strict", "noted.arch", cwd=specs).status == 0


def test_the_last_line_says_which_command_applies_a_fix(specs: Path, command_line: Callable[..., Said]) -> None:
    (specs / "fixable.arch").write_text(
        "network Net(x: [N, 8, 32, 32]) {\n    x -> c: conv(8, 1) -> n: batch_norm\n}\n", encoding="utf-8"
    )
    assert "bias = false" in command_line("lint", "fixable.arch", cwd=specs).out
    linted = command_line("check", "--lint", "fixable.arch", cwd=specs)
    assert linted.err.splitlines()[-1] == (
        "1 warning, with a fix (`archdsl check --lint --fix`); `archdsl explain bias-before-norm` says more"
    )


def test_check_has_warnings_in_json(specs: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("check", "--strict", "--json", "warned.arch", cwd=specs)
    (result,) = json.loads(done.out)["specs"]
    assert (done.status, result["ok"], result["diagnostics"][0]["level"]) == (1, True, "warning")

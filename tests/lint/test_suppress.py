"""Suppression of findings by comments, in both forms of a spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from archdsl.pipeline import check_and_lint, convert_source, format_source
from archdsl.source import Source

Codes = Callable[..., list[str]]
POOL = "x -> max_pool(2)"
YAML = """\
archdsl: 1
networks:
  Net:
    inputs: {x: [N, 8, 31, 31]}
    body:
      # lint: off(unread-border)
      - max_pool: 2
      - relu
      - {max_pool: [2, {padding: 0}], name: second} # lint: off(unread-border): "it's black"
"""


@pytest.fixture
def codes(tmp_path: Path) -> Codes:
    """What lint finds in a file with a text, by code."""

    def find(text: str, name: str = "spec.arch") -> list[str]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        _, findings = check_and_lint(tmp_path / name)
        return [finding.diagnostic.code for finding in findings]

    return find


def net(*lines: str) -> str:
    return "\n".join(["network Net(x: [N, 8, 31, 31]) {", *lines, "}", ""])


@pytest.mark.parametrize(
    "lines",
    [
        (f"{POOL} # lint: off(unread-border)",),
        (f"{POOL} # lint: off(unread-border): the border is black",),
        (f"{POOL} #lint:off( unread-border )",),
        ("# lint: off(unread-border)", POOL),
        ("# lint: off(unread-border)", "# the border is black", "", POOL),
        ("x", "-> relu", "# lint: off(unread-border)", "-> max_pool(2)", "-> tanh"),
        ("x -> max_pool(", "2, # lint: off(unread-border)", ")"),
    ],
)
def test_a_comment_suppresses_what_is_found_on_its_line_or_the_next(codes: Codes, lines: tuple[str, ...]) -> None:
    assert codes(net(*lines)) == []


def test_several_rules_are_suppressed_at_once(codes: Codes) -> None:
    line = "x -> max_pool(2) -> c: conv(8, 1) -> n: batch_norm # lint: off(unread-border, bias-before-norm)"
    assert codes(net(line)) == []


def test_other_rules_and_lines_are_not_suppressed(codes: Codes) -> None:
    assert codes(net(f"y = {POOL} # lint: off(unread-border)", "y -> max_pool(2)")) == ["unread-border"]
    line = "x -> max_pool(2) -> c: conv(8, 1) -> n: batch_norm # lint: off(unread-border)"
    assert codes(net(line)) == ["bias-before-norm"]


def test_without_a_finding_on_its_line_a_comment_is_about_its_statement(codes: Codes) -> None:
    assert codes(net("y = x -> max_pool(2)", "-> relu # lint: off(unread-border)", "y -> tanh")) == []
    found = codes(net("y = x -> max_pool(2)", "y -> relu # lint: off(unread-border)"))
    assert found == ["unread-border", "unused-suppression"]


@pytest.mark.parametrize("form", ["text", "yaml"])
def test_a_comment_at_the_end_of_a_network_is_not_about_the_next(codes: Codes, form: Literal["text", "yaml"]) -> None:
    text = net(POOL, "# lint: off(unread-border): at the end").replace("31", "16") + net(POOL).replace("Net", "Other")
    spec = text if form == "text" else convert_source(Source("spec.arch", text), "yaml")
    assert codes(spec, "spec.arch" if form == "text" else "spec.yaml") == ["unused-suppression", "unread-border"]


@pytest.mark.parametrize("form", ["text", "yaml"])
def test_a_comment_above_a_network_is_about_its_first_line(codes: Codes, form: Literal["text", "yaml"]) -> None:
    text = net("x -> relu").replace("Net", "First") + "# lint: off(unread-border): all of it\n" + net(POOL)
    spec = text if form == "text" else convert_source(Source("spec.arch", text), "yaml")
    assert codes(spec, "spec.arch" if form == "text" else "spec.yaml") == []


def test_text_that_only_looks_like_a_comment_suppresses_nothing(codes: Codes) -> None:
    assert codes(net('y = "# lint: off(unread-border)"', f"{POOL} -> if y == y {{ relu }}")) == ["unread-border"]


@pytest.mark.parametrize(
    ("comment", "says"),
    [
        ("lint: off(unread-boarder)", "did you mean `unread-border`?"),
        ("lint: off(everything)", "`archdsl lint --list` shows the rules"),
        ("lint: off(unused-suppression)", "delete it"),
        ("lint: off", "write `# lint: off(rule)`"),
        ("lint: off()", "write `# lint: off(rule)`"),
        ("lint: of(unread-border)", "write `# lint: off(rule)`"),
        ("lint: off(unread-border", "write `# lint: off(rule)`"),
    ],
)
def test_a_comment_that_cannot_be_understood_is_reported(tmp_path: Path, comment: str, says: str) -> None:
    path = tmp_path / "spec.arch"
    path.write_text(net(f"x -> relu # {comment}"), encoding="utf-8")
    (finding,) = check_and_lint(path)[1]
    assert finding.diagnostic.code == "bad-suppression"
    assert says in (finding.diagnostic.help or "")


def test_what_is_said_of_suppressions_cannot_be_suppressed(tmp_path: Path) -> None:
    path = tmp_path / "spec.arch"
    path.write_text(net("x -> relu # lint: off(unused-suppression)"), encoding="utf-8")
    (finding,) = check_and_lint(path)[1]
    assert "cannot be suppressed" in finding.diagnostic.message


def test_a_misspelt_rule_has_a_fix(tmp_path: Path) -> None:
    path = tmp_path / "spec.arch"
    text = net(f"{POOL} # lint: off(unread-boarder)")
    path.write_text(text, encoding="utf-8")
    fix = next(f.diagnostic.fix for f in check_and_lint(path)[1] if f.diagnostic.fix)
    path.write_text(text[: fix.span.start] + fix.replacement + text[fix.span.end :], encoding="utf-8")
    assert check_and_lint(path)[1] == []


def test_a_suppression_of_nothing_is_reported_only_where_the_whole_file_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "spec.arch"
    path.write_text(
        "network Net(x: [N, 8, 32, 32], size = 2) {\n    x -> max_pool(size) # lint: off(unread-border)\n}\n"
        "variant three = Net(3)\nvariant four = Net(4)\n",
        encoding="utf-8",
    )
    assert check_and_lint(path)[1] == []  # three has the finding
    assert check_and_lint(f"{path}:four")[1] == []
    path.write_text(path.read_text(encoding="utf-8").replace("Net(3)", "Net(8)"), encoding="utf-8")
    assert [f.diagnostic.code for f in check_and_lint(path)[1]] == ["unused-suppression"]


def test_comments_of_imported_files_count(tmp_path: Path) -> None:
    (tmp_path / "blocks.arch").write_text(
        "block pool(x) {\n    x -> max_pool(2) # lint: off(unread-border)\n}\nblock spare(x) {\n    x -> relu\n}\n",
        encoding="utf-8",
    )
    path = tmp_path / "spec.arch"
    path.write_text(
        'import "blocks.arch" (pool)\n\nnetwork Net(x: [N, 8, 31, 31]) {\n    x -> pool\n}\n', encoding="utf-8"
    )
    assert check_and_lint(path)[1] == []
    path.write_text(path.read_text(encoding="utf-8").replace("31, 31", "32, 32"), encoding="utf-8")
    assert check_and_lint(path)[1] == []  # others may need what that file suppresses


def test_yaml_has_suppressions_too(codes: Codes) -> None:
    assert codes(YAML, "spec.yaml") == []
    other = codes(YAML.replace("off(unread-border)", "off(bias-before-norm)"), "spec.yaml")
    assert sorted(other) == ["unread-border"] * 2 + ["unused-suppression"] * 2


MIXED = net(
    "# lint: off(unread-border): above a statement",
    "a = x -> relu -> max_pool(2) -> tanh",
    "b = x -> max_pool(2) -> relu # lint: off(unread-border): behind another step",
    "c = x",
    "    -> tanh",
    "    # lint: off(unread-border): above a step",
    "    -> max_pool(2) -> relu",
    "a + b + c",
)


SPECS = Path(__file__).resolve().parents[2] / "specs"
SUPPRESSING = [(SPECS / f"{name}.arch").read_text(encoding="utf-8") for name in ("alexnet", "nin", "vgg")]


@pytest.mark.parametrize("text", [MIXED, *SUPPRESSING], ids=lambda text: text.split("\n", 1)[0][:20])
def test_formatting_and_converting_keep_the_effect(codes: Codes, text: str) -> None:
    before = codes(text)
    formatted = format_source(Source("spec.arch", text))
    assert codes(formatted) == before
    converted = convert_source(Source("spec.arch", text), "yaml")
    assert sorted(codes(converted, "spec.yaml")) == sorted(before)
    back = convert_source(Source("spec.yaml", converted), "text")
    assert sorted(codes(back)) == sorted(before)

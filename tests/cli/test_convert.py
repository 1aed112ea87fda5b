"""`archdsl convert` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.errors import SpecError
from archdsl.limits import limited
from archdsl.pipeline import convert_source, format_source, parse_source
from archdsl.shipped import SPECS
from archdsl.source import Source
from archdsl.syntax import tree
from tests.conftest import Said

TEXT = "# a comment\nnetwork Net(x: [N, 4]) { x -> linear(2) }\n"
YAML = "archdsl: 1\n\nnetworks:\n  # a comment\n  Net:\n    inputs: {x: [N, 4]}\n    body: [{linear: 2}]\n"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.arch"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_the_suffix_of_the_output_is_the_form(spec: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("convert", "net.arch", "-o", "net.yaml", cwd=spec.parent)
    assert (done.status, done.out, done.err) == (0, "", "wrote net.yaml\n")
    assert (spec.parent / "net.yaml").read_text(encoding="utf-8") == YAML
    assert command_line("convert", "net.yaml", "-o", "back.arch", cwd=spec.parent).status == 0
    back = (spec.parent / "back.arch").read_text(encoding="utf-8")
    assert back == "# a comment\nnetwork Net(x: [N, 4]) {\n    x -> linear(2)\n}\n"
    assert command_line("check", "net.yaml:Net", cwd=spec.parent).out == "net.yaml:Net: ok (Net)\n"


def test_standard_output_gets_the_other_form(command_line: Callable[..., Said]) -> None:
    assert command_line("convert", "-", text=TEXT).out == YAML
    assert command_line("convert", "-", text=YAML).out.startswith("# a comment\nnetwork Net")
    assert command_line("convert", "-", "--to", "yaml", text=YAML).out == YAML


def test_yaml_is_formatted_checked_and_read_from_standard_input(
    tmp_path: Path, command_line: Callable[..., Said]
) -> None:
    assert command_line("check", "-", text=YAML).status == 0
    (tmp_path / "a.yaml").write_text("archdsl:   1\nnetworks: {Net: {inputs: {x: [N,4]}, body: [linear: 2]}} # c\n")
    assert command_line("fmt", "--check", "a.yaml", cwd=tmp_path).status == 1
    assert command_line("fmt", "a.yaml", cwd=tmp_path).status == 0
    assert command_line("fmt", "--check", "a.yaml", cwd=tmp_path).status == 0
    assert "# c\n" in (tmp_path / "a.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["net.arch", "-o", "net.txt"], 2, "does not say its form"),
        (["net.arch", "-o", "net.yaml", "--to", "text"], 2, "is not the text form"),
        (["net.arch", "-o", "nowhere/net.yaml"], 2, "cannot write"),
        (["twice.arch"], 1, "block `f` is defined twice"),
    ],
)
def test_what_cannot_be_converted(
    spec: Path, arguments: list[str], status: int, says: str, command_line: Callable[..., Said]
) -> None:
    (spec.parent / "twice.arch").write_text("block f(x) { x -> relu }\n" * 2 + TEXT, encoding="utf-8")
    done = command_line("convert", *arguments, cwd=spec.parent)
    assert done.status == status
    assert says in done.err


def test_a_network_that_ships_is_converted_with_the_file_it_stands_in(
    tmp_path: Path, command_line: Callable[..., Said]
) -> None:
    assert command_line("convert", "resnet50", "--to", "text", "-o", "mine.arch", cwd=tmp_path).status == 0
    assert (tmp_path / "mine.arch").read_text(encoding="utf-8") == (SPECS / "resnet.arch").read_text(encoding="utf-8")
    misspelt = command_line("convert", "resnet5", cwd=tmp_path)
    assert misspelt.status == 2
    assert "did you mean `resnet50`" in misspelt.err


@pytest.mark.parametrize("end", ["} -> relu", "}"])
def test_a_comment_at_the_end_of_a_body_is_written_as_the_formatter_would(
    end: str, command_line: Callable[..., Said]
) -> None:
    text = f"network Net(x: [N, 4]) {{\n    x -> repeat 2 {{\n        relu\n        # last\n    {end}\n}}\n"
    converted = command_line("convert", "-", text=text).out
    assert "# last" in converted
    assert command_line("fmt", "-", text=converted).out == converted


@pytest.mark.parametrize("operator", ["+", "*", "and", "=="])
def test_an_expression_of_thousands_of_terms_is_written(operator: str) -> None:
    terms = f" {operator} ".join(["1"] * 3_000)
    source = Source("n.arch", f"network Net(x: [N, 4]) {{\n    y = {terms}\n    x -> linear(y)\n}}\n")
    assert tree.written(parse_source(Source("n.arch", format_source(source)))) == tree.written(parse_source(source))
    assert format_source(Source("n.arch", convert_source(Source("n.yaml", convert_source(source, "yaml")), "text")))


def test_a_text_that_would_be_too_large_when_written_is_refused(command_line: Callable[..., Said]) -> None:
    text = f"network Net(x: [N, 4]) {{\n    y = {'+'.join(['1'] * 30_000)}\n    x -> linear(y)\n}}\n"
    done = command_line("fmt", "-", text=text)
    assert done.status == 1
    assert "more than 262,144, the limit for a spec" in done.err
    assert "--max-bytes sets another limit" in done.err


def test_a_form_that_would_have_too_many_parts_is_refused() -> None:
    with (
        limited(nodes=5),
        pytest.raises(SpecError, match="written anew the spec cannot be read: more than 5 YAML nodes"),
    ):
        convert_source(Source("n.arch", TEXT), "yaml")


def test_a_word_of_the_text_form_is_no_name_in_yaml() -> None:
    text = "archdsl: 1\nnetworks:\n  Net: {inputs: {x: [N, 4]}, params: {for: 1}, body: [relu]}\n"
    with pytest.raises(SpecError, match="`for` is a word of the language") as caught:
        parse_source(Source("n.yaml", text))
    (fault,) = caught.value.diagnostics
    assert fault.span is not None
    assert (fault.span.text, fault.span.line) == ("for", 3)

"""Writing the text form: it says what the tree says, formatting is stable, comments stay."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings

from archdsl.errors import SpecError
from archdsl.pipeline import format_source, parse_source
from archdsl.shipped import shipped_specs
from archdsl.source import Source
from archdsl.syntax import tree
from archdsl.syntax.layout import format_text
from tests.generate.trees import specs

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = [path for folder in ("specs", "docs", "tests") for path in sorted((ROOT / folder).rglob("*.arch"))]
CORRECT = [path for path in sorted((ROOT / "docs").glob("*.arch")) if path.stem != "broken"]  # which is for errors.md
WRITTEN = [*shipped_specs(), *CORRECT]  # in either form


def formatted(code: str) -> str:
    return format_source(Source("<test>", dedent(code).lstrip("\n")))


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(specs)
def test_a_generated_tree_is_what_its_text_says(spec: tree.Spec) -> None:
    text = format_text(spec, keep_breaks=False)
    assert tree.written(parse_source(Source("<text>", text))) == tree.written(spec)
    once = format_source(Source("<text>", text))
    assert format_source(Source("<text>", once)) == once


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_formatting_is_stable_and_keeps_the_tree_and_the_comments(path: Path) -> None:
    source = Source(str(path), path.read_text(encoding="utf-8"))
    try:
        spec = parse_source(source)
    except SpecError:
        pytest.skip("has syntax errors")
    once = Source(source.name, format_source(source))
    assert format_source(once) == once.text
    again = parse_source(once)
    assert tree.written(again) == tree.written(spec)
    assert [c.text.rstrip() for c in again.comments] == [c.text.rstrip() for c in spec.comments]


@pytest.mark.parametrize("path", WRITTEN, ids=[path.stem for path in WRITTEN])
def test_what_ships_is_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_source(Source(str(path), text)) == text


def test_spaces_and_blank_lines_have_one_style() -> None:
    code = """
        block f( x:[N,C],w=1 ){
          y=x->conv( w,3 )->relu()


          y
        }
        network Net(x:[N,3]){ x->f }
        """
    assert formatted(code) == dedent("""\
        block f(x: [N, C], w = 1) {
            y = x -> conv(w, 3) -> relu

            y
        }

        network Net(x: [N, 3]) { x -> f }
        """)


def test_a_chain_that_is_too_long_has_each_step_on_a_line() -> None:
    steps = " -> ".join(["conv(64, 3, stride = 2, padding = 1)"] * 4)
    text = formatted(f"network Net(x: [N, 3, 8, 8]) {{\n    y = x -> {steps}\n    y\n}}\n")
    assert text.splitlines().count("        -> conv(64, 3, stride = 2, padding = 1)") == 4
    assert all(len(line) <= 120 for line in text.splitlines())


def test_the_authors_breaks_between_steps_stay() -> None:
    code = """
        network Net(x: [N, 3]) {
            x
                -> linear(3) -> relu
                -> linear(2)
        }
        """
    assert formatted(code) == dedent(code).lstrip("\n")


def test_columns_stay_aligned_and_are_aligned_anew() -> None:
    code = """
        network Net(x: [N, 3]) {
            first  = x -> linear(3)
            second = x -> linear(3)
            x
                -> a: linear(30) -> relu
                -> b: linear(3)     -> relu # after
        }
        """
    text = formatted(code.replace("first  =", "f   ="))
    assert "    f      = x" in text
    assert "    second = x" in text
    assert "        -> a: linear(30) -> relu\n        -> b: linear(3)  -> relu # after\n" in text


def test_comments_stay_with_what_they_precede_or_follow() -> None:
    code = """
        # first

        # of the block
        block f(
            x, # the input
            # the width
            w,
        ) { # in the block
            # of y
            y = x
                -> relu # after relu
                # before conv
                -> conv(w, 3)
            concat(
                y, # one
                # other
                x,
            )
            # last of the block
        } # behind the block

        # last
        """
    assert formatted(code) == dedent(code).lstrip("\n")


def test_a_comment_within_an_expression_is_not_lost() -> None:
    text = formatted("network Net(x: [N, 3]) {\n    y = (1 # one\n        + 2)\n    x -> linear(y)\n}\n")
    assert "# one" in text
    assert formatted(text) == text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("(a + b) * c", "(a + b) * c"),
        ("a + (b * c)", "a + b * c"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a - b) - c", "a - b - c"),
        ("2 ** (3 ** 2)", "2 ** 3 ** 2"),
        ("(2 ** 3) ** 2", "(2 ** 3) ** 2"),
        ("2 ** -1", "2 ** -1"),
        ("-(2 ** 2)", "-2 ** 2"),
        ("(-2) ** 2", "(-2) ** 2"),
        ("not (a and b)", "not (a and b)"),
        ("(a if b else c) if d else e", "(a if b else c) if d else e"),
        ("[(x -> relu) for i in range(3)]", "[x -> relu for i in range(3)]"),
        ("(x -> relu) + y", "(x -> relu) + y"),
        ("1e-4 + 5e-4", "1e-4 + 5e-4"),
    ],
)
def test_parentheses_stand_where_they_are_needed(written: str, expected: str) -> None:
    found = re.search("y = (.*)", formatted(f"block f(x) {{\n    y = {written}\n    y\n}}\n"))
    assert found is not None
    assert found.group(1) == expected


def test_a_value_that_begins_with_a_sign_does_not_join_the_line_above() -> None:
    code = "block f(x) {\n    y = x\n    (-y) -> relu\n}\n"
    assert formatted(code) == code


def test_long_sums_are_broken_before_their_operators_without_recursion() -> None:
    code = f"block f(x) {{\n    y = {' + '.join(['x'] * 4000)}\n    y\n}}\n"
    assert formatted(code).splitlines().count("        + x") == 3999

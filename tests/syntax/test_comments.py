"""Comments, wherever they stand: none is lost, and a formatted spec stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archdsl.pipeline import convert_source, format_source, parse_source
from archdsl.source import Source
from archdsl.syntax.forms import form_of

YAML = """\
archdsl: 1
imports:
  - from: blocks.arch
    import: [a, b]
blocks:
  f:
    params:
      x:
      s: 1
    body: [{linear: s}]
networks:
  Net:
    inputs:
      x: [B, 3]
    params:
      s: 1
      depth: {type: int, default: 2}
    body:
      - repeat: depth
        do:
          - linear: [3]
      - let:
          y:
            - relu
            - linear: 3
          z: x -> relu
      - from: y
      - if: s == 1
        then:
          - relu
        else:
          tanh
variants:
  v:
    Net:
      s: 2
      depth: 3
  w:
    Net: {}
  u:
    Net()
"""
TEXT = """\
import "blocks.arch" (a, b)
block f(x, s = 1) {
    x -> linear(s)
}
network Net(
    x: [B, 3],
    s = 1,
) {
    y = x -> linear(s)
        -> relu
    z = concat(
        x,
        y,
    )
    y -> repeat 3 {
        relu
        -> tanh
    } -> if s == 1 {
        relu
    } else {
        tanh
    }
}
variant v = Net(
    s = 2,
)
variant w = Net()
"""
SPECS = {"a.yaml": YAML, "a.arch": TEXT}


@st.composite
def commented(draw: st.DrawFn) -> Source:
    """A spec with comments at the ends of some lines, and on lines of their own, indented anyhow."""
    name = draw(st.sampled_from(sorted(SPECS)))
    lines = SPECS[name].splitlines()
    behind = st.tuples(st.integers(0, len(lines) - 1), st.none())
    above = st.tuples(st.integers(0, len(lines)), st.integers(0, 8))
    places = draw(st.lists(st.one_of(behind, above), min_size=1, max_size=4, unique_by=lambda place: place))
    own = {line: " " * indent for line, indent in places if indent is not None}
    ends = {line for line, indent in places if indent is None}
    written = []
    for i, line in enumerate([*lines, ""]):
        written += [f"{own[i]}# above {i}"] if i in own else []
        written.append(f"{line} # behind {i}" if i in ends else line)
    return Source(name, "\n".join(written))


def comments(source: Source) -> list[str]:
    return sorted(comment.text for comment in parse_source(source).comments)


@settings(max_examples=150)
@given(commented())
def test_formatting_keeps_comments_and_a_second_time_changes_nothing(source: Source) -> None:
    once = Source(source.name, format_source(source))
    assert comments(once) == comments(source) != []
    assert format_source(once) == once.text


@settings(max_examples=75)
@given(commented())
def test_converting_there_and_back_keeps_comments(source: Source) -> None:
    form = form_of(source)
    there = Source("there", convert_source(source, "text" if form == "yaml" else "yaml"))
    back = Source("back", convert_source(there, form))
    assert comments(there) == comments(back) == comments(source) != []


def test_a_comment_behind_an_argument_and_one_behind_its_variant_stay_two() -> None:
    code = "network N(x: [B, 3], s = 1) { x -> linear(s) }\nvariant v = N(\n    s = 2, # two\n) # end\n"
    converted = convert_source(Source("a.arch", code), "yaml")
    assert converted.endswith("    N:\n      s: 2 # two\n  # end\n")


@pytest.mark.parametrize("value", ["Net: {}", "Net()"])
def test_a_comment_behind_a_key_stays_with_its_value(value: str) -> None:
    code = f"{YAML.split('variants:')[0]}variants:\n  w: # why\n    {value}\n"
    once = format_source(Source("a.yaml", code))
    assert "# why" in once.split("w:")[1]
    assert once.endswith("  w:\n    # why\n    Net: {}\n")
    assert format_source(Source("a.yaml", once)) == once

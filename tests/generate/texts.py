"""Texts that are hardly ever specs, and what must hold of them all the same."""

from __future__ import annotations

from hypothesis import strategies as st

from archdsl.errors import SpecError
from archdsl.graph import content_hash
from archdsl.limits import limited
from archdsl.measure.network.analyse import analyse
from archdsl.pipeline import convert_source, format_source
from archdsl.read import decode
from archdsl.render.json import to_dict
from archdsl.source import Source
from archdsl.syntax import forms, tree
from tests.generate.agreement import graph_of

_WORDS = st.sampled_from(
    "network block inline variant import output loss init assert device module repeat for in if else range true N x "
    'conv relu concat not Net ( ) { } [ ] , : = -> + - * / // ** @ @train ${ } 1 0 3.5 1e9 "a" "a-b": [1:] # \n . .. '
    "... << ' \\ \t 99999999999".split(" ")
)
TEXTS = st.one_of(
    st.text(alphabet='network Nblo(x:[,48])->cvrelu{}=+*/"#\n@$ifsothr0123.', max_size=120),
    st.lists(_WORDS, max_size=40).map(" ".join),
    st.lists(_WORDS, max_size=40).map(lambda words: f"network Net(x: [N, 4, 8, 8]) {{ x -> {' '.join(words)} }}"),
    st.text(max_size=60),
)
_YAML = st.recursive(
    _WORDS
    | st.sampled_from(
        ["archdsl", "networks", "blocks", "body", "let", "assert", "init", "seq", "repeat", "name", "only", "then"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(inner, inner), max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=12,
)
YAMLS = st.one_of(
    _YAML,
    _YAML.map(lambda value: f"archdsl: 1\nnetworks:\n  Net:\n    inputs: {{x: [N, 4, 8, 8]}}\n    body: [{value}]\n"),
    _YAML.map(lambda value: f"archdsl: 1\nblocks: {value}\n"),
)
# Where, how much is taken away, and what comes instead.
DAMAGE = st.tuples(
    st.floats(0, 1), st.integers(0, 8), st.text(alphabet="abx019(){}[],.:=->+@\"'*&!|%#\n\t é", max_size=4)
)
SMALL = {"layers": 500, "work": 50_000}  # enough for what is generated, and quick where it runs wild


def is_read_or_refused(text: str, name: str) -> None:
    """A text is refused with diagnostics that can be shown, or it is formatted, converted and elaborated.

    Raises what no user should see.
    """
    with limited(**SMALL):
        try:
            source = decode(text.encode("utf-8", "surrogatepass"), name)
            formatted = format_source(source)
            spec = forms.parse(Source(name, formatted))
            assert tree.written(spec) == tree.written(forms.parse(source))
            graph = graph_of(source.text, {}, name)
            converted = convert_source(source, "text" if name.endswith(".yaml") else "yaml")
            other = "a.arch" if name.endswith(".yaml") else "a.yaml"
            assert content_hash(graph_of(converted, {}, other)) == content_hash(graph)
            str(analyse(graph))
        except SpecError as error:
            assert error.diagnostics
            assert str(error)
            for found in error.diagnostics:
                assert found.span is not None or found.place is not None
                to_dict(found)

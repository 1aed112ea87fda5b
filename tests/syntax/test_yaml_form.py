"""The YAML form: the tree of the text form, with spans in the YAML; there and back nothing is lost."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archdsl.elaborate import elaborate
from archdsl.errors import SpecError
from archdsl.graph import content_hash, serialise
from archdsl.pipeline import convert_source, format_source, parse_source
from archdsl.program import parse_string, program
from archdsl.source import Source
from archdsl.syntax import tree
from archdsl.syntax.forms import convert_spec, form_of
from archdsl.syntax.layout_yaml import format_yaml
from tests.generate.trees import specs
from tests.syntax.test_text_form import FILES, ROOT, WRITTEN


def yaml_spec(body: str, head: str = "inputs: {x: [N, 3, 8, 8]}") -> str:
    items = "".join(f"      {line}\n" for line in dedent(body).strip().splitlines())
    return f"archdsl: 1\nnetworks:\n  Net:\n    {head}\n    body:\n{items}"


def text_spec(body: str, head: str = "x: [N, 3, 8, 8]") -> str:
    return f"network Net({head}) {{\n{dedent(body).strip()}\n}}\n"


def said(code: str, name: str = "<spec>") -> Any:
    return tree.written(parse_source(Source(name, code)))


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(specs)
def test_a_generated_tree_is_what_its_yaml_says(spec: tree.Spec) -> None:
    text = format_yaml(spec, keep_breaks=False)
    assert said(text, "a.yaml") == tree.written(spec)
    once = format_source(Source("a.yaml", text))
    assert format_source(Source("a.yaml", once)) == once
    back = convert_spec(parse_source(Source("a.yaml", text)), "text")
    assert said(back, "a.arch") == tree.written(spec)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_there_and_back_gives_the_same_tree_and_comments(path: Path) -> None:
    source = Source(str(path), path.read_text(encoding="utf-8"))
    try:
        converted = Source("a.yaml", convert_source(source, "yaml"))
    except SpecError:
        pytest.skip("has syntax errors, or says something twice")
    assert format_source(converted) == converted.text
    back = Source("a.arch", convert_source(converted, "text"))
    assert tree.written(parse_source(back)) == tree.written(parse_source(source))
    assert said(converted.text, "a.yaml") == said(source.text, "a.arch")
    texts = [sorted(comment.text.rstrip() for comment in parse_source(s).comments) for s in (source, converted, back)]
    assert texts[0] == texts[1] == texts[2]


@pytest.mark.parametrize("path", WRITTEN, ids=[path.stem for path in WRITTEN])
def test_there_and_back_gives_the_same_graphs(path: Path) -> None:
    source = Source(str(path), path.read_text(encoding="utf-8"))
    form = form_of(source)
    converted = Source("<converted>", convert_source(source, "text" if form == "yaml" else "yaml"))
    back = Source("<back>", convert_source(converted, form))
    first, *others = [program(s, path.parent) for s in (source, converted, back)]
    for name in first.names:
        graph = _graph(first, name)
        for other in others:
            again = _graph(other, name)
            assert content_hash(again) == content_hash(graph)
            assert serialise(again) == serialise(graph)


def _graph(found: Any, name: str) -> Any:
    network, variant = found.find(name)
    if variant is None and not all(p.shape or p.default for p in network.params):
        variant = next(v for v in found.spec.variants if v.call.callee.id == name)
    return elaborate(network, found.definitions, variant)


@pytest.mark.parametrize(
    ("yaml", "text"),
    [
        ("- conv(8, 3)\n- relu", "x -> conv(8, 3) -> relu"),
        ("- {conv: [8, 3, {padding: 1}], name: stem}", "x -> stem: conv(8, 3, padding = 1)"),
        ("- conv: {out_channels: 8, kernel_size: [3, 5]}", "x -> conv(out_channels = 8, kernel_size = [3, 5])"),
        ("- softmax: 1\n- {relu: {}, name: act}", "x -> softmax(1) -> act: relu"),
        ("- 'stem: conv(8, 3) @frozen'", "x -> stem: conv(8, 3) @frozen"),
        ("- let: {y: [relu], 'a, b': 'chunk(y, 2)'}\n- concat(a, b)", None),
        ("- let: {y: [relu]}\n- x + y\n- relu", "y = x -> relu\nx + y -> relu"),
        ("- x -> relu\n- tanh", "x -> relu -> tanh"),
        ("- from: x\n- tanh", "x -> tanh"),
        ("- {from: 'concat(x, x)', name: both}\n- tanh", "both: concat(x, x) -> tanh"),
        ("- {from: {concat: [x, x]}, name: both}\n- tanh", "both: concat(x, x) -> tanh"),
        ("- from: x\n- concat: [{then: [relu]}, {from: x, then: tanh}]", "x -> concat(x -> relu, x -> tanh)"),
        ("- {seq: [relu, tanh], name: both, on: gpu0}", "x -> both: { relu -> tanh } @gpu0"),
        ("- {repeat: 2 + 1, do: relu}", "x -> repeat 2 + 1 { relu }"),
        ("- for: a, b\n  in: zip([1], [2])\n  do: [{conv: [a, b]}]", "x -> for a, b in zip([1], [2]) { conv(a, b) }"),
        ("- {if: C > 3, then: relu, else: {if: C > 2, then: tanh}}", "x -> if C > 3 { relu } else if C > 2 { tanh }"),
        ("- let:\n    y:\n      if: 'true'\n      then: x\n      else: [let: {z: x}, from: z]\n- from: y",
         "y = if true { x } else {\nz = x\nz }\ny"),
        ("- let: {f: {module: {linear: 2}, name: enc}}\n- f", "f = enc: module linear(2)\nx -> f"),
        ("- {linear: 2, only: train, marks: [frozen, checkpoint]}", "x -> linear(2) @train @frozen @checkpoint"),
        ("- {linear: 2, name: 'a${1 + 1}.b', on: 'gpu${0}'}", "x -> a${1 + 1}.b: linear(2) @gpu${0}"),
        ("- device: [gpu0, gpu1]\n- output: {a: [relu], b: x}\n- loss: mse_loss(a)",
         "device gpu0, gpu1\noutput a = x -> relu\noutput b = x\nloss mse_loss(a)"),
        ("- |\n  repeat 2 {\n    relu\n    -> tanh\n  }", "x -> repeat 2 { relu -> tanh }"),
        ("- conv: [8, 3, {mode: '\"a b\"', padding: same}]", 'x -> conv(8, 3, mode = "a b", padding = same)'),
        ('- "conv(8, 3, mode = \\"a\\")"', 'x -> conv(8, 3, mode = "a")'),
        ("- leaky_relu: 1e-5", "x -> leaky_relu(1e-5)"),
        ("- f: [no, on, 12, null]", "x -> f(no, on, 12, null)"),
    ],
)  # fmt: skip
def test_yaml_says_what_the_text_says(yaml: str, text: str | None) -> None:
    text = text or "y = x -> relu\na, b = chunk(y, 2)\nx -> concat(a, b)"
    assert said(yaml_spec(yaml), "a.yaml") == said(text_spec(text), "a.arch")


@pytest.mark.parametrize(
    ("yaml", "text"),
    [
        ("inputs: {x: [N, 3, ...]}", "x: [N, 3, ...]"),
        ("inputs: {x: [N]}\n    params: {w: int, stride: 1, y: , z: null}", "x: [N], w: int, stride = 1, y, z"),
        ("params: {w: {type: int, default: 3}, x: {shape: [N, C]}}", "w: int = 3, x: [N, C]"),
        ("params: {x: {default: int}, y: [1, [2, 3]], z: 'null'}", "x = int, y = [1, [2, 3]], z = null"),
        ("params: {init: normal(0.01), mode: '\"a\"'}", 'init = normal(0.01), mode = "a"'),
    ],
)
def test_parameters_are_those_of_the_text(yaml: str, text: str) -> None:
    assert said(yaml_spec("- relu", yaml), "a.yaml") == said(
        text_spec(f"{text.split(':')[0].split(' ')[0]} -> relu", text), "a.arch"
    )


def test_imports_and_variants_are_those_of_the_text() -> None:
    yaml = """\
        archdsl: 1
        imports: [{from: parts/a.arch, import: [b, c]}]
        variants: {one: Net, two: {Net: [3, {depth: 2}]}, three: 'Net(3, depth = 2)'}
        """
    text = """\
        import "parts/a.arch" (b, c)
        variant one = Net()
        variant two = Net(3, depth = 2)
        variant three = Net(3, depth = 2)
        """
    assert said(dedent(yaml), "a.yaml") == said(dedent(text), "a.arch")


def test_json_is_yaml() -> None:
    code = '{"archdsl": 1, "networks": {"Net": {"inputs": {"x": ["N", 3]}, "body": [{"linear": [2]}, "relu"]}}}'
    assert parse_string(code).names == ["Net"]


# --- spans


@pytest.mark.parametrize(
    ("item", "wrong"),
    [
        ("- {cnv: [8, 3], name: c1}", "cnv"),
        ("- relu -> cnv(8, 3)", "relu"),
        ("- {conv: [8, 3, {pading: 1}]}", "pading: 1"),
        ("- {conv: [widht, 3]}", "widht"),
        ("- 'stem: conv(widht, 3)'", "widht"),
        ("- {repeat: dept, do: [relu]}", "dept"),
        ("- >-\n  x -> conv(8,\n  widht)", "widht"),
        ("- |\n  x -> conv(8,\n     widht)", "widht"),
        ("- 'conv(\"it''s\", widht)'", "widht"),
        ('- "conv(\\"a\\", widht)"', "widht"),
        ("- {linear: 2, name: 'a${widht}'}", "widht"),
    ],
)  # fmt: skip
def test_faults_point_at_the_characters(item: str, wrong: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_string(yaml_spec(item))
    span = caught.value.diagnostics[0].span
    assert span is not None
    assert span.text.startswith(wrong.split(":")[0])


def test_comments_stay_with_what_they_precede_or_follow() -> None:
    code = dedent("""\
        # of the file

        archdsl: 1

        networks:
          # of the network
          Net: # behind its name
            inputs: {x: [N, 4]}
            # of the setting
            params: {depth: 2}
            body:
              # of the first step
              - linear: 4 # behind it

              - repeat: depth
                do:
                  # within
                  - relu
              # last
        # end
        """)
    once = format_source(Source("a.yaml", code))
    assert format_source(Source("a.yaml", once)) == once
    for comment in (
        "# of the file\n\narchdsl",
        "# of the network\n  Net:",
        "- linear: 4 # behind it\n\n",
        "# within\n",
    ):
        assert comment in once
    assert once.count("#") == code.count("#")


def test_a_comment_before_the_first_step_of_a_value_stays() -> None:
    once = format_source(Source("a.yaml", yaml_spec("- let:\n    y:\n      # why\n      - relu\n- from: y")))
    assert "y:\n            # why\n            - relu\n" in once
    assert format_source(Source("a.yaml", once)) == once


# --- damage


@settings(max_examples=300)
@given(st.data())
def test_any_damage_to_a_yaml_spec_is_a_diagnostic_or_harmless(data: st.DataObject) -> None:
    code = (ROOT / "docs" / "yaml.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    start = data.draw(st.integers(0, len(code)))
    end = data.draw(st.integers(start, min(len(code), start + 8)))
    put = data.draw(st.text(alphabet="abx019(){}[],.:=->+@\"'\n #|&*!?\\$", max_size=4))
    try:
        once = format_source(Source("a.yaml", code[:start] + put + code[end:]))
    except SpecError as error:
        assert all(diagnostic.span is not None for diagnostic in error.diagnostics)
        assert str(error)
    else:
        assert format_source(Source("a.yaml", once)) == once


# --- which form


@pytest.mark.parametrize(
    ("name", "code", "form"),
    [
        ("a.arch", "archdsl: 1", "text"),
        ("a.yaml", "network", "yaml"),
        ("a.YML", "network", "yaml"),
        ("<stdin>", "archdsl: 1\n", "yaml"),
        ("<stdin>", "# a comment\n---\narchdsl: 1\n", "yaml"),
        ("<stdin>", '{"archdsl": 1}', "yaml"),
        ("<stdin>", "# archdsl: 1\nnetwork Net(x: [N]) { x -> relu }", "text"),
    ],
)
def test_the_suffix_is_the_form_or_else_the_first_key(name: str, code: str, form: str) -> None:
    assert form_of(Source(name, code)) == form


def test_a_text_spec_imports_blocks_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "head.yaml").write_text("archdsl: 1\nblocks: {head: {params: {x: }, body: [{linear: 2}]}}\n")
    code = 'import "head.yaml" (head)\nnetwork Net(x: [N, 3]) { x -> head }\n'
    assert program(Source("a.arch", code), tmp_path).names == ["Net"]


def test_converting_to_the_same_form_formats() -> None:
    spec = parse_source(Source("a.arch", "network Net(x:[N,4]){x->relu}"))
    assert convert_spec(spec, "text") == "network Net(x: [N, 4]) { x -> relu }\n"


@pytest.mark.parametrize(
    "text",
    [
        yaml_spec("- relu").replace("body:\n", "body:\n\n"),
        yaml_spec("- relu").replace("body:\n", "\n    body:\n"),
        yaml_spec("- {let: {a: x}}\n# why\n- from: a\n- relu").replace("- from", "\n      - from"),
        yaml_spec("# why\n\n- {let: {a: x}}\n\n- relu"),
        yaml_spec("- output:\n    a: [relu]\n\n- output:\n    b: [relu]"),
    ],
)
def test_free_lines_are_formatted_once(text: str) -> None:
    once = format_source(Source("a.yaml", text))
    assert format_source(Source("a.yaml", once)) == once


def test_what_is_converted_with_its_free_lines_is_formatted() -> None:
    text = text_spec("    # why\n\n    y = x -> relu\n\n    y -> linear(2)")
    converted = convert_source(Source("a.arch", text), "yaml")
    assert "\n\n      - from: y" in converted
    assert format_source(Source("a.yaml", converted)) == converted


def test_a_spec_of_nothing_is_not_converted() -> None:
    with pytest.raises(SpecError, match="empty-spec"):
        convert_source(Source("a.yaml", "archdsl: 1\n"), "text")

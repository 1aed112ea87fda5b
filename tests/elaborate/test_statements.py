"""Statements: how weights start, conditions that a spec states, bindings in braces, inline blocks, odd labels, and
lists that are cut and filtered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

import pytest
import torch

from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash, layer, layers
from archdsl.net_view import NetView
from archdsl.network import Network
from archdsl.outline.subnets import Subnet, subnets
from archdsl.pipeline import convert_source, format_source
from archdsl.program import parse_string
from archdsl.remedies.apply import changed
from archdsl.rewrite.recompute import regions
from archdsl.source import Source

Build = Callable[..., Graph]
BuildNetwork = Callable[..., Network]


def paths(graph: Graph) -> list[str]:
    return [key for key, node in layers(graph) if node["op"] != "input"]


def network(body: str, head: str = "x: [N, 4, 8, 8]") -> str:
    return f"network Net({head}) {{\n{dedent(body)}\n}}"


# --- init


def test_init_is_the_start_of_all_weights_whose_layer_says_nothing(graph_of: Build) -> None:
    graph = graph_of(network("init normal(0.01)\nx -> conv(8, 3) -> batch_norm -> flatten -> linear(2, init = zeros)"))
    assert str(layer(graph, "conv")["params"]["init"]) == "normal(0.01)"
    assert layer(graph, "batch_norm")["params"]["init"] is None
    assert str(layer(graph, "linear")["params"]["init"]) == "zeros"


@pytest.mark.parametrize("said", ["kaiming_normal if deep else ones", "starts[1]", "start"])
def test_init_takes_any_value_that_is_an_initialiser(graph_of: Build, said: str) -> None:
    head = "x: [N, 4], deep = false, starts = [zeros, ones], start = ones"
    graph = graph_of(network(f"init {said}\nx -> linear(2)", head))
    assert str(layer(graph, "linear")["params"]["init"]) == "ones"


def test_a_setting_may_be_called_init_and_starts_nothing_by_itself(graph_of: Build) -> None:
    graph = graph_of(network("x -> linear(2) -> a: linear(2, init = init)", "x: [N, 4], init = ones"))
    assert layer(graph, "linear")["params"]["init"] is None
    assert str(layer(graph, "a")["params"]["init"]) == "ones"


def test_a_value_may_be_called_init_too(graph_of: Build) -> None:
    assert paths(graph_of(network("init = x -> relu\ninit -> tanh"))) == ["relu", "tanh"]


def test_a_number_that_is_called_init_is_a_setting_like_any_other(graph_of: Build) -> None:
    assert paths(graph_of(network("x -> relu", "x: [N, 4], init = 3"))) == ["relu"]


YAML = "archdsl: 1\nnetworks:\n  Net:\n    inputs: {x: [N, 4]}\n    params: {init: ones}\n    body:"
OLD = [
    "network Net(x: [N, 4], init = ones) {\n    # first\n    h = x -> linear(2)\n    h -> relu\n}\n",
    "network Net(x: [N, 4], init = ones) { x -> linear(2) }\n",
    f"{YAML}\n      - let: {{h: x -> linear(2)}}\n      - from: h\n",
    f"{YAML} [linear: 2]\n",
]


@pytest.mark.parametrize("code", OLD, ids=["text", "one line", "yaml", "yaml in one line"])
def test_the_fix_of_a_spec_of_old_keeps_what_it_meant(network_of: BuildNetwork, code: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_string(code)
    (fault,) = caught.value.diagnostics
    assert fault.code == "setting-init"
    assert fault.fix is not None
    (text,) = changed(fault.fix).values()
    for start in ("ones", "zeros"):
        weight = network_of(text, settings={"init": start}).compile().get_parameter("linear.weight")
        assert weight.eq(1.0 if start == "ones" else 0.0).all()


# --- assert


def test_an_assertion_that_holds_says_nothing(graph_of: Build) -> None:
    assert paths(graph_of(network('assert x.shape[1] % 2 == 0, "an even width"\nx -> relu'))) == ["relu"]


def test_what_an_assertion_says_has_its_values_put_in(graph_of: Build) -> None:
    code = 'block f(x: [N, C, ...], parts) {\n assert C % parts == 0, "${C} is ${[1, 2 * parts]}, ${x}"\n x\n}\n'
    with pytest.raises(SpecError, match=r"4 is \[1, 6\], a tensor of shape \[N, 4, 8, 8\]") as caught:
        graph_of(code + network("x -> f(3)"))
    assert caught.value.diagnostics[0].help == "here C is 4 and parts is 3"


def test_what_stands_below_a_failed_assertion_is_not_looked_at(graph_of: Build) -> None:
    code = "block f(x, n) {\n assert n > 0\n x -> conv(n, 3)\n}\n" + network("x -> f(0)")
    with pytest.raises(SpecError) as caught:
        graph_of(code)
    assert [fault.code for fault in caught.value.diagnostics] == ["assertion"]


def test_an_assertion_about_an_open_size_asks_for_its_value(graph_of: Build) -> None:
    with pytest.raises(SpecError, match="depends on `H`"):
        graph_of(network("assert x.shape[2] * 3 == 99\nx -> relu", "x: [N, 4, H, 8]"))


# --- bindings in the braces of a step


def test_values_are_bound_anew_in_each_round(graph_of: Build) -> None:
    body = (
        "x -> for i in range(1, 4) {\n    width = 2 ** i\n    wide = 2 * width\n    conv(width, 1) -> conv(wide, 1)\n}"
    )
    graph = graph_of(network(body))
    assert [layer(graph, path)["params"]["out_channels"] for path in paths(graph)] == [2, 4, 4, 8, 8, 16]


def test_layers_of_a_binding_are_no_steps_of_the_braces(graph_of: Build) -> None:
    body = "x -> stage: {\n    gate = x -> conv(4, 1)\n    conv(4, 1) -> mul(gate) -> relu\n}"
    assert paths(graph_of(network(body))) == ["stage.conv", "stage.0", "stage.1", "stage.2"]


def test_a_name_bound_in_braces_ends_with_them(graph_of: Build) -> None:
    with pytest.raises(SpecError, match="unknown name `width`"):
        graph_of(network("y = x -> {\n width = 8\n conv(width, 1)\n}\ny -> conv(width, 1)"))


def test_a_name_of_the_body_is_not_bound_again_in_braces(graph_of: Build) -> None:
    with pytest.raises(SpecError, match="`width` is bound twice"):
        graph_of(network("width = 4\nx -> {\n width = 8\n conv(width, 1)\n}"))


@pytest.mark.parametrize("step", ["repeat 2", "if true", "if false { tanh } else", "for i in [1, 2]", ""])
def test_the_braces_of_every_step_may_begin_with_bindings(graph_of: Build, step: str) -> None:
    graph = graph_of(network(f"x -> {step} {{\n n, m = [2, 4]\n assert m > n\n conv(m, 1)\n}}"))
    assert layer(graph, paths(graph)[-1])["shape"][1] == 4


# --- inline blocks

UNIT = "inline block unit(x, width) { x -> conv(width, 3, bias = false) -> batch_norm -> relu }\n"


def test_layers_of_an_inline_block_are_steps_of_the_braces_around(graph_of: Build) -> None:
    graph = graph_of(UNIT + network("x -> features: { unit(8) -> unit(16) }"))
    assert paths(graph) == [f"features.{i}" for i in range(6)]


def test_an_inline_block_is_what_is_written_in_its_place(graph_of: Build) -> None:
    code = "inline block unit(x, width) {\n    y = x -> conv1: conv(width, 1)\n    y + x -> act: relu\n}\n"
    inline = graph_of(code + network("x -> unit(4) -> tanh"))
    plain = graph_of(network("y = x -> conv1: conv(4, 1)\ny + x -> act: relu -> tanh"))
    assert content_hash(inline) == content_hash(plain)


def test_a_label_gives_an_inline_block_a_path(graph_of: Build) -> None:
    assert paths(graph_of(UNIT + network("x -> stem: unit(8)"))) == ["stem.conv", "stem.batch_norm", "stem.relu"]


def test_an_inline_block_with_labels_used_twice_has_two_layers_of_one_path(graph_of: Build) -> None:
    code = "inline block unit(x) { x -> a: relu }\n" + network("x -> unit -> unit")
    with pytest.raises(SpecError, match="two layers have the path `a`"):
        graph_of(code)


def test_a_module_of_an_inline_block_is_shared_under_a_path_of_its_own(graph_of: Build) -> None:
    graph = graph_of(UNIT + network("f = module unit(4)\n(x -> f) + (x -> f)"))
    assert paths(graph)[:2] == ["unit.conv", "unit.batch_norm"]
    assert "unit.conv#2" in paths(graph)


def test_inline_blocks_stand_in_no_frame_and_no_region_of_their_own(network_of: BuildNetwork) -> None:
    net = network_of(UNIT + "block stage(x) { x -> unit(8) -> unit(8) }\n" + network("x -> a: stage -> unit(8)"))
    assert paths(net.graph)[-3:] == ["conv", "batch_norm", "relu"]
    groups = [item for item in subnets(net.graph, list(net.graph)).items if isinstance(item, Subnet)]
    assert [(group.path, group.call) for group in groups] == [("a", "stage")]
    assert not any(isinstance(item, Subnet) for item in groups[0].items)
    assert [region.path for region in regions(NetView(net.graph))] == ["a"]


# --- labels in quotes

ODD = ["block1-0", "a b", "1x1", "x<y>&z", "50%|$[0]{1}", "@a:b/c;d,e=f", "~`^*?!"]


@pytest.mark.parametrize("name", ODD)
def test_a_label_in_quotes_is_the_key_in_the_state_dict_whatever_it_holds(network_of: BuildNetwork, name: str) -> None:
    net = network_of(network(f'x -> "{name}": {{ conv(4, 3, padding = 1) -> batch_norm }} -> relu'))
    model = net.compile().eval()
    assert next(iter(model.state_dict())) == f"{name}.0.weight"
    x = torch.randn(2, 4, 8, 8)
    conv, norm = model.get_submodule(name).children()
    assert model(x).equal(torch.relu(norm(conv(x))))


def net_text(name: str) -> str:
    return network(f'x -> "{name}": {{ conv(4, 3, padding = 1) -> batch_norm }} -> relu')


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("form", ["text", "yaml"])
def test_a_label_in_quotes_stays_what_it_is_in_both_forms(graph_of: Build, name: str, form: str) -> None:
    wanted = graph_of(net_text(name))
    written = convert_source(Source("a.arch", net_text(name)), form)  # type: ignore[arg-type]
    assert content_hash(graph_of(written)) == content_hash(wanted)
    assert f"{name}.0" in wanted


@pytest.mark.parametrize("name", ODD)
def test_whatever_prints_a_path_prints_an_odd_one(network_of: BuildNetwork, name: str, tmp_path: Path) -> None:
    net = network_of(net_text(name))
    assert f"{name}.0" in str(net.report())
    assert f"{name}.0" in {node["path"] for node in net.report().to_dict()["nodes"]}
    for suffix in ("svg", "dot", "tex", "mmd", "html"):
        net.draw(tmp_path / f"net.{suffix}")
    assert name in "".join(ElementTree.parse(tmp_path / "net.svg").getroot().itertext())


def test_quotes_that_a_label_does_not_need_are_left_out() -> None:
    assert format_source(Source("a.arch", 'network Net(x: [N, 4]) { x -> "a.1": relu }')) == (
        "network Net(x: [N, 4]) { x -> a.1: relu }\n"
    )


def test_values_go_into_a_label_in_quotes(graph_of: Build) -> None:
    graph = graph_of(network('x -> for i in range(2) { "block-${i + 1}": relu }'))
    assert paths(graph) == ["block-1", "block-2"]


@pytest.mark.parametrize("label", ['"a#b"', '"é"', '" a"', '"forward"', '"class"', '""', '"a..b"'])
def test_what_torch_or_python_would_not_take_is_refused_in_quotes_too(graph_of: Build, label: str) -> None:
    with pytest.raises(SpecError) as caught:
        graph_of(network(f"x -> {label}: relu"))
    assert caught.value.diagnostics[0].code == "bad-name"


def test_names_of_the_network_itself_are_free_below_another_label(network_of: BuildNetwork) -> None:
    net = network_of(network("x -> attention: { self: linear(8) -> loss: linear(4) }"))
    assert list(net.compile().state_dict())[::2] == ["attention.self.weight", "attention.loss.weight"]
    assert net.compile()(torch.zeros(1, 4, 8, 8)).shape == (1, 4, 8, 4)


# --- lists


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("w[1:]", [2, 3, 4]), ("w[:2]", [1, 2]), ("w[1:-1]", [2, 3]), ("w[:]", [1, 2, 3, 4]), ("w[::2]", [1, 3]),
        ("w[::-1]", [4, 3, 2, 1]), ("w[n:][0:n]", [3, 4]), ("w[len(w) - 1:]", [4]), ("w[9:]", []),
        ("[i for i in w if i % 2 == 0]", [2, 4]), ("[i for i in w[1:] if i not in [3]]", [2, 4]),
        ("[a for a, b in zip(w, w[::-1]) if a < b and b in w]", [1, 2]),
        ("[i for i in w if n > 5 else [7]]", [7]), ("[2 * i for i in (w if n == 2 else []) if i > n]", [6, 8]),
        ("[1 if n in w else 0, 1 if [1] in [[1], 2] else 0, 1 if not n in w else 0]", [1, 1, 0]),
    ],
)  # fmt: skip
def test_lists_are_cut_filtered_and_looked_into(graph_of: Build, said: str, value: list[int]) -> None:
    body = f"x -> linear(9) -> for i in {said} {{ linear(i + 1) }}"
    graph = graph_of(network(body, "x: [N, 4], w = [1, 2, 3, 4], n = 2"))
    assert [layer(graph, path)["params"]["out_features"] - 1 for path in paths(graph)] == [8, *value]


def test_in_binds_as_comparisons_do(graph_of: Build) -> None:
    assert paths(graph_of(network("x -> if not 1 + 1 in [2, 3] or 2 in [2] and true { relu } else { tanh }"))) == [
        "relu"
    ]


def test_a_list_of_sizes_has_a_size_that_is_surely_equal(graph_of: Build) -> None:
    code = network("x -> if x.shape[2] in [H + 1, H] { relu }", "x: [N, 4, H, 8]")
    assert paths(graph_of(code)) == ["relu"]
    with pytest.raises(SpecError, match="depends on `H`"):
        graph_of(code.replace("[H + 1, H]", "[3, 8]"))

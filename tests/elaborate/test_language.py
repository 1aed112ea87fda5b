"""The language's rules, one test each (docs/language.md says them in words)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import networkx as nx
import pytest

from archdsl.dims import symbol
from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash, header, layer, layers, operands, serialise

Build = Callable[..., Graph]


def paths(graph: Graph) -> list[str]:
    return [key for key, node in layers(graph) if node["op"] != "input"]


def network(body: str, inputs: str = "x: [N, 4, 8, 8]") -> str:
    return f"network Net({inputs}) {{\n{body}\n}}"


# --- steps and chains


def test_an_arrow_feeds_the_value_on_its_left_as_first_tensor(graph_of: Build) -> None:
    chained = graph_of(network("x -> conv(8, 3) -> relu"))
    called = graph_of(network("relu(conv(x, 8, 3))"))
    assert content_hash(chained) == content_hash(called)


def test_an_arrow_binds_loosest(graph_of: Build) -> None:
    graph = graph_of(network("y = x -> relu\nx + y -> tanh"))
    assert [layer(graph, p)["op"] for p in paths(graph)] == ["relu", "add", "tanh"]


@pytest.mark.parametrize(
    "body",
    [
        "x\n-> relu\n-> tanh",
        "x ->\nrelu -> # with a comment\n tanh",
        "x -> relu\n\n  # a comment between\n\n  -> tanh\n",
        "x -> relu -> tanh  # at the end",
    ],
)
def test_a_line_that_begins_or_ends_with_an_arrow_goes_on(graph_of: Build, body: str) -> None:
    assert paths(graph_of(network(body))) == ["relu", "tanh"]


def test_a_line_that_begins_with_a_binary_operator_goes_on(graph_of: Build) -> None:
    graph = graph_of(network("a = x -> relu\na\n  + x\n  * 2"))
    assert paths(graph) == ["relu", "mul", "add"]


def test_newlines_inside_brackets_do_not_end_a_statement(graph_of: Build) -> None:
    graph = graph_of(network("x -> conv(\n 8,\n 3,\n)"))
    assert paths(graph) == ["conv"]


def test_newlines_inside_braces_within_brackets_do_end_a_statement(graph_of: Build) -> None:
    graph = graph_of(network("concat(\n x -> a: {\n relu\n -> tanh\n },\n x\n)"))
    assert paths(graph) == ["a.0", "a.1", "concat"]


# --- blocks and parameters

BLOCK = "block wide(x: [N, C, ...], factor = 2, bias: bool = false) { x -> conv(factor * C, 1, bias = bias) }\n"


@pytest.mark.parametrize(
    ("call", "channels"), [("wide", 8), ("wide(3)", 12), ("wide(factor = 4)", 16), ("wide(3, true)", 12)]
)
def test_parameters_are_given_by_position_or_name(graph_of: Build, call: str, channels: int) -> None:
    graph = graph_of(BLOCK + network(f"x -> {call}"))
    assert layer(graph, "wide.conv")["shape"][1] == channels


def test_a_shape_annotation_names_dimensions_for_the_body(graph_of: Build) -> None:
    graph = graph_of("block b(x: [N, C, H, W]) { x -> conv(C + H + W, 1) }\n" + network("x -> b"))
    assert layer(graph, "b.conv")["params"]["out_channels"] == 20


def test_a_dimension_named_twice_must_be_equal(graph_of: Build) -> None:
    block = "block square(x: [N, C, S, S]) { x -> relu }\n"
    graph_of(block + network("x -> square"))
    with pytest.raises(SpecError, match="dimension 3 is 6, not 8"):
        graph_of(block + network("x -> square", "x: [N, 4, 8, 6]"))


def test_a_literal_dimension_is_checked_and_dots_match_any_number(graph_of: Build) -> None:
    graph_of("block b(x: [N, 4, ...]) { x -> relu }\n" + network("x -> b"))
    graph_of("block b(x: [..., 8]) { x -> relu }\n" + network("x -> b"))
    with pytest.raises(SpecError, match="dimension 1 is 4, not 5"):
        graph_of("block b(x: [N, 5, ...]) { x -> relu }\n" + network("x -> b"))


def test_defaults_can_use_earlier_parameters(graph_of: Build) -> None:
    graph = graph_of("block b(x, n, m = 2 * n) { x -> conv(m, 1) }\n" + network("x -> b(3)"))
    assert layer(graph, "b.conv")["shape"][1] == 6


def test_a_block_can_take_a_list_of_tensors(graph_of: Build) -> None:
    graph = graph_of("block join(xs) { concat(xs) -> relu }\n" + network("join([x, x, x])"))
    assert layer(graph, "join.relu")["shape"][1] == 12


def test_labels_values_and_operators_are_separate_namespaces(graph_of: Build) -> None:
    graph = graph_of("block b(x, squeeze) { x -> squeeze: conv(squeeze, 1) }\n" + network("x -> b(3)"))
    assert paths(graph) == ["b.squeeze"]


def test_a_block_may_have_an_operators_name(graph_of: Build) -> None:
    graph = graph_of("block relu(x) { x -> tanh }\n" + network("x -> relu"))
    assert paths(graph) == ["relu.tanh"]


def test_a_block_may_use_itself_under_a_condition(graph_of: Build) -> None:
    block = "block nest(x, depth) { x -> relu -> if depth > 1 { nest(depth - 1) } }\n"
    assert paths(graph_of(block + network("x -> nest(3)"))) == ["nest.relu", "nest.nest.relu", "nest.nest.nest.relu"]


# --- binding and static expressions


def test_several_names_unpack_a_list(graph_of: Build) -> None:
    graph = graph_of(network("a, b = chunk(x, 2)\nb - a"))
    assert operands(graph, "sub") == [("chunk", 1), ("chunk", 0)]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 ** 2", 19),
        ("-2 ** 2 + 10", 6),
        ("7 // 2 + 7 % 2", 4),
        ("8 / 2", 4),
        ("(1 + 2) * 3", 9),
        ("4 if 1 < 2 and not 3 == 4 else 5", 4),
        ("[1, 2, 3][-1]", 3),
        ("len(range(2, 9, 3))", 3),
        ("sum([i * i for i in range(4)])", 14),
        ("max(3, 5) - min([3, 5])", 2),
        ("int(2.9) + round(2.6) + ceil(2.1) + floor(2.9)", 10),
        ("int(sqrt(16) + log2(8) + abs(-1))", 8),
        ("sum([a * b for a, b in zip([1, 2], [3, 4])])", 11),
        ("sum([i + n for i, n in enumerate([5, 6])])", 12),
        ("reversed([1, 2, 3])[0]", 3),
        ("x.shape[1] * 2", 8),
        ("1 if x.shape[2] >= 8 else 2", 1),
    ],
)
def test_static_expressions(graph_of: Build, expression: str, value: int) -> None:
    graph = graph_of(network(f"x -> conv({expression}, 1)"))
    assert layer(graph, "conv")["params"]["out_channels"] == value


@pytest.mark.parametrize(
    ("expression", "ops"),
    [("x + x", ["add"]), ("0.5 * x", ["mul"]), ("x / 2 - x", ["div", "sub"]), ("1 - x", ["sub"]), ("-x", ["mul"])],
)
def test_arithmetic_of_tensors_makes_layers(graph_of: Build, expression: str, ops: list[str]) -> None:
    assert paths(graph_of(network(expression))) == ops


def test_lists_of_tensors_are_joined_by_a_sum(graph_of: Build) -> None:
    graph = graph_of(network("a = [x -> relu]\nb = [x -> tanh, x]\nconcat(a + b)"))
    assert operands(graph, "concat") == [("relu", 0), ("tanh", 0), ("x", 0)]


def test_both_operands_of_a_sum_are_kept_if_they_are_the_same(graph_of: Build) -> None:
    graph = graph_of(network("y = x -> relu\ny + y"))
    assert operands(graph, "add") == [("relu", 0), ("relu", 0)]


# --- braces, repeat, for, if


def test_braces_as_a_step_are_a_numbered_sequence(graph_of: Build) -> None:
    graph = graph_of(network("x -> features: { conv(8, 3) -> relu -> named: conv(8, 1) -> relu }"))
    assert paths(graph) == ["features.0", "features.1", "features.named", "features.2"]


def test_repeat_folds(graph_of: Build) -> None:
    graph = graph_of(network("x -> body: repeat 3 { conv(4, 1) -> relu }"))
    assert paths(graph) == [f"body.{i}" for i in range(6)]
    assert operands(graph, "body.4") == [("body.3", 0)]


def test_repeat_for_and_if_splice_into_the_sequence_around_them(graph_of: Build) -> None:
    body = "x -> s: { relu -> repeat 2 { tanh } -> for n in [2, 3] { conv(n, 1) } -> if true { relu6 } -> silu }"
    graph = graph_of(network(body))
    assert [layer(graph, f"s.{i}")["op"] for i in range(7)] == "relu tanh tanh conv conv relu6 silu".split()


def test_a_label_makes_repeat_a_sequence_of_its_own(graph_of: Build) -> None:
    graph = graph_of(network("x -> s: { relu -> inner: repeat 2 { tanh } -> silu }"))
    assert paths(graph) == ["s.0", "s.inner.0", "s.inner.1", "s.1"]


def test_a_block_or_brace_is_one_step_of_a_sequence(graph_of: Build) -> None:
    graph = graph_of("block b(x) { x -> relu }\n" + network("x -> s: { b -> { tanh -> silu } -> b }"))
    assert paths(graph) == ["s.0.relu", "s.1.0", "s.1.1", "s.2.relu"]


def test_for_takes_items_apart(graph_of: Build) -> None:
    graph = graph_of(network("x -> s: for width, k in [[8, 3], [16, 1]] { conv(width, k) }"))
    assert [layer(graph, p)["shape"][1] for p in paths(graph)] == [8, 16]


def test_a_missing_else_passes_the_input_through(graph_of: Build) -> None:
    assert paths(graph_of(network("x -> if 1 > 2 { relu } -> tanh"))) == ["tanh"]


def test_else_if_chooses_the_first_that_holds(graph_of: Build) -> None:
    graph = graph_of(network("n = 2\nx -> if n == 1 { relu } else if n == 2 { tanh } else { silu }"))
    assert paths(graph) == ["tanh"]


def test_braces_that_are_no_step_are_a_body(graph_of: Build) -> None:
    graph = graph_of(network("y = if x.shape[1] == 4 {\n a = x -> relu\n a + x\n} else { x }\ny -> tanh"))
    assert paths(graph) == ["relu", "add", "tanh"]


def test_a_comprehension_builds_parallel_branches(graph_of: Build) -> None:
    graph = graph_of(network("concat([x -> branch${i}: conv(2 * i, 1) for i in range(1, 4)])"))
    assert paths(graph) == ["branch1", "branch2", "branch3", "concat"]
    assert layer(graph, "concat")["shape"][1] == 12
    assert {operands(graph, f"branch{i}")[0] for i in (1, 2, 3)} == {("x", 0)}


# --- names


def test_layers_without_a_label_are_named_after_their_operator(graph_of: Build) -> None:
    assert paths(graph_of(network("x -> relu -> tanh -> relu -> relu"))) == ["relu", "tanh", "relu_2", "relu_3"]


def test_an_automatic_name_avoids_one_that_is_taken(graph_of: Build) -> None:
    assert paths(graph_of(network("x -> relu_2: tanh -> relu -> relu"))) == ["relu_2", "relu", "relu_3"]


def test_binding_names_no_layer(graph_of: Build) -> None:
    assert paths(graph_of(network("main = x -> relu\nmain -> tanh"))) == ["relu", "tanh"]


def test_labels_may_be_numbers_paths_and_interpolated(graph_of: Build) -> None:
    graph = graph_of(network("i = 2\nx -> 0: relu -> down.0.1: tanh -> name${i + 1}: silu -> a${i}b${i}: gelu"))
    assert paths(graph) == ["0", "down.0.1", "name3", "a2b2"]


def test_an_expression_can_have_a_label(graph_of: Build) -> None:
    graph = graph_of(network("y = x -> relu\njoin: concat(x, y) -> total: add(x -> conv(8, 1))"))
    assert paths(graph) == ["relu", "join", "conv", "total"]


# --- marks


def test_a_mark_holds_for_all_inside_a_step(graph_of: Build) -> None:
    graph = graph_of(
        network("device gpu0, gpu1\nx -> a: { relu -> b: { tanh } } @gpu1 @frozen @checkpoint -> silu @gpu0")
    )
    assert [layer(graph, p)["device"] for p in paths(graph)] == ["gpu1", "gpu1", "gpu0"]
    assert [layer(graph, p)["frozen"] for p in paths(graph)] == [True, True, False]
    assert [layer(graph, p)["checkpoint"] for p in paths(graph)] == ["checkpoint1", "checkpoint1", None]


def test_a_layer_without_a_device_is_where_its_first_input_is(graph_of: Build) -> None:
    graph = graph_of(network("device gpu0, gpu1\ny = x -> relu\nz = y -> tanh @gpu1\nz + y"))
    assert [layer(graph, p)["device"] for p in paths(graph)] == ["gpu0", "gpu1", "gpu1"]


def test_marks_are_interpolated(graph_of: Build) -> None:
    graph = graph_of(network("device gpu0, gpu1\nadd([x -> tower${i}: relu @gpu${i} for i in range(2)])"))
    assert layer(graph, "tower1")["device"] == "gpu1"


def test_what_depends_on_a_train_only_value_is_train_only(graph_of: Build) -> None:
    graph = graph_of(network("output aux = x -> relu @train -> tanh\noutput main = x -> silu"))
    assert [layer(graph, p)["phase"] for p in paths(graph)] == ["train", "train", "both"]
    assert [(o["name"], o["phase"]) for o in header(graph)["outputs"]] == [("aux", "train"), ("main", "both")]


# --- sharing


def test_a_module_is_one_instance_however_often_it_is_used(graph_of: Build) -> None:
    code = "block enc(x, n) { x -> conv(n, 1) -> relu }\n" + network(
        "e = module enc(8)\n(a -> e) + (b -> e) + e(a)", "a: [N, 4, 8, 8], b: [N, 4, 8, 8]"
    )
    graph = graph_of(code)
    assert paths(graph) == [
        "enc.conv",
        "enc.relu",
        "enc.conv#2",
        "enc.relu#2",
        "add",
        "enc.conv#3",
        "enc.relu#3",
        "add_2",
    ]
    assert layer(graph, "enc.conv#2")["path"] == "enc.conv"
    assert layer(graph, "enc.conv#2")["weights"] == ()


def test_an_operator_can_be_shared_and_labelled(graph_of: Build) -> None:
    graph = graph_of(network("fc = head: module conv(8, 1)\n(x -> fc) + (x -> relu -> fc)"))
    assert paths(graph) == ["head", "relu", "head#2", "add"]


def test_sharing_nests(graph_of: Build) -> None:
    code = "block inner(x) { x -> conv(4, 1) }\nblock outer(x) { i = module inner\nx -> i -> i }\n" + network(
        "o = module outer\nx -> o -> o"
    )
    graph = graph_of(code)
    assert {layer(graph, p)["path"] for p in paths(graph)} == {"outer.inner.conv"}
    assert len(paths(graph)) == 4


# --- networks, variants, symbols, loss


def test_a_variant_presets_settings_and_choices_override_it(graph_of: Build) -> None:
    code = "network Net(x: [N, 4], classes = 10, hidden = 8) { x -> linear(hidden) -> linear(classes) }\n"
    code += "variant small = Net(classes = 2)"
    assert header(graph_of(code))["settings"] == {"classes": 10, "hidden": 8}
    assert header(graph_of(code, "small"))["settings"] == {"classes": 2, "hidden": 8}
    assert header(graph_of(code, "small", settings={"hidden": 3}))["settings"] == {"classes": 2, "hidden": 3}


def test_capital_names_in_an_inputs_shape_are_symbols(graph_of: Build) -> None:
    graph = graph_of(network("x -> conv(8, 7, stride = 2, padding = 3) -> max_pool(3, 2, 1)", "x: [N, 3, H, W]"))
    size = (symbol("H") + 3) // 4
    assert layer(graph, "max_pool")["shape"][:3] == (symbol("N"), 8, size)
    assert header(graph)["batch"] == ("N",)


def test_symbols_get_values_from_the_inputs_shape(graph_of: Build) -> None:
    graph = graph_of(network("x -> conv(8, 3)", "x: [N, 3, H, W]"), inputs={"x": (2, 3, 10, 12)})
    assert layer(graph, "conv")["shape"] == (2, 8, 8, 10)


def test_the_least_sizes_of_symbols_are_recorded(graph_of: Build) -> None:
    graph = graph_of(network("x -> conv(8, 7) -> max_pool(2)", "x: [N, 3, H, W]"))
    assert header(graph)["requires"] == ("H >= 8", "W >= 8")


@pytest.mark.parametrize(
    ("step", "bounds"),
    [
        ("conv(8, 7)", ("H >= 7", "W >= 7")),
        ("conv(8, 3, padding = 2, padding_mode = reflect)", ("H >= 3", "W >= 3")),
        ("conv(8, 3, padding = 2, padding_mode = circular)", ("H >= 2", "W >= 2")),
        ("conv(8, 5, padding = [2, 0])", ("W >= 5",)),
        ("max_pool(3, stride = 2)", ("H >= 3", "W >= 3")),
        ("conv_transpose(8, 2, padding = 2)", ("H >= 4", "W >= 4")),
        ("slice(2, 6, dim = 2)", ("H >= 6",)),
        ("slice(-4, dim = 3)", ("W >= 4",)),
        ("slice(3, -1, dim = 2)", ("H >= 5",)),
        ("pad([0, 0, 4, 1], mode = reflect)", ("H >= 5",)),
        ("pad([1, 2, 3, 1], mode = circular)", ("H >= 3", "W >= 2")),
        ("pad([-2, -2])", ("W >= 5",)),
        ("instance_norm", ("H*W >= 2",)),
        ("mean(3) -> instance_norm", ("H >= 2",)),
        ("conv(1, 1) -> group_norm(1)", ("H*N*W >= 2",)),
        ("interpolate(scale_factor = 0.25)", ("H >= 4", "W >= 4")),
        ("relu", ()),
    ],
)
def test_what_symbols_must_be_is_recorded_whatever_the_operator(
    graph_of: Build, step: str, bounds: tuple[str, ...]
) -> None:
    code = network(f"x -> {step}", "x: [N, 3, H, W]")
    assert header(graph_of(code))["requires"] == bounds
    for bound in bounds:
        name, least = bound[0], int(bound.split(" >= ")[1])
        others = dict.fromkeys("NHW", 1 if "*" in bound else 64)
        for value, fits in ((least, True), (least - 1, False)):
            sizes = others | {name: value}
            with nullcontext() if fits else pytest.raises(SpecError):
                graph_of(code, inputs={"x": (sizes["N"], 3, sizes["H"], sizes["W"])})


def test_a_size_that_becomes_less_with_a_symbol_bounds_it_from_above(graph_of: Build) -> None:
    graph = graph_of(network("x -> conv(8, 3)", "x: [N, 3, 12 - H, W - H]"))
    assert header(graph)["requires"] == ("W - H >= 3", "H <= 9")


def test_a_setting_can_be_a_dimension(graph_of: Build) -> None:
    graph = graph_of("network Net(x: [N, channels, 8, 8], channels = 3) { x -> relu }", settings={"channels": 5})
    assert layer(graph, "relu")["shape"][1] == 5


def test_the_networks_init_reaches_every_layer_that_chooses_none(graph_of: Build) -> None:
    body = "{ init normal(0.01)\n x -> conv(8, 3) -> batch_norm -> flatten -> linear(2, init = zeros) }"
    graph = graph_of("network Net(x: [N, 4, 8, 8]) " + body)
    assert str(layer(graph, "conv")["params"]["init"]) == "normal(0.01)"
    assert layer(graph, "batch_norm")["params"]["init"] is None
    assert str(layer(graph, "linear")["params"]["init"]) == "zeros"


def test_a_loss_is_a_graph_over_the_outputs_and_the_target(graph_of: Build) -> None:
    code = network(
        "output a = x -> flatten -> linear(2) @train\noutput b = x -> flatten -> linear(2)\n"
        "w = 0.3\nloss cross_entropy(b) + w * cross_entropy(a, label_smoothing = 0.1)"
    )
    loss = header(graph_of(code))["loss"]
    assert loss is not None
    assert header(loss)["inputs"] == ("a", "b", "target")
    assert paths(loss) == ["cross_entropy", "cross_entropy_2", "mul", "add"]


def test_the_only_output_is_called_output_in_the_loss(graph_of: Build) -> None:
    loss = header(graph_of(network("x -> flatten -> linear(2)\nloss cross_entropy(output)")))["loss"]
    assert loss is not None
    assert header(loss)["inputs"] == ("output", "target")


def test_embedding_makes_its_input_integers(graph_of: Build) -> None:
    graph = graph_of("network Net(tokens: [N, T]) { tokens -> embedding(100, 8) }")
    assert layer(graph, "tokens")["dtype"] == "int64"
    assert layer(graph, "embedding")["dtype"] == "float32"


# --- the graph


def test_any_networkx_algorithm_runs_on_the_graph(graph_of: Build) -> None:
    graph = graph_of(network("y = x -> relu -> tanh\nx + y"))
    assert nx.is_directed_acyclic_graph(graph)
    assert nx.shortest_path_length(graph, "x", "add") == 1
    assert nx.dag_longest_path_length(graph) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("form", "grouped"),
        ("widths", "[8, [16, 2.5]]"),
        ("2 * n", "6"),
        ("n > 2", "true"),
        ("long", "long"),  # the values would be a line of their own
        ("x", "x"),
        ("[x, x]", "[x, x]"),
    ],
)
def test_a_call_says_values_not_the_names_that_they_were_given(graph_of: Build, given: str, said: str) -> None:
    values = 'form = "grouped"\n widths = [8, [16, 2.5]]\n n = 3\n long = range(20)\n '
    graph = graph_of("block b(x, what) { x -> relu }\n" + network(f"{values} x -> b({given})"))
    assert layer(graph, "b.relu")["blocks"][0].call == f"b({said})"


def test_nodes_know_their_blocks_and_where_they_are_written(graph_of: Build) -> None:
    graph = graph_of("block inner(x) { x -> relu }\nblock outer(x) {\n x -> inner }\n" + network("x -> a: outer"))
    node = layer(graph, "a.inner.relu")
    assert [(i.path, i.call, i.span.line) for i in node["blocks"]] == [("a", "outer", 5), ("a.inner", "inner", 3)]
    assert (node["span"].line, node["span"].column) == (1, 23)


def test_operand_order_changes_the_hash(graph_of: Build) -> None:
    body = "a = x -> conv(3, 1)\nb = x -> conv(5, 1)\nconcat({})"
    assert content_hash(graph_of(network(body.format("a, b")))) != content_hash(graph_of(network(body.format("b, a"))))


@pytest.mark.parametrize(
    "other", ["conv(8, 3, padding = 2)", "conv(8, 3) @frozen", "name: conv(8, 3)", "conv(8, 3, bias = false)"]
)
def test_each_change_changes_the_hash(graph_of: Build, other: str) -> None:
    assert content_hash(graph_of(network("x -> conv(8, 3)"))) != content_hash(graph_of(network(f"x -> {other}")))


def test_layout_and_comments_do_not_change_the_hash(graph_of: Build) -> None:
    one = graph_of(network("x -> conv(8, 3) -> relu"))
    other = graph_of(network("# a comment\n\n  x\n\n   -> conv( 8,3 )\n-> relu"))
    assert content_hash(one) == content_hash(other)
    assert serialise(one) == serialise(other)


# --- size


@pytest.mark.parametrize("body", ["x -> repeat 99999 { relu } -> tanh", "x" + "\n-> relu" * 30_000 + " -> tanh"])
def test_long_chains_need_no_recursion(graph_of: Build, body: str) -> None:
    graph = graph_of(network(body))
    assert layer(graph, "tanh")["shape"] == layer(graph, "x")["shape"]

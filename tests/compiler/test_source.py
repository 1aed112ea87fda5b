"""PyTorch source of networks: it computes what the compiled network does, to the last bit, and stands on its own."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest
import torch

import archdsl
from archdsl import SpecError
from archdsl.elaborate import elaborate
from archdsl.graph import Graph, header
from archdsl.operator_examples import network_of_example
from archdsl.ops import OPERATORS
from archdsl.program import parse_string
from archdsl.shipped import zoo
from compiler.fx.compile import compile_graph
from compiler.source.file import source_of
from tests.compiler.source_equality import assert_equal, module_of, random_inputs
from tests.compiler.test_exported import FAMILIES
from tests.conftest import Said

GOLDEN: Final = Path(__file__).parents[1] / "golden" / "source"
RUFF: Final = shutil.which("ruff", path=str(Path(sys.executable).parent))

# Networks of which each has something that a source must say in its way.
NETWORKS: Final = {
    "heads_that_only_train": """
block head(x, classes) { x -> global_avg_pool -> flatten -> fc: linear(classes) -> dropout(0.3) }
network Net(image: [2, 3, 8, 8], classes = 5) {
    a = image -> conv1: conv(8, 3) -> bn: batch_norm -> relu
    output logits = a -> head: head(classes)
    output aux = a -> aux: head(classes) @train
    loss cross_entropy(logits) + 0.4 * cross_entropy(aux)
}
""",
    "a_block_of_which_a_part_only_trains": """
block both(x) { y = x -> a: conv(4, 1)
 z = y -> b: conv(3, 1) @train
 [y, z] }
network Net(image: [2, 3, 8, 8]) {
    one, two = image -> both
    output logits = one -> flatten -> linear(4)
    output aux = two
    loss mean(logits) + mean(aux)
}
""",
    "regions_with_running_statistics": """
block unit(x, width) { x -> conv: conv(width, 3, padding = 1) -> bn: batch_norm -> relu -> dropout(0.5) }
network Net(image: [2, 3, 8, 8]) {
    image -> stem: unit(4) -> layer1: { unit(8) -> unit(8) } @checkpoint -> layer2: unit(8) @checkpoint
        -> flatten -> fc: linear(3)
}
""",
    "a_region_without_any": """
network Net(image: [2, 3, 8, 8]) {
    image -> stem: conv(4, 1) -> layer1: { conv(8, 3) -> relu -> conv(8, 3) } @checkpoint -> flatten -> fc: linear(3)
}
""",
    "a_region_of_one_step": """
network Net(image: [2, 3, 8, 8]) {
    x = image -> conv1: conv(4, 1)
    y = (x -> conv2: conv(4, 1) @checkpoint)
    z = y * x -> relu
    z -> flatten -> fc: linear(3)
}
""",
    "regions_in_a_row": """
block res(x: [N, C, H, W]) { (x -> conv: conv(C, 3, padding = 1) -> bn: batch_norm -> relu) + x }
network Net(image: [2, 3, 8, 8]) {
    image -> conv1: conv(4, 1) -> body: repeat 3 { res @checkpoint } -> flatten -> fc: linear(3)
}
""",
    "frozen_parts": """
block unit(x, width) { x -> conv: conv(width, 3, padding = 1) -> bn: batch_norm -> relu }
network Net(image: [2, 3, 8, 8]) {
    image -> stem: unit(4) @frozen -> mid: unit(4) -> last: conv(3, 1) @frozen -> flatten -> fc: linear(3)
}
""",
    "devices": """
block unit(x, width) { x -> conv: conv(width, 3, padding = 1) -> relu }
network Net(image: [2, 3, 8, 8]) {
    device a, b
    x = image -> one: unit(4) @a
    y = x -> two: unit(4) @b
    z = x -> three: unit(4) @b
    y + z + (x -> four: unit(4) @b) -> flatten -> fc: linear(3) @a
}
""",
    "a_block_and_a_layer_used_twice": """
block enc(x, width) { x -> conv: conv(width, 3) -> bn: batch_norm -> relu }
network Net(one: [2, 3, 8, 8], two: [2, 3, 8, 8]) {
    e = module enc(4)
    f = module linear(3)
    a = one -> e -> flatten -> f
    b = two -> e -> flatten -> f
    output a = a
    output b = b
    loss mse_loss(a, b)
}
""",
    "a_layer_used_twice_in_a_block": """
block twice(x: [N, C, H, W]) { c = module conv(C, 3, padding = 1)
 x -> c -> relu -> c }
network Net(x: [2, 3, 8, 8]) { x -> t1: twice -> t2: twice -> flatten -> linear(2) }
""",
    "a_module_handed_to_blocks": """
block apply(x, c, width) { x -> c -> conv: conv(width, 1) -> c2: conv(4, 1) }
network Net(x: [2, 4, 8, 8]) {
 c = module conv(4, 3, padding = 1)
 x -> c -> one: apply(c, 5) -> two: apply(c, 6) -> flatten -> linear(2) }
""",
    "a_weight_lent": """
network Net(ids: [2, 5] int64) {
    wte = module embedding(11, 8)
    h = ids -> wte -> linear(8) -> relu
    target labels: [2, 5] int64
    output logits = h -> linear(weight = wte.weight, bias = false)
    loss cross_entropy(logits -> permute([0, 2, 1]), labels)
}
""",
    "a_weight_lent_to_a_block": """
block head(h, w) { h -> fc: linear(8) -> relu -> linear(weight = w, bias = false) }
network Net(ids: [2, 5] int64) {
    wte = module embedding(11, 8)
    h = ids -> wte
    head(h, wte.weight)
}
""",
    "several_targets": """
network Net(x: [2, 4, 8, 8]) {
    target labels: [2] int64
    target boxes: [2, 4]
    f = x -> flatten -> relu
    output logits = f -> cls: linear(3)
    output box = f -> reg: linear(4)
    loss cross_entropy(logits, labels) + 0.5 * smooth_l1_loss(box, boxes) + (logits * logits -> mean)
}
""",
    "a_target_with_a_name": """
network Net(x: [2, 4, 8, 8]) {
    target labels: [2] int64
    x -> flatten -> cls: linear(3)
    loss cross_entropy(output, labels, weight = [1, 2, 3], label_smoothing = 0.1)
}
""",
    "open_sizes": """
block up(x, like: [N, C, H, W]) { x -> interpolate([H, W], mode = bilinear, align_corners = false) }
block pos(x: [N, C, H, W]) { x + (arange(W, dtype = float32) -> reshape([1, 1, 1, W])) }
network Net(x: [N, 3, H, W]) {
    y = x -> conv(4, 3, stride = 2, padding = 1) -> relu
    z = y -> conv(4, 3, stride = 2, padding = 1) -> relu
    (z -> up(y)) + y -> up(x) -> pos -> flatten(2) -> permute([0, 2, 1]) -> linear(2)
}
""",
    "sizes_that_an_inner_block_says": """
inline block windows(x: [N, H, W, C], window) {
    x -> unflatten(2, [W // window, window]) -> flatten(1, 2) -> reshape([-1, window * H * (W // window), C])
}
block steps(L, at) { tensor([0 if i < L - at else 1 for i in range(L)], dtype = float32) }
block unit(x: [N, H, W, C], window) {
    (x -> windows(window) -> fc: linear(2 * C)) + (late: steps(2 * C, window))
}
network Net(x: [2, 4, 8, 6]) {
    a = x -> one: unit(2)
    b = x -> linear(8) -> two: unit(4)
    output a = a
    output b = b
}
""",
    "constants": """
network Net(x: [N, 4, 6]) {
    mask = tril(ones([6, 6]))
    table = pos: buffer(arange(6, dtype = float32) -> reshape([6, 1]) -> matmul(ones([1, 6])))
    w = scale: parameter(linspace(0, 1, 6))
    t = tensor([1, 2, 3, 4, 5, 6])
    (x * w -> matmul(mask)) + (t + eye(6) -> slice(0, 4, dim = 0)) + (x -> matmul(table))
}
""",
    "initialisers": """
network Net(x: [2, 3, 8, 8]) {
    init xavier_uniform
    y = x -> conv(4, 3)
        -> relu -> conv(4, 3, init = normal(0.1), bias_init = constant(0.5))
        -> relu -> conv_transpose(2, 2, bias = false, init = ones)
    y -> flatten(2) -> permute([0, 2, 1]) -> mha: { linear(8, bias_init = ones) }
}
block slice_out(x) { x }
""",
    "initialisers_of_attention": """
network Net(x: [2, 5, 8]) { init normal(0.05)
 p = pe: parameter([5, 8], init = signs)
 y = x + p
 multihead_attention(y, y, y, 2) -> layer_norm }
""",
    "several_inputs_and_outputs": """
block branches(x) { a, b = x -> conv: conv(6, 1) -> chunk(2)
 [a, b, x] }
block join(parts) { concat(parts) -> conv(4, 1) }
network Net(x: [2, 3, 4, 4], y: [2, 3, 4, 4]) {
    p = branches(x)
    q = branches(y)
    output one = join(p)
    output two = join(q)
    output three = join([p[0], q[1]])
}
""",
    "lists_of_tensors": """
block cell(inputs, width) { a = inputs[0] -> pre0: conv(width, 1)
 b = inputs[1] -> pre1: conv(width, 1)
 [inputs[1], a + b] }
network Net(x: [2, 3, 4, 4]) {
    s = x -> stem: conv(4, 1)
    out = [x, s] -> for i in range(4) { cells.${i}: cell(4) }
    out[1] -> flatten -> linear(2)
}
""",
    "lists_of_modules_beside_lists_of_tensors": """
block unit(x, width) { x -> conv: conv(width, 3, padding = 1) -> relu }
block mixed(parts) {
    seen = [x -> branches.${i}: unit(4) for i, x in enumerate(parts)]
    [part -> tanh for part in seen]
}
block apart(x) { a, b, c = x -> conv: conv(6, 1) -> chunk(3)
 [a, b, c] }
network Net(x: [2, 3, 4, 4]) {
    parts = x -> apart -> one: mixed -> two: mixed
    wide = [part -> widened.${i}: conv(5 + i, 1) for i, part in enumerate(parts)]
    concat(wide) -> flatten -> linear(2)
}
""",
    "rounds_beside_what_stays": """
block layer(x, mask, width) { (x -> fc: linear(width) -> relu) * mask }
network Net(x: [2, 5, 4], mask: [2, 5, 1]) {
    a = x -> for i in range(4) { layers.${i}: layer(mask, 4) }
    b = a -> for i in range(3) { others.${i}: layer(mask, 3 + i) }
    c = x -> for i in range(2) { few.${i}: layer(mask, 5) }
    (b + c) * (b -> others.3: layer(mask, 5)) -> head: linear(2)
}
""",
    "conditions": """
block unit(x: [N, C, H, W], width, norm, act, skip) {
    y = x -> conv: conv(width, 3, padding = 1)
        -> if norm { bn: batch_norm }
        -> if act == "relu" { relu } else if act == "tanh" { tanh } else { leaky_relu(0.1) }
    z = if skip { y -> proj: conv(width, 1) -> dropout(0.2) } else { y }
    if C == width { x + z } else { z }
}
network Net(x: [2, 3, 4, 4]) {
    x -> a: unit(4, true, "relu", true) -> b: unit(4, false, "tanh", false)
        -> c: unit(4, true, "leaky", true)
        -> d: unit(6, false, "relu", true) -> e: unit(6, true, "relu", false) -> flatten -> linear(2)
}
""",
    "odd_names": """
block unit(x, width) { x -> "a-b": conv(width, 1) -> 3: batch_norm -> relu }
network Net(x: [2, 3, 4, 4]) {
    x -> "block1-0": unit(4)
        -> list.0.lamda: unit(4) -> max: conv(4, 1) -> class_: relu -> flatten -> out.2.3: linear(2)
}
""",
    "a_layer_that_nothing_reads": """
network Net(x: [2, 3, 4, 4]) {
    y = x -> unused: conv(4, 1)
    x -> used: conv(4, 1)
}
""",
    "a_block_in_itself": """
block down(x: [N, C, H, W], n) { if n == 0 { x } else { x -> conv: conv(C + 1, 1) -> inner: down(n - 1) } }
network Net(x: [2, 3, 4, 4]) { x -> down(3) -> flatten -> linear(2) }
""",
    "recurrent_layers": """
network Net(x: [2, 5, 4]) {
    seq, h, c = x -> rnn: lstm(6)
    output seq = seq
    output h = h
}
""",
    "names_of_python": """
block f(x, class, None_) { x -> conv(class, None_) }
network Net(input: [2, 3, 8, 8]) { f(input, 4, 3) -> nn: f(5, 1) -> F: f(6, 3) }
""",
}
QUICK: Final = ("lenet5_1998", "cifar_resnet20", "mobilenet_v3_small", "pointnet", "nin_cifar10")
SMALL: Final = (32, 64, 96, 128, 224, 256)  # sizes of images


@cache
def loaded(variant: str) -> archdsl.Network:
    return archdsl.load(variant)


@cache
def source(variant: str) -> str:
    """The source of a variant, which several tests look at."""
    return loaded(variant).source()


def graph_of(text: str) -> Graph:
    program = parse_string(text)
    return elaborate(program.spec.networks[0], program.definitions)


def lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


# --- what it computes


@pytest.mark.parametrize("case", NETWORKS)
def test_the_source_computes_what_the_compiled_network_does(case: str) -> None:
    graph = graph_of(NETWORKS[case])
    text = source_of([graph])
    torch.manual_seed(4)
    compiled = compile_graph(graph)
    torch.manual_seed(4)
    written = module_of(text, graph)
    torch.manual_seed(5)
    assert_equal(compiled, written, graph, random_inputs(graph, {"H": 9, "W": 10}))


@pytest.mark.parametrize("operator", [name for name, operator in OPERATORS.items() if operator.examples])
def test_every_operator_is_computed_alike(operator: str) -> None:
    for example in OPERATORS[operator].examples:
        graph = graph_of(network_of_example(example))
        torch.manual_seed(4)
        compiled = compile_graph(graph)
        torch.manual_seed(4)
        written = module_of(source_of([graph]), graph)
        assert_equal(compiled, written, graph, random_inputs(graph))


@pytest.mark.parametrize(
    "variant", [name if name in QUICK else pytest.param(name, marks=pytest.mark.heavy) for name in zoo()]
)
def test_a_variant_is_computed_alike(variant: str) -> None:
    network = archdsl.load(variant)
    torch.manual_seed(4)
    compiled = network.compile()
    torch.manual_seed(4)
    written = module_of(network.source(), network.graph)
    torch.manual_seed(5)
    assert_equal(compiled, written, network.graph, smallest_inputs(network, compiled))


def smallest_inputs(network: archdsl.Network, model: torch.nn.Module) -> list[torch.Tensor]:
    """Inputs of the smallest images that a network takes, two of each."""
    given = random_inputs(network.graph)
    for size in SMALL:
        shapes = [[*one.shape[:2], *(min(size, full) for full in one.shape[2:])] for one in given]
        if all(one.dim() == 4 for one in given):
            try:
                with torch.no_grad():
                    model.eval()(*(torch.rand(shape) for shape in shapes))
            except (ValueError, RuntimeError):
                continue
            return [torch.rand(shape) for shape in shapes]
    return given


@pytest.mark.parametrize("variant", FAMILIES.values())
def test_a_network_of_each_family_has_the_keys_of_the_compiled_one(variant: str) -> None:
    network = loaded(variant)
    with torch.device("meta"):
        devices = dict.fromkeys(header(network.graph)["devices"], "meta")
        compiled, written = network.compile(), module_of(source(variant), network.graph, **devices)
    mine, theirs = written.state_dict(), compiled.state_dict()
    assert list(mine) == list(theirs)
    assert [one.shape for one in mine.values()] == [one.shape for one in theirs.values()]


def test_sizes_that_are_open_are_open_in_source() -> None:
    graph = graph_of(NETWORKS["open_sizes"])
    written = module_of(source_of([graph]), graph)
    for height, width in ((5, 8), (16, 11)):
        compiled = compile_graph(graph)
        compiled.load_state_dict(written.state_dict())
        (image,) = random_inputs(graph, {"H": height, "W": width})
        assert torch.equal(compiled(image), written(image))


def test_devices_are_arguments_of_the_constructor() -> None:
    text = source_of([graph_of(NETWORKS["devices"])])
    assert 'def __init__(self, a="cpu", b="cpu"):' in text
    written = module_of(text, graph_of(NETWORKS["devices"]), b="meta")
    assert {str(weight.device) for weight in written.parameters()} == {"cpu", "meta"}


def test_a_tensor_is_copied_once_to_a_device_where_several_read_it() -> None:
    text = source_of([graph_of(NETWORKS["devices"])])
    assert text.count(".to(self.b)") == 1


def test_an_operator_of_ones_own_is_refused_since_source_needs_torch_alone() -> None:
    from dataclasses import dataclass

    from archdsl.ops import Example, Operator, Target

    @dataclass(frozen=True)
    class Doubled(Operator, group="activation"):
        examples = (Example("doubled", ((2, 8),), (2, 8)),)

        def infer(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:  # type: ignore[override]
            return inputs[0]

        def target(self, *inputs: object) -> Target:
            return Target("my_layers.double", kind="function")

    try:
        with pytest.raises(SpecError, match=r"`doubled` is computed by `my_layers\.double`, an operator of your own"):
            source_of([graph_of("network Net(x: [2, 8]) { x -> doubled }")])
    finally:
        del OPERATORS["doubled"]


# --- how it is written


def test_it_is_formatted_and_clean_and_imports_torch_alone(tmp_path: Path) -> None:
    if RUFF is None:
        pytest.skip("needs ruff")
    for name, text in NETWORKS.items():
        (tmp_path / f"{name}.py").write_text(source_of([graph_of(text)]), encoding="utf-8")
    for operator, kind in OPERATORS.items():
        for i, example in enumerate(kind.examples):
            text = source_of([graph_of(network_of_example(example))])
            (tmp_path / f"{operator}_{i}.py").write_text(text, encoding="utf-8")
    for variant in FAMILIES.values():
        (tmp_path / f"{variant}.py").write_text(source(variant), encoding="utf-8")
    assert_clean(tmp_path)


@pytest.mark.heavy
def test_every_variant_is_formatted_and_clean(tmp_path: Path) -> None:
    for variant in zoo():
        (tmp_path / f"{variant}.py").write_text(archdsl.load(variant).source(), encoding="utf-8")
    assert_clean(tmp_path)


def assert_clean(folder: Path) -> None:
    for command in (["check"], ["format", "--check", "--diff"]):
        run = subprocess.run(
            [RUFF or "ruff", *command, "--isolated", "--line-length=120", "."],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout[:4000]
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                module = node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert module.partition(".")[0] in ("torch", "collections"), path.name


@pytest.mark.parametrize(("variant", "most"), [("resnet50", 45), ("googlenet_torchvision", 95), ("vit_b_16", 60)])
def test_it_is_as_long_as_people_make_it(variant: str, most: int, golden: Callable[[Path, str], None]) -> None:
    text = source(variant)
    golden(GOLDEN / f"{variant}.py.txt", text)
    assert lines(text) <= most


SHAPES: Final = """
block half(x: [N, C, H, W], width, stride) { x -> conv: conv(width, 3, stride = stride, padding = 1) -> bn: batch_norm }
block both(x: [N, C, H, W]) { concat(x -> a: half(2 * C, 1), x -> b: half(C, 1)) }
block rows(x: [N, H, W, C]) { x -> norm: layer_norm -> fc: linear(2 * C) }
block same(x, y) { x + y -> relu -> conv: conv(4, 1) }
block join(parts, width) { concat(parts) -> flatten -> fc: linear(width) }
network Net(image: [N, 3, 16, 16]) {
    x = image -> one: half(4, 1) -> two: half(8, 2) -> both1: both -> both2: both
    y = x -> permute([0, 2, 3, 1]) -> rows1: rows -> rows2: rows -> permute([0, 3, 1, 2]) -> three: half(4, 1)
    z = same(y, y)
    (join([y, z], 5)) + (join([z, y, z], 5))
}
"""


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("Half", "[N, in_channels, H, W] -> [N, width, H // stride, W // stride]"),
        ("Both", "[N, in_channels, 8, 8] -> [N, 3 * in_channels, 8, 8]"),
        ("Rows", "[N, 8, 8, dim] -> [N, 8, 8, 2 * dim]"),
        ("Same", "[N, 4, 8, 8] -> [N, 4, 8, 8]"),
        ("Join", "[[N, 4, 8, 8], [N, 4, 8, 8]] -> [N, 5]"),
        ("Net", "[N, 3, 16, 16] -> [N, 5]"),
    ],
)
def test_documentation_has_the_shapes_by_the_parameters_of_a_class(block: str, said: str) -> None:
    names: dict[str, type[torch.nn.Module]] = {}
    exec(source_of([graph_of(SHAPES)]), names)
    assert said in (names[block].forward.__doc__, names[block].__doc__)


@pytest.mark.parametrize("variant", ["googlenet_torchvision", "swin_t", "wavenet"])
def test_numbers_in_the_documentation_of_shapes_are_those_of_tensors(variant: str) -> None:
    network = loaded(variant)
    with torch.device("meta"):
        written = module_of(source(variant), network.graph)
        inputs = random_inputs(network.graph)
    seen = 0

    def compared(module: torch.nn.Module, given: tuple[object, ...], made: object) -> None:
        nonlocal seen
        kind = type(module)
        documented = kind.__doc__ if kind.forward is torch.nn.Sequential.forward else kind.forward.__doc__
        if " -> " not in (documented or ""):
            return
        for text, value in zip(str(documented).split("->"), (given, made), strict=True):
            shapes = [shape.split(", ") for shape in re.findall(r"\[([^][]+)\]", text)]
            tensors = [one for one in torch.utils._pytree.tree_leaves(value) if isinstance(one, torch.Tensor)]
            assert len(shapes) == len(tensors)
            for shape, tensor in zip(shapes, tensors, strict=True):
                assert len(shape) == tensor.dim() or "..." in shape
                for size, own in zip(shape, tensor.shape, strict=False):
                    if "..." in shape:
                        break
                    assert not size.isdigit() or int(size) == own
                    seen += size.isdigit()

    for module in written.modules():
        module.register_forward_hook(compared)
    with torch.no_grad():
        written(*inputs)
    assert seen


def test_what_an_inner_block_says_is_said_by_the_parameters_of_the_class() -> None:
    text = source_of([graph_of(NETWORKS["sizes_that_an_inner_block_says"])])
    assert "torch.tensor([0 if i < 2 * dim - window else 1 for i in range(2 * dim)]" in text
    assert text.count("class Unit") == 1


def test_modules_of_a_list_that_run_one_after_the_other_beside_something_are_a_loop() -> None:
    text = source("bert_tiny")
    assert "for layer in self.encoder.layer:" not in text  # two are said one after the other
    text = source("bert_base")
    assert "for layer in self.encoder.layer:\n            hidden = layer(hidden, mask)" in text


def test_modules_of_a_list_each_with_an_item_of_another_are_a_comprehension() -> None:
    text = source_of([graph_of(NETWORKS["lists_of_modules_beside_lists_of_tensors"])])
    assert "seen = [branch(x) for branch, x in zip(self.branches, parts)]" in text
    assert "wide = [layer(x) for layer, x in zip(self.widened, parts)]" in text


def test_modules_that_are_alike_and_own_nothing_are_built_once() -> None:
    text = source("unet")
    assert text.count("nn.MaxPool2d(2)") == 1
    assert text.count("self.max_pool(") == 4


def test_it_is_the_same_each_time() -> None:
    one, other = (archdsl.load("googlenet").source() for _ in range(2))
    assert one == other


# --- how it is asked for


def test_compile_writes_source(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    path = tmp_path / "net.py"
    said = command_line("compile", "lenet5", "-o", str(path))
    assert (said.status, said.out, said.err) == (0, "", f"wrote {path}\n")
    network = archdsl.load("lenet5")
    assert path.read_text(encoding="utf-8") == network.source()
    network.export(path)
    assert path.read_text(encoding="utf-8") == network.source()


@pytest.mark.parametrize("option", [["--seed", "3"], ["--phase", "training"], ["--devices", "cpu"], ["--weights", "a"]])
def test_what_changes_nothing_in_source_is_refused(
    option: list[str], tmp_path: Path, command_line: Callable[..., Said]
) -> None:
    said = command_line("compile", "lenet5", "-o", str(tmp_path / "net.py"), *option)
    assert said.status == 2
    assert f"{option[0]} changes nothing for source" in said.err

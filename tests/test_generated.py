"""Generated networks: what elaboration says of them is what the compiled module does."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import fx
from torch.utils.flop_counter import FlopCounterMode

from archdsl.elaborate import elaborate
from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash
from archdsl.measure.analyse import analyse
from archdsl.program import parse_string
from compiler import compile_graph

STEPS = st.sampled_from(
    [
        "conv(8, 3)",
        "conv(8, 3, padding = same)",
        "conv(4, 5, stride = 2, padding = 2, bias = false)",
        "conv(8, 3, dilation = 2, padding = 1)",
        "conv_transpose(4, 2, stride = 2)",
        "batch_norm",
        "group_norm(2)",
        "relu",
        "gelu",
        "dropout(0.3)",
        "max_pool(2)",
        "max_pool(3, stride = 2, padding = 1, ceil_mode = true)",
        "avg_pool(3, stride = 1, padding = 1)",
        "adaptive_avg_pool([3, 2])",
        "interpolate(scale_factor = 1.5)",
        "pad([1, 0, 2, 1])",
        "channel_shuffle(2)",
        "{ conv(8, 1) -> relu }",
        "repeat 2 { conv(4, 3, padding = 1) -> relu }",
        "residual",
        "squeeze_excite",
        "branches",
        "shared",
    ]
)
BLOCKS = """
block residual(x: [N, C, H, W]) { x + (x -> conv(C, 3, padding = 1) -> batch_norm) -> relu }
block squeeze_excite(x: [N, C, H, W]) { x * (x -> global_avg_pool -> conv(2, 1) -> relu -> conv(C, 1) -> sigmoid) }
block branches(x) { concat([x -> b${i}: conv(2, 2 * i + 1, padding = i) for i in range(3)]) }
block shared(x: [N, C, ...]) { f = module conv(C, 1)
    (x -> f) + (x -> relu -> f) }
"""


def network(steps: list[str]) -> str:
    return f"{BLOCKS}network Net(x: [N, 4, 13, 11]) {{\n x -> conv(4, 1) -> {' -> '.join(steps)}\n}}"


def build(code: str, **choices: object) -> Graph:
    program = parse_string(code)
    return elaborate(program.spec.networks[0], program.definitions)


class Shapes(fx.Interpreter):
    """Runs a model and notes the shape of every layer's output."""

    def __init__(self, model: fx.GraphModule) -> None:
        super().__init__(model)
        self.found: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: fx.Node) -> object:
        value = super().run_node(n)
        if isinstance(value, torch.Tensor) and "archdsl" in n.meta:
            self.found[n.meta["archdsl"]] = tuple(value.shape)
        return value


@settings(deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=1, max_size=7))
def test_shapes_counts_and_modes_agree_with_torch(steps: list[str]) -> None:
    try:
        graph = build(network(steps))
    except SpecError:
        return  # the kernels outgrew their input, which is a diagnostic
    report = analyse(graph)
    model = compile_graph(graph)
    assert report.params == sum(p.numel() for p in model.parameters())
    assert report.buffers == sum(b.numel() for b in model.buffers())
    model(torch.randn(2, 4, 13, 11)).sum().backward()
    shapes = Shapes(model.eval())
    shapes.run(torch.randn(1, 4, 13, 11))
    assert {row.path: row.shape for row in report.nodes} == {k: v for k, v in shapes.found.items() if k != "x"}
    meta = compile_graph(graph, "meta").eval()
    with FlopCounterMode(display=False) as counter:
        meta(torch.empty(1, 4, 13, 11, device="meta"))
    assert counter.get_total_flops() == report.flops


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(STEPS, min_size=1, max_size=7))
def test_elaboration_is_deterministic(steps: list[str]) -> None:
    try:
        first = build(network(steps))
    except SpecError as error:
        try:
            build(network(steps))
        except SpecError as again:
            assert str(error) == str(again)
            return
        raise AssertionError("the second time it was correct") from error
    assert content_hash(first) == content_hash(build(network(steps)))


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.text(alphabet='network Nblo(x:[,48])->cvrelu{}=+*/"#\n@$ifsothr0123.', max_size=120))
def test_any_text_is_a_spec_or_has_a_diagnostic(text: str) -> None:
    try:
        parse_string(text)
    except SpecError as error:
        assert error.diagnostics
        assert str(error)


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.data())
def test_any_damage_to_a_spec_is_a_diagnostic_or_harmless(data: st.DataObject) -> None:
    code = network(["residual", "branches", "shared"])
    start = data.draw(st.integers(0, len(code)))
    end = data.draw(st.integers(start, min(len(code), start + 8)))
    damaged = code[:start] + data.draw(st.text(alphabet='abx019(){}[],.:=->+@"\n ', max_size=4)) + code[end:]
    try:
        build(damaged)
    except SpecError as error:
        assert all(d.span is not None or d.place is not None for d in error.diagnostics)

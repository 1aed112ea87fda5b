"""The rules of lint: what each finds, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.catalogue import CATALOGUE
from archdsl.elaborate import elaborate
from archdsl.errors import SpecError
from archdsl.lint import RULES, SUPPRESSION_CODES, Finding, lint
from archdsl.pipeline import check_and_lint
from archdsl.program import parse_string
from archdsl.render.text import render

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CODES = (*RULES, *SUPPRESSION_CODES)


def find(code: str) -> list[Finding]:
    """What lint finds in all networks of a text."""
    program = parse_string(code)
    graphs = []
    for name in program.names:
        network, variant = program.find(name)
        graphs.append(elaborate(network, program.definitions, variant))
    return lint(graphs, program.spec.source)


def codes(code: str) -> list[str]:
    return [finding.diagnostic.code for finding in find(code)]


# --- the catalogue's own examples


@pytest.mark.parametrize("code", CODES)
def test_the_wrong_example_has_exactly_this_finding(code: str) -> None:
    assert codes(CATALOGUE[code].wrong) == [code]


@pytest.mark.parametrize("code", CODES)
def test_the_right_example_has_no_finding(code: str) -> None:
    assert codes(CATALOGUE[code].right) == []


def test_every_lint_code_of_the_catalogue_is_a_rule_with_a_source() -> None:
    linted = {code: entry for code, entry in CATALOGUE.items() if entry.level != "error"}
    assert set(linted) == set(CODES)
    assert all(entry.source for entry in linted.values())


def test_messages(golden: Callable[[Path, str], None]) -> None:
    texts = [render(finding.diagnostic) for code in sorted(CODES) for finding in find(CATALOGUE[code].wrong)]
    golden(HERE / "messages.txt", "\n".join(texts))


# --- networks that people use


@pytest.mark.parametrize("spec", sorted((ROOT / "specs").glob("*.arch")), ids=lambda spec: spec.stem)
def test_what_ships_has_no_warning_that_is_not_suppressed_with_a_reason(spec: Path) -> None:
    _, findings = check_and_lint(spec)
    assert [str(f.diagnostic.span) for f in findings if f.diagnostic.level == "warning"] == []
    comments = [line for line in spec.read_text(encoding="utf-8").splitlines() if "# lint:" in line]
    assert all("): " in comment for comment in comments)


def test_sensible_networks_have_no_warning() -> None:
    _, findings = check_and_lint(HERE / "sensible.arch")
    assert [f.diagnostic.message for f in findings if f.diagnostic.level == "warning"] == []


# --- case by case


# Strides of 2 with a border of 1 look half a position to the left each, upsampling to the middle: a feature pyramid.
PYRAMID = """\
p3 = x -> a: conv(8, 3, stride = 2, padding = 1)
p4 = p3 -> b: conv(8, 3, stride = 2, padding = 1)
p5 = p4 -> c: conv(8, 3, stride = 2, padding = 1)
n4 = concat(p5 -> interpolate(scale_factor = 2), p4) -> d: conv(8, 3, padding = 1)
concat(n4 -> interpolate(scale_factor = 2), p3) -> e: conv(8, 3, padding = 1)"""


FLAT = "x: [N, 64]"
HEAD = "x -> h: linear(8)"
TEACHER = """\
output student = x -> h: linear(8) -> log_softmax(1)
output teacher = x -> t: linear(8) -> {}
loss kl_div(student, teacher{})"""
SPEECH = """\
x -> h: linear(8) -> {}(-1) -> permute([1, 0, 2])
target words: [N, 5] int64
target frames: [N] int64
target letters: [N] int64
loss ctc_loss(output, words, frames, letters)"""


def net(body: str, inputs: str = "x: [N, 8, 16, 16]") -> str:
    return f"network Net({inputs}) {{\n{body}\n}}\n"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("bias-before-norm", net("x -> flatten -> c: linear(8) -> n: batch_norm -> relu")),
        ("bias-before-norm", net("x -> c: conv_transpose(8, 2, stride = 2) -> n: batch_norm")),
        ("bias-before-norm", net("c = module conv(8, 1)\n(x -> c -> a: batch_norm) + (x -> c -> b: batch_norm)")),
        ("linear-pair", net("x -> a: conv(8, 3) -> n: batch_norm -> b: conv(8, 3)")),
        ("linear-pair", net("x -> a: conv(8, 3) -> dropout(0.1) -> b: conv(8, 1)")),
        ("linear-pair", net("x -> a: conv(8, 3) -> flatten -> b: linear(8)")),
        ("linear-pair", net("x -> a: conv(8, 1) -> b: conv(8, [1, 7])")),
        ("narrow-linear-pair", net("x -> a: conv(4, 1) -> b: conv(8, 1)")),
        ("narrow-linear-pair", net("x -> a: conv(8, 1) -> n: batch_norm -> b: conv(32, 1)")),  # a linear bottleneck
        ("softmax-before-loss", net("x -> h: linear(8)\nloss cross_entropy(softmax(output, 1))", "x: [N, 64]")),
        ("softmax-before-loss", net("x -> h: linear(8) -> log_softmax(1)\nloss cross_entropy(output)", "x: [N, 64]")),
        ("softmax-before-loss", net("x -> h: linear(8) -> softmax(1)\nloss nll_loss(output)", "x: [N, 64]")),
        (
            "softmax-before-loss",
            net("x -> h: linear(8) -> sigmoid\nloss binary_cross_entropy_with_logits(output)", "x: [N, 64]"),
        ),
        ("softmax-before-loss", net(f"{HEAD} -> softmax(1)\ntarget t: [N, 8]\nloss cross_entropy(output, t)", FLAT)),
        ("softmax-before-loss", net(f"{HEAD} -> softmin(1)\nloss cross_entropy(output)", FLAT)),
        ("softmax-before-loss", net(f"{HEAD} -> logsigmoid\nloss binary_cross_entropy_with_logits(output)", FLAT)),
        ("softmax-before-loss", net(f"{HEAD} -> logsigmoid\nloss binary_cross_entropy(output)", FLAT)),
        ("softmax-before-loss", net(f"{HEAD} -> softmax(1)\nloss kl_div(output)", FLAT)),
        ("softmax-before-loss", net(f"{HEAD} -> sigmoid\nloss nll_loss(output)", FLAT)),
        ("softmax-before-loss", net(TEACHER.format("log_softmax(1)", ""), FLAT)),
        ("softmax-before-loss", net(TEACHER.format("softmax(1)", ", log_target = true"), FLAT)),
        ("softmax-before-loss", net(SPEECH.format("softmax"), "x: [N, 20, 64]")),
        ("dropout-before-norm", net("x -> dropout(0.5) -> n: batch_norm")),
        ("dropout-before-norm", net("x -> dropout(0.5) -> c: conv(8, 3, bias = false) -> relu -> n: batch_norm")),
        ("stride-over-kernel", net("x -> c: conv(8, [1, 3], stride = [2, 1])")),
        ("stride-over-kernel", net("x -> max_pool(2, stride = 3)")),
        ("stride-over-kernel", net("x -> c: conv(8, 3, stride = 2, dilation = 2)")),
        ("unread-border", net("x -> c: conv(8, 3, stride = 2)")),
        ("unread-border", net("x -> avg_pool(3, stride = 2)")),
        ("dead-layer", net("a = [x -> relu, x -> tanh]\na[0]")),
        ("unused-name", net("a, b = chunk(x, 2)\na -> relu")),
        ("unused-name", "block f(x, width) { x -> relu }\n" + net("x -> f(3)")),
        ("unused-name", "block f(x) { x -> relu }\n" + net("x -> relu")),
        ("unused-name", net("x -> relu", "x: [N, 8], width = 3")),
        ("unused-name", net("x -> relu", "x: [N, 8], y: [N, 8]")),
        ("unused-name", net("f = module conv(8, 1)\nx -> relu")),
        ("unused-name", net("x -> {\n width = 8\n relu\n}")),
        ("unused-name", net("y = if false {\n z = 1\n x -> tanh\n } else { x }\ny -> relu")),
        ("device-round-trip", net("device a, b\nx -> c: conv(8, 1) @a -> flatten @b -> relu @b -> tanh @a")),
        ("stretched-channels", net("(x -> c: conv(1, 1)) + x")),
        ("stretched-channels", net("maximum(x -> c: conv(1, 1) -> sigmoid, x)")),
        ("misaligned-branches", net("concat(x -> slice(2, dim = 2), x -> slice(0, 14, dim = 2))")),
        ("misaligned-branches", net("(x -> max_pool(2)) + (x -> pad([0, 6, 0, 6]) -> c: conv(8, 7, stride = 2))")),
        ("batch-of-one", net("x -> n: batch_norm", "x: [1, 8]")),
        ("mixed-batch", net("a, b = chunk(x, 2, dim = 0)\n a + b", "x: [N, 8]")),
        ("small-receptive-field", net("x -> c: conv(8, 3) -> relu -> mean([2, 3]) -> h: linear(8)")),
        ("large-kernel", net("x -> c: conv(8, 7, padding = 3) -> relu", "x: [N, 8, 32, 32]")),
        ("large-kernel", net("x -> c: conv(24, 5, padding = 2) -> relu", "x: [N, 8, 16, 16]")),
        ("positional-name", net("x -> a: conv(8, 1) -> relu -> conv(8, 1) -> relu -> conv(8, 1)")),
        ("uneven-channels", net("x -> flatten -> a: linear(9) -> relu -> b: linear(8)", "x: [N, 8, 1, 1]")),
    ],
)
def test_is_found(rule: str, code: str) -> None:
    assert rule in codes(code)


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        # a bias that something else reads, or that meets a norm over other values
        ("bias-before-norm", net("c = x -> c: conv(8, 1)\n(c -> n: batch_norm) + c")),
        ("bias-before-norm", net("x -> c: conv(8, 1) -> relu -> n: batch_norm")),
        ("bias-before-norm", net("x -> c: conv(8, 1) -> n: group_norm(2)")),
        ("bias-before-norm", net("x -> l: linear(8) -> n: batch_norm", "x: [N, 5, 16]")),
        ("bias-before-norm", net("c = module conv(8, 1)\n(x -> c -> a: batch_norm) + (x -> c)")),
        # factorisations, and values that something else reads
        ("linear-pair", net("x -> a: conv(8, 3, groups = 8) -> b: conv(16, 1)")),
        ("linear-pair", net("x -> a: conv(8, [1, 7]) -> b: conv(8, [7, 1])")),
        ("linear-pair", net("x -> a: conv(4, 1) -> b: conv(8, 1)")),
        ("linear-pair", net("x -> a: conv(8, 1) -> n: batch_norm -> b: conv(32, 1)")),
        ("linear-pair", net("x -> a: conv(8, 1) -> n: layer_norm -> b: conv(8, 1)")),
        ("linear-pair", net("a = x -> a: conv(8, 1)\na + (a -> b: conv(8, 1))")),
        ("linear-pair", net("output a = x -> a: conv(8, 1)\noutput b = a -> b: conv(8, 1)")),
        ("linear-pair", net("x -> l: linear(32) -> permute([0, 2, 1]) -> m: linear(32)", "x: [N, 5, 16]")),
        ("softmax-before-loss", net("x -> h: linear(8) -> log_softmax(1)\nloss nll_loss(output)", "x: [N, 64]")),
        ("softmax-before-loss", net("x -> h: linear(8) -> sigmoid\nloss mse_loss(output)", "x: [N, 64]")),
        ("softmax-before-loss", net(f"{HEAD} -> sigmoid\nloss binary_cross_entropy(output)", FLAT)),
        ("softmax-before-loss", net(f"{HEAD} -> log_softmax(1)\nloss kl_div(output)", FLAT)),
        ("softmax-before-loss", net(TEACHER.format("softmax(1)", ""), FLAT)),
        ("softmax-before-loss", net(TEACHER.format("log_softmax(1)", ", log_target = true"), FLAT)),
        ("softmax-before-loss", net(SPEECH.format("log_softmax"), "x: [N, 20, 64]")),
        ("dropout-before-norm", net("x -> dropout(0.0) -> n: batch_norm")),
        ("dropout-before-norm", net("x -> dropout(0.5) -> n: layer_norm -> m: batch_norm")),
        ("dropout-before-norm", net("x -> dropout(0.5) -> n: batch_norm(track_running_stats = false)")),
        ("dropout-before-norm", net("x -> dropout(0.5) -> a: conv(8, 1) -> relu -> b: conv(8, 1) -> n: batch_norm")),
        ("stride-over-kernel", net("x -> c: conv(8, 3, stride = 3)")),
        ("stride-over-kernel", net("x -> c: conv(8, 3, stride = 3, dilation = 2)")),
        ("stride-over-kernel", net("x -> c: conv_transpose(8, 2, stride = 2)")),
        # only padding is left over; the last window is partial; the size is not known
        ("unread-border", net("x -> c: conv(8, 3, stride = 2, padding = 1)")),
        ("unread-border", net("x -> max_pool(3, stride = 2, ceil_mode = true)")),
        ("unread-border", net("x -> c: conv(8, 3, stride = 2)", "x: [N, 8, H, W]")),
        ("dead-layer", net("unused = x -> tanh\nx -> relu")),
        ("dead-layer", net("a, b = chunk(x, 2)\na -> relu")),
        ("unused-name", net("_unused, b = chunk(x, 2)\nb -> relu")),
        ("unused-name", net("y = 8\nx -> if false { linear(y) }")),
        ("unused-name", net("init start\nx -> c: conv(8, 1)", "x: [N, 8, 4, 4], start = kaiming_normal")),
        ("unused-name", net("x -> {\n width = 8\n assert width > 0\n c: conv(width, 1)\n}", "x: [N, 8, 4, 4]")),
        ("unused-name", net("x -> relu", "x: [N, H, H], H = 8")),
        ("dense-head", net("x -> flatten -> h: linear(64)", "x: [N, 8, 1, 1]")),
        ("dense-head", net("x -> h: linear(64)", "x: [N, 64]")),
        # widening to twice the channels saves nothing; depthwise kernels cost little; patches do not overlap
        ("large-kernel", net("x -> c: conv(16, 5, padding = 2)", "x: [N, 8, 32, 32]")),
        ("large-kernel", net("x -> c: conv(8, 7, padding = 3, groups = 8)", "x: [N, 8, 32, 32]")),
        ("large-kernel", net("x -> c: conv(8, 5, stride = 5)", "x: [N, 8, 35, 35]")),
        ("large-kernel", net("x -> c: conv(8, 5)", "x: [N, 8, 5, 5]")),
        ("large-kernel", net("x -> c: conv(8, 3, padding = 1)", "x: [N, 8, 16, 16]")),
        (
            "large-kernel",
            net("x -> c: conv(4, 1, bias = false, weight = parameter([4, 8, 1, 1]))"),
        ),  # a weight it is lent
        # another branch carries the values on; nothing is widened
        (
            "pool-before-widening",
            net("(x -> max_pool(2) -> a: conv(16, 1)) + (x -> b: conv(16, 3, stride = 2, padding = 1))"),
        ),
        ("pool-before-widening", net("x -> max_pool(2) -> a: conv(12, 3)")),
        ("pool-before-widening", net("x -> global_avg_pool -> a: conv(16, 1)")),
        ("unscaled-residual", net("(x -> c: conv(1152, 1) -> n: batch_norm) + x", "x: [N, 1152, 8, 8]")),
        ("unscaled-residual", net("(x -> c: conv(1000, 1)) + x", "x: [N, 1000, 8, 8]")),
        # a dense layer or attention joins the positions; the maps themselves are the output
        ("small-receptive-field", net("x -> c: conv(8, 3) -> relu -> flatten -> h: linear(8)")),
        ("small-receptive-field", net("x -> c: conv(8, 3) -> relu")),
        (
            "small-receptive-field",
            net("x -> c: conv(8, 3) -> global_avg_pool -> flatten -> h: linear(8)", "x: [N, 8, H, W]"),
        ),
        (
            "small-receptive-field",
            net("c = x -> c: conv(8, 3)\nc * (c -> global_avg_pool -> d: conv(8, 1) -> sigmoid)"),
        ),
        ("batch-of-one", net("x -> n: batch_norm", "x: [N, 8]")),
        ("mixed-batch", net("a, b = chunk(x, 2, dim = 0)\n a + b", "x: [2 * N, 8]")),
        ("mixed-batch", net("x -> unflatten(1, [-1, 4])", "x: [N, T]")),
        ("mixed-batch", net("x -> reshape([-1, 50])", "x: [N, 100]")),  # two of each: no batch is refused
        ("batch-of-one", net("x -> n: batch_norm", "x: [1, 8, 2]")),
        ("uneven-channels", net("x -> c: conv(10, 1) -> global_avg_pool -> flatten")),
        ("uneven-channels", net("x -> c: conv(20, 1, groups = 4) -> relu -> d: conv(8, 1)")),
        ("device-round-trip", net("device a, b\nx -> c: conv(8, 1) @a -> d: conv(8, 1) @b -> e: conv(8, 1) @a")),
        (
            "device-round-trip",
            net("device a, b\ny = x -> c: conv(8, 1) @a -> relu @b\n(y -> tanh @a) + (y -> d: conv(8, 1) @b)"),
        ),
        ("positional-name", net("x -> layers: repeat 2 { { c: conv(8, 1) -> relu } }")),
        ("positional-name", net("x + tensor([1.0, 2.0]) + tensor([3.0, 4.0])", "x: [2, 2]")),
        ("stretched-channels", net("b = bias: parameter([1, 1, 16, 16])\nx + b")),
        ("stretched-channels", net("x - mean(x, [1], keepdim = true)")),
        ("stretched-channels", net("x * (x -> c: conv(1, 1) -> sigmoid)")),
        ("stretched-channels", net("(x -> v: linear(1)) + x", "x: [N, 6]")),
        ("stretched-channels", net("scores + mask -> softmax(-1)", "scores: [N, 8, 4, 4], mask: [N, 1, 4, 4]")),
        # a quarter position apart, as in ResNet-D; upsampling back to where pooling came from; causal convolution
        ("misaligned-branches", net("(x -> avg_pool(2)) + (x -> c: conv(8, 3, stride = 2, padding = 1))")),
        ("misaligned-branches", net("x + (x -> max_pool(2) -> max_pool(2) -> interpolate(scale_factor = 4))")),
        ("misaligned-branches", net("x + (x -> max_pool(2) -> c: conv_transpose(8, 2, stride = 2))")),
        ("misaligned-branches", net(PYRAMID, "x: [N, 8, 64, 64]")),
        ("misaligned-branches", net("x + (x -> pad([4, 0]) -> c: conv(8, 3, dilation = 2))", "x: [N, 8, 64]")),
        (
            "misaligned-branches",
            net("x + (y -> pad([2, 0, 2, 0]) -> c: conv(8, 3))", "x: [N, 8, 4, 4], y: [N, 8, 4, 4]"),
        ),
    ],
)
def test_is_left_alone(rule: str, code: str) -> None:
    assert rule not in codes(code)


def test_the_middle_of_a_factorisation_is_a_note() -> None:
    (finding,) = find(CATALOGUE["narrow-linear-pair"].wrong)
    assert finding.diagnostic.level == "note"
    assert "rank 16" in finding.diagnostic.message


def test_the_saving_is_counted_with_the_layers_own_channels() -> None:
    (finding,) = find(net("x -> wide: conv(64, 7, padding = 3) -> relu", "x: [N, 64, 32, 32]"))
    assert "110,592 weights instead of 200,704" in finding.diagnostic.message  # 27 C² and 49 C²


def test_the_sizes_that_would_fit_do_fit() -> None:
    (finding,) = find(net("x -> c: conv(8, 11, stride = 4)", "x: [N, 3, 224, 224]"))
    assert finding.diagnostic.help is not None
    assert finding.diagnostic.help.startswith("223 or 227 positions fit")
    for size in (223, 227):
        assert codes(net("x -> c: conv(8, 11, stride = 4)", f"x: [N, 3, {size}, {size}]")) == []


def test_a_shared_layer_has_a_fix() -> None:
    (finding,) = find(net("f = module conv(8, 1)\n(x -> f -> a: batch_norm) + (x -> f -> b: batch_norm)"))
    assert finding.diagnostic.fix is not None


@pytest.mark.parametrize("call", ["conv(8, 3)", "conv(\n8,\n3,\n)", "conv(out_channels = 8, kernel_size = 3)"])
def test_the_fix_of_a_bias_removes_the_finding(call: str) -> None:
    code = net(f"x -> c: {call} -> n: batch_norm")
    (finding,) = find(code)
    fix = finding.diagnostic.fix
    assert fix is not None
    assert codes(code[: fix.span.start] + fix.replacement + code[fix.span.end :]) == []


@pytest.mark.parametrize(
    "body",
    [
        "x -> repeat {n} {{ conv(8, 3, padding = 1) -> batch_norm -> relu -> dropout(0.1) }}",
        "add([x -> conv(8, 3, padding = 1) for i in range(4 * {n})])",
        "x -> repeat 4 * {n} {{ identity }} -> batch_norm",
    ],
)
def test_lint_is_linear_in_the_layers(body: str, calls_of: Callable[[Callable[[], object]], int]) -> None:
    def calls(n: int) -> int:
        program = parse_string(net(body.format(n=n), "x: [N, 8, 64, 64]"))
        graph = elaborate(program.spec.networks[0], program.definitions)
        return calls_of(lambda: lint([graph]))

    calls(10)  # what is made once
    assert calls(800) < 10 * calls(100)  # eight times the layers


def test_a_spec_with_errors_is_not_linted(tmp_path: Path) -> None:
    (tmp_path / "bad.arch").write_text("network Net(x: [N, 4]) { x -> linaer(2) }", encoding="utf-8")
    with pytest.raises(SpecError):
        check_and_lint(tmp_path / "bad.arch")

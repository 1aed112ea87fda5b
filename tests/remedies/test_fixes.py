"""Fixes: each that is offered removes its error, and the advice on input sizes is true."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.diagnostics import Diagnostic, Fix
from archdsl.errors import SpecError
from archdsl.pipeline import check, load_graph
from archdsl.remedies import apply
from archdsl.repair import repair
from archdsl.source import Span
from tests.conftest import Said

ROOT = Path(__file__).resolve().parents[2]
FAULTS = sorted([*(ROOT / "tests" / "faults").glob("*.arch"), *(ROOT / "tests" / "faults").glob("*.yaml")])
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(text: str, name: str = "net.arch") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return to


def faults(spec: Path | str, texts: dict[str, str] | None = None) -> tuple[Diagnostic, ...]:
    try:
        check(spec, texts or {})
    except SpecError as error:
        return error.diagnostics
    return ()


def kind(fault: Diagnostic) -> tuple[str, str]:
    return fault.code, fault.message


def overlaps(span: Span, fix: Fix) -> bool:
    """Whether a place in the fixed text lies in what the fix has written first."""
    first = min(fix.edits, key=lambda edit: edit.span.start)
    start, end = first.span.start, first.span.start + len(first.replacement)
    return span.source.name == first.span.source.name and span.start < end and start < span.end


def network(body: str, inputs: str = "x: [N, 8, 16, 16]") -> str:
    return f"network Net({inputs}) {{\n{body}\n}}\n"


# --- every fix of every fault


@pytest.mark.parametrize("spec", FAULTS, ids=[spec.name for spec in FAULTS])
def test_a_fix_removes_its_error_and_brings_none_to_its_place(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(spec.parent)
    before = faults(spec.name)
    for fault in before:
        if fault.fix is None:
            continue
        after = faults(spec.name, apply.changed(fault.fix))
        assert kind(fault) not in map(kind, after)
        new = [found for found in after if kind(found) not in map(kind, before)]
        assert not any(found.span is not None and overlaps(found.span, fault.fix) for found in new)


# --- what is fixed, and how


@pytest.mark.parametrize(
    ("body", "fixed"),
    [
        # channels of a shortcut
        ("y = x -> conv(32, 1)\ny + x", "y = x -> conv(32, 1)\ny + (x -> conv(32, 1))"),
        # channels and sizes
        (
            "y = x -> conv(32, 3, stride = 2, padding = 1)\nx + y -> relu",
            "y = x -> conv(32, 3, stride = 2, padding = 1)\n(x -> conv(32, 1, stride = 2)) + y -> relu",
        ),
        # sizes only: the layer that shrinks them
        ("y = x -> conv(8, 3) -> relu\nx + y", "y = x -> conv(8, 3, padding = 1) -> relu\nx + y"),
        ("y = x -> conv(8, 3, dilation = 2)\nx + y", "y = x -> conv(8, 3, dilation = 2, padding = 2)\nx + y"),
        ("y = x -> conv(8, [1, 3])\nx + y", "y = x -> conv(8, [1, 3], padding = [0, 1])\nx + y"),
        # several layers
        (
            "y = x -> conv(8, 3) -> conv(8, 5)\nx + y",
            "y = x -> conv(8, 3, padding = 1) -> conv(8, 5, padding = 2)\nx + y",
        ),
        # concatenation
        (
            "concat(x -> conv(4, 3), x -> conv(4, 5, padding = 2))",
            "concat(x -> conv(4, 3, padding = 1), x -> conv(4, 5, padding = 2))",
        ),
        ("concat(x, x -> max_pool(3, stride = 1))", "concat(x, x -> max_pool(3, stride = 1, padding = 1))"),
        (
            "concat(x -> conv(4, 3), x -> conv(4, 5))",
            "concat(x -> conv(4, 3, padding = 1), x -> conv(4, 5, padding = 2))",
        ),
        ("concat(x, x -> conv(4, 2, stride = 2))", "concat(x, x -> conv(4, 2, stride = 2))"),
        # groups
        ("x -> conv(32, 3, groups = 3)", None),
        ("x -> conv(32, 3, groups = 5)", "x -> conv(32, 3, groups = 4)"),
        ("x -> group_norm(7)", "x -> group_norm(8)"),
        ("x -> channel_shuffle(9)", "x -> channel_shuffle(8)"),
        # kernels
        ("x -> conv(32, 17)", "x -> conv(32, 16)"),
        ("x -> avg_pool(17)", "x -> avg_pool(16)"),
        ("x -> repeat 5 { max_pool(2) }", None),
        # sizes that torch's modules are told
        ("x -> flatten -> linear(2048, 10)", "x -> flatten -> linear(10)"),
        ("x -> flatten -> linear(400, 10)", "x -> flatten -> linear(10)"),
        ("x -> batch_norm(8) -> relu", "x -> batch_norm -> relu"),
        ("x -> conv(8, 16, 3, padding = 1)", "x -> conv(16, 3, padding = 1)"),
        ("x -> conv(4, 16, 3)", None),  # the first may be anything
        ("x -> conv(8, 3, padding = 1, pading = 1)", None),  # it is there already
        ("x -> layer_norm(10)", "x -> layer_norm"),
        ("x -> layer_norm(10, eps = 0.1)", "x -> layer_norm(eps = 0.1)"),
        ("layer_norm(x, [10])", "layer_norm(x)"),
        ("x -> layer_norm([8, 10])", "x -> layer_norm([16, 16])"),
        # names that one known name is clearly the closest to
        ("x -> Relu", "x -> relu"),
        ("x -> max_pol(2)", "x -> max_pool(2)"),
        ("x -> flatten -> liner(10)", "x -> flatten -> linear(10)"),
        ("x -> conv(8, 3, pading = 1)", "x -> conv(8, 3, padding = 1)"),
        ("x -> conv(8, 3, paddin = 1)", "x -> conv(8, 3, padding = 1)"),
        ("x -> frobnicate", None),  # `concat` is the closest, and far
        ("x -> poool(2)", None),
    ],
)
def test_an_error_has_the_fix_that_is_unambiguous(write: Write, body: str, fixed: str | None) -> None:
    spec = write(network(body))
    done = repair(os.fspath(spec))
    after = done.after.get(os.fspath(spec), spec.read_text(encoding="utf-8"))
    assert after == network(fixed if fixed is not None else body)


def test_a_shortcut_in_a_block_is_projected_where_it_must_be(write: Write) -> None:
    block = "block res(x, width) {\n    y = x -> conv(width, 3, padding = 1)\n    y + x\n}\n"
    spec = write(block + network("x -> res(8) -> res(16)"))
    done = repair(os.fspath(spec))
    assert "y + (x if x.shape == y.shape else (x -> conv(y.shape[1], 1)))" in done.after[os.fspath(spec)]
    assert done.left == ()


def test_the_condition_of_a_projection_is_completed(write: Write) -> None:
    block = (
        "block res(x, width, stride = 1) {\n    y = x -> conv(width, 3, stride = stride, padding = 1)\n"
        "    skip = if stride > 1 { x -> conv(width, 1, stride = stride) } else { x }\n    y + skip\n}\n"
    )
    spec = write(block + network("x -> res(16) -> res(16, stride = 2)"))
    done = repair(os.fspath(spec))
    assert "if stride > 1 or x.shape != y.shape {" in done.after[os.fspath(spec)]


def test_a_projection_takes_the_stride_of_its_block(write: Write) -> None:
    block = (
        "block res(x, width, stride = 1) {\n    y = x -> conv(width, 3, stride = stride, padding = 1)\n    y + x\n}\n"
    )
    spec = write(block + network("x -> res(16) -> res(32, stride = 2) -> res(32, stride = 4)"))
    done = repair(os.fspath(spec))
    assert "(x -> conv(y.shape[1], 1, stride = stride))" in done.after[os.fspath(spec)]
    assert done.left == ()


def test_a_projection_does_not_take_a_stride_of_its_block_that_is_for_something_else(write: Write) -> None:
    block = (
        "block res(x, width, stride = 1) {\n    y = x -> conv(width, 3, stride = 2, padding = 1)\n"
        "    y + x -> max_pool(stride)\n}\n"
    )
    spec = write(block + network("x -> res(16)"))
    assert "(x -> conv(y.shape[1], 1, stride = 2))" in repair(os.fspath(spec)).after[os.fspath(spec)]


def test_a_size_that_all_instances_of_a_block_see_is_left_out(write: Write) -> None:
    block = "block layer(x: [N, T, D]) { x -> ln1: layer_norm(1) }\n"
    text = network("x -> layer -> layer", "x: [N, 8, 256]")
    assert repair(os.fspath(write(block + text))).after == {
        os.fspath(write(block + text)): block.replace("(1)", "") + text
    }


@pytest.mark.parametrize(
    ("call", "fixed"), [("dense(99, 10)", "dense(2048, 10)"), ("dense(n = 99, m = 10)", "dense(n = 2048, m = 10)")]
)
def test_a_number_that_a_block_is_told_for_a_size_it_sees_is_put_right(write: Write, call: str, fixed: str) -> None:
    block = "block dense(y: [N, n], n, m) { y -> linear(m) }\n"
    spec = write(block + network(f"x -> flatten -> {call}"))
    assert repair(os.fspath(spec)).after[os.fspath(spec)] == block + network(f"x -> flatten -> {fixed}")


def test_a_fix_is_made_in_the_file_that_has_the_mistake(write: Write) -> None:
    part = write("block part(x) { x -> conv(8, 3, groups = 5) }\n", "part.arch")
    spec = write('import "part.arch" (part)\n' + network("x -> part"))
    assert repair(os.fspath(spec)).changed == [os.fspath(part)]


def test_errors_that_a_fix_brings_to_light_are_fixed_in_turn(write: Write) -> None:
    spec = write(network("x -> batch_norm(8) -> conv(8, 16, 3) -> drpout -> flatten -> linear(99, 10)"))
    done = repair(os.fspath(spec))
    assert done.after[os.fspath(spec)] == network("x -> batch_norm -> conv(16, 3) -> dropout -> flatten -> linear(10)")
    assert (len(done.fixed), done.left) == (4, ())


def test_a_fix_that_was_not_tried_is_not_offered_yet(write: Write) -> None:
    spec = write(network("\n".join(f"output o{i} = x -> batch_norm(8)" for i in range(10))))
    found = faults(spec)
    assert [fault.fix is not None for fault in found] == [True] * 8 + [False] * 2
    assert repair(os.fspath(spec)).left == ()


def test_warnings_of_lint_are_fixed_where_they_are_asked_for(write: Write) -> None:
    text = network("x -> conv(4, 3) -> batch_norm -> rleu")
    spec = os.fspath(write(text))
    assert repair(spec).after[spec] == text.replace("rleu", "relu")
    done = repair(spec, linted=True)
    assert done.after[spec] == network("x -> conv(4, 3, bias = false) -> batch_norm -> relu")
    assert ([fault.code for fault in done.fixed], done.left) == (["unknown-operator", "bias-before-norm"], ())


YAML = "archdsl: 1\nnetworks:\n  Net:\n    inputs: {x: [N, 8, 16, 16]}\n    body:\n"


@pytest.mark.parametrize(
    ("step", "fixed"),
    [
        ("conv: {out_channels: 8, kernel_size: 3}", "conv: {out_channels: 8, kernel_size: 3, padding: 1}"),
        ("conv(8, 3)", "conv(8, 3, padding = 1)"),
        ("'conv(8, 3)'", "'conv(8, 3, padding = 1)'"),
        ("conv: [8, 3]  # why", "conv: [8, 3, padding: 1]  # why"),
    ],
)
def test_a_fix_of_a_yaml_spec_is_yaml(write: Write, step: str, fixed: str) -> None:
    text = f"{YAML}      - let:\n          y:\n            - from: x\n            - STEP\n      - x + y\n"
    spec = write(text.replace("STEP", step), "net.yaml")
    done = repair(os.fspath(spec))
    assert done.after[os.fspath(spec)] == text.replace("STEP", fixed)
    assert done.left == ()


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("conv:\n  out_channels: 8\n  kernel_size: 3  # odd\nname: a", "  padding: 1"),
        ("conv:  # [wide]\n  - 8\n  - 3  # odd", "  - padding: 1"),
        ("conv:\n  - 8\n  - kernel_size:\n      - 3\n      - 3", "    padding: 1"),
    ],
)
def test_a_parameter_added_to_a_block_of_yaml_has_a_line_there(write: Write, call: str, line: str) -> None:
    step = textwrap.indent(call, " " * 14).replace(" " * 14, " " * 12 + "- ", 1)
    before = f"{YAML}      - let:\n          y:\n            - from: x\n{step}\n      - x + y\n"
    spec = write(before, "net.yaml")
    done = repair(os.fspath(spec))
    added = [new for new in done.after[os.fspath(spec)].splitlines() if new not in before.splitlines()]
    assert (added, done.left) == ([" " * 14 + line], ())


@pytest.mark.parametrize("call", ["layer_norm: 1", "layer_norm: [1]", "{layer_norm: {normalized_shape: 1}, name: a}"])
def test_a_size_that_a_layer_of_yaml_sees_is_left_out(write: Write, call: str) -> None:
    spec = write(f"{YAML}      - {call}\n", "net.yaml")
    done = repair(os.fspath(spec))
    assert re.sub("1|\\[1\\]|{normalized_shape: 1}", "{}", call) in done.after[os.fspath(spec)]
    assert done.left == ()


def test_a_parameter_beside_the_only_one_of_yaml_is_tried_too(write: Write) -> None:
    branches = "      - let: {y: [from: x, 'max_pool(2, stride = 2)'], z: [from: x, {avg_pool: 1}]}\n      - y + z\n"
    (fault,) = faults(write(YAML + branches, "net.yaml"))
    assert fault.help == "write `stride = 2` in `avg_pool`"


def test_fixes_go_on_until_nothing_is_left_that_has_one(write: Write) -> None:
    spec = write(network("x -> flatten\n" + "".join(f"-> linear({i}, 10) -> drpout\n" for i in range(100, 150))))
    done = repair(os.fspath(spec))
    assert (len(done.fixed), done.left) == (100, ())


@pytest.mark.parametrize(
    ("faulty", "right"),
    [
        # it would get a fault
        ("(x -> down) + x", "(x -> down) + (x -> pad([-1, -1, -1, -1]))"),
        # it would have another shape, without a word
        ("(x -> down) + x", "x -> down -> relu"),
    ],
)
@pytest.mark.parametrize("order", [("A", "B"), ("B", "A")])
@pytest.mark.parametrize("named", ["", ":A"])
def test_a_fix_changes_no_other_network_that_is_right(
    write: Write, faulty: str, right: str, order: tuple[str, str], named: str
) -> None:
    bodies = {"A": faulty, "B": right}
    networks = [network(bodies[name]).replace("Net", name) for name in order]
    spec = write("block down(x: [N, C, H, W]) { x -> c: conv(8, 3) }\n" + "".join(networks))
    done = repair(f"{spec}{named}")
    assert done.changed == []
    (fault,) = done.left
    assert fault.fix is None
    assert fault.help == "give both branches the same strides, and padding that keeps the size (`padding = same`)"


def test_a_fix_changes_no_other_variant_that_is_right(write: Write) -> None:
    text = (
        "network Net(x: [N, 8, 16, 16], add) {\n    y = x -> conv(8, 3)\n    if add { y + x } else { y }\n}\n"
        "variant plain = Net(add = false)\nvariant sum = Net(add = true)\n"
    )
    assert repair(os.fspath(write(text))).changed == []


def test_a_fix_that_two_networks_need_is_made(write: Write) -> None:
    block = "block down(x: [N, C, H, W]) { x -> c: conv(8, 3) }\n"
    nets = [network("(x -> down) + x").replace("Net", name) for name in "AB"]
    other = network("x -> relu").replace("Net", "C")
    done = repair(os.fspath(spec := write(block + "".join(nets) + other)))
    assert done.left == ()
    assert "conv(8, 3, padding = 1)" in done.after[os.fspath(spec)]


def test_two_ways_out_are_told_and_none_is_chosen(write: Write) -> None:
    block = "block head(y: [N, 512]) { y -> linear(10) }\n"
    (fault,) = faults(write(block + network("x -> global_avg_pool -> flatten -> linear(256) -> head")))
    assert fault.fix is None
    assert fault.help == "write 256 for 512 in the shape of `y`, or write `out_features = 512` in `linear`"


def test_a_stride_that_was_left_out_is_the_blocks_own(write: Write) -> None:
    block = (
        "block res(x, width, stride = 1) {\n    y = x -> conv(width, 3, stride = stride, padding = 1)\n"
        "    skip = if x.shape[1] != width { x -> conv(width, 1) } else { x }\n    y + skip\n}\n"
    )
    spec = write(block + network("x -> res(16) -> res(32, stride = 2)"))
    done = repair(os.fspath(spec))
    assert "{ x -> conv(width, 1, stride = stride) }" in done.after[os.fspath(spec)]


def test_a_stride_that_is_written_is_not_taken_for_the_mistake(write: Write) -> None:
    body = "concat(x -> conv(4, 1, stride = 2), x -> conv(4, 1, stride = 4))"
    (fault,) = faults(write(network(body)))
    assert fault.fix is None
    assert fault.help == "write `stride = 4` in `conv`, or write `stride = 2` in `conv_2`"


# --- sizes of the input


@pytest.mark.parametrize(
    ("body", "size", "fits"),
    [
        ("x -> repeat 5 { max_pool(2) } -> flatten -> linear(10)", 20, "this network fits inputs of 32 and more"),
        ("x -> conv(8, 11, stride = 4, padding = 2) -> head", 100, "this network fits inputs of 23 … 26"),
        (
            "y = x -> repeat 3 { max_pool(2) } -> interpolate(scale_factor = 8)\nconcat(x, y)",
            20,
            "the nearest sizes that fit are 16 and 24",
        ),
        ("x -> conv(8, 3) -> relu", 20, None),
    ],
)
def test_a_wrong_input_size_is_told_which_sizes_fit(write: Write, body: str, size: int, fits: str | None) -> None:
    block = "block head(z: [N, C, 5, 5]) { z -> flatten -> linear(10) }\n"
    spec = write(block + network(body, "x: [N, 3, 224, 224]"))
    try:
        load_graph(spec, inputs={"x": (1, 3, size, size)})
    except SpecError as error:
        (fault,) = error.diagnostics
        assert fault.help is not None
        assert fits is not None
        assert fault.help.endswith(fits)
        assert fault.fix is None  # the spec is right: it is the choice that is wrong
    else:
        assert fits is None


def test_the_range_of_sizes_is_exact(write: Write) -> None:
    block = "block head(z: [N, C, 5, 5]) { z -> flatten -> linear(10) }\n"
    spec = write(block + network("x -> conv(8, 11, stride = 4, padding = 2) -> head", "x: [N, 3, 23, 23]"))

    def works(size: int) -> bool:
        try:
            load_graph(spec, inputs={"x": (1, 3, size, size)})
        except SpecError:
            return False
        return True

    assert [size for size in range(15, 35) if works(size)] == [23, 24, 25, 26]


def test_a_fault_that_no_input_size_removes_says_nothing_of_sizes(write: Write) -> None:
    (fault,) = faults(write(network("y = x -> conv(8, 3)\nz = x -> conv(8, 5)\ny + z")))
    assert fault.help is None or "this network fits" not in fault.help


# --- the command


BROKEN, MENDED = network("x -> batch_norm(8) -> drpout"), network("x -> batch_norm -> dropout")


def test_fix_writes_the_file_and_says_what_it_did(write: Write, command_line: Callable[..., Said]) -> None:
    spec = write(BROKEN)
    done = command_line("check", "--fix", "net.arch", cwd=spec.parent)
    assert (done.status, done.out) == (0, "net.arch: ok (Net)\n")
    assert done.err.count("fixed net.arch:2:") == 2
    assert spec.read_text(encoding="utf-8") == MENDED


def test_fix_reports_what_is_left(write: Write, command_line: Callable[..., Said]) -> None:
    spec = write(network("x -> drpout -> conv(8, 0)"))
    done = command_line("check", "--fix", "net.arch", cwd=spec.parent)
    assert done.status == 1
    assert "error[bad-parameter]" in done.err
    assert spec.read_text(encoding="utf-8") == network("x -> dropout -> conv(8, 0)")


def test_diff_writes_nothing(write: Write, command_line: Callable[..., Said]) -> None:
    spec = write(BROKEN)
    done = command_line("check", "--diff", "net.arch", cwd=spec.parent)
    assert done.status == 1
    assert re.findall(r"^[-+][^-+].*", done.out, re.MULTILINE) == [
        "-x -> batch_norm(8) -> drpout",
        "+x -> batch_norm -> dropout",
    ]
    assert spec.read_text(encoding="utf-8") == BROKEN


def test_fix_of_standard_input_prints_the_fixed_text(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("check", "--fix", "-", cwd=tmp_path, text=BROKEN)
    assert (done.status, done.out) == (0, MENDED)


def test_fix_keeps_the_ends_of_lines(write: Write, command_line: Callable[..., Said]) -> None:
    spec = write("")
    spec.write_bytes(BROKEN.replace("\n", "\r\n").encode())
    command_line("check", "--fix", "net.arch", cwd=spec.parent)
    assert spec.read_bytes() == MENDED.replace("\n", "\r\n").encode()


def test_fix_does_not_touch_what_ships(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    done = command_line("check", "--fix", "resnet18", cwd=tmp_path)
    assert done.status == 2
    assert "ships with archdsl" in done.err

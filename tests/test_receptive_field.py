"""Receptive fields against what can change an output of the compiled module, for generated networks."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import archdsl
from archdsl.catalogue import CATALOGUE
from archdsl.elaborate import elaborate
from archdsl.errors import SpecError
from archdsl.measure.receptive_field import Field, receptive_fields
from archdsl.network import Network
from archdsl.program import parse_string
from tests.conftest import Said

Run = Callable[..., Said]
SIZES = (23, 19)

numbers = st.integers(1, 3)
pairs = st.tuples(numbers, numbers).map(list)


@st.composite
def windows(draw: st.DrawFn) -> str:
    """A step that sees a window."""
    kernel, stride, dilation = draw(pairs), draw(st.sampled_from([[1, 1], [2, 1], [2, 2], [3, 2]])), draw(pairs)
    match draw(st.sampled_from(["conv", "same", "max_pool", "avg_pool", "pad", "branches"])):
        case "conv":
            padding = [draw(st.integers(0, k)) for k in kernel]
            return f"conv(1, {kernel}, stride = {stride}, dilation = {dilation}, padding = {padding}, bias = false)"
        case "same":
            return f"conv(1, {draw(pairs)}, padding = same, dilation = {dilation}, bias = false)"
        case "max_pool":
            padding = [draw(st.integers(0, k // 2)) for k in kernel]
            return f"max_pool({kernel}, stride = {stride}, padding = {padding}, dilation = {dilation})"
        case "avg_pool":
            return f"avg_pool({kernel}, stride = {stride}, ceil_mode = {draw(st.sampled_from(['true', 'false']))})"
        case "pad":
            return f"pad([{', '.join(str(draw(st.integers(0, 2))) for _ in range(4))}])"
        case _:
            return f"branches({draw(pairs)}, {dilation})"


BRANCHES = """
block branches(x, kernel, dilation) {
    (x -> conv(1, kernel, padding = same, dilation = dilation, bias = false))
        + (x -> conv(1, 3, padding = same, bias = false) -> max_pool(3, stride = 1, padding = 1)) + x
}
"""


def network(steps: Sequence[str]) -> Network:
    code = f"{BRANCHES}network Net(x: [N, 1, {SIZES[0]}, {SIZES[1]}]) {{ x -> {' -> '.join(steps)} }}"
    program = parse_string(code)
    return Network(elaborate(program.spec.networks[0], program.definitions))


def dependencies(net: Network) -> torch.Tensor:
    """Whether the input at (h, w) can change the output at (i, j), as a tensor [h, w, i, j].

    With all weights 1 and an image of zeros nothing can cancel, so that the derivative by a pixel is what a single 1
    at its place gives; that a maximum is moved by each of its values shows as well.
    """
    model = net.compile().eval()
    for weight in model.parameters():
        torch.nn.init.ones_(weight)
    height, width = SIZES
    with torch.no_grad():
        found: torch.Tensor = model(torch.eye(height * width).reshape(-1, 1, height, width))
    return (found.abs().amax(1) > 0).reshape(height, width, *found.shape[2:])


def seen(net: Network) -> tuple[Field, ...]:
    last = list(net.graph)[-1]
    fields = receptive_fields(net.graph)[last]
    assert fields is not None
    return fields


@settings(deadline=None, max_examples=60)
@given(steps=st.lists(windows(), min_size=1, max_size=4))
def test_an_output_depends_on_its_field_and_on_nothing_else(steps: list[str]) -> None:
    try:
        net = network(steps)
    except SpecError:  # a window larger than what is left
        return
    depends = dependencies(net)
    for dim, field in enumerate(seen(net)):
        by_dim = depends.any(dim=3 - dim).any(dim=1 - dim)  # [input, output] along one dimension
        for output in range(by_dim.shape[1]):
            positions = by_dim[:, output].nonzero().flatten().tolist()
            low, high = output * field.jump + field.low, output * field.jump + field.high
            assert all(low <= position <= high for position in positions)
            if low >= 0 and high < SIZES[dim]:  # no part of it in the border
                assert (positions[0], positions[-1]) == (low, high)


@st.composite
def enlargements(draw: st.DrawFn) -> str:
    """A step that makes images larger, or resamples them."""
    if draw(st.booleans()):
        kernel, stride, padding = draw(pairs), draw(numbers), draw(st.integers(0, 1))
        return f"conv_transpose(1, {kernel}, stride = {stride}, padding = {padding}, bias = false)"
    mode = draw(st.sampled_from(["nearest", "nearest-exact", "bilinear", "bicubic"]))
    how = draw(
        st.sampled_from(["scale_factor = 2", "scale_factor = 3", "scale_factor = [1.5, 0.5]", "size = [17, 30]"])
    )
    corners = draw(st.sampled_from(["", ", align_corners = true"])) if mode.startswith("bi") else ""
    return f"interpolate({how}, mode = {mode}{corners})"


@settings(deadline=None, max_examples=30)
@given(steps=st.lists(windows(), max_size=1), larger=enlargements(), after=st.lists(windows(), max_size=1))
@example(steps=[], larger="interpolate(scale_factor = 2)", after=["conv(1, 3, padding = 1, bias = false)"])
@example(steps=["conv(4, 3, bias = false)"], larger="pixel_shuffle(2)", after=[])
def test_what_makes_images_larger_depends_on_nothing_outside_its_field(
    steps: list[str], larger: str, after: list[str]
) -> None:
    try:
        net = network([*steps, larger, *after])
    except SpecError:
        return
    depends = dependencies(net)
    for dim, field in enumerate(seen(net)):
        by_dim = depends.any(dim=3 - dim).any(dim=1 - dim)
        for output in range(by_dim.shape[1]):
            low = math.ceil(output * field.jump + field.low)
            high = math.floor(output * field.jump + field.high)
            assert all(low <= position <= high for position in by_dim[:, output].nonzero().flatten().tolist())


@pytest.mark.parametrize("larger", ["interpolate(scale_factor = 2)", "conv(4, 1) -> pixel_shuffle(2)"])
def test_a_window_on_doubled_pixels_sees_two_of_them(larger: str) -> None:
    assert [field.size for field in seen(network([larger, "conv(1, 3, padding = 1)"]))] == [2, 2]


def test_every_output_has_its_field(command_line: Run) -> None:
    document = json.loads(command_line("report", "googlenet", "--fields", "--json").out)
    found = {output["name"]: (output["size"], output["stride"], output["offset"]) for output in document["outputs"]}
    assert found["logits"] == ([907, 907], ["0", "0"], ["-327", "-327"])
    assert set(found) == {"logits", "aux1", "aux2"}


def test_a_map_of_outputs_has_a_stride_and_an_offset(command_line: Run) -> None:
    last = archdsl.load("unet").report().nodes[-1]
    assert last.field is not None
    shown = command_line("report", "unet", "--fields").out.splitlines()[2].split()
    assert shown[-3:] == [str(last.field[0].size), "1", str(last.field[0].low)]


def test_branches_that_look_at_different_places_are_warned_of(command_line: Run, tmp_path: Path) -> None:
    example = CATALOGUE["misaligned-branches"]
    for text, layers in ((example.wrong, [["add"]]), (example.right, [])):
        (tmp_path / "net.arch").write_text(text)
        said = command_line("report", str(tmp_path / "net.arch"), "--fields").out
        assert ("warning: at `add`, " in said) == bool(layers)
        document = json.loads(command_line("report", str(tmp_path / "net.arch"), "--fields", "--json").out)
        assert [met["layers"] for met in document["misaligned"]] == layers


@pytest.mark.parametrize(("column", "cell"), [("field", "11"), ("stride", "4"), ("offset", "-5")])
def test_a_layer_has_its_stride_and_offset(command_line: Run, column: str, cell: str) -> None:
    said = command_line("report", "resnet50", "--filter", "path=maxpool", "--columns", f"layer,{column}")
    assert said.out.splitlines()[2].split() == ["maxpool", cell]

"""Receptive fields against what can change an output of the compiled module, for generated networks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

import archdsl
from archdsl.catalogue import CATALOGUE
from archdsl.dims import numbers as numbers_of
from archdsl.elaborate import elaborate
from archdsl.errors import SpecError
from archdsl.graph import layer
from archdsl.measure.network.field import Field, Fields
from archdsl.measure.network.receptive_field import receptive_fields
from archdsl.net_view import NetView
from archdsl.network import Network
from archdsl.ops import OPERATORS
from archdsl.program import parse_string
from tests.conftest import Said

Run = Callable[..., Said]
# --- one dimension, position by position

LENGTH = 24

numbers = st.integers(1, 3)


@st.composite
def windows(draw: st.DrawFn) -> str:
    """A step that sees a window."""
    kernel, stride, dilation = draw(numbers), draw(numbers), draw(numbers)
    match draw(st.sampled_from(["conv", "same", "max_pool", "avg_pool", "pad", "adaptive", "branches", "every"])):
        case "conv":
            padding = draw(st.integers(0, kernel))
            return f"conv(1, {kernel}, stride = {stride}, dilation = {dilation}, padding = {padding}, bias = false)"
        case "same":
            return f"conv(1, {kernel}, padding = same, dilation = {dilation}, bias = false)"
        case "max_pool":
            padding = draw(st.integers(0, kernel // 2))
            return f"max_pool({kernel}, stride = {stride}, padding = {padding}, dilation = {dilation})"
        case "avg_pool":
            return f"avg_pool({kernel}, stride = {stride}, ceil_mode = {draw(st.sampled_from(['true', 'false']))})"
        case "pad":
            return f"pad([{draw(st.integers(0, 2))}, {draw(st.integers(0, 2))}])"
        case "adaptive":
            return f"adaptive_avg_pool({draw(st.integers(3, 9))})"
        case "every":
            return f"slice(dim = 2, step = {stride})"
        case _:
            return f"branches({kernel}, {dilation})"


@st.composite
def enlargements(draw: st.DrawFn) -> str:
    """A step that makes a sequence longer, or resamples it."""
    if draw(st.booleans()):
        kernel, stride, dilation = draw(st.integers(1, 4)), draw(numbers), draw(numbers)
        padding = draw(st.integers(0, 1))
        return (
            f"conv_transpose(1, {kernel}, stride = {stride}, padding = {padding}, dilation = {dilation}, bias = false)"
        )
    mode = draw(st.sampled_from(["nearest", "nearest-exact", "linear", "area"]))
    factor = st.sampled_from(["scale_factor = 2", "scale_factor = 3", "scale_factor = 1.5"])
    how = draw(factor | st.sampled_from(["size = 17", "size = 30"]))
    corners = draw(st.sampled_from(["", ", align_corners = true"])) if mode == "linear" else ""
    if mode == "area":
        how = draw(st.sampled_from(["size = 5", "size = 30"]))
    return f"interpolate({how}, mode = {mode}{corners})"


BRANCHES = """
block branches(x, kernel, dilation) {
    (x -> conv(1, kernel, padding = same, dilation = dilation, bias = false))
        + (x -> conv(1, 3, padding = same, bias = false) -> max_pool(3, stride = 1, padding = 1)) + x
}
block coarse(x) { (x -> avg_pool(2) -> interpolate(scale_factor = 2)) + x }
block coarser(x) { (x -> avg_pool(3) -> conv_transpose(1, 3, stride = 3, bias = false)) + coarse(x) }
block uneven(x) { (x -> avg_pool(4) -> interpolate(size = 24)) + (x -> interpolate(size = 24, mode = linear)) }
"""


def sequence(steps: Sequence[str], length: int = LENGTH) -> Network:
    return parsed(f"{BRANCHES}network Net(x: [1, 1, {length}]) {{ x -> {' -> '.join(steps)} }}")


def parsed(code: str) -> Network:
    program = parse_string(code)
    return Network(elaborate(program.spec.networks[0], program.definitions))


def seen(net: Network) -> tuple[Field, ...]:
    fields = last_fields(net)
    assert fields is not None
    return fields


def last_fields(net: Network) -> Fields:
    return receptive_fields(NetView(net.graph))[list(net.graph)[-1]]


def dependencies(net: Network, length: int = LENGTH) -> list[set[int]] | None:
    """The inputs that can change each output; None where a maximum is taken over a border alone, which is -inf.

    With all weights 1 and an input of zeros nothing can cancel, so that what a single 1 at a place changes is the
    derivative by it; that a maximum is moved by each of its values shows as well.
    """
    model = net.compile().double().eval()
    for weight in model.parameters():
        torch.nn.init.ones_(weight)
    with torch.no_grad():
        nothing = model(torch.zeros(1, 1, length, dtype=torch.double))
        found = torch.stack([model(row.reshape(1, 1, -1)) for row in torch.eye(length, dtype=torch.double)])
    if not found.isfinite().all():
        return None
    changed = (found - nothing).abs().reshape(length, -1) > 1e-9
    return [set(column.nonzero().flatten().tolist()) for column in changed.T]


def check_each_position(net: Network, length: int = LENGTH, *, cropped: bool = False) -> None:
    """Hold a field against the module at each position. What is `cropped` on the way is a later layer's border, though
    the input goes on there: then nothing is said of the field's ends."""
    (field,) = seen(net)
    depends = dependencies(net, length)
    if depends is None:
        reject()
    extents = []
    for position, inputs in enumerate(depends):
        interval = field.at({2: position})
        extents.append(0 if interval is None else interval[1] - interval[0] + 1)
        if interval is None:
            assert not inputs
            continue
        low, high = interval
        assert all(low <= place <= high for place in inputs)
        if low >= 0 and high < length and not cropped:  # no part of it in a border
            assert (min(inputs), max(inputs)) == (low, high)
    assert (field.smallest, field.size) == (min(extents), max(extents))


@settings(max_examples=80)
@given(steps=st.lists(windows(), min_size=1, max_size=4))
def test_an_output_depends_on_its_field_and_on_nothing_else(steps: list[str]) -> None:
    check_each_position(fitting(steps))


@settings(max_examples=150)
@given(
    before=st.lists(windows(), max_size=1),
    larger=enlargements(),
    after=st.lists(windows() | enlargements(), max_size=3),
)
@example(before=[], larger="interpolate(scale_factor = 3)", after=["avg_pool(2)"])
@example(before=[], larger="conv_transpose(1, 2, stride = 2)", after=["conv(1, 2)"])
@example(before=["avg_pool(2)"], larger="interpolate(scale_factor = 2)", after=[])
@example(before=[], larger="conv_transpose(1, 1, stride = 3)", after=["slice(1, dim = 2)", "conv(1, 2, dilation = 3)"])
def test_behind_upsampling_it_is_exact_at_each_position(before: list[str], larger: str, after: list[str]) -> None:
    steps = [*before, larger, *after]
    cropped = any("scale_factor = 1.5" in step or ("transpose" in step and "padding = 1" in step) for step in steps)
    check_each_position(fitting(steps), cropped=cropped)


def fitting(steps: list[str]) -> Network:
    try:
        return sequence(steps)
    except SpecError:  # a window larger than what is left
        reject()


@pytest.mark.parametrize("steps", ["coarse", "coarser", "coarse -> conv(1, 3)", "coarser -> avg_pool(2)"])
def test_branches_that_move_alike_are_united_at_each_position(steps: str) -> None:
    check_each_position(sequence([steps]))


def test_branches_that_move_at_different_speeds_see_nothing_outside_their_field() -> None:
    net = parsed(f"{BRANCHES}network Net(x: [1, 1, 12]) {{ x -> uneven }}")
    (field,), depends = seen(net), dependencies(net, 12)
    assert depends is not None
    for position, inputs in enumerate(depends):
        interval = field.at({2: position})
        assert interval is not None
        assert all(interval[0] <= place <= interval[1] for place in inputs)


FIGURES = {
    "interpolate(scale_factor = 3) -> avg_pool(2)": (1, 2),
    "conv_transpose(1, 2, stride = 2) -> conv(1, 2)": (1, 2),
    "avg_pool(2) -> interpolate(scale_factor = 2)": (2, 2),
    "conv_transpose(1, 1, stride = 2)": (0, 1),
    "batch_norm(track_running_stats = false)": (12, 12),
    "batch_norm": (1, 1),
}


@pytest.mark.parametrize(("steps", "figures"), FIGURES.items(), ids=FIGURES)
def test_the_figures_are_the_smallest_and_the_largest_of_all_positions(steps: str, figures: tuple[int, int]) -> None:
    (field,) = seen(parsed(f"network Net(x: [2, 1, 12]) {{ x -> {steps} }}"))
    assert (field.smallest, field.size) == figures


def test_the_positions_of_a_unet_see_188_or_204() -> None:
    last = archdsl.load("unet").report().nodes[-1]
    assert [(field.smallest, field.size) for field in last.field or ()] == [(188, 204)] * 2


@pytest.mark.parametrize("larger", ["interpolate(scale_factor = 2)", "conv(4, 1) -> pixel_shuffle(2)"])
def test_a_window_on_doubled_pixels_sees_two_of_them(larger: str) -> None:
    net = parsed(f"network Net(x: [N, 1, 23, 19]) {{ x -> {larger} -> conv(1, 3, padding = 1) }}")
    assert [field.size for field in seen(net)] == [2, 2]


def test_an_operator_that_says_no_rule_is_not_known(command_line: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(SILENT)
    (tmp_path / "net.arch").write_text("network Net(x: [1, 1, 12]) { x -> conv(1, 3) -> echo -> conv(1, 3) }\n")
    arguments = ("--operators", str(tmp_path / "mine.py"), "report", str(tmp_path / "net.arch"), "--json")
    try:
        fields = [node["receptive_field"] for node in json.loads(command_line(*arguments).out)["nodes"]]
    finally:  # other tests ask all operators there are
        OPERATORS.pop("echo", None)
        sys.modules.pop("mine", None)
    assert fields == [[3], None, None]


SILENT = """
from dataclasses import dataclass
from archdsl.dims import Shape
from archdsl.ops import Example, Operator, Target

@dataclass(frozen=True)
class Echo(Operator, group="activation"):
    examples = (Example("echo", ((2, 8),), (2, 8)),)

    def infer(self, *inputs: Shape) -> Shape:
        return inputs[0]

    def target(self, *inputs: Shape) -> Target:
        return Target("torch.nn.Identity")
"""


# --- dimensions that change places

PARTS = """
block halves(x, d) {
    a, b = chunk(x, 2, dim = d)
    a + 0.5 * b
}
block roll(x) { concat(x -> slice(3, dim = 2), x -> slice(0, 3, dim = 2), dim = 2) }
block beside(x) { concat(x, 0.5 * x -> sigmoid, dim = 2) }
"""

IMAGE = (2, 8, 6)  # channels, height, width


def followed(steps: str) -> Network:
    """A network of one image."""
    shape = ", ".join(map(str, IMAGE))
    code = f"{PARTS}network Net(x: [1, {shape}]) {{ x -> {steps} }}"
    return parsed(code)


def jacobian(net: Network) -> torch.Tensor:
    """What each element of the output changes by with each position of the image: [elements, height, width]."""
    torch.manual_seed(0)
    model = net.compile().double().eval()
    for weight in model.parameters():
        torch.nn.init.uniform_(weight, 0.1, 1)
    image = torch.rand(1, *IMAGE, dtype=torch.double)
    found: torch.Tensor = torch.autograd.functional.jacobian(model, image)
    return found.abs().reshape(-1, *IMAGE).amax(1)


def extents(net: Network, fields: tuple[Field, ...]) -> list[int]:
    """The most positions that an element depends on in each dimension, none of them outside its field."""
    output = numbers_of(layer(net.graph, list(net.graph)[-1])["shape"])
    assert output is not None
    most = [0] * len(fields)
    for element, changes in enumerate(jacobian(net) > 1e-12):
        index = tuple(int(i) for i in torch.unravel_index(torch.tensor(element), output))
        for dim, field in enumerate(fields):
            positions = changes.any(dim=1 - dim).nonzero().flatten().tolist()
            if not positions:
                continue
            most[dim] = max(most[dim], positions[-1] - positions[0] + 1)
            if field.offset is not None:
                interval = field.at(dict(enumerate(index)))
                assert interval is not None
                assert interval[0] <= positions[0]
                assert positions[-1] <= interval[1]
    return most


CONV = "conv(2, 3, padding = 1)"
NHWC, NCHW = "permute([0, 2, 3, 1])", "permute([0, 3, 1, 2])"
WINDOWS = "reshape([1, 2, 4, 2, 3, 2])"  # of two by two
FOLLOWED = {
    "channels last": (f"{CONV} -> {NHWC} -> layer_norm -> linear(3) -> gelu -> {NCHW} -> {CONV}", (5, 5)),
    "channels last, at the end": (f"{CONV} -> {NHWC}", (3, 3)),
    "linear over the width": ("conv(2, 3) -> linear(5)", (3, 6)),
    "layer_norm over the width": ("layer_norm", (1, 6)),
    "layer_norm over the image": ("layer_norm([8, 6])", (8, 6)),
    "softmax over the height": ("conv(2, 3) -> softmax(2)", (8, 3)),
    "mean over the height": ("conv(2, 3) -> mean(2)", (8, 3)),
    "mean over the channels": (f"{CONV} -> mean(1)", (3, 3)),
    "instance_norm": ("instance_norm", (8, 6)),
    "instance_norm by running statistics": ("instance_norm(track_running_stats = true)", (1, 1)),
    "tokens": ("conv(4, 2, stride = 2) -> flatten(2) -> permute([0, 2, 1]) -> layer_norm -> linear(3)", (2, 2)),
    "tokens that are mixed": ("conv(4, 2, stride = 2) -> flatten(2) -> linear(12)", (8, 6)),
    "tokens to an image and back": (
        f"flatten(2) -> permute([0, 2, 1]) -> linear(2) -> permute([0, 2, 1]) -> unflatten(2, [8, 6]) -> {CONV}",
        (3, 3),
    ),
    "windows of an image": (f"{WINDOWS} -> permute([0, 2, 4, 1, 3, 5]) -> flatten(3) -> linear(5)", (2, 2)),
    "a vector": (f"{CONV} -> flatten", (3, 3)),
    "a vector that is mixed": ("conv(2, 3) -> flatten -> linear(3)", (8, 6)),
    "the transposed image": ("conv(2, [3, 1]) -> permute([0, 1, 3, 2]) -> conv(2, [1, 3])", (5, 1)),
    "rows apart": ("permute([0, 2, 1, 3]) -> conv(4, 1)", (8, 1)),
    "a roll": ("roll -> conv(2, 3)", (8, 3)),
    "a half of it": (f"{CONV} -> slice(0, 4, dim = 2) -> {CONV}", (5, 5)),
    "every second column": (f"slice(step = 2, dim = 3) -> {CONV}", (3, 5)),
    "a part of the channels last": (f"{NHWC} -> slice(2, dim = 1) -> {NCHW} -> {CONV}", (3, 3)),
    "an area": ("interpolate(size = [4, 3], mode = area)", (2, 2)),
    "a border of channels": (f"pad([0, 0, 1, 1, 1, 1]) -> {CONV}", (3, 3)),
}


@pytest.mark.parametrize(("steps", "sizes"), FOLLOWED.values(), ids=FOLLOWED)
def test_a_field_is_followed_into_other_dimensions(steps: str, sizes: tuple[int, int]) -> None:
    net = followed(steps)
    assert tuple(field.size for field in seen(net)) == sizes == tuple(extents(net, seen(net)))


NOT_FOLLOWED = {
    "a window over tokens": "flatten(2) -> conv(2, 3)",
    "a window over windows": f"{WINDOWS} -> linear(2) -> reshape([1, 2, 8, 6]) -> {CONV}",
    "a reshape across rows": "reshape([1, 2, 12, 4])",
}


@pytest.mark.parametrize("steps", NOT_FOLLOWED.values(), ids=NOT_FOLLOWED)
def test_a_field_that_cannot_be_followed_is_not_known(steps: str) -> None:
    assert last_fields(followed(steps)) is None


@st.composite
def rearrangements(draw: st.DrawFn) -> str:
    """A step that may not fit."""
    dims = draw(st.permutations(range(draw(st.integers(3, 5)))))
    shape = draw(st.lists(st.sampled_from([1, 2, 3, 4, 6, 8]), min_size=2, max_size=4))
    dim = draw(st.integers(0, 3))
    steps = [
        f"permute({list(dims)})",
        f"reshape({[1, *shape, -1]})",
        f"flatten({draw(st.integers(1, 2))})",
        f"unflatten({dim}, [-1, 2])",
        f"slice({draw(st.integers(0, 1))}, dim = {dim}, step = {draw(st.integers(1, 2))})",
        "linear(3)",
        "layer_norm",
        f"mean({dim})",
        f"softmax({dim})",
        "conv(2, 3, padding = 1)",
        "conv(2, 2, stride = 2)",
        "avg_pool(2)",
        "max_pool(3, stride = 1)",
        "gelu",
        "halves(2)",
        "halves(1)",
        "beside",
    ]
    return draw(st.sampled_from(steps))


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(steps=st.lists(rearrangements(), min_size=1, max_size=5))
def test_whatever_is_followed_depends_on_nothing_outside_its_field(steps: list[str]) -> None:
    try:
        net = followed(" -> ".join(steps))
    except SpecError:
        reject()
    fields = last_fields(net)
    if fields is None:
        reject()
    assert all(found <= field.size for found, field in zip(extents(net, fields), fields, strict=True))


def test_every_output_has_its_field(command_line: Run) -> None:
    document = json.loads(command_line("report", "googlenet", "--fields", "--json").out)
    found = {output["name"]: (output["size"], output["stride"], output["offset"]) for output in document["outputs"]}
    assert found["logits"] == ([907, 907], ["0", "0"], ["-327", "-327"])
    assert set(found) == {"logits", "aux1", "aux2"}


def test_a_map_of_outputs_has_a_stride_and_an_offset(command_line: Run) -> None:
    last = archdsl.load("unet").report().nodes[-1]
    assert last.field is not None
    shown = command_line("report", "unet", "--fields").out.splitlines()[2].split()
    assert shown[-3:] == ["188–204", "1", str(last.field[0].offset)]


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


@pytest.mark.parametrize("mode", ["nearest", "linear", "area"])
def test_behind_resampling_to_an_open_size_it_is_not_known(mode: str) -> None:
    assert last_fields(parsed(f"network Net(x: [N, T, 6]) {{ x -> interpolate(size = N, mode = {mode}) }}")) is None

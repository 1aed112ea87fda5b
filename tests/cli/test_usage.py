"""Commands used wrongly: nothing that was asked for is ignored in silence, and a refusal says what would do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from archdsl.cli import COMMANDS, cli
from tests.conftest import Said

SPEC = """network Net(image: [N, 1, 8, 8], width = 4) {
    image -> conv(width, 3) -> relu -> flatten -> linear(10)
    loss cross_entropy(output)
}
"""
TWO_DEVICES = "network Net(x: [N, 4]) {\n    device a, b\n    x -> linear(4) @a -> linear(4) @b\n}\n"


@pytest.fixture(autouse=True)
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text(SPEC, encoding="utf-8")
    Path("devices.arch").write_text(TWO_DEVICES, encoding="utf-8")
    Path("binary.arch").write_bytes(b"\x7fELF\0\xff")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("sweep net.arch --over width", "is not NAME=VALUES"),
        ("sweep net.arch --over N=3:1", "a range goes up"),
        ("sweep net.arch --over N=1:100000", "more than 10,000 values"),
        ("sweep net.arch --over N=1,", "a value is missing"),
        ("sweep net.arch --over width=2,3 --set width=4", "`width` is given twice"),
        ("sweep net.arch --over image=1x1x8x8 --input image=2x1x8x8", "`image` is given twice"),
        ("sweep net.arch --pareto parms", "did you mean `params`"),
        ("report net.arch --set width=", "gives no value"),
        ("report net.arch --set width=[foo]", "unknown name `foo`"),
        ("report net.arch --at H=x", "is not NAME=SIZE"),
        ("report net.arch --columns prams", "did you mean `params`?"),
        ("report net.arch --filter foo=bar", "is none of op=PATTERN"),
        ("report net.arch net.arch --memory", "not with a comparison"),
        ("fit net.arch --memory lots", "is not a size as 24GiB"),
        ("fit net.arch --memory -1GiB", "is not a size as 24GiB"),
        ("fit net.arch --memory 1GiB --memory 1GiB", "the memory is given twice"),
        ("fit devices.arch --memory a=1GiB", "says nothing of `b`"),
        ("lint net.arch --only dead-layer --off dead-layer", "asked for by --only, and switched off by --off"),
        ("lint --list net.arch", "looks at no SPEC"),
        ("lint --list --format sarif", "--list is text or JSON, not sarif"),
        ("serve nte.arch --no-browser", "cannot read `nte.arch`"),
        ("serve resnt18 --no-browser", "did you mean `resnet18`"),
        ("run net.arch -o net.pt", "weights are saved in a .safetensors file"),
        ("compile net.arch -o net.pt", "known are .safetensors, .pt2, .onnx, .py, none for a folder"),
        ("compile net.arch --fresh f*", "--fresh changes nothing without --weights"),
        ("compile devices.arch --devices a=cpu,a=cpu,b=cpu", "names a device twice"),
        ("draw net.arch -o net.dot --view stages", "dot cannot show stages"),
        ("draw net.arch -o net.svg --focus nothing", "no layer or block has the path 'nothing'"),
        ("convert net.arch -o net.txt", "does not say its form"),
    ],
)
def test_a_wrong_use_is_explained(line: str, says: str, command_line: Callable[..., Said]) -> None:
    done = command_line(*line.split())
    assert (done.status, done.out) == (2, "")
    assert says in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("report net.arch --optimizer adam", "--optimizer changes nothing without --memory"),
        ("report net.arch --dtype bf16", "--dtype changes nothing without --memory"),
        ("report net.arch --stages --all", "--all changes nothing with --stages"),
        ("report net.arch --json --width 40", "--width changes nothing in json"),
        ("sweep net.arch --format csv --width 40", "--width changes nothing in csv"),
        ("fit net.arch --memory 1GiB --step 64", "--step changes nothing without --batch"),
        ("fit net.arch --memory 1GiB --inference --optimizer adam", "--optimizer changes nothing with --inference"),
        ("lint --list --notes", "--notes changes nothing with --list"),
        ("draw net.arch -o net.svg --view stages --no-shapes", "--shapes/--no-shapes changes nothing in the view"),
        ("draw net.arch -o net.svg --view volumes --depth 1", "--depth changes nothing in the view volumes"),
        ("draw net.arch -o net.svg --time h100", "--time changes nothing in a file of svg"),
        ("draw net.arch -o net.html --depth 2", "--depth changes nothing in a file of html"),
        ("draw net.arch -o net.mmd --engine system", "--engine changes nothing in a file of mmd"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(line: str, refused: str, command_line: Callable[..., Said]) -> None:
    done = command_line(*line.split())
    assert (done.status, done.out) == (2, "")
    assert refused in done.err


@pytest.mark.parametrize("memory", ["2GiB", "2gib", "2g", "2Gb", "2048MIB"])
def test_a_size_of_memory_is_read_in_any_case(memory: str, command_line: Callable[..., Said]) -> None:
    assert command_line(*f"fit net.arch --memory {memory}".split()).status == 0


def test_a_mistake_in_a_file_that_several_import_is_one(command_line: Callable[..., Said]) -> None:
    Path("part.arch").write_text("block part(x) { x -> rleu }\n", encoding="utf-8")
    for name in ("one", "two"):
        Path(f"{name}.arch").write_text(
            f'import "part.arch" (part)\nnetwork {name}(x: [N, 3, 8, 8]) {{ x -> part }}\n', encoding="utf-8"
        )
    assert "\n1 error, with a fix" in command_line(*"check one.arch two.arch".split()).err
    assert command_line(*"check one.arch two.arch --format github".split()).out.count("::error") == 1
    Path("part.arch").write_text("block part(x) { x -> conv(4, 3) -> batch_norm }\n", encoding="utf-8")
    assert "2 specs: 1 warning" in command_line(*"lint one.arch two.arch".split()).out


def test_warnings_are_fixed_with_lint_only(command_line: Callable[..., Said]) -> None:
    text = "network Net(x: [N, 3, 8, 8]) { x -> conv(4, 3) -> batch_norm }\n"
    Path("norm.arch").write_text(text, encoding="utf-8")
    assert "1 warning, with a fix (`archdsl check --lint --fix`)" in command_line(*"check --lint norm.arch".split()).err
    assert command_line(*"check --fix norm.arch".split()).err == ""
    assert "bias = false" in command_line(*"check --lint --diff norm.arch".split()).out
    assert command_line(*"check --strict --fix norm.arch".split()).status == 0
    assert "bias = false" in Path("norm.arch").read_text(encoding="utf-8")


def test_standard_input_may_be_named_twice(command_line: Callable[..., Said]) -> None:
    assert command_line(*"diff - -".split(), text=SPEC).out.startswith("Net and Net are the same")
    assert command_line(*"check - -".split(), text=SPEC).out == "-: ok (Net)\n-: ok (Net)\n"


def test_of_several_networks_on_standard_input_one_is_named_with_a_dash(command_line: Callable[..., Said]) -> None:
    done = command_line(*"diff - -".split(), text=SPEC + SPEC.replace("Net", "Other"))
    assert "= help: say which: `-:Net`, `-:Other`\n" in done.err
    assert command_line(*"report -:Other --json".split(), text=SPEC + SPEC.replace("Net", "Other")).status == 0


def test_a_network_on_standard_input_is_fixed_to_standard_output(command_line: Callable[..., Said]) -> None:
    assert command_line(*"check --fix -:Net".split(), text=SPEC.replace("relu", "rleu")).out == SPEC


@pytest.mark.parametrize(
    ("filters", "note"),
    [
        ("--filter op=cnv", "no layer fits op=cnv; did you mean `conv`?"),
        ("--filter op=conv --filter path=relu", "no layer fits all filters"),
    ],
)
def test_a_filter_that_leaves_nothing_says_so(filters: str, note: str, command_line: Callable[..., Said]) -> None:
    assert note in command_line(*f"report net.arch {filters}".split()).out


def test_a_binary_file_is_called_one_and_not_shown(command_line: Callable[..., Said]) -> None:
    assert "`binary.arch` is a binary file, not a spec" in command_line(*"check binary.arch".split()).err


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("linear(10)", "linear(9)", "[N, 10], found [N, 9]"),
        ("-> flatten -> linear(10)", "-> conv(10, 1)", "[N, 10], found [N, 10, 6, 6]"),
        ("cross_entropy", "mse_loss", "`mse_loss` compares with values"),
    ],
)
def test_only_a_classifier_of_ten_classes_is_trained_on_digits(
    old: str, new: str, says: str, command_line: Callable[..., Said]
) -> None:
    Path("net.arch").write_text(SPEC.replace(old, new), encoding="utf-8")
    done = command_line(*"run net.arch".split())
    assert done.status == 2
    assert says in done.err


def test_a_step_of_training_is_at_most_all_images(command_line: Callable[..., Said]) -> None:
    assert "more than the 1438 for training" in command_line(*"run net.arch --batch 2000".split()).err


def test_a_batch_that_is_a_number_cannot_be_left_open_too(command_line: Callable[..., Said]) -> None:
    said = command_line("report", "lenet5", "--symbolic", "--at", "N=4")
    assert (said.status, said.out) == (2, "")
    assert "the batch of `LeNet5` is a number, so that --symbolic opens nothing" in said.err


def test_a_suffix_that_is_unknown_is_told_those_that_can_show_a_difference(command_line: Callable[..., Said]) -> None:
    assert "known are .html, .pdf, .png, .svg, .tex" in command_line("diff", "vgg11", "vgg13", "-o", "x.gif").err


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_can_be_said(name: str, command_line: Callable[..., Said]) -> None:
    words = COMMANDS[name].example.split()
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    command.make_context(name, words[words.index(name) + 1 :], parent=click.Context(cli))  # raises where it cannot
    assert f"Example: archdsl {COMMANDS[name].example}" in " ".join(command_line(name, "--help").out.split())

"""Engines run a network as its module does: called the same, with outputs within the tolerances that are stated."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import torch

import archdsl
from archdsl.network import Network
from compiler.engines import inference, table, trial
from compiler.engines.kept import folder
from compiler.engines.trial import TOLERANCE

QUICK = ("eager", "onnxruntime", "openvino")  # the others run a C++ compiler
HEAVY = [pytest.param(name, marks=pytest.mark.heavy) for name in ("inductor", "aot")]
SPEC = """
network Two(image: [N, 3, 8, 8], ids: [N, 4] int64) {
    seen = image -> conv(4, 3, bias = false) -> batch_norm -> relu -> global_avg_pool -> flatten
    read = ids -> embedding(10, 4) -> mean([1])
    output kind = seen + read -> linear(3)
    output place = read -> linear(2)
}
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nobody's own cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "archdsl" / "engines"


@pytest.fixture
def two(tmp_path: Path) -> Network:
    (tmp_path / "two.arch").write_text(SPEC, encoding="utf-8")
    return archdsl.load(tmp_path / "two.arch")


@pytest.fixture
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def given(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(batch, 3, 8, 8), torch.randint(0, 10, (batch, 4))


@pytest.mark.usefixtures("no_warnings")
@pytest.mark.parametrize("engine", [*QUICK, *HEAVY])
def test_an_engine_is_called_as_the_module_is_and_gives_the_same(engine: str, two: Network) -> None:
    fast = two.compile(mode="inference", engine=engine, batch=2, seed=0)
    assert fast.running == {((2, 3, 8, 8), (2, 4)): engine}  # built for the declared sizes already
    image, ids = given(2)
    with torch.no_grad():
        expected = two.compile(mode="inference", seed=0)(image, ids)
    found = fast(image, ids)
    assert found._fields == expected._fields == ("kind", "place")
    assert not found[0].requires_grad
    for a, b in zip(expected, found, strict=True):
        assert float((a - b).abs().max()) <= TOLERANCE["fp32"] * float(a.abs().max())
    assert torch.equal(fast(ids=ids, image=image)[0], fast(image, ids=ids)[0])
    assert len(fast.running) == 1


@pytest.mark.parametrize("engine", ["eager", "openvino", *HEAVY])
def test_in_bf16_outputs_are_float32_and_within_its_tolerance(engine: str, two: Network) -> None:
    image, ids = given(2)
    with torch.no_grad():
        expected = two.compile(mode="inference", seed=0)(image, ids)
    found = two.compile(mode="inference", engine=engine, batch=2, dtype="bf16", seed=0)(image, ids)
    for a, b in zip(expected, found, strict=True):
        assert b.dtype == torch.float32
        assert float((a - b).abs().max()) <= TOLERANCE["bf16"] * float(a.abs().max())


def test_it_is_built_once_for_each_size_and_keeps_the_last_eight(two: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = two.compile(mode="inference", engine="eager", batch=2)
    built: list[int] = []
    build = type(fast).build
    monkeypatch.setattr(type(fast), "build", lambda self, x: built.append(len(x[0])) or build(self, x))  # type: ignore[func-returns-value]
    for batch in (2, 3, 2, 3, *range(4, 12), 3, 2):
        fast(*given(batch))
    assert built == [3, *range(4, 12), 3, 2]


def test_inputs_that_the_network_does_not_take_are_refused(two: Network) -> None:
    fast = two.compile(mode="inference", engine="eager")
    image, ids = given(1)
    with pytest.raises(ValueError, match="holds float32, but the network takes int64"):
        fast(image, ids.float())
    with pytest.raises(ValueError, match="dimension 1 is 4"):
        fast(torch.randn(1, 4, 8, 8), ids)
    with pytest.raises(TypeError, match="missing input: ids"):
        fast(image)
    with pytest.raises(TypeError, match="`id` is no input: they are image, ids"):
        fast(image, id=ids)
    with pytest.raises(TypeError, match="`image` is given twice"):
        fast(image, image=image)
    with pytest.raises(TypeError, match="takes 2 inputs, found 3"):
        fast(image, ids, ids)
    with pytest.raises(TypeError, match="input `image` is a tensor, found a ndarray"):
        fast(image.numpy(), ids)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="input `ids` is a tensor, found a ndarray"):
        fast.model(image, ids.numpy())


def test_sizes_that_are_open_wait_for_the_first_call(network_of: Callable[..., Network]) -> None:
    network = network_of("network Open(x: [N, 3, H, W]) { x -> conv(4, 3) -> global_avg_pool }")
    fast = network.compile(mode="inference", engine="eager")
    assert fast.running == {}
    assert fast(torch.randn(2, 3, 9, 7)).shape == (2, 4, 1, 1)
    assert list(fast.running) == [((2, 3, 9, 7),)]


def test_auto_prints_its_table_and_keeps_it(
    two: Network, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(inference, "ALL", ("eager", "openvino"))
    monkeypatch.setattr(trial, "SECONDS", 0.0)
    fast = two.compile(mode="inference", engine="auto")
    said = capsys.readouterr().err
    assert "Two, image 1×3×8×8, ids 1×4, fp32" in said
    assert "chosen" in said
    (found,) = fast.trials.values()
    assert [one.engine for one in found.times] == ["eager", "openvino"]
    assert found.chosen == found.ranked[0] == next(iter(fast.running.values()))
    (file,) = cache.iterdir()
    assert folder() == cache
    assert json.loads(file.read_text(encoding="utf-8"))["chosen"] == found.chosen
    again = two.compile(mode="inference", engine="auto")
    assert capsys.readouterr().err == ""
    assert again.trials == fast.trials
    two.compile(mode="inference", engine="auto", batch=2)  # another size is another trial
    two.rewrite([]).compile(mode="inference", engine="auto")  # and so is another architecture
    assert len(list(cache.iterdir())) == 3
    file.write_text("{}", encoding="utf-8")  # a damaged one is none
    two.compile(mode="inference", engine="auto")
    assert json.loads(file.read_text(encoding="utf-8"))["network"] == "Two"


@pytest.mark.parametrize("fails", [False, True])
def test_of_two_engines_with_the_same_code_the_second_is_tried_only_where_the_first_fails(
    fails: bool, two: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[str] = []

    def build(name: str, task: Any) -> Any:
        built.append(name)
        if fails and name == "aot":
            raise ValueError("no such instruction")
        return table.build("eager", task)

    monkeypatch.setattr(trial, "build", build)
    monkeypatch.setattr(trial, "lacks", lambda name: None)
    monkeypatch.setattr(trial, "SECONDS", 0.0)
    monkeypatch.setattr(inference, "ALL", ("eager", "aot", "inductor"))
    with pytest.warns(RuntimeWarning) if fails else contextlib.nullcontext():
        fast = two.compile(mode="inference", engine="auto")
    (found,) = fast.trials.values()
    assert built == (["eager", "aot", "inductor"] if fails else ["eager", "aot"])
    assert found.times[2].note == ("" if fails else "not tried: it runs the code of aot")


def test_engines_are_given_the_rewrites_after_which_none_is_slower(network_of: Callable[..., Network]) -> None:
    network = network_of(
        "network Siblings(x: [N, 4, 8, 8]) { a = x -> conv(2, 1) -> batch_norm\n b = x -> conv(2, 1)\n concat(a, b) }"
    )
    layers = {
        name: len(list(network.compile(mode="inference", engine="eager", rewrites=rewrites).model.graph.nodes))
        for name, rewrites in (("default", None), ("all", "all"), ("without", ["fold-batch-norm"]))
    }
    assert layers["default"] == layers["without"] != layers["all"]


def test_an_engine_that_fails_is_replaced_with_a_warning_that_says_why(
    two: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, ids = given(1)

    def fail(name: str, task: Any) -> Any:
        if name == "openvino":
            raise ValueError("no such instruction")
        return table.build(name, task)

    monkeypatch.setattr(trial, "build", fail)
    with pytest.warns(
        RuntimeWarning, match="the engine openvino failed, and another runs instead: no such instruction"
    ):
        fast = two.compile(mode="inference", engine="openvino")
    assert fast.running == {((1, 3, 8, 8), (1, 4)): "eager"}
    assert fast(image, ids)[0].shape == (1, 3)
    monkeypatch.setattr(inference, "ALL", ("eager", "openvino"))
    with pytest.warns(RuntimeWarning, match="failed: no such instruction"):
        fast = two.compile(mode="inference", engine="auto")
    assert set(fast.running.values()) == {"eager"}


def test_why_there_is_no_form_in_onnx_is_said_without_the_exporters_advice(
    network_of: Callable[..., Network],
) -> None:
    network = network_of("network Pooled(x: [N, 2, 7, 8]) { x -> adaptive_max_pool([3, 5]) }")
    with pytest.warns(RuntimeWarning) as caught:
        fast = network.compile(mode="inference", engine="onnxruntime")
    (said,) = [str(one.message) for one in caught if "the engine onnxruntime failed" in str(one.message)]
    assert "torch cannot export the network to ONNX" in said
    assert "adaptive_max_pool2d" in said
    assert "\x1b" not in said
    assert "Next steps" not in said
    assert set(fast.running.values()) == {"eager"}


def test_an_engine_that_computes_something_else_is_not_used(two: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(name: str, task: Any) -> Any:
        run = table.build("eager", task)
        return run if name == "eager" else lambda inputs: tuple(1.1 * x for x in run(inputs))

    monkeypatch.setattr(trial, "build", wrong)
    with pytest.warns(RuntimeWarning, match=r"its outputs are \S+ away from the module's, and 0.0001 is allowed"):
        fast = two.compile(mode="inference", engine="openvino")
    assert set(fast.running.values()) == {"eager"}


@pytest.mark.parametrize("engine", ["auto", "eager"])
def test_where_no_engine_is_left_the_module_runs_itself(
    engine: str, two: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "ALL", ("eager",))
    monkeypatch.setattr(trial, "TOLERANCE", {"bf16": 0.0})
    with pytest.warns(RuntimeWarning, match="eager failed"):
        fast = two.compile(mode="inference", engine=engine, dtype="bf16", seed=0)
    assert set(fast.running.values()) == {"module"}
    image, ids = given(1)
    with torch.no_grad():
        assert torch.equal(fast(image, ids).kind, fast.model(image, ids).kind)


def test_an_engine_that_is_not_installed_names_the_extra(two: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ImportError, match=r"openvino not installed: pip install 'archdsl\[openvino\]'"):
        two.compile(mode="inference", engine="openvino")
    with pytest.raises(ImportError, match=r"pip install 'archdsl\[onnx\]'"):
        two.compile(mode="inference", engine="onnxruntime")
    with pytest.raises(ImportError, match="no C\\+\\+ compiler"):
        two.compile(mode="inference", engine="aot")
    fast = two.compile(mode="inference", engine="auto")
    (found,) = fast.trials.values()
    assert found.ranked == ["eager"]
    assert {one.engine: "installed" in one.note or "compiler" in one.note for one in found.times} == {
        "eager": False, "inductor": True, "aot": True, "onnxruntime": True, "openvino": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "tvm", "mode": "inference"}, "engine is 'auto', 'eager', .* or 'openvino', not 'tvm'"),
        ({"engine": "eager"}, "say mode='inference'"),
        ({"engine": "eager", "mode": "inference", "dtype": "int8"}, "dtype is 'fp32' or 'bf16', not 'int8'"),
        ({"engine": "eager", "mode": "inference", "batch": 0}, "batch is 1 or more"),
        ({"engine": "eager", "mode": "inference", "devices": "cpu"}, "leave `devices` out"),
        ({"mode": "eval mode"}, "mode is 'training' or 'inference'"),
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any], message: str, two: Network) -> None:
    with pytest.raises(ValueError, match=message):
        two.compile(**options)


def test_the_command_line_compares_engines(command_line: Callable[..., Any], two: Network, tmp_path: Path) -> None:
    said = command_line("bench", "two.arch", "--engine", "openvino", "--rounds", "4", "--json", cwd=tmp_path)
    assert said.status == 0
    found = json.loads(said.out)
    assert {one["engine"]: one["seconds"] is not None for one in found["times"]} == {"eager": True, "openvino": True}
    assert (
        "--device changes nothing with --engine"
        in command_line("bench", "two.arch", "--engine", "eager", "--device", "cpu").err
    )
    assert "--dtype changes nothing without --engine" in command_line("bench", "two.arch", "--dtype", "bf16").err


def test_the_command_offers_the_engines_that_there_are() -> None:
    from archdsl.cli.bench import command
    from compiler.engines.table import ENGINES

    [option] = [one for one in command.params if one.name == "engines"]
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == ["auto", *ENGINES]

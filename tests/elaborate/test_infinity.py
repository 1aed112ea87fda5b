"""`inf` and `-inf`: numbers of the language where torch has a use for them, in both forms and in all outputs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from archdsl.errors import SpecError
from archdsl.graph import Graph, content_hash
from archdsl.network import Network
from archdsl.pipeline import convert_source
from archdsl.source import Source
from tests.conftest import Said

MASKED = """
network Net(x: [2, 4, 8], seen: [2, 4] bool, low = -inf) {
    y = masked_fill(x, seen -> unsqueeze(2), low) -> softmax(1)
    widest = x -> clamp(low, 1) -> pad([1, 1], value = -inf) -> max_pool(3, stride = 1)
    where(y > -inf, y, inf) + widest + full([8], inf)
}
"""


def _strict(text: str) -> Any:
    """What JSON readers of other languages make of a text: they know no infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_it_computes_what_torch_computes(network_of: Callable[..., Network]) -> None:
    x, seen = torch.randn(2, 4, 8), torch.tensor([[True, False, False, True], [False, False, True, False]])
    y = x.masked_fill(seen[:, :, None], -math.inf).softmax(1)
    widest = F.max_pool1d(F.pad(x.clamp(-math.inf, 1), (1, 1), value=-math.inf), 3, 1)
    wanted = torch.where(y > -math.inf, y, math.inf) + widest + torch.full((8,), math.inf)
    assert torch.equal(network_of(MASKED).compile()(x, seen), wanted)


@pytest.mark.parametrize(
    ("step", "wanted"),
    [
        ("norm(inf, 1)", lambda x: torch.linalg.vector_norm(x, math.inf, 1)),
        ("normalize(p = inf)", lambda x: F.normalize(x, p=math.inf)),
        ("clamp(max = inf if 2 > 1 else 0)", lambda x: x),
        ("clamp(max = min(3, inf, -inf))", lambda x: x.clamp(max=-math.inf)),
        ("clamp(max = 1 / inf)", lambda x: x.clamp(max=0)),
    ],
)
def test_it_is_a_number_like_others(network_of: Callable[..., Network], step: str, wanted: Callable[..., Any]) -> None:
    x = torch.randn(3, 5)
    assert torch.equal(network_of(f"network Net(x: [3, 5]) {{ x -> {step} }}").compile()(x), wanted(x))


def test_both_forms_have_it(graph_of: Callable[..., Graph]) -> None:
    converted = convert_source(Source("net.arch", MASKED), "yaml")
    back = convert_source(Source("net.yaml", converted), "text")
    assert "low: -inf" in converted
    assert content_hash(graph_of(back)) == content_hash(graph_of(MASKED))


def test_a_name_that_a_spec_binds_hides_it(network_of: Callable[..., Network]) -> None:
    net = network_of("network Net(x: [3]) {\n inf = 3\n x + inf\n}")
    assert net.compile()(torch.zeros(3)).tolist() == [3, 3, 3]


def test_json_has_it_as_a_text(network_of: Callable[..., Network], tmp_path: Path) -> None:
    net = network_of(MASKED)
    _strict(json.dumps(net.report().to_dict()))
    net.draw(tmp_path / "net.html")
    page = (tmp_path / "net.html").read_text()
    assert "Infinity" not in page.partition('type="application/json"')[2].partition("</script>")[0]


def test_a_setting_is_given_it(command_line: Callable[..., Said], tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text("network Net(x: [2, 3], top = 1) { x -> clamp(max = top) }\nvariant open = Net(top = inf)\n")
    for said in (
        command_line("report", "--json", str(spec), "--set", "top=-inf"),
        command_line("diff", "--json", str(spec), f"{spec}:open"),
    ):
        _strict(said.out)


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ("x -> clamp(inf - inf)", "number-too-large", "not a finite number"),
        ("x + inf", "bad-parameter", "the number beside `+` must be a finite number, found inf"),
        ("x -> dropout(inf)", "bad-parameter", "must be a finite number, found inf"),
        ("x -> linear(inf)", "bad-parameter", "must be an integer, found inf"),
        ("x -> linear(3, init = constant(inf))", "bad-value", "needs a finite number"),
        ("x -> to(int64) -> masked_fill(x > 0, value = -inf)", "bad-parameter", "-inf is none for int64"),
        ("x + full([4], inf, dtype = int64)", "bad-parameter", "holds int64, which has no infinity"),
        ('x -> clamp(float("-inf"))', "wrong-type", "needs a number"),
        ("x -> clamp(-math.inf)", "unknown-name", "unknown name `math`"),
    ],
)
def test_where_it_makes_no_sense_it_is_refused(graph_of: Callable[..., Graph], body: str, code: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        graph_of(f"network Net(x: [N, 4]) {{ {body} }}")
    (found,) = caught.value.diagnostics
    assert (found.code, says in found.message) == (code, True), found.message


def test_the_infinity_of_yaml_is_told_how_it_is_written(graph_of: Callable[..., Graph]) -> None:
    text = "archdsl: 1\nnetworks:\n  Net:\n    inputs: {x: [N, 4]}\n    body:\n      - clamp: {min: -.inf}\n"
    with pytest.raises(SpecError) as caught:
        convert_source(Source("net.yaml", text), "text")
    (found,) = caught.value.diagnostics
    assert found.fix is not None
    assert (found.message, found.fix.replacement) == ("infinity is written `-inf`", "-inf")

"""The published schema accepts every spec that is right, and finds in a wrong one what an editor should underline."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from archdsl.ops import OPERATORS, parameters
from archdsl.ops._op import REQUIRED
from archdsl.pipeline import convert_source
from archdsl.source import Source
from archdsl.syntax.forms import form_of
from archdsl.syntax.schema import schema
from tests.conftest import Said
from tests.house.test_docs import blocks
from tests.syntax.test_text_form import WRITTEN

SCHEMA = schema()


class Loader(yaml.SafeLoader):
    """YAML 1.2 as editors read it: `on` is a text."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern in {
    "null": r"~|null||Null|NULL",
    "bool": r"true|false|True|False|TRUE|FALSE",
    "int": r"[-+]?[0-9]+",
    "float": r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?",
}.items():
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), None)


def errors(text: str) -> list[str]:
    document = yaml.load(text, Loader=Loader)
    return [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(document)]


def spec(item: str) -> str:
    return f"archdsl: 1\nnetworks:\n  Net:\n    inputs: {{x: [N, 3, 8, 8]}}\n    body:\n      - {item}\n"


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    json.dumps(SCHEMA)


@pytest.mark.parametrize("path", WRITTEN, ids=[path.stem for path in WRITTEN])
def test_every_spec_is_valid_in_yaml(path: Path) -> None:
    source = Source(str(path), path.read_text(encoding="utf-8"))
    assert errors(convert_source(source, "yaml")) == []
    assert form_of(source) == "text" or errors(source.text) == []


@pytest.mark.parametrize("code", [code for _, code in blocks("yaml")])
def test_the_documentations_specs_are_valid(code: str) -> None:
    assert errors(code) == []


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_is_there_with_its_parameters(name: str) -> None:
    operator = OPERATORS[name]
    found: Any = SCHEMA["definitions"][f"operator-{name}"]
    assert found["description"]
    for parameter in parameters(operator):
        says = found["then"]["properties"][parameter.name]
        assert parameter.doc in says["description"]
        assert ("default" in says) == (parameter.default is not REQUIRED and parameter.default is not None)
    required = {p.name for p in parameters(operator) if p.default is REQUIRED}
    asked = found["then"]["anyOf"][0] if "anyOf" in found["then"] else found["then"]  # or a weight that has the sizes
    assert set(asked.get("required", [])) == required


@pytest.mark.parametrize("name", OPERATORS)
def test_every_example_of_an_operator_is_valid(name: str) -> None:
    for example in OPERATORS[name].examples:
        step = example.call([f"w{i}" for i in range(len(example.named))])
        text = f"network Net(x: [N]) {{ x -> a: {step if example.named else example.step} }}"
        assert errors(convert_source(Source("<example>", text), "yaml")) == [], example.step


@pytest.mark.parametrize(
    "item",
    [
        "{conv: {out_channels: 8, kernel_size: 3, paddding: 1}}",
        "{conv: {out_channels: 8}}",
        "{conv: {out_channels: 0, kernel_size: 3}}",
        "{conv: {out_channels: true, kernel_size: 3}}",
        "{conv: {out_channels: 2.5, kernel_size: 3}}",
        "{conv: {out_channels: 8, kernel_size: [3, 3, 3, 3]}}",
        "{conv: [8, 3, {bias: 1}]}",
        "{dropout: {p: 1.5}}",
        "{repeat: 3}",
        "{repeat: 3, do: relu, conv: 8}",
        "{for: i, do: relu}",
        "{if: c}",
        "{relu: {}, only: gpu0}",
        "{let: {y: x}, name: a}",
        "[relu]",
        "3",
    ],
)
def test_what_is_wrong_is_found(item: str) -> None:
    assert errors(spec(item))


@pytest.mark.parametrize(
    "text",
    ["archdsl: 2\n", "networks: {}\n", "archdsl: 1\nblokcs: {}\n", "archdsl: 1\nblocks: {a: {bdy: []}}\n", "- relu\n"],
)
def test_a_wrong_file_is_found(text: str) -> None:
    assert errors(text)


def test_a_text_may_be_any_expression() -> None:
    assert errors(spec("{conv: {out_channels: 4 * width, kernel_size: sizes, padding: same, bias: C > 3}}")) == []


def test_the_command_prints_or_writes_it(tmp_path: Path, command_line: Callable[..., Said]) -> None:
    assert json.loads(command_line("schema").out) == json.loads(json.dumps(SCHEMA))
    assert command_line("schema", "-o", "archdsl.json", cwd=tmp_path).status == 0
    assert json.loads((tmp_path / "archdsl.json").read_text(encoding="utf-8")) == json.loads(json.dumps(SCHEMA))

"""`archdsl doctor`: what is here, and how to get what is not."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from archdsl.cli import doctor
from archdsl.extras import EXTRAS, NEEDED
from tests.conftest import Said

PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_versions_are_those_that_are_installed(command_line: Callable[..., Said]) -> None:
    said = command_line("doctor", "--json")
    items = {item["name"]: item for item in json.loads(said.out)["items"]}
    assert said.status == 0
    assert all(items[name]["found"] == version(name) for name in ("archdsl", "torch", "lark", "matplotlib"))
    assert items["layout engine"]["found"] == "works"


def test_what_is_missing_says_how_to_get_it(command_line: Callable[..., Said], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda package: None if package in ("onnx", "lark") else "1.0")
    said = command_line("doctor")
    assert said.status == 1  # without lark nothing works
    assert "pip install 'archdsl[onnx]'" in said.out
    assert "pip install lark" in said.out


def test_what_a_plain_install_needs_is_what_the_package_says() -> None:
    assert sorted(NEEDED) == sorted(Requirement(line).name for line in PROJECT["dependencies"])


def test_every_library_of_an_extra_is_in_that_extra() -> None:
    """Or comes with one that is: reportlab with svglib."""
    extras = {
        name: {Requirement(line).name for line in lines} for name, lines in PROJECT["optional-dependencies"].items()
    }
    for library, extra in EXTRAS.items():
        package = doctor.PACKAGES.get(library, library).replace("_", "-")
        assert package in extras[extra] | {"reportlab"}

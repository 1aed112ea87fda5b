"""The documentation's specs are correct, and its commands and programs run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.elaborate import elaborate
from archdsl.measure.time.gpus import GPUS
from archdsl.network import load
from archdsl.program import parse_string
from tests.conftest import Said

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(kind: str) -> list[tuple[str, str]]:
    """The fenced blocks of a kind, with the page and number of each."""
    found = []
    for page in PAGES:
        for i, match in enumerate(
            re.finditer(rf"^```{kind}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
        ):
            found.append((f"{page.name}-{i}", match.group(1)))
    return found


# Pages and their commands, each with the output below it where that is shown.
COMMANDS = [
    (page, command, shown)
    for page in PAGES
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M)
]
WITHOUT_OUTPUT = [(f"{page.name}: {command}", command) for page, command, shown in COMMANDS if not shown]
WITH_OUTPUT = [command for command in COMMANDS if command[2]]

OWN = """
from dataclasses import dataclass

from archdsl.ops import Example, Operator, Target


@dataclass(frozen=True)
class Own(Operator, group="activation"):
    saves = ("input",)
    pointwise = True
    examples = (Example("own", ((2, 8, 4, 4),), (2, 8, 4, 4)),)

    def infer(self, *inputs):
        return inputs[0]

    def target(self, *inputs):
        return Target("torch.nn.Hardtanh", {})
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What earlier commands of a page have written."""
    folder = tmp_path_factory.mktemp("exported")
    net = load("lenet5")
    model = net.compile()
    for name in ("lenet5.safetensors", "lenet5.onnx", "my-lenet5"):
        net.export(folder / name, model)
    plan = load("resnet18").place(devices=2, profile="a100", link="25GB/s")
    (folder / "plan.json").write_text(json.dumps(plan.to_dict()))
    return folder


@pytest.fixture
def checkout(tmp_path: Path, exported: Path) -> Path:
    """A place with the specs and documents in it, for commands to write to."""
    shutil.copytree(exported, tmp_path, dirs_exist_ok=True)
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copytree(ROOT / "tests" / "errata", tmp_path / "tests" / "errata")
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "here.json").write_text(json.dumps(GPUS["t4"].to_dict()))  # as `archdsl calibrate` would write it
    return tmp_path


# What a shell does for the command, and what would stay in this process.
NEEDS_A_PROCESS = re.compile(r"[|<>;&$`]|--operators|^archdsl (launch|run|bench|calibrate|lsp|serve)\b")


def words(command: str, folder: Path) -> list[str]:
    """The arguments of a command, with the files that its patterns stand for."""
    found = []
    for word in shlex.split(command)[1:]:
        files = (
            sorted(str(file.relative_to(folder)) for file in folder.glob(word)) if "*" in word and "/" in word else []
        )
        found += files or [word]
    return found


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


@pytest.mark.parametrize("line", [line for _, line in WITHOUT_OUTPUT], ids=[name for name, _ in WITHOUT_OUTPUT])
def test_command_of_the_documentation_runs(line: str, checkout: Path, command_line: Callable[..., Said]) -> None:
    command = line.split("  #")[0].strip()
    if command.startswith("make "):
        target = command.split()[1]
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
        return
    assert command.startswith("archdsl ")
    if not NEEDS_A_PROCESS.search(command):
        said = command_line(*words(command, checkout), cwd=checkout)
        assert said.status == 0, said.err
        return
    done = subprocess.run(
        ["bash", "-c", command], cwd=checkout, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("page", "command", "shown"), WITH_OUTPUT, ids=[f"{page.name}: {command}" for page, command, _ in WITH_OUTPUT]
)
def test_command_of_the_documentation_has_the_output_that_is_shown(
    page: Path, command: str, shown: str, checkout: Path, golden: Callable[[Path, str], None]
) -> None:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=checkout, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
    )  # fmt: skip
    text = page.read_text(encoding="utf-8")
    golden(page, text.replace(f"$ {command}\n{shown}", f"$ {command}\n{done.stdout}"))


SPECS = [*blocks("arch"), *blocks("yaml")]


@pytest.mark.parametrize(("where", "code"), SPECS, ids=[where for where, _ in SPECS])
def test_spec_of_the_documentation_is_correct(where: str, code: str) -> None:
    program = parse_string(code)
    for name in program.names:
        network, variant = program.find(name)
        elaborate(network, program.definitions, variant)


@pytest.mark.parametrize(("where", "code"), blocks("python"), ids=[where for where, _ in blocks("python")])
def test_program_of_the_documentation_runs(where: str, code: str, checkout: Path) -> None:
    subprocess.run([sys.executable, "-c", code], cwd=checkout, env=environment(), check=True, timeout=300)


OWN_OPERATORS = re.findall(
    r"^`(\w+)\.py`:.*?^```python\n(.*?)^```", (ROOT / "docs" / "own-operators.md").read_text(), re.M | re.S
)


@pytest.mark.parametrize(("name", "code"), OWN_OPERATORS, ids=[name for name, _ in OWN_OPERATORS])
def test_an_operator_of_the_documentation_is_what_it_says(name: str, code: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", "--operators", f"{name}.py", "check-operators"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout == f"{name}: ok (1 example)\n"


def test_the_readmes_spec_is_the_one_in_the_documentation() -> None:
    (_, shown), *_ = blocks("arch")
    assert shown == (ROOT / "docs" / "residual.arch").read_text(encoding="utf-8")


def test_the_fault_that_the_readme_shows_is_the_one_that_is_given(checkout: Path) -> None:
    spec = checkout / "docs" / "residual.arch"
    padded, forgotten = "conv2: conv(width, 3, padding = 1, bias", "conv2: conv(width, 3, bias"
    spec.write_text(spec.read_text(encoding="utf-8").replace(padded, forgotten), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "archdsl", "check", "docs/residual.arch:wide"],
        cwd=checkout, env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr in dict(blocks("text")).values()


def test_every_page_that_is_linked_exists() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)|src=\"([^\"]+)\"", page.read_text(encoding="utf-8")):
            assert (page.parent / (target[0] or target[1])).exists(), f"{page.name} links {target}"


def test_every_operator_and_command_is_documented() -> None:
    from archdsl.cli import COMMANDS as ALL
    from archdsl.ops import OPERATORS

    operators = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    assert all(f"### {name}\n" in operators for name in OPERATORS)
    commands = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert all(f"## {name}\n" in commands for name in ALL)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_no_page_has_the_marks_of_a_merge(page: Path) -> None:
    assert not re.search(r"^(<<<<<<<|=======|>>>>>>>)", page.read_text(encoding="utf-8"), re.M)

"""Whatever fits the limit on a text ends within the limits of time and memory, whichever construct fills it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.errors import SpecError
from archdsl.limits import Limits
from archdsl.network import load
from archdsl.pipeline import check_and_lint, convert_source, format_source
from archdsl.repair import repair
from archdsl.source import Source
from tests.safety.confined import archdsl
from tests.safety.constructs import HEAD, IN_YAML, LONG, TEXT, YAML, rows

FULL = Limits().bytes - 5_000  # of the units; what stands around them fits as well
COMMANDS = ("check", "fmt", "convert", "report", "lint")
FORMS = {"arch": TEXT, "yaml": IN_YAML}
EVERY = [pytest.param(form, name, id=f"{form}-{name}") for form, texts in FORMS.items() for name in texts]
SMALL, LARGE = 1_000, 5_000
# Of what is five times as long. Sums of symbolic sizes and lists of faults have terms that go beyond, but no square.
MOST = 9
Cost = Callable[[Callable[[], object]], int]


@pytest.mark.heavy
@pytest.mark.parametrize(("form", "name"), EVERY)
def test_a_text_full_of_one_construct_ends_in_time(form: str, name: str, tmp_path: Path) -> None:
    for command in COMMANDS:
        (tmp_path / f"net.{form}").write_text(FORMS[form][name](FULL), encoding="utf-8")
        ended = archdsl(command, f"net.{form}", cwd=tmp_path)
        assert "Traceback" not in ended.err, (command, ended.err[-2000:])
        assert ended.status in (0, 1, 2), (command, ended.status)
        assert "internal" not in ended.err


def everything(path: Path, text: str) -> None:
    """What the commands do with a text, whatever they say of it."""
    source = Source(path.name, text)
    path.write_text(text, encoding="utf-8")
    for job in (
        lambda: check_and_lint(path),
        lambda: format_source(source),
        lambda: convert_source(source, "yaml" if path.suffix == ".arch" else "text"),
        lambda: load(path).report(),
    ):
        try:
            job()
        except SpecError as error:
            str(error)


@pytest.mark.parametrize(("form", "name"), EVERY)
def test_the_work_for_a_construct_grows_as_the_text_does(form: str, name: str, tmp_path: Path, calls_of: Cost) -> None:
    make, path = FORMS[form][name], tmp_path / f"net.{form}"
    everything(path, make(100))  # what is made at the first use does not count
    small, large = (calls_of(lambda size=size: everything(path, make(size))) for size in (SMALL, LARGE))  # type: ignore[misc]
    assert large < MOST * small


# Calls of functions for each layer that is written: a text at the limit has 60,000 of them, and each may cost 150 µs.
LAYER_COSTS: dict[str, tuple[Callable[[Path], object], int]] = {
    "load": (lambda path: load(path), 400),
    "lint": (lambda path: check_and_lint(path), 550),
    "report": (lambda path: str(load(path).report()), 800),
    "memory": (lambda path: str(load(path).memory()), 700),
}


@pytest.mark.parametrize("more", [" + x", " -> relu"])
@pytest.mark.parametrize("job", LAYER_COSTS)
def test_one_more_layer_costs_little(job: str, more: str, tmp_path: Path, calls_of: Cost) -> None:
    do, most = LAYER_COSTS[job]
    path = tmp_path / "net.arch"

    def cost(layers: int) -> int:
        path.write_text(f"{HEAD}x{more * layers}\n}}\n", encoding="utf-8")
        return calls_of(lambda: do(path))

    cost(10)  # what is made at the first use does not count
    assert cost(300) - cost(100) < most * 200


# --- what was slow where no function is called: in one regular expression, or one comparison


def test_a_row_of_names_and_dots_is_scanned_once(tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(f"{HEAD}x -> conv(x{'.a' * 120_000})\n}}\n", encoding="utf-8")
    ended = archdsl("check", "net.arch", cwd=tmp_path)
    assert "more than 64 indices in a row" in ended.err


def test_a_comment_full_of_signs_is_scanned_once(tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(f"{rows('# ', 220_000, '')}\n{HEAD}x -> relu\n}}\n", encoding="utf-8")
    assert archdsl("convert", "net.arch", cwd=tmp_path).status == 0


def test_thousands_of_blank_lines_are_scanned_once(tmp_path: Path) -> None:
    text = "\n" * 200_000 + f"{HEAD}x -> relu\n}}\n"
    assert format_source(Source("<stdin>", text)).startswith("network Net")


def test_a_name_is_compared_with_long_names_in_time(tmp_path: Path) -> None:
    known = "\n".join(f"{LONG}{i} = 1" for i in range(1500))
    wrong = "\n".join(f"z{i} = {LONG}x{i}" for i in range(40))
    (tmp_path / "net.arch").write_text(f"{HEAD}{known}\n{wrong}\n}}\n", encoding="utf-8")
    assert archdsl("check", "net.arch", cwd=tmp_path).status == 1


def test_thousands_of_faults_are_fixed_in_few_rounds(tmp_path: Path, calls_of: Cost) -> None:
    path = tmp_path / "net.arch"

    def cost(faults: int) -> int:
        path.write_text(f"{HEAD}x -> {' -> '.join(['rleu'] * faults)}\n}}\n", encoding="utf-8")
        return calls_of(lambda: repair(os.fspath(path)))

    few, many = cost(100), cost(500)
    assert many < MOST * few
    assert repair(os.fspath(path)).left == ()


def test_a_label_is_read_as_fast_in_a_large_file(calls_of: Cost) -> None:
    def cost(labels: int) -> int:
        text = f"{HEAD}x -> {' -> '.join(f'a${{1}}b{i}: relu' for i in range(labels))}\n}}\n"
        return calls_of(lambda: format_source(Source("net.arch", text)))

    assert cost(1000) < MOST * cost(200)


def test_yaml_texts_are_read_as_fast_in_a_large_file(calls_of: Cost) -> None:
    def cost(items: int) -> int:
        text = YAML + "".join(f'      - "l{i}: relu"\n' for i in range(items))
        return calls_of(lambda: format_source(Source("net.yaml", text)))

    assert cost(1000) < MOST * cost(200)

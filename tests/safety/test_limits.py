"""Whatever a spec says, it is read and checked in 1 GiB and 10 s of processor time, or refused with the limit named."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import pytest

import archdsl as public
from archdsl.catalogue import CATALOGUE
from archdsl.cli import COMMANDS, cli
from archdsl.errors import SpecError
from archdsl.limits import LIMITS, Limits, limited, limits
from archdsl.pipeline import check
from tests.safety.confined import archdsl

SIZE = Limits().bytes - 200


def network(body: str, inputs: str = "x: [N, 3, 8, 8]", before: str = "", after: str = "") -> str:
    return f"{before}\nnetwork Net({inputs}) {{\n{body}\n}}\n{after}\n"


def blocks(n: int, body: str) -> str:
    return "\n".join(f"block b{i}(x) {{ {body.format(i + 1)} }}" for i in range(n)) + f"\nblock b{n}(x) {{ x -> relu }}"


# What is written, the command, and what is said; nothing where it is accepted.
ATTACKS = {
    "layers": (network("x -> repeat 100000 { relu }"), "report", ""),
    "layers-of-variants": (
        network("x -> repeat 50000 { relu }", after="\n".join(f"variant v{i} = Net()" for i in range(9000))),
        "check",
        "too-much-work",
    ),
    "doubling": (network("x -> b0", before=blocks(40, "x -> b{0} -> b{0}")), "check", "too-much-work"),
    "long-paths": (network(f"x -> {'a' * 128}: b0", before=blocks(60, f"x -> {'l' * 128}: b{{0}}")), "check", "path-"),
    "a-long-label": (network(f"x -> {'.'.join(['a' * 100] * 2000)}: relu"), "check", "path-too-long"),
    "a-label-of-texts": (
        network(f'y = "{"a" * (SIZE // 2)}"\nx -> {"${y}" * 30000}: relu'), "check", "bad-name",
    ),
    "empty-loops": (network("x -> repeat 100000 { repeat 100000 { if false { relu } } }"), "check", "too-much-work"),
    "lists": (network("y = [range(100000) for i in range(100000)]\nx -> relu"), "check", "too-much-work"),
    "sums": (network("y = [sum(range(100000)) for i in range(100000)]\nx -> relu"), "check", "too-much-work"),
    "equal-lists": (
        network("a = [[1] * 100000] * 1000\nb = [[1] * 100000] * 1000\nc = a == b\nx -> relu"),
        "check",
        "too-much-work",
    ),
    "wide-concat": (
        network("y = [x for i in range(50000)]\nconcat([concat(y) for i in range(90)])"),
        "check",
        "too-much-work",
    ),
    "parts": (network("concat(chunk(x, 2000000000, dim = 1))", "x: [N, 2000000000]"), "check", "bad-parameter"),
    "groups": (
        network("x -> conv(2147483647, 1, groups = 4)", "x: [1, 2147483646, 1, 1]"), "check", "not divisible by groups"
    ),
    "terms": (network("x -> relu", "x: [N, (A + B + C + D + E + F + G + H) ** 8]"), "check", "undecided"),
    "floor-divisions": (
        network("x -> for i in range(20000) { avg_pool(2) -> interpolate(scale_factor = 2) -> pad([1, 0, 0, 1]) }",
                "x: [N, 3, H, W]"),
        "report", "too-much-work",
    ),
    "faults": (network("\n".join(f"abcdefgh{i} = abcdefgg{i}" for i in range(9000))), "check", "unknown-name"),
    "a-long-line": (network("x" + " -> relu" * (SIZE // 9) + " -> relo"), "check", "did you mean `relu`"),
    "a-long-sum": (network("y = 1" + "+1" * (SIZE // 2 - 50) + "\nx -> relu"), "check", ""),
    "a-chain-formatted": (network("x" + " -> relu" * (SIZE // 17)), "fmt", ""),
    "a-chain-too-long-formatted": (network("x" + " -> relu" * (SIZE // 9)), "fmt", "file-too-large"),
    "outputs": (network("\n".join(f"output o{i} = x -> relu" for i in range(9000))), "report", ""),
}  # fmt: skip


HEAVY = """
layers layers-of-variants doubling empty-loops sums a-chain-formatted floor-divisions a-long-sum outputs
a-long-line wide-concat a-chain-too-long-formatted
""".split()  # some seconds each: `make fuzz` runs them
CASES = [pytest.param(*case, id=name, marks=[pytest.mark.heavy] * (name in HEAVY)) for name, case in ATTACKS.items()]


@pytest.mark.parametrize(("text", "command", "says"), CASES)
def test_a_monstrous_spec_stays_within_bounds(text: str, command: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(text, encoding="utf-8")
    ended = archdsl(command, "net.arch", cwd=tmp_path)
    assert "Traceback" not in ended.err
    assert (ended.status, says in ended.err) == (1 if says else 0, True), ended.err[:2000]
    assert len(ended.err) < 100_000


YAML = "archdsl: 1\nnetworks:\n  Net:\n    inputs: {x: [N, 3, 8, 8]}\n    body:\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (YAML + "      - relu -> relu\n" * 9000, "unknown-name"),
        (YAML + f"      - let: {{y: [{','.join(['N'] * 28000)}]}}\n      - relu\n", ""),
        ("[" * 200_000, "nesting-too-deep"),
        ("a: &a [x]\n" + "b: [*a, *a]\n" * 10, "yaml-feature"),
    ],
    ids=["chains", "names", "nesting", "aliases"],
)
def test_a_monstrous_yaml_stays_within_bounds(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(text, encoding="utf-8")
    ended = archdsl("check", "net.yaml", cwd=tmp_path)
    assert "Traceback" not in ended.err
    assert says in ended.err, ended.err[:2000]


# --- the limits themselves

SMALL = {
    "bytes": ("# " + "a" * 500, 400),
    "layers": ("network Net(x: [N, 4]) { x -> repeat 9 { relu } }", 5),
    "path": ("network Net(x: [N, 4]) { x -> abcdef: { relu } }", 5),
    "work": ("network Net(x: [N, 4]) { x -> repeat 90 { relu } }", 500),
}


@pytest.mark.parametrize(("name", "text", "value"), [(n, *case) for n, case in SMALL.items()], ids=list(SMALL))
def test_a_limit_can_be_lowered(name: str, text: str, value: int, tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(text, encoding="utf-8")
    with limited(**{name: value}), pytest.raises(SpecError) as caught:
        check(tmp_path / "net.arch")
    (fault,) = caught.value.diagnostics
    assert fault.code == next(limit.code for limit in LIMITS if limit.name == name)
    assert fault.help is not None
    assert f"--max-{name}" in fault.help


def test_a_limit_can_be_raised(tmp_path: Path) -> None:
    (tmp_path / "net.arch").write_text(f"#{'a' * Limits().bytes}\nnetwork Net(x: [N, 4]) {{ x -> relu }}")
    assert archdsl("check", "net.arch", cwd=tmp_path).status == 1
    assert archdsl("check", "net.arch", "--max-bytes", "1000000", cwd=tmp_path).status == 0


def test_too_many_imports_and_nodes_are_refused(tmp_path: Path) -> None:
    for i in range(4):
        (tmp_path / f"b{i}.arch").write_text(f"block b{i}(x) {{ x -> relu }}")
    imports = "".join(f'import "b{i}.arch" (b{i})\n' for i in range(4))
    (tmp_path / "net.arch").write_text(f"{imports}network Net(x: [N, 4]) {{ x -> b0 }}")
    (tmp_path / "net.yaml").write_text(YAML + "      - relu\n" * 20)
    for name, spec in (("imports", "net.arch"), ("nodes", "net.yaml")):
        with limited(**{name: 3}), pytest.raises(SpecError) as caught:
            check(tmp_path / spec)
        assert {d.code for d in caught.value.diagnostics} >= {f"too-many-{name}"}


def test_imported_files_count_together(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"b{i}.arch").write_text(f"block b{i}(x) {{ x -> relu }}\n#{'a' * 100}")
    imports = "".join(f'import "b{i}.arch" (b{i})\n' for i in range(3))
    (tmp_path / "net.arch").write_text(f"{imports}network Net(x: [N, 4]) {{ x -> b0 }}")
    with limited(bytes=300), pytest.raises(SpecError, match="together are larger than 300 bytes"):
        check(tmp_path / "net.arch")


def test_limits_end_with_their_block() -> None:
    with public.limited(layers=3):
        assert limits().layers == 3
    assert limits() == Limits()


@pytest.mark.parametrize("chosen", [{"layers": 0}, {"layerz": 3}])
def test_a_limit_that_cannot_be_is_refused(chosen: dict[str, int]) -> None:
    with pytest.raises((ValueError, TypeError)), limited(**chosen):
        pass


def test_every_limit_has_a_diagnostic_and_its_options() -> None:
    assert [limit.name for limit in LIMITS] == [f.name for f in dataclasses.fields(Limits)]
    assert all(limit.code in CATALOGUE for limit in LIMITS)
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        options = {option.name for option in command.params if str(option.name).startswith("max_")}
        everything = {f"max_{limit.name}" for limit in LIMITS}
        reading = {f"max_{limit.name}" for limit in LIMITS if limit.reading}
        specless: dict[str, set[str]] = {
            name: set()
            for name in (
                "schema",
                "zoo",
                "explain",
                "calibrate",
                "check-operators",
                "launch",
                "new",
                "doctor",
                "lsp",
                "import",
            )
        }
        assert options == (specless | {"fmt": reading, "convert": reading}).get(name, everything)

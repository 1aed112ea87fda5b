"""Findings of many layers and variants, once for each place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.lint import Finding
from archdsl.network import load
from archdsl.pipeline import check_and_lint

SPEC = """\
block unit(x, width, norm) {
    x -> c: conv(width, 3, padding = 1) -> if norm { n: batch_norm } -> relu
}
block pool(x) {
    x -> max_pool(2)
}
network Net(x: [N, 8, 64, 64], norm = true, size = 64) {
    x -> repeat 3 { unit(8, norm) } -> if size != 64 { slice(0, size, dim = 2) } -> pool
}
variant with_norm    = Net()
variant without_norm = Net(norm = false)
variant odd          = Net(norm = false, size = 31)
"""


@pytest.fixture
def lint(tmp_path: Path) -> Callable[[str], list[Finding]]:
    def find(spec: str, variant: str = "") -> list[Finding]:
        (tmp_path / "spec.arch").write_text(spec, encoding="utf-8")
        return check_and_lint(f"{tmp_path / 'spec.arch'}{variant}")[1]

    return find


Lint = Callable[..., list[Finding]]


def test_what_many_layers_and_variants_share_is_shown_once(lint: Lint) -> None:
    bias, border = lint(SPEC)
    assert (bias.diagnostic.code, border.diagnostic.code) == ("bias-before-norm", "unread-border")
    assert bias.networks == ("Net", "with_norm")
    assert bias.layers == ("unit.c", "unit_2.c", "unit_3.c")
    assert tuple(note.text for note in bias.diagnostic.notes) == (
        "the same holds for 2 more layers: `unit_2.c`, `unit_3.c`",
        "it holds for 2 of 4 networks: `Net`, `with_norm`",
    )
    assert border.networks == ("odd",)


def test_what_holds_for_all_networks_does_not_name_them(lint: Lint) -> None:
    spec = SPEC.replace("[N, 8, 64, 64]", "[N, 8, 64, 63]")
    assert lint(spec)[1].diagnostic.notes == ()


def test_a_variant_can_be_looked_at_alone(lint: Lint) -> None:
    assert lint(SPEC, ":without_norm") == []
    (border,) = lint(SPEC, ":odd")
    assert border.diagnostic.notes == ()


def test_a_fix_is_given_only_where_all_layers_that_are_written_there_need_it(lint: Lint) -> None:
    assert lint(SPEC)[0].diagnostic.fix is None  # `without_norm` needs the bias
    assert lint(SPEC, ":with_norm")[0].diagnostic.fix is None  # and is there, though it is not looked at
    bias = lint(SPEC.replace("norm = false", "norm = true"))[0]
    assert bias.diagnostic.fix is not None
    assert bias.diagnostic.fix.replacement == "conv(width, 3, padding = 1, bias = false)"


def test_findings_stand_in_the_order_of_places(lint: Lint) -> None:
    spec = "block spare(x) {\n    x -> relu\n}\nnetwork Net(x: [N, 8, 31, 31], other = 1) {\n    x -> max_pool(2)\n}\n"
    lines = [f.diagnostic.span.line for f in lint(spec) if f.diagnostic.span]
    assert lines == [1, 4, 5]


def test_lint_from_python() -> None:
    assert [f.diagnostic.code for f in load("siamese").lint()] == [
        "pool-before-widening",
        "pool-before-widening",
        "dense-head",
    ]


def test_the_hash_of_an_architecture_knows_nothing_of_how_it_is_written(tmp_path: Path) -> None:
    from archdsl.graph import content_hash

    spec = tmp_path / "spec.arch"
    hashes = set()
    for text in (
        SPEC,
        SPEC.replace("-> relu\n", "-> relu # a comment\n"),
        "block spare(x) { x -> relu }\n" + SPEC,
    ):
        spec.write_text(text, encoding="utf-8")
        hashes.add(content_hash(load(f"{spec}:odd").graph))
    assert len(hashes) == 1


def test_an_import_that_is_not_used_is_found_and_what_others_may_use_is_not(tmp_path: Path) -> None:
    library = "block a(x) {\n    x -> relu\n}\nblock b(x) {\n    x -> tanh\n}\nblock c(x) {\n    x -> gelu\n}\n"
    (tmp_path / "blocks.arch").write_text(library, encoding="utf-8")
    spec = tmp_path / "spec.arch"
    spec.write_text('import "blocks.arch" (a, b)\n\nnetwork Net(x: [N, 8]) {\n    x -> a\n}\n', encoding="utf-8")
    (finding,) = check_and_lint(spec)[1]
    assert finding.diagnostic.message == "the imported block `b` is never used"

"""How much is tried for the sake of fixes: nothing twice, and no more than a command may spend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archdsl.errors import SpecError
from archdsl.limits import Work
from archdsl.pipeline import check
from archdsl.remedies import input_sizes
from archdsl.repair import repair


def test_names_are_mended_in_one_round_however_many_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.repair.MAX_ROUNDS", 1)
    lines = "".join(f"    y{i} = x -> rleu\n" for i in range(60))
    spec = tmp_path / "net.arch"
    spec.write_text(f"network Net(x: [N, 4]) {{\n{lines}    x -> relu\n}}\n")
    mended = repair(str(spec))
    assert (len(mended.fixed), mended.left) == (60, ())


def test_sizes_that_fit_are_searched_once_for_a_fault_of_many_variants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = list[int]()

    def counted(*given: Any) -> Any:
        searched.append(1)
        return input_sizes.fitting(*given)

    monkeypatch.setattr("archdsl.remedies.offer.fitting", counted)
    variants = "".join(f"variant v{i} = Net(classes = {i + 2})\n" for i in range(12))
    spec = tmp_path / "net.arch"
    spec.write_text(
        "network Net(x: [N, 3, 8, 8], classes = 1) { x -> conv(8, 9) -> flatten -> linear(classes) }\n" + variants
    )
    with pytest.raises(SpecError) as caught:
        check(str(spec))
    assert len(caught.value.diagnostics) == 1
    assert len(searched) == 1


def test_nothing_is_tried_when_the_work_for_trials_is_spent(tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text("network Net(x: [N, 4, 8, 8]) { x -> conv(8, 9) }\n")
    for spent, offered in ((False, True), (True, False)):
        trials = Work()
        trials.spent = trials.limit + 1 if spent else 0
        with pytest.raises(SpecError) as caught:
            check(str(spec), trials=trials)
        (found,) = caught.value.diagnostics
        assert (found.fix is not None) is offered


def test_reading_a_text_again_counts_as_work(tmp_path: Path) -> None:
    spec = tmp_path / "net.arch"
    spec.write_text("network Net(x: [N, 4, 8, 8]) { x -> conv(8, 9) }\n" + "#" * 5000)
    trials = Work()
    with pytest.raises(SpecError):
        check(str(spec), trials=trials)
    assert trials.spent > 5000 * Work.CHARACTER

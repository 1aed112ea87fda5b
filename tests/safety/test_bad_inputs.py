"""Each bad input gets its diagnostic: in both forms, with the right status, promptly and in little memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.safety.bad_inputs import ELSEWHERE, OTHERWISE, TEXTS, YAMLS
from tests.safety.confined import ROOT

FORMS = {"arch": TEXTS, "yaml": YAMLS}
CASES = [(id, form) for form, entries in FORMS.items() for id in entries]
TWO_SECONDS = 3  # of processor time, with what a busy machine adds
ENTRIES = 223


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """How `archdsl check` ended for every case."""
    folder = tmp_path_factory.mktemp("bad")
    commands = {}
    for id, form in CASES:
        name = f"{re.sub(r'[^a-z0-9-]', '_', id)}.{form}"
        (folder / name).write_text(FORMS[form][id][1], encoding="utf-8", newline="")
        commands[f"{id}.{form}"] = ["check", name, "--json"]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "batch.py"), str(folder)],
        input=json.dumps(commands), capture_output=True, text=True, check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=300,
    )  # fmt: skip
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("id", "form"), CASES, ids=[f"{id}.{form}" for id, form in CASES])
def test_a_bad_input_has_its_diagnostic(id: str, form: str, ended: dict[str, dict[str, Any]]) -> None:
    end = ended[f"{id}.{form}"]
    assert end["status"] in (1, 2), end["err"]
    faults = [fault for spec in json.loads(end["out"])["specs"] for fault in spec["diagnostics"]]
    assert {fault["code"] for fault in faults} & set(FORMS[form][id][0].split("|")), faults
    assert all(len(fault["message"]) < 1000 for fault in faults)
    assert end["seconds"] < TWO_SECONDS


def test_all_of_them_together_take_little_memory(ended: dict[str, dict[str, Any]]) -> None:
    assert max(end["peak"] for end in ended.values()) < 2**28 + 2**27


def test_every_entry_is_covered() -> None:
    known = [*dict.fromkeys([*TEXTS, *YAMLS]), *ELSEWHERE, *OTHERWISE]
    assert len(known) == len(set(known)) == ENTRIES

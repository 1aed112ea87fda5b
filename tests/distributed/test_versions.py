"""The private names of torch that running a pipeline needs: which releases they fit."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import torch
from torch.distributed.pipelining import schedules

from compiler.distributed import pipelining

COMPILER = Path(pipelining.__file__).parent


def test_the_release_of_torch_that_is_here_is_one_that_they_fit() -> None:
    """Where this fails, run the tests of many processes (`-m "heavy or not heavy" tests/distributed`), then name it."""
    assert torch.__version__.rpartition(".")[0] in pipelining.FITS


def test_they_take_what_they_are_given() -> None:
    names = {
        "_Action": ["stage_index", "computation_type", "microbatch_index", "sub_actions"],
        "_add_reduce_grad": ["actions", "n_microbatches"],
        "_add_send_recv": ["compute_actions", "stage_to_rank", "num_stages"],
        "_add_unshard_reshard": ["compute_actions", "max_active_stages"],
    }
    found = {name: list(inspect.signature(getattr(schedules, name)).parameters) for name in names}
    assert found == names


def test_no_other_module_imports_private_names_of_pipelining() -> None:
    private = re.compile(r"torch\.distributed\.pipelining[\w.]* import (?:[^\n]*\b_\w+|\([^)]*\b_\w+)")
    users = [file.name for file in COMPILER.glob("*.py") if private.search(file.read_text(encoding="utf-8"))]
    assert users == ["pipelining.py"]

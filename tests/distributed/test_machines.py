"""Two machines, as network namespaces with a link of a given rate between them."""

from __future__ import annotations

import pytest

from benchmarks import machines

RATES = [50, 200]  # Mbit/s
NEEDED = "network namespaces (root, iproute2)"


@pytest.mark.heavy
def test_a_pipeline_runs_over_the_link_and_communication_takes_what_is_predicted() -> None:
    if not machines.allowed():
        pytest.skip(f"needs {NEEDED}")
    found = machines.measure(RATES)
    differing = {rate: one for rate, one in found.items() if one.measured != pytest.approx(one.predicted, rel=0.15)}
    assert list(found) == RATES
    assert differing == {}

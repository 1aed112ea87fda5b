from collections.abc import Iterator

import pytest

from tests.ops.oracle import Oracle


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """torch's answer to a case; see oracle.py."""
    found = Oracle()
    yield found
    found.close()

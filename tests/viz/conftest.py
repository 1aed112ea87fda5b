"""One browser for all tests of pages: starting one takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools import BROWSER
from tests.viz.chromium import Chromium

WINDOW = (1280, 1400)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = BROWSER.find()
    assert program is not None
    with Chromium(program, tmp_path_factory.mktemp("profile"), size=WINDOW) as running:
        yield running


@pytest.fixture
def browser(chromium: Chromium) -> Chromium:
    """The browser as it was started."""
    chromium.resize(*WINDOW)
    chromium.prefer("light")
    return chromium

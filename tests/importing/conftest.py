"""Networks imported from texts of other formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl.imported import ImportedNetwork, from_sources


@pytest.fixture
def import_text(tmp_path: Path) -> Callable[..., ImportedNetwork]:
    """Imports the network of a file with this name and text."""

    def how(name: str, text: str, **inputs: tuple[int, ...]) -> ImportedNetwork:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return from_sources([str(path)], inputs)[0]

    return how

"""Puts the parts of a page into one file, under a policy that allows these and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

HOME: Final = Path(__file__).resolve().parent


def script(names: Iterable[str]) -> str:
    """Modules in one, without what ties them together as files."""
    texts = [re.sub(r"^import .*\n", "", read(f"{name}.js"), flags=re.M) for name in names]
    return re.sub(r"^export ", "", "\n".join(texts), flags=re.M)


def allowed(text: str) -> str:
    """A script or style sheet as a policy names it. Browsers hash it as it stands between its tags."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def filled(template: str, parts: dict[str, str]) -> bytes:
    """A template of ours with its slots filled."""
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: parts[slot[1]], read(template)).encode()


@cache
def read(name: str) -> str:
    return (HOME / name).read_text(encoding="utf-8")

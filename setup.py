"""What pyproject.toml cannot say: the README of the package has links that hold outside the repository."""

import re
import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
LINK = re.compile(r'(\]\(|src=")(?!https?:|#)')  # of Markdown, and of a picture


def described() -> str:
    """README.md with absolute links: pages as GitHub shows them, pictures as files."""
    home = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]

    def absolute(link: re.Match[str]) -> str:
        return f"{link[1]}{home}/{'raw' if link[1].startswith('src') else 'blob'}/main/"

    return LINK.sub(absolute, (ROOT / "README.md").read_text(encoding="utf-8"))


setup(long_description=described(), long_description_content_type="text/markdown")

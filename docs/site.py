"""Puts the site together, as a hook of MkDocs: pages that lie elsewhere, the reference of the Python API, and links.

In the repository a link leads to a file; on the site to a page, or to the file where the project is shown.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import ConfigurationError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import archdsl

ROOT: Final = Path(__file__).resolve().parent.parent
LINK: Final = re.compile(r"(\]\(|src=\")(?!https?:|#|mailto:)([^)\"#\s]+)(#[^)\"\s]*)?")
LEFT_OUT: Final = (".arch", ".py")  # files of docs/ that are no pages
PAGES: Final = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
PYTHON: Final = """\
# The Python API

What stands here is [stable](stability.md). Everything is imported from `archdsl`; what needs torch loads it when it is
called.

```python
import archdsl

net = archdsl.load("resnet50", classes=10)
```
"""


def pages() -> dict[str, str]:
    """The pages that lie elsewhere, or nowhere, by their place on the site."""
    found = {to: (ROOT / name).read_text(encoding="utf-8") for name, to in PAGES.items()}
    for file in sorted((ROOT / "benchmarks").glob("*.md")):
        found[f"benchmarks/{file.name}"] = file.read_text(encoding="utf-8")
    homes: dict[str, str] = archdsl._HOMES  # sources are read there, and nothing is run
    names = "\n\n".join(f"::: {homes[name]}.{name}" for name in archdsl.__all__ if name in homes)
    found["python.md"] = f"{PYTHON}\n{names}\n"
    return found


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Say what is on the site: every table of benchmarks, and every page of docs/, or the site is not built."""
    nav = config["nav"]
    tables = [f"benchmarks/{file.name}" for file in sorted((ROOT / "benchmarks").glob("*.md"))]
    nav.insert(-1, {"Benchmarks": tables})
    missing = {file.name for file in (ROOT / "docs").glob("*.md")} - set(_listed(nav))
    if missing:
        raise ConfigurationError(f"mkdocs.yml does not say where these stand: {', '.join(sorted(missing))}")
    return config


def _listed(nav: list[Any]) -> list[str]:
    """The pages of a navigation, however deep."""
    found: list[str] = []
    for item in nav:
        inner = list(item.values()) if isinstance(item, dict) else [item]
        for one in inner:
            found += _listed(one) if isinstance(one, list) else [one]
    return found


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for place, text in pages().items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The text with its links as the site has them."""
    place = page.file.src_uri
    home = next(
        (name for name, to in PAGES.items() if to == place),
        place if place.startswith("benchmarks/") else f"docs/{place}",
    )
    source = str(config["repo_url"])

    def moved(link: re.Match[str]) -> str:
        target = (ROOT / home).parent.joinpath(link[2]).resolve()
        if not target.is_relative_to(ROOT):
            return link[0]
        within = target.relative_to(ROOT).as_posix()
        on_site = PAGES.get(within) or (within.removeprefix("docs/") if within.startswith("docs/") else None)
        on_site = on_site or (within if within.startswith("benchmarks/") and within.endswith(".md") else None)
        if on_site is not None and target.suffix not in LEFT_OUT and files.get_file_from_path(on_site) is not None:
            up = "../" * place.count("/")
            return f"{link[1]}{up}{on_site}{link[3] or ''}"
        raw = "raw" if link[1].startswith("src") else "tree" if target.is_dir() else "blob"
        return f"{link[1]}{source}/{raw}/main/{within}{link[3] or ''}"

    return LINK.sub(moved, markdown)

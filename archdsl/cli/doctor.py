"""`archdsl doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from archdsl.cli.options import json_option, print_json
from archdsl.cli.terminal import print_sheets

if TYPE_CHECKING:
    from archdsl.sheet.sheet import Sheet

PACKAGES: Final = {"sklearn": "scikit-learn"}  # packages whose name is not that of their library
PROGRAMS: Final = {
    "dot": "Graphviz of the system, for `draw --engine system`",
    "pdflatex": "TeX, for drawings in .tex",
    "chromium": "a browser, for the tests of the page",
}


class Item(NamedTuple):
    """Something that archdsl can use: what there is of it, None where it is missing, and its use or how to get it."""

    part: str
    name: str
    found: str | None
    note: str = ""


@click.command("doctor")
@json_option
def command(as_json: bool) -> int:
    """Say what is installed here, what is missing, and how to get it.

    Status 1 where a library is missing without which nothing works, or one cannot be used.
    """
    items = [*_itself(), *_libraries(), *_drawing(), *_programs(), *_devices()]
    if as_json:
        print_json({"archdsl": 1, "items": [item._asdict() for item in items]})
    else:
        print_sheets([_sheet(items)])
    return int(any(item.found is None and item.part == "needed" for item in items))


def _itself() -> Iterator[Item]:
    yield Item("here", "archdsl", version("archdsl"), str(Path(__file__).resolve().parent.parent))
    yield Item("here", "Python", platform.python_version(), sys.executable)
    yield Item("here", "system", platform.platform(terse=True), f"{os.cpu_count()} CPUs")


def _libraries() -> Iterator[Item]:
    """What every install has, and what the extras bring."""
    from archdsl.extras import EXTRAS, NEEDED

    for package in NEEDED:
        yield Item("needed", package, _version(package), "" if _version(package) else f"pip install {package}")
    for library, extra in sorted(EXTRAS.items(), key=lambda item: item[1]):
        package = PACKAGES.get(library, library)
        found = _version(package)
        yield Item(f"extra {extra}", package, found, "" if found else f"pip install 'archdsl[{extra}]'")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _drawing() -> Iterator[Item]:
    """The layout engine that comes with archdsl, tried."""
    from archdsl.backends import backend

    try:
        backend("viz").engine.render("digraph { a -> b }")
        yield Item("needed", "layout engine", "works", "Graphviz as WebAssembly")
    except Exception as error:  # whatever it is, it is what we were asked for
        yield Item("needed", "layout engine", None, f"{type(error).__name__}: {error}")


def _programs() -> Iterator[Item]:
    for name, use in PROGRAMS.items():
        yield Item("program", name, shutil.which(name), use)


def _devices() -> Iterator[Item]:
    """The devices that torch sees, where there is a torch."""
    from archdsl.backends import installed

    try:
        torch: Any = installed("torch", "")
    except ImportError:
        return
    yield Item("device", "cpu", f"{torch.get_num_threads()} threads")
    for index in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(index)
        yield Item("device", f"cuda:{index}", found.name, f"{found.total_memory / 2**30:.0f} GiB")
    if not torch.cuda.is_available():
        yield Item("device", "cuda", None, "this torch has no CUDA" if torch.version.cuda is None else "no GPU is seen")
    if torch.backends.mps.is_available():
        yield Item("device", "mps", "available")


def _sheet(items: list[Item]) -> Sheet:
    from archdsl.sheet.sheet import Column, Line, Sheet

    columns = (Column("part", group=True), Column("name"), Column("found"), Column("", wrap=True))
    return Sheet("what is here", columns, tuple(Line((i.part, i.name, i.found or "missing", i.note)) for i in items))

"""The screenshots of the documentation: how each is taken, and whether one still shows what another does."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops

import viz
from archdsl.errors import SpecError
from archdsl.graph import Graph
from archdsl.pipeline import load_graph
from tests.viz.chromium import Chromium

ROOT: Final = Path(__file__).resolve().parents[2]
CELL: Final = 8  # pixels, whose mean is compared
SHADE: Final = 14  # of 255, by which a cell may differ: letters are drawn a little differently from machine to machine
MOST: Final = 0.002  # of the cells may differ by more; a line that wraps moves all below it, which is far more


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A page of a spec at an address, in a window of a size, in light colours."""

    file: str  # in docs/images
    spec: str
    address: str = ""
    size: tuple[int, int] = (1280, 800)

    @property
    def path(self) -> Path:
        return ROOT / "docs" / "images" / self.file


SCREENSHOTS: Final = (
    Screenshot("page.png", "resnet50", "layer1.0.conv2"),
    Screenshot("page-broken.png", "tests/viz/drawn/broken.arch"),
)


def taken(shot: Screenshot, browser: Chromium, folder: Path) -> bytes:
    """A screenshot as a PNG file."""
    page = folder / "page.html"
    page.write_bytes(viz.render(_graph(shot.spec), "html"))
    browser.resize(*shot.size)
    browser.prefer("light")
    browser.open(page, shot.address)
    browser.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return browser.screenshot()


def take_all(program: str) -> Iterator[tuple[Screenshot, bytes]]:
    """All screenshots, by a browser that is started for them."""
    with tempfile.TemporaryDirectory() as folder, Chromium(program, Path(folder) / "profile") as browser:
        for shot in SCREENSHOTS:
            yield shot, taken(shot, browser, Path(folder))


def alike(one: bytes, other: bytes) -> bool:
    """Whether two pictures show the same: everything in its place, whatever the shade of a pixel."""
    small = [_cells(data) for data in (one, other)]
    if small[0].size != small[1].size:
        return False
    counts = ImageChops.difference(*small).histogram()
    return sum(counts[SHADE + 1 :]) <= MOST * small[0].width * small[0].height


def _cells(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("L").reduce(CELL)


def _graph(spec: str) -> Graph:
    """A network; of a spec with errors, what there is of it."""
    try:
        return load_graph(str(ROOT / spec) if "/" in spec else spec)
    except SpecError as error:
        if error.graph is None:
            raise
        return error.graph

"""The screenshots in the documentation show the page as it is: `make docs` takes them anew."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

from tests.tools import BROWSER
from tests.viz.chromium import Chromium
from tests.viz.screenshots import SCREENSHOTS, Screenshot, alike, taken

PAGE = SCREENSHOTS[0]


@BROWSER.needed()
@pytest.mark.parametrize("shot", SCREENSHOTS, ids=lambda shot: shot.file)
def test_a_screenshot_is_of_the_page_as_it_is(shot: Screenshot, browser: Chromium, tmp_path: Path) -> None:
    assert alike(taken(shot, browser, tmp_path), shot.path.read_bytes()), f"`make docs` takes {shot.file} anew"


def changed(left: int, top: int, dx: int, dy: int) -> bytes:
    """The screenshot of the page with what is right of and below a point somewhere else."""
    picture = Image.open(io.BytesIO(PAGE.path.read_bytes())).convert("RGB")
    part = picture.crop((left, top, picture.width, picture.height))
    picture.paste(part, (left + dx, top + dy))
    return written(picture)


def written(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_another_shade_is_no_difference() -> None:
    picture = Image.open(io.BytesIO(PAGE.path.read_bytes())).convert("RGB")
    assert alike(PAGE.path.read_bytes(), written(ImageEnhance.Brightness(picture).enhance(0.97)))


@pytest.mark.parametrize(
    ("left", "top", "dx", "dy"),
    [
        (960, 200, 0, 19),  # a figure of the panel stands on two lines
        (0, 47, 0, 38),  # the tools stand in two rows
        (300, 350, 25, 0),  # a block is wider
    ],
)
def test_what_stands_elsewhere_is_a_difference(left: int, top: int, dx: int, dy: int) -> None:
    assert not alike(PAGE.path.read_bytes(), changed(left, top, dx, dy))

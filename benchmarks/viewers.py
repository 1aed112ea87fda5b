"""Netron and Model Explorer, as their readers see them: both serve a page, which a headless Chromium opens.

Each is run as its command line runs it, in a process of its own, which ends with the picture. Chromium is found as the
tests find it.
"""

from __future__ import annotations

import base64
import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from tests.viz.chromium import Chromium

SCREEN = (1280, 900)
TALLEST = 16_000  # pixels that Chromium draws in one picture
CHOSEN = (194, 231, 255)  # what Model Explorer fills with it
PATIENCE = 90.0  # seconds for a model to be read and laid out
CANVAS = 'document.querySelector("#canvas")'
BOXES = 'document.querySelectorAll("#canvas #nodes > .node").length'
NOTICE = '[...document.querySelectorAll("button")].find(button => button.innerText === "Accept")?.click()'
LAID_OUT = f"(() => {{ {NOTICE}; return {BOXES} > 1 && +{CANVAS}.getAttribute('height') > 0 }})()"
MODEL_EXPLORER = "import sys, model_explorer; model_explorer.visualize(sys.argv[1], port=int(sys.argv[2]))"


def netron(model: Path) -> tuple[bytes, tuple[float, float], int, float]:
    """The whole drawing of a model as a PNG, its width and height and that of its letters in points, and its boxes."""
    command = [sys.executable, "-c", "import netron; netron.main()", str(model), "--verbosity", "quiet", "-p"]
    with served(command) as port, browser() as page:
        visit(page, f"http://localhost:{port}")
        until(page, LAID_OUT)
        size = f"(({{width, height}}) => [+width.baseVal.value, +height.baseVal.value])({CANVAS})"
        width, height = page.evaluate(size)
        boxes = page.evaluate(BOXES)
        letters = page.evaluate(f"parseFloat(getComputedStyle({CANVAS}.querySelector('.edge-label, text')).fontSize)")
        page.resize(max(int(width) + 80, 400), min(int(height) + 80, TALLEST))
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return page.screenshot(), (width * 0.75, height * 0.75), boxes, letters * 0.75


def model_explorer(model: Path) -> bytes:
    """A PNG of its page once the box that stands for the network has been opened: at first it is closed."""
    command = [sys.executable, "-c", MODEL_EXPLORER, str(model)]
    with served(command) as port, browser() as page:
        models = quote(f'{{"models": [{{"url": "{model}"}}]}}')
        visit(page, f"http://localhost:{port}/?data={models}")
        until(page, "document.body?.innerText.includes('op node count')")
        time.sleep(5)  # it draws on a canvas, which says nothing
        for x in range(150, 455, 8):  # the mark that opens a box stands at its left end, wherever that is
            for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
                page.call("Input.dispatchMouseEvent", type=kind, x=x, y=474, button="left", clickCount=1)
            time.sleep(1)
            if opened(png := page.screenshot()):
                return png
        raise TimeoutError(f"Model Explorer does not open {model}")


def opened(png: bytes) -> bool:
    """Whether a chosen box, which is blue, is large enough to hold others."""
    colours = Image.open(io.BytesIO(png)).convert("RGB").getcolors(maxcolors=1 << 24)
    return any(count > 40_000 for count, colour in colours or () if colour == CHOSEN)


def as_svg(png: bytes, size: tuple[float, float]) -> str:
    """A screenshot as a drawing of its own size in points."""
    width, height = size
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/png;base64,{data}"/></svg>'
    )


@contextmanager
def served(command: list[str]) -> Iterator[int]:
    """A server on a free port, which is the last word of its command."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port: int = free.getsockname()[1]
    process = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with socket.socket() as tried:
                if tried.connect_ex(("localhost", port)) == 0:
                    break
            time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def browser() -> Iterator[Chromium]:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        Chromium(program, Path(profile), size=SCREEN) as page,
    ):
        yield page


def visit(page: Chromium, url: str) -> None:
    page.call("Page.navigate", url=url)


def until(page: Chromium, condition: str) -> None:
    """Wait until an expression is true. What the page logs meanwhile (fonts it cannot fetch) is its own affair."""
    deadline = time.monotonic() + PATIENCE
    while not page.evaluate(condition):
        page.logged.clear()
        if time.monotonic() > deadline:
            raise TimeoutError(f"never true: {condition}")
        time.sleep(0.3)

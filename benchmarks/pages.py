"""How soon the interactive page is there, and how evenly it moves, in a real browser."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import archdsl
from tests.tools import BROWSER
from tests.viz.chromium import Chromium

LONG = "network Chain(x: [N, 8, 16, 16]) { x -> repeat 5000 { conv(8, 3, padding = 1) -> relu } }\n"
FRAMES = 60
MOVE = f"""new Promise(done => {{
    const times = []
    const canvas = document.getElementById("canvas")
    const step = time => {{
        times.push(time)
        if (times.length > {FRAMES}) return done(times.slice(1).map((t, i) => t - times[i]))
        canvas.dispatchEvent(new WheelEvent("wheel", {{ deltaY: times.length % 40 < 20 ? 40 : -40, cancelable: true }}))
        requestAnimationFrame(step)
    }}
    requestAnimationFrame(step)
}})"""
OPENED = "/shown|too many/.test(document.getElementById('status').textContent)"


@dataclass(frozen=True)
class Opened:
    """Milliseconds: until a page is ready, one value a round; between frames, while closed and with blocks open."""

    ready: list[float] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)
    frames_open: list[float] = field(default_factory=list)


def measure(rounds: int) -> dict[str, Opened]:
    """Open each page so many times, and move it."""
    program = BROWSER.find()
    assert program is not None
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.arch"
        chain.write_text(LONG, encoding="utf-8")
        specs = {"ResNet-50": "resnet50", "ResNet-152": "resnet152", "a chain of 10,000 layers": str(chain)}
        found = {name: Opened() for name in specs}
        for name, spec in specs.items():
            archdsl.load(spec).draw(Path(folder) / f"{name}.html")
        with Chromium(program, Path(folder) / "profile", size=(1400, 900)) as browser:
            for _ in range(rounds):
                for name, opened in found.items():
                    browser.open(Path(folder) / f"{name}.html")
                    opened.ready.append(browser.evaluate("performance.getEntriesByName('ready')[0].startTime"))
                    opened.frames.extend(browser.evaluate(MOVE))
                    browser.until(lambda: browser.press("E", shift=True), OPENED)
                    opened.frames_open.extend(browser.evaluate(MOVE))
    return found

"""Measures how long an editor waits for an answer while a spec is written, and writes benchmarks/EDITOR.md.

    python -m benchmarks.editor

Of each file that ships, and of a written network of 10,000 layers, characters are written and taken away again in its
middle. A keystroke is what the server does before an editor may go on: it takes the text, and is asked what may come,
for the shapes of the lines that are seen and for the colours of all names. The text is examined beside that; how long
this takes is the second number. Nothing else should run meanwhile.
"""

from __future__ import annotations

import datetime
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from archdsl import shipped
from archdsl.editor import completion, hints, tokens
from archdsl.editor.document import OpenDocument
from archdsl.limits import limited
from archdsl.write import write_atomically

HERE = Path(__file__).resolve().parent
KEYSTROKES = 40
ROUNDS = 5
LAYERS = 10_000
SEEN = 2_000  # characters before and behind the cursor that an editor shows


@dataclass(frozen=True)
class Row:
    """A file: its size, milliseconds of a keystroke (median, longest), and until its faults and shapes are known."""

    name: str
    lines: int
    keystroke: float
    longest: float
    examined: float


def long_network(layers: int) -> str:
    """A spec that says each of its layers."""
    steps = "\n".join("        -> conv(8, 3, padding = 1)" for _ in range(layers))
    return f"network Long(image: [N, 8, 32, 32]) {{\n    image\n{steps}\n}}\n"


def measure(name: str, text: str, path: Path) -> Row:
    document = OpenDocument(path, text)
    document.examine()
    place = text.index("\n", len(text) // 2) + 1
    strokes, examined = [], []
    written = ""
    for character in ("x = relu(y)\n" * KEYSTROKES)[:KEYSTROKES]:
        written += character
        started = time.perf_counter()
        document.update(text[:place] + written + text[place:])
        completion.completions(document, place + len(written))
        hints.hints(document, max(0, place - SEEN), place + SEEN)
        tokens.tokens(document)
        strokes.append(time.perf_counter() - started)
    for round in range(ROUNDS):
        document.update(text + "\n" * (round + 1))
        started = time.perf_counter()
        document.examine()
        examined.append(time.perf_counter() - started)
    return Row(name, text.count("\n"), 1e3 * median(strokes), 1e3 * max(strokes), 1e3 * median(examined))


def main() -> None:
    rows = [measure(file.name, file.read_text(encoding="utf-8"), file) for file in shipped.shipped_specs()]
    with limited(bytes=10_000_000):
        rows.append(measure(f"{LAYERS:,} layers", long_network(LAYERS), HERE / "long.arch"))
    described = (
        f"Written by `python -m benchmarks.editor` on {datetime.date.today():%Y-%m-%d}, with Python"
        f" {platform.python_version()} on {os.cpu_count()} CPUs ({platform.machine()}). Milliseconds; of"
        f" {KEYSTROKES} keystrokes in the middle of a file the median and the longest: taking the text, what may come,"
        " the shapes of the lines that are seen, the colours of all names. Faults and new shapes follow when nothing"
        " was written for 150 ms; the last column says how long all networks of the file then take, beside what is"
        " written meanwhile."
    )
    lines = [
        "# How long an editor waits",
        "",
        described,
        "",
        "| file | lines | keystroke | longest | examined |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [f"| {r.name} | {r.lines:,} | {r.keystroke:.1f} | {r.longest:.1f} | {r.examined:.0f} |" for r in rows]
    text = "\n".join(lines) + "\n"
    write_atomically(HERE / "EDITOR.md", text.encode())
    print(text)


if __name__ == "__main__":
    main()

"""What threads that share the process read, report, draw and format is what one thread does alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import archdsl
import viz
from archdsl.errors import SpecError
from archdsl.network import Network
from archdsl.pipeline import convert_source, format_source, load_graph
from archdsl.shipped import SPECS
from archdsl.source import Source

GOOD = """
# a head
block cell(x, width) { x -> conv${width}: conv(width, 3, padding = 1) -> relu }  # a cell
network Good(x: [N, 3, 8, 8], width = 4) {
    y = x -> cell(width) -> for i in range(2) { step${i}: cell(width + i) }
    y -> flatten -> linear(10)
}
"""
YAML = """archdsl: 1
# yaml
networks:
  Net:
    inputs: {x: [N, 4]}
    body:
      - linear: 3
      - {relu: {}, name: last}
"""
BAD = {
    "number": GOOD.replace("linear(10)", "linear(010)"),
    "bracket": GOOD.replace("linear(10)", "linear(10"),
    "label": GOOD.replace("step${i}", "step${i +}"),
    "name": GOOD.replace("relu", "relo"),
    "yaml": YAML.replace("linear: 3", "'linear(010)'") + "      - >-\n        linear(2\n",
}


@pytest.fixture(autouse=True)
def _nimble() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(usual)


def jobs(folder: Path) -> dict[str, Callable[[], str]]:
    """What is to be done, each with what it says."""
    texts = {"good.arch": GOOD, "form.yaml": YAML, "resnet.arch": (SPECS / "resnet.arch").read_text(encoding="utf-8")}
    texts |= {f"{name}.{'yaml' if name == 'yaml' else 'arch'}": text for name, text in BAD.items()}
    found: dict[str, Callable[[], str]] = {}
    for name, text in texts.items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        spec = f"{path}:resnet18" if name == "resnet.arch" else str(path)
        found[f"report {name}"] = lambda spec=spec: str(archdsl.load(spec).report())  # type: ignore[misc]
        found[f"draw {name}"] = lambda spec=spec: viz.render(Network(load_graph(spec)).graph, "dot").decode()  # type: ignore[misc]
        found[f"fmt {name}"] = lambda n=name, t=text: format_source(Source(n, t))  # type: ignore[misc]
        found[f"convert {name}"] = lambda n=name, t=text: convert_source(Source(n, t), "yaml")  # type: ignore[misc]
    return found


def said(job: Callable[[], str]) -> str:
    try:
        return job()
    except SpecError as error:
        return str(error)


def test_threads_say_what_one_thread_says(tmp_path: Path) -> None:
    work = jobs(tmp_path)
    alone = {name: said(job) for name, job in work.items()}
    assert sum("error[" in text for text in alone.values()) >= len(BAD) * 2  # good and bad are mixed
    names = [name for turn in range(6) for name in sorted(work, key=lambda name: (len(name) * 7 + turn) % 5)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda name: (name, said(work[name])), names))
    assert [name for name, text in together if text != alone[name]] == []


def test_a_fault_of_one_thread_is_no_fault_of_another(tmp_path: Path) -> None:
    texts = [("bad", BAD["number"]), ("good", GOOD)] * 20
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda case: (case[0], said(lambda: format_source(Source("net.arch", case[1])))), texts))
    assert all(("ambiguous" in text) == (kind == "bad") for kind, text in found)

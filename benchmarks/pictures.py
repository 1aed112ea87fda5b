"""Draws the same networks with archdsl, torchview and Keras, and measures the pictures: `make bench`.

Writes benchmarks/PICTURES.md, and docs/images/peers.png, where one of the networks is seen as each draws it on a sheet
of paper. All are laid out by the same Graphviz. torchview traces modules written here, Keras draws those that it ships.
"""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torchview
from torch import nn

import archdsl
import viz
from benchmarks.torchinfo_resnet152 import resnet
from viz import engine
from viz.formats import png

ROOT = Path(__file__).resolve().parent.parent
PAGE = (6.5 * 72, 9.0 * 72)  # points between the margins of letter paper
SEEN = "ResNet-152"
GAP = 18.0


class Picture(NamedTuple):
    svg: str
    boxes: int

    @property
    def size(self) -> tuple[float, float]:
        found = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', self.svg)
        assert found is not None
        return float(found[1]), float(found[2])

    @property
    def letters(self) -> float:
        """The height of the smallest letters where the picture is shrunk to a page."""
        width, height = self.size
        drawn = min(float(size) for size in re.findall(r'font-size="([\d.]+)', self.svg))
        scale = re.search(r"scale\(([\d.]+)", self.svg)
        return drawn * float(scale[1] if scale else 1) * min(1.0, PAGE[0] / width, PAGE[1] / height)

    def cell(self) -> str:
        width, height = (side / 72 for side in self.size)
        return f"{self.boxes} boxes, {width:.1f} × {height:.1f} in, letters {self.letters:.1f} pt"


class Network(NamedTuple):
    name: str
    spec: str
    module: Callable[[], nn.Module] | None
    keras: Callable[..., keras.Model] | None


def plain(channels: Sequence[int | str], head: Sequence[nn.Module]) -> nn.Module:
    """VGG's column: convolutions of so many channels, and poolings."""
    layers: list[nn.Module] = []
    inputs = 3
    for width in channels:
        if isinstance(width, int):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
        else:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(nn.Sequential(*layers), nn.Flatten(), nn.Sequential(*head))


def vgg16() -> nn.Module:
    head = [nn.Linear(25088, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout()]
    widths = [64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"]
    return plain(widths, [*head, nn.Linear(4096, 1000)])


NETWORKS = (
    Network("VGG-16", "vgg16", vgg16, keras.applications.VGG16),
    Network("ResNet-50", "resnet50", lambda: resnet((3, 4, 6, 3)), keras.applications.ResNet50),
    Network(SEEN, "resnet152", lambda: resnet((3, 8, 36, 3)), keras.applications.ResNet152),
    Network("DenseNet-121", "densenet121", None, keras.applications.DenseNet121),
    Network("Inception-v3", "inception_v3", None, keras.applications.InceptionV3),
)


def ours(spec: str, view: str) -> Picture:
    svg = viz.render(archdsl.load(spec).graph, "svg", view=view).decode()
    return Picture(svg, svg.count('class="node"') or svg.count("</title>"))


def traced(module: nn.Module) -> Picture:
    graph = torchview.draw_graph(module.eval(), input_size=(1, 3, 224, 224), device="meta", expand_nested=True)
    return laid_out(re.sub(r' size="[\d.,]+"', "", graph.visual_graph.source))  # a size that it would be shrunk to


def plotted(model: keras.Model) -> Picture:
    return laid_out(keras.utils.model_to_dot(model, show_shapes=True, dpi=72).to_string().replace("splines=ortho;", ""))


def laid_out(dot: str) -> Picture:
    svg = engine.render(dot, time_limit=600).decode()
    return Picture(svg[svg.index("<svg") :], svg.count('class="node"'))


def compare(network: Network) -> Iterator[Picture | None]:
    yield ours(network.spec, "graph")
    yield ours(network.spec, "stages")
    yield traced(network.module()) if network.module else None
    yield plotted(network.keras(weights=None)) if network.keras else None


def sheets(pictures: Sequence[tuple[str, Picture]]) -> str:
    """Each picture on a page of its own, side by side."""
    width, height = PAGE
    across, down = GAP + (width + GAP) * len(pictures), height + 3 * GAP
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{across}pt" height="{down}pt" ']
    parts[0] += f'viewBox="0 0 {across} {down}"><rect width="{across}" height="{down}" fill="#d8dbe0"/>'
    for i, (title, picture) in enumerate(pictures):
        x = GAP + i * (width + GAP)
        body = re.sub(r'^(<\?.*?\?>\s*)?<svg[^>]*viewBox="([^"]*)"[^>]*>', "", picture.svg, flags=re.S)
        box = re.search(r'viewBox="([^"]*)"', picture.svg)
        assert box is not None
        parts += [
            f'<text x="{x}" y="{1.3 * GAP}" font-family="Liberation Sans" font-size="15">{title}</text>',
            f'<rect x="{x}" y="{2 * GAP}" width="{width}" height="{height}" fill="#ffffff"/>',
            f'<svg x="{x}" y="{2 * GAP}" width="{width}" height="{height}" viewBox="{box[1]}">{body}',
        ]
    return "\n".join([*parts, "</svg>"])


def main() -> None:
    heads = ["archdsl, graph", "archdsl, stages", "torchview", "Keras"]
    lines = [
        "# Pictures of the same networks",
        "",
        f"Written by `make bench` on {datetime.date.today()}, with torchview {version('torchview')} (`expand_nested`)",
        f"and Keras {version('keras')} (`plot_model` with `show_shapes`), all laid out by the same Graphviz.",
        "Letters are the smallest ones, after the picture is shrunk to what is left between the margins of a page,",
        "6.5 × 9 in; print needs some 6 points.",
        "",
        f"| network | {' | '.join(heads)} |",
        f"|---|{'---|' * len(heads)}",
    ]
    for network in NETWORKS:
        found = list(compare(network))
        lines.append(f"| {network.name} | {' | '.join(p.cell() if p else '' for p in found)} |")
        if network.name == SEEN:
            seen = [(title, p) for title, p in zip(heads, found, strict=True) if p]
            (ROOT / "docs" / "images" / "peers.png").write_bytes(png.rasterise(sheets(seen), most=0.7))
    (ROOT / "benchmarks" / "PICTURES.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()

"""Draws networks of each kind in the zoo with archdsl and with its peers, and measures the pictures: `make bench`.

Writes benchmarks/PICTURES.md, a sheet for each network with its pictures side by side, each on a page of paper
(out/peers), and some of these into docs/images. torchview and TorchLens trace the modules that the tests compare with,
Netron and Model Explorer open their exports, Keras draws those that it ships; all but archdsl write labels that only a
Graphviz with HTML can lay out, so that the system's `dot` is needed, and Chromium for the two that are pages.
"""

from __future__ import annotations

import datetime
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

os.environ["KERAS_BACKEND"] = "torch"

import graphviz
import keras
import torch
import torchlens
import torchview

import archdsl
import viz
from archdsl.graph import Graph
from benchmarks import viewers
from tests.zoo.references import reference
from viz import raster
from viz.look import ViewName

ROOT = Path(__file__).resolve().parent.parent
SHEETS = ROOT / "out" / "peers"
PAGE = (6.5 * 72, 9.0 * 72)  # points between the margins of letter paper
SIDE_BY_SIDE = ROOT / "docs" / "images" / "peers"
SEEN = "resnet152"
PAGE_ALONE = "Model Explorer"  # no picture of a network, but a page to open its boxes on
SEEN_BY_ALL = ("resnet50", "googlenet", "unet", "vit_b_16", "alexnet")
GAP = 18.0


class Picture(NamedTuple):
    svg: str
    boxes: int
    drawn: float | None = None  # points of its smallest letters, where the SVG does not say

    @property
    def size(self) -> tuple[float, float]:
        found = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', self.svg)
        assert found is not None
        return float(found[1]), float(found[2])

    @property
    def letters(self) -> float:
        """The height of the smallest letters where the picture is shrunk to a page."""
        width, height = self.size
        drawn = self.drawn or min(float(size) for size in re.findall(r'font-size="([\d.]+)', self.svg))
        scale = re.search(r"scale\(([\d.]+)", self.svg)
        return drawn * float(scale[1] if scale else 1) * min(1.0, PAGE[0] / width, PAGE[1] / height)

    def cell(self) -> str:
        width, height = (side / 72 for side in self.size)
        return f"{self.boxes} boxes, {width:.1f} × {height:.1f} in, letters {self.letters:.1f} pt"


VIEWS: tuple[ViewName, ...] = ("graph", "stages", "volumes")
SHIPPED_BY_KERAS: dict[str, Callable[..., keras.Model] | None] = {
    "lenet5": None,
    "alexnet": None,
    "nin_imagenet": None,
    "vgg_d": keras.applications.VGG16,
    "googlenet": None,
    "inception_v3": keras.applications.InceptionV3,
    "inception_v4": None,
    "inception_resnet_v2": keras.applications.InceptionResNetV2,
    "resnet50": keras.applications.ResNet50,
    "resnet152": keras.applications.ResNet152,
    "cifar_resnet110": None,
    "resnext50_32x4d": None,
    "densenet121": keras.applications.DenseNet121,
    "unet": None,
    "siamese": None,
    "vit_b_16": None,
}


def drawn(graph: Graph, view: ViewName) -> Picture:
    svg = viz.render(graph, "svg", view=view).decode()
    return Picture(svg, svg.count('class="node"') or svg.count("</title>"))


def module_of(name: str, graph: Graph, device: str) -> tuple[torch.nn.Module, list[torch.Tensor]]:
    """The module that the tests compare this network with, and a batch of one for it; what they hold is nothing."""
    shapes = [layer["shape"] for _, layer in graph.nodes(data=True) if layer["op"] == "input"]
    module = reference(name).eval()
    if device != "meta":
        module = module.to_empty(device=device)
        for tensor in module.state_dict().values():
            tensor.zero_()
    return module, [torch.zeros(1, *shape[1:], device=device) for shape in shapes]


def traced(name: str, graph: Graph) -> Picture:
    """torchview's picture of the module that the tests compare this network with."""
    module, images = module_of(name, graph, "meta")
    dot = torchview.draw_graph(module, images, device="meta", expand_nested=True).visual_graph
    return laid_out(re.sub(r' size="[\d.,]+"', "", dot.source))  # a size that it would be shrunk to


def with_torchlens(module: torch.nn.Module, images: list[torch.Tensor]) -> Picture:
    """TorchLens' picture of a run."""
    with tempfile.TemporaryDirectory() as folder:
        with torch.no_grad():
            run = torchlens.trace(module, images if len(images) > 1 else images[0])
        run.draw(vis_outpath=f"{folder}/net", vis_fileformat="svg", vis_save_only=True)
        svg = Path(folder, "net.svg").read_text(encoding="utf-8")
    return Picture(svg[svg.index("<svg") :], svg.count('class="node"'))


def with_netron(module: torch.nn.Module, images: list[torch.Tensor]) -> Picture:
    """Netron's picture of the exported ONNX model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.onnx")
        torch.onnx.export(module, tuple(images), path, dynamo=True, external_data=False, verbose=False)
        png, size, boxes, letters = viewers.netron(path)
    return Picture(viewers.as_svg(png, size), boxes, letters)


def with_model_explorer(module: torch.nn.Module, images: list[torch.Tensor]) -> Picture:
    """Model Explorer's page, with the network's box opened."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.pt2")
        torch.export.save(torch.export.export(module, tuple(images)), path)
        png = viewers.model_explorer(path)
    return Picture(viewers.as_svg(png, viewers.SCREEN), 0, 12.0)


def plotted(model: keras.Model) -> Picture:
    return laid_out(keras.utils.model_to_dot(model, show_shapes=True, dpi=72).to_string().replace("splines=ortho;", ""))


def laid_out(dot: str) -> Picture:
    svg = graphviz.Source(dot).pipe("svg", encoding="utf-8")
    return Picture(svg[svg.index("<svg") :], svg.count('class="node"'))


def compare(name: str) -> dict[str, Picture]:
    graph = archdsl.load(name).graph
    pictures = {f"archdsl, {view}": drawn(graph, view) for view in VIEWS}
    pictures["torchview"] = traced(name, graph)
    if shipped := SHIPPED_BY_KERAS[name]:
        pictures["Keras"] = plotted(shipped(weights=None))
    if name in SEEN_BY_ALL:
        module, images = module_of(name, graph, "cpu")
        pictures["TorchLens"] = with_torchlens(module, images)
        pictures["Netron"] = with_netron(module, images)
        pictures[PAGE_ALONE] = with_model_explorer(module, images)
    return pictures


def sheets(pictures: Mapping[str, Picture]) -> str:
    """Each picture on a page of its own, side by side."""
    width, height = PAGE
    across, down = GAP + (width + GAP) * len(pictures), height + 3 * GAP
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    parts = [f'<svg {spaces} width="{across}pt" height="{down}pt" viewBox="0 0 {across} {down}">']
    parts += [f'<rect width="{across}" height="{down}" fill="#d8dbe0"/>']
    for i, (title, picture) in enumerate(pictures.items()):
        x = GAP + i * (width + GAP)
        body = re.sub(r'^(<\?.*?\?>\s*)?<svg[^>]*viewBox="([^"]*)"[^>]*>', "", picture.svg, flags=re.S)
        body = re.sub(r'font-family="[^"]*"', 'font-family="Liberation Sans"', body)  # the one that is rasterised
        box = re.search(r'viewBox="([^"]*)"', picture.svg)
        assert box is not None
        parts += [
            f'<text x="{x}" y="{1.3 * GAP}" font-family="Liberation Sans" font-size="15">{title}</text>',
            f'<rect x="{x}" y="{2 * GAP}" width="{width}" height="{height}" fill="#ffffff"/>',
            f'<svg x="{x}" y="{2 * GAP}" width="{width}" height="{height}" viewBox="{box[1]}">{body}',
        ]
    return "\n".join([*parts, "</svg>"])


def main() -> None:
    warnings.simplefilter("ignore")  # what peers say of each other's versions
    compared = {name: compare(name) for name in SHIPPED_BY_KERAS}
    tools = [tool for tool in compared[SEEN_BY_ALL[0]] if tool != PAGE_ALONE]
    lines = [
        "# Pictures of the same networks",
        "",
        f"Written by `make bench` on {datetime.date.today()}, with torchview {version('torchview')} (`expand_nested`),",
        f"Keras {version('keras')} (`plot_model` with `show_shapes`), TorchLens {version('torchlens')} and",
        f"Netron {version('netron')}.",
        "Letters are the smallest ones, after the picture is shrunk to what is left between the margins of a page,",
        "6.5 × 9 in; print needs some 6 points. A blank is a network that Keras does not ship, or one of those that",
        f"TorchLens and Netron were not asked for ({', '.join(SEEN_BY_ALL)} are side by side in docs/gallery.md).",
        "",
        f"| network | {' | '.join(tools)} |",
        f"|---|{'---|' * len(tools)}",
    ]
    SHEETS.mkdir(parents=True, exist_ok=True)
    SIDE_BY_SIDE.mkdir(parents=True, exist_ok=True)
    for name, pictures in compared.items():
        cells = [pictures[tool].cell() if tool in pictures else "" for tool in tools]
        lines.append(f"| {name} | {' | '.join(cells)} |")
        (SHEETS / f"{name}.png").write_bytes(raster.rasterise(sheets(pictures), most=1.5))
    for name in SEEN_BY_ALL:
        shown = {tool: picture for tool, picture in compared[name].items() if tool not in ("archdsl, stages",)}
        (SIDE_BY_SIDE / f"{name}.png").write_bytes(raster.rasterise(sheets(shown), most=0.5))
    (ROOT / "docs" / "images" / "peers.png").write_bytes(raster.rasterise(sheets(compared[SEEN]), most=0.7))
    (ROOT / "benchmarks" / "PICTURES.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()

"""`archdsl import`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from archdsl.cli.options import input_option
from archdsl.cli.results import try_place, write_or_keep, wrote
from archdsl.cli.terminal import say
from archdsl.diagnostics import Diagnostic
from archdsl.errors import SpecError

if TYPE_CHECKING:
    from archdsl.imported import ImportedNetwork


@click.command("import")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True)
@input_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The spec's file, in text or YAML by its suffix.")
@click.option("--name", metavar="NAME", help="What the network is called; otherwise as its class, factory or file is.")
@click.option(
    "--weights", type=click.Path(path_type=Path), metavar="FILE",
    help="Write the weights of a .pt2 or .onnx file as .safetensors, under the names of the spec.",
)  # fmt: skip
def command(
    sources: tuple[str, ...],
    inputs: Mapping[str, tuple[int, ...]],
    output: Path | None,
    name: str | None,
    weights: Path | None,
) -> int:
    """Write the spec of a module of torch, or of another tool's file, and prove that it is the same network.

    A SOURCE is MODULE:FACTORY or file.py:FACTORY, with arguments if there are some:
    "torchvision.models:resnet18(num_classes=10)". The module's code is run. Several become variants of one network, if
    they are alike. Files are .pt2 of torch.export, .onnx, Caffe's .prototxt, darknet's .cfg and Ultralytics' .yaml;
    nothing of them is run. --input also says the sizes of files that do not say them.
    """
    from archdsl.imported import from_sources
    from archdsl.write import write_atomically

    if output is not None and output.suffix not in (".arch", ".yaml", ".yml"):
        raise click.UsageError(f"`{output}` does not say its form; it ends in .arch, .yaml, .yml")
    try_place(output)
    try_place(weights)
    networks = from_sources(sources, inputs, name)
    text = networks[0].text
    if output is None:
        click.echo(text, nl=False)
    else:
        if output.suffix != ".arch":
            from archdsl.pipeline import convert_source
            from archdsl.source import Source

            text = convert_source(Source("imported.arch", text), "yaml")
        write_or_keep(output, lambda path: write_atomically(path, text.encode()))
        wrote(output, err=True)
    if weights is not None:
        _write_weights(weights, networks[0])
    unproved = []
    for source, network in zip(sources, networks, strict=False):
        if network.proof is None:
            continue
        say(f"{source}: {'proved equal' if network.proof.equal else 'NOT proved equal'}", err=True)
        for line in network.proof.lines():
            say(f"  {line}", err=True)
        if not network.proof.equal:
            unproved.append(Diagnostic("not-equal", "the spec is not proved to be the same network", place=source))
    if unproved:
        raise SpecError(unproved)
    return 0


def _write_weights(path: Path, network: ImportedNetwork) -> None:
    from archdsl.importing.weights import safetensors
    from archdsl.write import write_atomically

    if not network.weights:
        raise click.UsageError("what is imported has no weights to write: only .pt2 and .onnx files have")
    data = safetensors(network.weights)
    write_or_keep(path, lambda place: write_atomically(place, data))
    wrote(path, err=True)

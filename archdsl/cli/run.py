"""`archdsl run`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from archdsl.cli.limits import limit_options
from archdsl.cli.options import choice_options, force_option, spec_argument, weights_option
from archdsl.cli.results import try_place, write_or_keep, wrote


@click.command("run")
@spec_argument
@click.option("--data", type=click.Choice(["digits"]), default="digits", show_default=True, help="The data set.")
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True, help="Times through the data.")
@click.option("--batch", type=click.IntRange(2), default=32, show_default=True, help="Images in a step.")
@click.option(
    "--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of weights and order."
)
@weights_option("Save the trained weights to a .safetensors file.")
@force_option
@choice_options
@limit_options
def command(
    spec: str,
    data: str,
    epochs: int,
    batch: int,
    seed: int,
    output: Path | None,
    force: bool,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
) -> int:
    """Compile a network that classifies images and train it with its own loss.

    The data are scikit-learn's handwritten digits, resized to the network's input: real images, and quick.
    """
    from archdsl.backends import backend, installed
    from archdsl.extras import not_installed
    from archdsl.network import load

    torch = installed("torch", "training")
    try_place(output)
    network = load(spec, inputs=inputs, **settings)
    shape = _image_shape(network.graph)
    example = backend("compiler.example")
    torch.manual_seed(seed)
    model = network.compile(force=force)
    try:
        images = example.DATA_SETS[data](shape)
    except ImportError as error:
        raise not_installed("training on the digits", error.name) from None
    if batch > len(images.labels):
        raise click.UsageError(f"a step of {batch} images is more than the {len(images.labels)} for training")
    _refuse_other_outputs(network.graph, int(images.labels.max()) + 1)
    click.echo(f"{len(images.labels)} images for training, {len(images.held_out_labels)} held out")
    started = time.monotonic()
    try:
        macs = network.report().macs
        with (
            example.threads_for(macs * batch if isinstance(macs, int) else 0),
            _progress(epochs * example.steps_of(images, batch)) as progress,
        ):
            accuracy = example.train(model, images, epochs=epochs, batch=batch, progress=progress)
    except example.NothingToTrain as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"held-out accuracy {accuracy:.1%} after {time.monotonic() - started:.0f} s")
    if output is not None:
        write_or_keep(output, lambda path: network.export(path, model))
        wrote(output)
    return 0


def _image_shape(graph: Any) -> tuple[int, ...]:
    """The shape [C, H, W] of the only input of a classifier."""
    from archdsl.dims import numbers
    from archdsl.graph import header, layer

    head = header(graph)
    shapes = [layer(graph, name)["shape"] for name in head["inputs"]]
    image = numbers(shapes[0][1:]) if len(shapes) == 1 and len(shapes[0]) == 4 else None
    if image is None:
        raise click.UsageError("the digits need a network with one input [N, C, H, W] of known size")
    if head["loss"] is None:
        raise click.UsageError("the network has no loss: add `loss cross_entropy(output)` to its spec")
    return image


def _refuse_other_outputs(graph: Any, classes: int) -> None:
    """Refuse a network whose outputs are no scores of the classes, or whose loss compares them with anything else."""
    from archdsl.diagnostics import listed
    from archdsl.dims import show
    from archdsl.graph import header, layer, layers, operands
    from archdsl.ops.loss import Loss

    head = header(graph)
    loss = head["loss"]
    assert loss is not None
    scores = [next(output["shape"] for output in head["outputs"] if output["phase"] == "both")]
    if len(head["targets"]) != 1:
        found = listed([f"`{name}`" for name in head["targets"]]) or "nothing"
        raise click.UsageError(f"the digits have one target, their classes, but the loss compares with {found}")
    for key, node in layers(loss):
        read = operands(loss, key)
        if isinstance(node["operator"], Loss) and (head["targets"][0], 0) in read:
            if not node["operator"].classes:
                raise click.UsageError(
                    f"`{node['op']}` compares with values, but the digits are classes: cross_entropy"
                )
            source, output = read[0]
            scores.append(layer(loss, source)["outputs"][output])
    for shape in scores:
        if len(shape) != 2 or not isinstance(shape[1], int) or shape[1] < classes:
            raise click.UsageError(
                f"the digits are {classes} classes, one an image: [N, {classes}], found {show(shape)}"
            )


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[int, float], None]]:
    """A progress bar on a terminal, a few lines elsewhere."""
    if not sys.stdout.isatty():
        every = max(1, steps // 10)

        def tell(step: int, loss: float) -> None:
            if step % every == 0 or step == steps:
                click.echo(f"step {step}/{steps}  loss {loss:.4f}")

        yield tell
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("loss {task.fields[loss]:.4f}"), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("train", total=steps, loss=0.0)
        yield lambda step, loss: bar.update(task, completed=step, loss=loss)

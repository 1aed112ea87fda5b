"""`archdsl compile`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from archdsl.cli.limits import limit_options
from archdsl.cli.options import (
    at_option,
    choice_options,
    faults_as_json,
    force_option,
    json_option,
    phase_option,
    print_json,
    spec_argument,
    weights_option,
)
from archdsl.cli.results import try_place, write_or_keep, wrote


@click.command("compile")
@spec_argument
@click.option(
    "--devices", metavar="NAME=DEVICE,…", help="Real devices: gpu0=cuda:0,gpu1=cuda:1, or one for all, or auto."
)
@phase_option("Which graph's code is shown.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of the weights.")
@weights_option("Save the new weights to a .safetensors file.")
@force_option
@at_option
@choice_options
@json_option
@limit_options
@faults_as_json
def command(
    spec: str,
    devices: str | None,
    phase: str,
    seed: int,
    output: Path | None,
    force: bool,
    symbols: Mapping[str, int],
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    as_json: bool,
) -> int:
    """Compile a network to a torch.fx.GraphModule; show the code of its forward pass."""
    from archdsl.backends import backend
    from archdsl.network import load_at

    if output is not None and devices == "meta":
        raise click.UsageError("tensors on the device meta have no values to save")
    try_place(output)
    network = load_at(spec, settings, inputs, symbols)
    choice = _devices(devices)
    compiler = backend("compiler")
    import torch

    torch.manual_seed(seed)
    model = network.compile(choice, force=force).train(phase == "training")
    report = network.report()
    if output is not None:
        write_or_keep(output, lambda path: compiler.save_weights(model, path, report.hash))
    code = model.code.strip()
    if as_json:
        state = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
        print_json({"archdsl": 1, "network": report.network, "variant": report.variant, "hash": report.hash,
                    "phase": phase, "code": code, "state_dict": state})  # fmt: skip
        return 0
    click.echo(code)
    click.echo(f"\n{report.network}: {report.layers} layers, {report.params:,} parameters", err=True)
    if output is not None:
        wrote(output, err=True)
    return 0


def _devices(text: str | None) -> Any:
    if text is None or "=" not in text:
        return text
    pairs = [pair.partition("=") for pair in text.split(",")]
    if any(not name or not device for name, _, device in pairs):
        raise click.BadParameter(f"`{text}` is not NAME=DEVICE,…", param_hint="--devices")
    found = {name.strip(): device.strip() for name, _, device in pairs}
    if len(found) < len(pairs):
        raise click.BadParameter(f"`{text}` names a device twice", param_hint="--devices")
    return found

"""`archdsl compile`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli import completion
from archdsl.cli.limits import limit_options
from archdsl.cli.options import (
    at_option,
    cannot_write,
    choice_options,
    faults_as_json,
    force_option,
    json_option,
    phase_option,
    print_json,
    rewrite_option,
    without_effect,
)
from archdsl.cli.results import try_place, write_or_keep, wrote
from archdsl.cli.terminal import print_sheets
from archdsl.graph import header
from archdsl.phases import Phase
from archdsl.write import write_atomically

if TYPE_CHECKING:
    from archdsl.network import Network


@click.command("compile")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True, shell_complete=completion.specs)
@click.option(
    "--devices", metavar="NAME=DEVICE,…", help="Real devices: gpu0=cuda:0,gpu1=cuda:1, or one for all, or auto."
)
@phase_option(
    "The phase whose graph is shown, training by default, or that is exported, inference by default.", default=None
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Seed of the weights.")
@click.option(
    "--weights", type=click.Path(path_type=Path), metavar="FILE",
    help="Take the weights of this file: .safetensors, or of torch.save.",
)  # fmt: skip
@click.option(
    "--rename", type=click.Path(path_type=Path), metavar="FILE|timm",
    help='Names in the file of weights and in the network, as JSON: {"backbone.*": "*"}; or a library, for its names.',
)  # fmt: skip
@click.option(
    "--fresh", multiple=True, metavar="PATTERN", help='Leave these as drawn: "fc.*", a classifier of another size.'
)
@click.option("--drop", multiple=True, metavar="PATTERN", help="Leave out these of the file.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path),
    help="Export into this file: .safetensors (the weights), .pt2 (torch.export), .onnx, .py (PyTorch source); or into"
    " a folder, for a hub.",
)  # fmt: skip
@click.option(
    "--open-sizes", is_flag=True,
    help="Export with sizes open that are numbers in the spec, where nothing in it depends on them: height and width.",
)  # fmt: skip
@rewrite_option
@click.option("--explain", is_flag=True, help="Tell what each rewrite did and saved, instead of showing the code.")
@force_option
@at_option
@choice_options
@json_option
@limit_options
@faults_as_json
def command(
    specs: tuple[str, ...],
    devices: str | None,
    phase: Phase | None,
    seed: int,
    weights: Path | None,
    rename: Path | None,
    fresh: tuple[str, ...],
    drop: tuple[str, ...],
    output: Path | None,
    open_sizes: bool,
    rewrites: tuple[str, ...] | None,
    explain: bool,
    force: bool,
    symbols: Mapping[str, int],
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    as_json: bool,
) -> int:
    """Compile a network to a torch.fx.GraphModule; show the code of its forward pass, or export it.

    Exported files carry the spec: `archdsl report net.onnx` reads it back. Source needs nothing but torch; it may be of
    several networks, as of the variants of a family, which share their class as far as they are built alike.
    """
    from archdsl.backends import backend, installed
    from archdsl.network import load_at

    compiler, torch = backend("compiler"), installed("torch", "compiling")
    if weights is None:
        without_effect("without --weights", "rename", "fresh", "drop")
    if output is None:
        without_effect("without -o", "open_sizes")
    if rewrites is None:
        without_effect("without --rewrite", "explain")
    _check_place(output, devices, compiler)
    if len(specs) > 1 and (output is None or compiler.holds_weights(output)):
        raise click.UsageError("several SPECs make one file of source: say -o FILE.py")
    network, *others = [load_at(spec, settings, inputs, symbols) for spec in specs]
    if output is not None and not compiler.holds_weights(output):
        unused = ("weights", "rename", "fresh", "drop", "devices", "seed", "phase", "force", "open_sizes", "rewrites")
        without_effect("for source", *unused)
        code = network.source(beside=others)
        write_or_keep(output, lambda path: write_atomically(path, code.encode()))
        if as_json:
            report = network.report()
            print_json({"archdsl": 1, "network": report.network, "variant": report.variant, "hash": report.hash,
                        "variants": [one.report().variant for one in (network, *others)], "code": code})  # fmt: skip
        wrote(output, err=True)
        return 0
    if rewrites is not None:
        network = network.rewrite(rewrites, phase=phase or "inference")
    rewriting = header(network.graph)["rewriting"]
    if rewriting is not None:  # here, or in the file that carries the network
        phase = phase or rewriting.phase
    choice = _devices(devices)
    given = None if weights is None else compiler.read_weights(weights)
    names = {} if rename is None else compiler.read_rename(rename)
    torch.manual_seed(seed)
    model = network.compile(choice, force=force)
    loaded = []
    if given is not None:
        loaded = compiler.load_weights(model, network.graph, given, compiler.Matching(names, fresh, drop))
    if output is not None:
        _export(network, model, output, phase or "inference", open_sizes)
    phase = phase or ("training" if output is None else "inference")
    report = network.report()
    code = model.train(phase == "training").code.strip()
    if as_json:
        state = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
        print_json({"archdsl": 1, "network": report.network, "variant": report.variant, "hash": report.hash,
                    "phase": phase, "code": code,
                    "state_dict": state, "loaded": [asdict(one) for one in loaded],
                    **({} if rewriting is None else {"rewriting": network.rewriting().to_dict()})})  # fmt: skip
        return 0
    if explain:
        from archdsl.presentation.rewriting import sheets

        print_sheets(sheets(network.rewriting()))
    else:
        click.echo(code + "\n")
    if loaded:
        click.echo(_matched(loaded, weights), err=True)
    click.echo(f"{report.network}: {report.layers} layers, {report.params:,} parameters", err=True)
    if output is not None:
        wrote(output, err=True)
    return 0


def _check_place(output: Path | None, devices: str | None, compiler: Any) -> None:
    """What can be said of an export before any work."""
    if output is None:
        return
    try:
        compiler.check_place(output)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="-o") from None
    except OSError as error:
        raise cannot_write(output, error) from None
    if devices == "meta":
        raise click.UsageError("tensors on the device meta have no values to save")
    if output.suffix or not output.exists():
        try_place(output)


def _export(network: Network, model: Any, output: Path, phase: Phase, open_sizes: bool) -> None:
    try:
        write_or_keep(output, lambda path: network.export(path, model, phase=phase, open_sizes=open_sizes))
    except ImportError as error:
        raise click.UsageError(str(error)) from None


def _matched(loaded: Sequence[Any], weights: Path | None) -> str:
    """How many tensors came from the file, and those of which there is something to say."""
    taken = [one for one in loaded if one.source is not None]
    lines = [f"{len(taken)} of {len(loaded)} tensors from {weights}"]
    renamed = sum(one.source != one.name for one in taken)
    lines += [f"  {renamed} of them under another name"] if renamed else []
    lines += [f"  {one.name} {list(one.shape)}: {one.note}" for one in loaded if one.note]
    return "\n".join(lines)


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

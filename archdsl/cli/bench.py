"""`archdsl bench`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from archdsl.backends import backend
from archdsl.cli.limits import limit_options
from archdsl.cli.options import (
    choice_options,
    force_option,
    predicted_times,
    profile_option,
    rewrite_option,
    sheet_options,
    spec_argument,
    without_effect,
)
from archdsl.cli.terminal import print_sheets, progress, terminal_width
from archdsl.cli.view import view_options

if TYPE_CHECKING:
    from archdsl.measure.time.device_profile import DeviceProfile

ROUNDS: Final = 12


@click.command("bench")
@spec_argument
@view_options
@profile_option(
    "--profile", help="Predict with a file of `archdsl calibrate`, or {devices}, instead of measuring the device first."
)
@click.option("--device", default="cpu", show_default=True, help="Where to run: cpu, cuda:0.")
@click.option(
    "--rounds", type=click.IntRange(4, 1000),
    help=f"How often to run; by default {ROUNDS} times, with --engine auto as often as tells which is the quickest.",
)  # fmt: skip
@click.option(
    "--engine", "engines", multiple=True,
    type=click.Choice(["auto", "eager", "aot", "inductor", "onnxruntime", "openvino"]),
    help="Compare engines in inference instead, as a whole: these and eager, or with `auto` all that are installed.",
)  # fmt: skip
@click.option("--dtype", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True, help="Of engines.")
@rewrite_option
@force_option
@choice_options
@sheet_options
@limit_options
def command(
    spec: str,
    view: dict[str, Any],
    asked: str | None,
    profile: DeviceProfile | None,
    device: str,
    rounds: int | None,
    engines: tuple[str, ...],
    dtype: str,
    rewrites: tuple[str, ...] | None,
    force: bool,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    form: str,
    width: int | None,
) -> int:
    """Run a network layer by layer, in inference and in training, and compare with what is predicted.

    Nothing else should run meanwhile. In training every layer keeps what it needs, `@checkpoint` or not.

    With --engine it is a table of engines, as `net.compile(mode="inference", engine=…)` chooses from: on the network
    after the rewrites that it applies, or those of --rewrite, an empty name for none.
    """
    if engines:
        without_effect("with --engine", "depth", "unfold", "columns", "sort", "filters", "profile", "device")
        return _engines(spec, engines, dtype, rewrites, rounds, settings, inputs, form, width)
    without_effect("without --engine", "dtype", "rewrites")
    from archdsl.measure.time.gpus import USUAL
    from archdsl.network import Network
    from archdsl.pipeline import load_graph
    from archdsl.presentation.layers import ReportView, layers
    from archdsl.presentation.times import COMPARED
    from archdsl.profiles import find_profile
    from archdsl.rewrite.recompute import keeping_all

    if device == "meta":
        raise click.BadParameter("nothing is computed on meta, so nothing takes time there")
    graph = keeping_all(load_graph(spec, settings, inputs))
    network, compiler = Network(graph), backend("compiler")
    predicted_times(network, profile or find_profile(USUAL), "fp32", "sgd")  # says what is open before time is spent
    model = compiler.compile_graph(graph, device, force=force)
    if profile is None:
        with progress(sys.stderr) as told:
            profile = compiler.calibrate(device, progress=told)
    timing = predicted_times(network, profile, "fp32", "sgd")
    try:
        measured = compiler.measure(model, graph, rounds=rounds or ROUNDS)
    except (RuntimeError, ValueError) as error:  # too large for the device, or a batch of one for a batch norm
        raise click.UsageError(f"it does not run: {str(error).splitlines()[0]}; --input gives another batch") from None
    report = replace(network.report(), timing=timing, measured=measured)
    width = width or terminal_width(sys.stdout)
    if (form != "text" or width is None) and not asked:
        view["flat"] = True
    # Equal blocks take their own time each, so that none is folded.
    sheet = layers(network.graph, report, ReportView(**({"columns": COMPARED} | view | {"fold": False})))
    print_sheets([sheet], form, width)
    return 0


def _engines(
    spec: str,
    engines: tuple[str, ...],
    dtype: str,
    rewrites: tuple[str, ...] | None,
    rounds: int | None,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    form: str,
    width: int | None,
) -> int:
    """A table of engines, each measured on the same network."""
    from archdsl.network import load_at
    from archdsl.presentation.engines import sheet
    from archdsl.rewrite.apply import FOR_ENGINES

    compiler = backend("compiler")
    network = load_at(spec, settings, inputs)
    if rewrites != ():
        network = network.rewrite(FOR_ENGINES if rewrites is None else rewrites)
    model = network.compile(mode="inference", seed=0)
    if rounds is None and "auto" not in engines:
        rounds = ROUNDS
    found = compiler.try_engines(model, network.graph, engines, dtype, rounds)
    if found is None:
        raise click.UsageError("sizes are left open: give them with --input")
    print_sheets([sheet(found)], form, width)
    return 0

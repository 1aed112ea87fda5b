"""`archdsl fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from archdsl.cli.limits import limit_options
from archdsl.cli.options import (
    at_option,
    choice_options,
    memory_options,
    sheet_options,
    spec_argument,
    without_effect,
)
from archdsl.cli.terminal import print_sheets
from archdsl.quantities import size_in_bytes


def _memory(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str | None, int]:
    found: dict[str | None, int] = {}
    for text in values:
        device, _, amount = text.rpartition("=")
        size = size_in_bytes(amount)
        if size is None:
            raise click.BadParameter(f"`{text}` is not a size as 24GiB, 80GB or gpu0=24GiB", ctx, option)
        if (device or None) in found:
            what = f"that of `{device}`" if device else "the memory"
            raise click.BadParameter(f"{what} is given twice", ctx, option)
        found[device or None] = size
    if None in found and len(found) > 1:
        raise click.BadParameter("give one size for all, or one for each device", ctx, option)
    return found


@click.command("fit")
@spec_argument
@at_option
@choice_options
@click.option(
    "--memory", required=True, multiple=True, metavar="SIZE", callback=_memory,
    help="Memory of the device: 24GiB; of each device of the network: gpu0=24GiB, given again.",
)  # fmt: skip
@memory_options
@click.option("--inference", is_flag=True, help="Ask for inference instead of training.")
@click.option("--batch", type=click.IntRange(1, 2**24), help="Ask what this batch needs, and for the largest input.")
@click.option("--step", type=click.IntRange(1, 4096), default=32, show_default=True, help="By which inputs grow.")
@sheet_options
@limit_options
def command(
    spec: str,
    symbols: Mapping[str, int],
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    memory: dict[str | None, int],
    optimizer: str,
    dtype: str,
    hardware: Any,
    inference: bool,
    batch: int | None,
    step: int,
    form: str,
    width: int | None,
) -> int:
    """Find the largest batch that fits into a memory, and what recomputing blocks in backward would buy."""
    from archdsl.graph import header
    from archdsl.measure.memory.fit import Conditions, Fit, Unfit
    from archdsl.pipeline import load_graph
    from archdsl.presentation.fitting import sheet

    graph = load_graph(spec, settings, symbols=symbols)
    devices = header(graph)["devices"]
    unknown = [name for name in memory if name is not None and name not in devices]
    if unknown:
        raise click.UsageError(f"the network declares no device `{unknown[0]}`")
    untold = [name for name in devices if name not in memory and None not in memory]
    if untold:
        raise click.UsageError(f"--memory says nothing of `{untold[0]}`")
    if batch is None:
        without_effect("without --batch", "step")
    if inference:
        without_effect("with --inference", "optimizer")
    conditions = Conditions(memory, optimizer, dtype, hardware, inference)
    try:
        fit = Fit(lambda chosen: load_graph(spec, settings, chosen), graph, inputs, conditions)
        if batch is None:
            cases = fit.largest_batches()
        else:
            given = fit.given_batch(batch)
            larger = fit.largest_input(batch, step) if given.fits and not given.blocks else None
            cases = [given] if larger is None else [given, larger]
    except Unfit as error:
        raise click.UsageError(str(error)) from None
    print_sheets([sheet(cases)], form, width)
    return 0

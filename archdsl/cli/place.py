"""`archdsl place`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from archdsl.backends import backend
from archdsl.cli.limits import limit_options
from archdsl.cli.options import at_option, choice_options, sheet_options, spec_argument, theme_option
from archdsl.cli.results import try_place, write_or_keep, wrote
from archdsl.cli.terminal import print_sheets, say
from archdsl.measure.run.optimizer import OPTIMIZERS
from archdsl.measure.run.precision import PRECISIONS
from archdsl.measure.time.gpus import GPUS
from archdsl.placement.plan import OBJECTIVES
from archdsl.placement.schedule import SCHEDULES


def _named(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """The pairs of NAME=VALUE; a value alone is under an empty name."""
    found: dict[str, str] = {}
    for text in values:
        name, _, value = text.rpartition("=")
        if not value or (not name and "=" in text):
            raise click.BadParameter(f"`{text}` has no value", ctx, option)
        if name in found:
            raise click.BadParameter(f"`{name or text}` is given twice", ctx, option)
        found[name] = value
    return found


def _chart(ctx: click.Context, option: click.Parameter, file: Path | None) -> Path | None:
    """The file of a drawing, if it can be written."""
    if file is not None:
        plots = backend("viz.plots")
        try:
            plots.format_of(file, plots.PAGES)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, option) from None
        try_place(file)
    return file


def _refuse_of_throughput() -> None:
    """Options that say how steps are made have no meaning for one batch in inference."""
    ctx = click.get_current_context()
    for name in ("micro_batches", "schedule", "stages_per_device", "optimizer"):
        if ctx.get_parameter_source(name) not in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
            raise click.UsageError(f"--{name.replace('_', '-')} is of --objective throughput")


@click.command("place")
@spec_argument
@choice_options
@at_option
@click.option("--devices", "count", type=click.IntRange(1, 64), help="How many equal devices, of --profile.")
@click.option("--profile", metavar="DEVICE", help=f"What they are: {', '.join(GPUS)}, or a file of `calibrate`.")
@click.option(
    "--device", "named", multiple=True, metavar="NAME=DEVICE", callback=_named,
    help="One of several devices that differ: big=a100; given again.",
)  # fmt: skip
@click.option(
    "--memory", multiple=True, metavar="SIZE", callback=_named,
    help="Memory of each device: 24GiB; of one: big=24GiB. Else that of its profile.",
)  # fmt: skip
@click.option("--link", required=True, metavar="RATE", help="Between any two, in each direction: 25GB/s, 100Gbit/s.")
@click.option("--latency", default="10us", show_default=True, metavar="TIME", help="Of the link.")
@click.option("--batch", type=click.IntRange(1, 2**24), help="Of a step, 32; for latency what goes through at once, 1.")
@click.option(
    "--objective", type=click.Choice(OBJECTIVES), default="throughput", show_default=True,
    help="Steps of training, or one batch through the network in inference as soon as possible.",
)  # fmt: skip
@click.option(
    "--micro-batches", type=click.IntRange(1, 4096), default=16, show_default=True, help="Into which a batch is cut."
)
@click.option(
    "--schedule", type=click.Choice(list(SCHEDULES)), default="1f1b", show_default=True,
    help="; ".join(f"{name}: {schedule.summary}" for name, schedule in SCHEDULES.items()) + ".",
)  # fmt: skip
@click.option(
    "--stages-per-device", type=click.IntRange(1, 64),
    help="How many stages each device has in turn; by default as few as the schedule can have.",
)  # fmt: skip
@click.option("--optimizer", type=click.Choice(list(OPTIMIZERS)), default="sgd", show_default=True, help="Of training.")
@click.option("--dtype", type=click.Choice(list(PRECISIONS)), default="fp32", show_default=True, help="Precision.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write the plan, NAME.json, or a copy of the spec with its marks, NAME.arch or NAME.yaml.",
)
@click.option("--device-map", is_flag=True, help="Print the plan as the device_map of accelerate, and no more.")
@click.option(
    "--draw", type=click.Path(path_type=Path), metavar="FILE", callback=_chart,
    help="Draw the schedule in time, as .svg, .pdf, .png or .html.",
)  # fmt: skip
@theme_option("Colours of --draw.", default=None)
@sheet_options
@limit_options
def command(
    spec: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    symbols: Mapping[str, int],
    count: int | None,
    profile: str | None,
    named: dict[str, str],
    memory: dict[str, str],
    link: str,
    latency: str,
    batch: int | None,
    objective: str,
    micro_batches: int,
    schedule: str,
    stages_per_device: int | None,
    optimizer: str,
    dtype: str,
    output: Path | None,
    device_map: bool,
    draw: Path | None,
    theme: str | None,
    form: str,
    width: int | None,
) -> int:
    """Split a network into stages for several devices, and say whether a pipeline pays at all.

    \b
    archdsl place resnet50 --devices 4 --profile a100 --link 25GB/s --memory 24GiB
    archdsl place resnet50 --devices 4 --profile a100 --link 25GB/s -o placed.arch
    archdsl place googlenet --devices 2 --profile a100 --link 300GB/s --objective latency
    """
    from archdsl.address import is_stdin
    from archdsl.measure.time.device_profile import ProfileError
    from archdsl.network import load_at
    from archdsl.pipeline import marked_source
    from archdsl.placement.devices import PlacementError
    from archdsl.presentation.placement import answer, sheet
    from archdsl.render.json import as_text
    from archdsl.syntax.forms import form_of_path
    from archdsl.write import write_atomically

    if (count is None) == (not named) or "" in named:
        raise click.UsageError("give --devices with --profile, or --device NAME=DEVICE for each device")
    if "" in memory and len(memory) > 1:
        raise click.UsageError("--memory is one size for all, or NAME=SIZE for each")
    if objective == "latency":
        _refuse_of_throughput()
    if theme is not None and draw is None:
        raise click.UsageError("--theme is of --draw")
    marked = form_of_path(str(output)) if output is not None else None
    if output is not None and marked is None and output.suffix != ".json":
        said = f"a plan is a .json file, not {output.suffix or 'without a suffix'}"
        raise click.UsageError(f"{said}; a spec with its marks is an .arch or .yaml file")
    if marked is not None and is_stdin(spec):
        raise click.UsageError("a spec with marks is a copy of a file, and standard input is read once")
    try_place(output)
    network = load_at(spec, settings, inputs, symbols)
    try:
        plan = network.place(
            named or count or 1,
            profile,
            memory=memory.get("", memory) or None,
            link=link,
            latency=latency,
            batch=batch,
            micro_batches=micro_batches,
            schedule=schedule,
            stages_per_device=stages_per_device,
            optimizer=optimizer,
            dtype=dtype,
            objective=objective,
        )
    except (PlacementError, ProfileError) as error:
        raise click.UsageError(str(error)) from None
    if device_map:
        say(as_text(plan.device_map()))
    else:
        if form == "text":
            say(f"{answer(plan)}\n")
        print_sheets([sheet(plan)], form, width)
    quiet = device_map or form != "text"
    if output is not None:
        data = f"{as_text(plan.to_dict())}\n".encode()
        if marked is not None:
            data = marked_source(spec, plan.devices, marked, output.parent, settings, inputs, symbols)
        write_or_keep(output, lambda path: write_atomically(path, data))
        wrote(output, err=quiet)
    if draw is not None:
        try:
            write_or_keep(draw, plan.draw(theme=theme or "light").save)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        wrote(draw, err=quiet)
    return 0

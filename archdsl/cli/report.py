"""`archdsl report`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli import completion
from archdsl.cli.limits import limit_options
from archdsl.cli.options import (
    at_option,
    choice_options,
    memory_options,
    plan_option,
    predicted_times,
    profile_option,
    rewrite_option,
    sheet_options,
    without_effect,
)
from archdsl.cli.plot import plot_options, write_plot
from archdsl.cli.terminal import print_sheets, terminal_width
from archdsl.cli.view import view_options
from archdsl.graph import header, layer

if TYPE_CHECKING:
    from archdsl.measure.network.report import Report
    from archdsl.measure.time.device_profile import DeviceProfile
    from archdsl.network import Network
    from archdsl.sheet.sheet import Sheet


BY = ("operator", "block", "stage", "device", "dtype")


@click.command("report")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True, shell_complete=completion.specs)
@view_options
@click.option("--stages", is_flag=True, help="A line for each stage, as papers print them.")
@click.option("--fields", is_flag=True, help="What each output sees of the inputs.")
@click.option("--by", type=click.Choice(BY), help="Counts of inference and training added up.")
@click.option("--explain-counts", "explain", is_flag=True, help="What other tools count, and why.")
@click.option("--compare", is_flag=True, help="Totals side by side, as for several SPECs anyway.")
@at_option
@click.option("--symbolic", is_flag=True, help="Leave the batch open as well, instead of counting it as 1.")
@choice_options
@click.option("--memory", is_flag=True, help="Show the memory of training and inference as well.")
@memory_options
@profile_option("--time", help="Predict times on a device: {devices}, or a file of `archdsl calibrate`.")
@plan_option
@rewrite_option
@sheet_options
@plot_options
@limit_options
def command(
    specs: tuple[str, ...],
    view: dict[str, Any],
    asked: str | None,
    stages: bool,
    fields: bool,
    by: str | None,
    explain: bool,
    compare: bool,
    symbols: Mapping[str, int],
    symbolic: bool,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[int, ...]],
    memory: bool,
    optimizer: str,
    dtype: str,
    hardware: Any,
    profile: DeviceProfile | None,
    plan: Path | None,
    rewrites: tuple[str, ...] | None,
    form: str,
    width: int | None,
    plot: Path | None,
    theme: str,
) -> int:
    """Show every layer with its output, parameters, multiply-adds and receptive field, and the totals.

    On a terminal it is a tree of blocks, fitted to its width; elsewhere a list of all layers. Several SPECs are
    compared. With --plot it is a figure: of the stages, the memory over time and the receptive field, or of those of
    them that --stages, --memory and --fields ask for.
    """
    from archdsl.network import Network
    from archdsl.pipeline import load_graph

    kinds = {
        asked or "": asked,
        "--stages": stages,
        "--fields": fields,
        "--by": by,
        "--explain-counts": explain,
        "--compare": compare or len(specs) > 1,
    }
    chosen = [option for option, given in kinds.items() if given]
    if plan is not None and len(specs) > 1:
        raise click.UsageError("a plan is of one network: give one SPEC with --plan")

    def load(spec: str) -> Network:
        network = Network(load_graph(spec, settings, inputs, symbols, open_batch=symbolic))
        try:
            network = network if plan is None else network.placed(plan)
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return network if rewrites is None else network.rewrite(rewrites)

    if plot is not None:
        panels = _panels([*chosen, *["--time"] * (profile is not None)], memory)
        first, *beside = map(load, specs)
        under = {"optimizer": optimizer, "dtype": dtype, "hardware": hardware}
        write_plot(lambda: first.plot(beside=beside, panels=panels, theme=theme, **under), plot)
        return 0
    if len(chosen) > 1:
        raise click.UsageError(f"{chosen[0]} does not go with {_named(chosen[1])}")
    if asked and form == "json":
        raise click.UsageError(f"JSON is the whole report, without {asked}")
    if memory and (chosen or form not in ("text", "json")):
        raise click.UsageError(f"--memory goes with the whole report, not with {_named(chosen[0]) if chosen else form}")
    only = [option for option in chosen if option != asked]
    if profile is not None and only:
        raise click.UsageError(f"--time goes with the report of layers, not with {_named(only[0])}")
    if not memory:
        without_effect("without --memory", "hardware")
        if profile is None:
            without_effect("without --memory or --time", "optimizer", "dtype")
    if chosen and not asked:
        without_effect(f"with {_named(chosen[0])}", "unfold")
    _refuse_columns(view, timed=profile is not None)
    networks = [load(spec) for spec in specs]
    if symbolic:
        _refuse_closed(networks)
    needs = networks[0].memory(optimizer=optimizer, dtype=dtype, hardware=hardware) if memory else None
    report = networks[0].report()
    if profile is not None:
        from archdsl.presentation.times import PREDICTED

        report = replace(report, timing=predicted_times(networks[0], profile, dtype, optimizer))
        view = {"columns": PREDICTED} | view
    whole = form == "text" and not chosen and (width or terminal_width(sys.stdout)) is None
    if whole and profile is None:
        from archdsl.presentation.layers import listing

        sheets = [listing(report)]
    else:
        view = view | {"flat": True} if whole else view
        sheets = [_sheet(networks, report, chosen[0] if chosen else None, by, view, form)]
    if needs is not None:
        from archdsl.presentation.memory import sheet

        of_memory = needs.to_dict
        sheets = [replace(sheets[0], document=lambda: report.to_dict() | {"memory": of_memory()}), sheet(needs)]
    print_sheets(sheets, form, width)
    return 0


def _refuse_columns(view: Mapping[str, Any], *, timed: bool) -> None:
    """Columns that nothing would be shown in."""
    asked = {*view.get("columns", ()), view.get("sort")} - {None}
    if not asked:
        return
    from archdsl.presentation.times import MEASURED, TIMES

    for name in asked & {*MEASURED}:
        raise click.UsageError(f"the column `{name}` is one of `archdsl bench`")
    for name in asked & {*TIMES} if not timed else ():
        raise click.UsageError(f"the column `{name}` needs a device: --time h100")


def _refuse_closed(networks: Sequence[Network]) -> None:
    """`--symbolic` of a network whose batch is a number."""
    for graph in (network.graph for network in networks):
        if all(isinstance(layer(graph, name)["outputs"][0][0], int) for name in header(graph)["inputs"]):
            raise click.UsageError(
                f"the batch of `{header(graph)['network']}` is a number, so that --symbolic opens nothing"
            )


def _named(kind: str) -> str:
    """A kind of table as it is spoken of: several SPECs are compared without the option."""
    return kind.replace("--compare", "a comparison")


def _panels(chosen: list[str], memory: bool) -> list[str]:
    """What is plotted: all there is, or what is asked for."""
    asked = [option for option in chosen if option != "--compare"] + ["--memory"] * memory
    for option in asked:
        if option not in ("--stages", "--memory", "--fields"):
            raise click.UsageError(f"--plot goes with --stages, --memory and --fields, not with {option}")
    return [option.removeprefix("--") for option in asked]


def _sheet(
    networks: list[Network], report: Report, kind: str | None, by: str | None, view: dict[str, Any], form: str
) -> Sheet:
    """The table that is asked for."""
    network = networks[0]
    if kind == "--stages":
        from archdsl.presentation.stages import stages

        return stages(network.graph, report)
    if kind == "--fields":
        from archdsl.presentation.fields import fields

        return fields(network.graph, report)
    if by is not None:
        from archdsl.presentation.counts import counts

        return counts(network.graph, by)
    if kind == "--explain-counts":
        from archdsl.presentation.counts import explanation
        from archdsl.published import printed

        return explanation(network.graph, [(f.published, f.source, f.note) for f in printed(network.graph)])
    if kind == "--compare":
        from archdsl.outline.naming import names
        from archdsl.presentation.comparison import comparison

        graphs = [network.graph for network in networks]
        return comparison(names(graphs), [network.report() for network in networks])
    from archdsl.presentation.layers import ReportView, layers

    if kind is None and form != "text":
        view = {**view, "flat": True}  # for programs and papers, unless a tree is asked for
    return layers(network.graph, report, ReportView(**view))

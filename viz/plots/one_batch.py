"""One batch in time on several devices: a lane for each, a bar for each layer, and below them the memory of each."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from archdsl.placement.plan import PlacementPlan
from archdsl.sheet.units import duration
from viz import theme as colours
from viz.plots.gantt import FRAME, LANE, MEMORY, MOST_BARS, THICK, TITLE, idle_lane, memory_panel, seconds_of
from viz.plots.plot import FinishedPlot
from viz.plots.style import LONGEST, SMALL, WIDTH, Style, tick
from viz.recolour import Theme
from viz.theme import MUTED


def of_one_batch(plan: PlacementPlan, *, theme: Theme = "light") -> FinishedPlot:
    """The plot of a plan for latency. Raises `ValueError` where there are more layers than can be told apart."""
    if plan.problem.layers > MOST_BARS:
        raise ValueError(f"{plan.problem.layers:,} layers are more than can be drawn")
    style, lanes = Style(theme), FRAME + LANE * len(plan.used)
    with style.context():
        figure = Figure(figsize=(WIDTH, lanes + MEMORY + TITLE))
        network = f"{plan.variant} ({plan.network})" if plan.variant else plan.network
        count = f"{len(plan.used)} devices" if len(plan.used) > 1 else "one device"
        figure.suptitle(f"{network[:LONGEST]} on {count}, one batch", x=0.012, ha="left")
        figure.supxlabel(_foot(plan), x=0.012, ha="left", fontsize=SMALL, color=style.colour(MUTED))
        top, bottom = figure.subplots(2, 1, height_ratios=[lanes, MEMORY], sharex=True)
        name, second = seconds_of(plan.step)
        says = _lanes(top, plan, second, style)
        memory_panel(bottom, plan.used, _memory(plan), plan.step / second, second, style)
        bottom.set_xlim(0, plan.step / second)
        bottom.xaxis.set_major_formatter(tick)
        bottom.set_xlabel(f"time ({name})", loc="right")
    return FinishedPlot(figure, style, says)


def _foot(plan: PlacementPlan) -> str:
    batch = "a sample" if plan.conditions.batch == 1 else f"a batch of {plan.conditions.batch}"
    waits = f"; devices wait {plan.bubble:.0%} of the time" if len(plan.used) > 1 else ""
    return f"predicted: {batch} takes {duration(plan.step)} in inference{waits}; nothing is freed"


def _lanes(axes: Axes, plan: PlacementPlan, second: float, style: Style) -> dict[str, str]:
    """The bars of all devices; what is to be said of each."""
    says, homes = dict[str, str](), plan.devices
    axes.set_title("what devices compute")
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="both", length=0, labelbottom=False)
    axes.grid(visible=True, axis="x")
    look = colours.GROUPS["convolution"]
    fill, edge = ("#ffffff", "#6f6f6f") if style.theme == "print" else map(style.colour, (look.fill, look.line))
    busy = dict.fromkeys(plan.used, 0.0)
    for key, (start, end) in zip(plan.problem.nodes[:-1], plan.moments, strict=True):
        device = homes[key]
        busy[device] += end - start
        if start < end:
            bar = Rectangle(
                (start / second, plan.used.index(device) - THICK / 2), (end - start) / second, THICK,
                facecolor=fill, edgecolor=edge, linewidth=0.4, zorder=2,
            )  # fmt: skip
            bar.set_gid(f"layer-{key}")
            axes.add_patch(bar)
            says[f"layer-{key}"] = f"{device}, {key}: {duration(start)} to {duration(end)}"
    for place, device in enumerate(plan.used):
        idle_lane(axes, place, 1 - busy[device] / plan.step if plan.step else 0.0, style)
    axes.set_yticks(range(len(plan.used)), plan.used)
    axes.set_ylim(len(plan.used) - 0.5, -0.5)
    return says


def _memory(plan: PlacementPlan) -> list[list[tuple[float, int]]]:
    """By device, the bytes held from each moment on: weights, and all that is made or received until then."""
    problem, homes = plan.problem, plan.devices
    home = [homes[key] for key in problem.nodes[:-1]]
    changes: dict[str, list[tuple[float, int]]] = {device: [] for device in plan.used}
    for tensor in problem.tensors:
        if tensor.producer is not None:
            changes[home[tensor.producer]].append((plan.moments[tensor.producer][0], tensor.bytes))
        made = home[tensor.producer] if tensor.producer is not None else None
        for device in {home[v] for v in tensor.readers if v < problem.layers} - {made}:
            first = min(plan.moments[v][0] for v in tensor.readers if v < problem.layers and home[v] == device)
            changes[device].append((0.0 if tensor.producer is None else first, tensor.bytes))
    curves = []
    for device, grown in changes.items():
        held = sum(own for own, at in zip(problem.at_rest[:-1], home, strict=True) if at == device)
        curve = {0.0: held}
        for moment, bytes in sorted(grown):
            held += bytes
            curve[moment] = held
        curves.append(list(curve.items()))
    return curves

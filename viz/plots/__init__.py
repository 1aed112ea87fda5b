"""Plots of what networks cost, by matplotlib: the extra `plot`. Nothing else imports this package.

`style.py` knows how plots look, `plot.py` how they become files. `networks.py` puts the panels of one network, or of
several, into a figure: `bars.py`, `memory.py` and `field.py` draw one each. `sweep.py` and `front.py` draw a sweep,
whose points `series.py` has made lines of. `gantt.py` draws the schedule of a placement, and
`one_batch.py` that of one for latency.
"""

from __future__ import annotations

from viz.plots.gantt import of_plan
from viz.plots.networks import PANELS, of_networks
from viz.plots.one_batch import of_one_batch
from viz.plots.plot import FORMATS, PAGES, FinishedPlot, format_of
from viz.plots.sweep import of_sweep

__all__ = [
    "FORMATS",
    "PAGES",
    "PANELS",
    "FinishedPlot",
    "format_of",
    "of_networks",
    "of_one_batch",
    "of_plan",
    "of_sweep",
]

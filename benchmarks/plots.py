"""Overhead as a picture: requests a second and CPU of a request, arm by arm."""

from __future__ import annotations

import statistics
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.arms import DIRECT, OFF, ON
from benchmarks.cells import GRID_ARMS, WHOLE, Found, rate

SIZE_INCHES = (9.0, 3.2)
DOTS_PER_INCH = 110
OURS, THEIRS = "#0b6e4f", "#8a8a8a"


def draw(found: Found, path: Path) -> None:
    """Draw whole answers, 16 at a time; medians, on scales of powers of ten."""
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    cell = WHOLE[16]
    there = [arm for arm in GRID_ARMS if found.of(cell, arm)]
    rates = {arm: statistics.median(map(rate, found.of(cell, arm))) for arm in there}
    costs = {arm: statistics.median(sample.cpu_ms for sample in found.of(cell, arm)) for arm in there if arm != DIRECT}
    for axes, title, values, form in (
        (left, "requests/s", rates, "{:,.0f}"),
        (right, "CPU ms of a request", costs, "{:.2f}"),
    ):
        colours = [OURS if arm in (OFF, ON) else THEIRS for arm in values]
        bars = axes.barh(list(values), list(values.values()), color=colours)
        axes.bar_label(bars, fmt=form, padding=3, fontsize="small")
        axes.set(title=f"{title}, {cell.name}", xscale="log")
        axes.margins(x=0.25)
        axes.invert_yaxis()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Software": None})

"""Learning curves as pictures. The one place that needs matplotlib (`pip install accrue[benchmarks]`)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.learning.life import Arm
from benchmarks.learning.results import Results

COLOURS: Mapping[Arm, str] = {
    "full": "#0b6e4f",
    "off": "#555555",
    "placebo": "#c07f2c",
    "recent": "#7a5195",
    "oracle": "#2a6fbb",
}
SIZE_INCHES = (5.2, 3.2)
DOTS_PER_INCH = 110


def draw(results: Results, folder: Path) -> Path:
    """Draw a suite's first metric along its curve, an interval around each line; where the picture is."""
    suite, metric = results.suite, results.suite.metrics[0]
    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for arm in results.arms:
        curve = results.curve(arm, metric)
        places = [place for place, _ in curve]
        axes.plot(places, [one.value for _, one in curve], color=COLOURS[arm], label=arm, marker="o", markersize=3)
        lows, highs = [one.low for _, one in curve], [one.high for _, one in curve]
        axes.fill_between(places, lows, highs, color=COLOURS[arm], alpha=0.15, linewidth=0)
    axes.set(title=f"{suite.name}: {suite.title}", xlabel=suite.along, ylabel=metric, ylim=(-0.02, 1.02))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", frameon=False)
    path = folder / f"learning-{suite.name.lower().replace(' ', '-')}.png"
    figure.savefig(path, metadata={"Software": None})
    return path

"""Charts as values: where what stands, in units of the drawing. A template writes them as SVG, with their table.

Colours are classes, so that they follow light and dark; what belongs together is told by order, pattern and words, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

WIDTH, HEIGHT = 640.0, 200.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 10.0, 10.0, 26.0
"""Margins, in which the numbers of the axes stand."""

ROW = 34.0
"""Height of one row of intervals."""

LABELS = 8
"""Of the horizontal axis at most."""

BIN_WIDTHS = (1, 2, 5, 10, 20, 25, 50)
"""Of a histogram, in percentage points; the first that needs no more than `MOST_BINS`."""

MOST_BINS = 12

GAP = 0.22
"""Of the room of a bar is left free."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A number or word of an axis."""

    at: float
    text: str


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle, and what it says to whoever points at it."""

    x: float
    y: float
    width: float
    height: float
    series: int
    says: str


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Points joined, as SVG's `points`."""

    points: str
    series: int


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate with its interval, on one row."""

    low: float
    mean: float
    high: float
    y: float
    name: str
    says: str


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A drawing, its words, and the table that says the same."""

    title: str
    summary: str
    """What there is to see, in a sentence, for whoever sees nothing."""
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    series: tuple[str, ...] = ()
    """Names, from the ground up; of one alone nothing needs to be said."""
    height: float = HEIGHT
    bars: tuple[Bar, ...] = ()
    lines: tuple[Line, ...] = ()
    ranges: tuple[Range, ...] = ()
    across: tuple[Mark, ...] = ()
    """Of the horizontal axis."""
    up: tuple[Mark, ...] = ()
    zero: float | None = None
    """Where a vertical line stands for no difference."""


Series = Mapping[str, Sequence[float]]


def stacked(title: str, steps: Sequence[str], series: Series, *, step: str = "day") -> Chart:
    """Bars over days, the first series at the bottom."""
    totals = [sum(values) for values in zip(*series.values(), strict=True)] if series else [0.0] * len(steps)
    top, marks = _axis(max(totals, default=0.0))
    room = (WIDTH - LEFT - RIGHT) / max(1, len(steps))
    bars: list[Bar] = []
    for place, begins in enumerate(steps):
        ground = 0.0
        for number, (name, values) in enumerate(series.items()):
            if value := values[place]:
                bars.append(
                    Bar(
                        x=_cut(LEFT + room * (place + GAP / 2)),
                        y=_cut(_height(ground + value, top)),
                        width=_cut(room * (1 - GAP)),
                        height=_cut(_height(ground, top) - _height(ground + value, top)),
                        series=number,
                        says=f"{begins}: {_plain(value)} {name}",
                    )
                )
            ground += value
    return Chart(
        title=title,
        summary=_summary(steps, totals, step),
        series=tuple(series),
        bars=tuple(bars),
        across=tuple(_days(steps, room)),
        up=marks,
        header=(step, *series),
        rows=_rows(steps, series),
    )


def lines(title: str, steps: Sequence[str], series: Series, *, step: str = "day") -> Chart:
    """A line for each series over days."""
    top, marks = _axis(max((max(values, default=0.0) for values in series.values()), default=0.0))
    room = (WIDTH - LEFT - RIGHT) / max(1, len(steps))
    return Chart(
        title=title,
        summary="; ".join(f"{name}: {_summary(steps, values, step)}" for name, values in series.items()),
        series=tuple(series),
        lines=tuple(
            Line(
                points=" ".join(
                    f"{_cut(LEFT + room * (place + 0.5))},{_cut(_height(value, top))}"
                    for place, value in enumerate(values)
                ),
                series=number,
            )
            for number, values in enumerate(series.values())
        ),
        across=tuple(_days(steps, room)),
        up=marks,
        header=(step, *series),
        rows=_rows(steps, series),
    )


def histogram(title: str, values: Sequence[float], *, unit: str = "points") -> Chart:
    """How many values lie in each of at most `MOST_BINS` parts of their range, which begin at round numbers."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    width = next(width for width in BIN_WIDTHS if high // width - low // width < MOST_BINS)
    first = int(low // width)
    counts = [0] * (int(high // width) - first + 1)
    for value in values:
        counts[int(value // width) - first] += 1
    begins = [width * (first + place) for place in range(len(counts) + 1)]
    chart = stacked(title, [f"{begin:+} to {end:+}" for begin, end in pairwise(begins)], {"count": counts}, step=unit)
    room = (WIDTH - LEFT - RIGHT) / len(counts)
    names = (f"{begin:+}" if begin else "0" for begin in begins)
    marks = tuple(Mark(at=_cut(LEFT + room * place), text=name) for place, name in enumerate(names))
    return msgspec.structs.replace(chart, across=marks)


def intervals(title: str, rows: Sequence[tuple[str, float, float, float]], *, unit: str = "points") -> Chart:
    """Estimates with their intervals around zero, one below the other: name, low, mean, high."""
    reach, marks = _axis(max((max(abs(low), abs(high)) for _, low, _, high in rows), default=1.0))
    middle = (LEFT + WIDTH - RIGHT) / 2
    scale = (WIDTH - LEFT - RIGHT) / 2 / reach
    numbers = sorted({float(mark.text.replace(",", "")) for mark in marks})
    return Chart(
        title=title,
        summary="; ".join(f"{name}: {mean:+.1f} {unit} ({low:+.1f} to {high:+.1f})" for name, low, mean, high in rows),
        height=TOP + ROW * len(rows) + BOTTOM,
        ranges=tuple(
            Range(
                low=_cut(middle + low * scale),
                mean=_cut(middle + mean * scale),
                high=_cut(middle + high * scale),
                y=TOP + ROW * (place + 0.5),
                name=name,
                says=f"{name}: {mean:+.1f} {unit}, from {low:+.1f} to {high:+.1f}",
            )
            for place, (name, low, mean, high) in enumerate(rows)
        ),
        across=tuple(
            Mark(at=_cut(middle + value * scale), text=f"{value:+g}" if value else "0")
            for value in sorted({*numbers, *(-number for number in numbers)})
        ),
        zero=middle,
        header=("", "low", "estimate", "high"),
        rows=tuple((name, f"{low:+.1f}", f"{mean:+.1f}", f"{high:+.1f}") for name, low, mean, high in rows),
    )


def _axis(highest: float) -> tuple[float, tuple[Mark, ...]]:
    """The end of an axis from zero, and up to five round numbers on it."""
    least = max(highest, 1.0) / 4
    power = 10.0 ** math.floor(math.log10(least))
    step = max(1.0, next(round_ * power for round_ in (1, 2, 5, 10) if round_ * power >= least))
    count = max(1, math.ceil(highest / step))
    top = step * count
    values = [step * place for place in range(count + 1)]
    return top, tuple(Mark(at=_cut(_height(value, top)), text=f"{value:,.0f}") for value in values)


def _height(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top


def _days(steps: Sequence[str], room: float) -> Iterator[Mark]:
    """Names of some days, evenly spaced, without the year."""
    every = max(1, math.ceil(len(steps) / LABELS))
    for place in range(0, len(steps), every):
        yield Mark(at=_cut(LEFT + room * (place + 0.5)), text=steps[place].partition("-")[2] or steps[place])


def _summary(steps: Sequence[str], values: Sequence[float], step: str) -> str:
    if not any(values):
        return "none"
    place = max(range(len(values)), key=lambda one: values[one])
    return f"{_plain(sum(values))} in all, most on {steps[place]} ({_plain(values[place])}), by {step}"


def _rows(steps: Sequence[str], series: Series) -> tuple[tuple[str, ...], ...]:
    return tuple((begins, *(_plain(values[place]) for values in series.values())) for place, begins in enumerate(steps))


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _cut(value: float) -> float:
    return round(value, 2)

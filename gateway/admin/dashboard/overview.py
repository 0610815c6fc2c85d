"""The first page: what memory did lately, and what it was worth."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from starlette.responses import Response

from gateway.admin.dashboard.charts import Chart, intervals, lines, stacked
from gateway.admin.dashboard.figures import SORTS, Figures, Length
from gateway.admin.dashboard.pages import HOME, Page, Section, Visit
from gateway.rates import ENOUGH
from gateway.report import Report

WORDS = {
    "hit": "with memory",
    "empty": "nothing to add",
    "failed": "memory failed",
    "aside": "not asked or held out",
}
"""By `Sort`."""

PERIODS: dict[Length, str] = {"1d": "24 hours", "7d": "7 days", "30d": "30 days", "12w": "12 weeks", "all": "All"}

MOST_CONSTRAINTS = 8
"""Are shown of those that were checked, the least kept first."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is asked by."""

    since: Length = "7d"


async def overview(visit: Visit) -> Response:
    """The page; it says so where the figures are still being counted."""
    asked = visit.asked(Asked)
    figures = await visit.figures(asked.since)
    if figures is None:
        return visit.show("counting.html", title="Overview", periods=PERIODS, since=asked.since, home=HOME)
    counts = await visit.console.catalogue.counts("")
    return visit.show(
        "overview.html",
        periods=PERIODS,
        since=asked.since,
        home=HOME,
        figures=figures,
        report=figures.report,
        charts=list(_charts(figures)),
        lift=_lift(figures.report),
        enough=ENOUGH,
        held=sum(one.count for one in counts if one.is_holding),
        kinds=sorted(((one.kind, one.count) for one in counts if one.is_holding), key=lambda one: -one[1]),
        most=MOST_CONSTRAINTS,
    )


def _charts(figures: Figures) -> Iterator[Chart]:
    begins = [step.begins for step in figures.steps]
    calls = {WORDS[sort]: [step.calls[sort] for step in figures.steps] for sort in SORTS}
    yield stacked("Calls", begins, calls, step=figures.by)
    yield stacked("Tokens added", begins, {"tokens": [step.tokens for step in figures.steps]}, step=figures.by)
    yield stacked("What went wrong, by signal", begins, figures.failures, step=figures.by)
    if by_turn := figures.report.adherence_by_turn:
        kept = [100 * row.kept / row.checked for row in by_turn]
        yield lines("Rules kept, by call of the session", [row.what for row in by_turn], {"% kept": kept}, step="call")


def _lift(report: Report) -> Chart | None:
    if report.arms.lift is None:
        return None
    found = report.arms.lift.difference
    row = ("with memory − without", 100 * found.low, 100 * found.mean, 100 * found.high)
    return intervals("Lift: sessions that went right", [row])


SECTION = Section(title="Overview", pages=(Page(path=HOME, work=overview),))

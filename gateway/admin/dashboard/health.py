"""How the gateway is, and what it could not learn."""

from __future__ import annotations

from starlette.responses import Response

from gateway.admin import deadletters as api
from gateway.admin.dashboard.pages import BELOW, Page, Section, Visit
from gateway.console import Console
from gateway.errors import DataDirError, MemoryUnavailable

HEALTH, REPLAY, DROP = (f"{BELOW}health", f"{BELOW}health/replay", f"{BELOW}health/drop")

MOST_LETTERS = 200
"""Dead letters on the page, the oldest first; more come up as these are dealt with."""


async def health(visit: Visit) -> Response:
    """The page."""
    return visit.show(
        "health.html",
        health=await visit.console.health(),
        dead=await _letters(visit.console),
        replay=REPLAY,
        drop=DROP,
    )


async def replay(visit: Visit) -> Response:
    """Let the learner have the chosen ones once more."""
    await api.replay(visit.console, _chosen(visit))
    return visit.go(HEALTH, did="replayed")


async def drop(visit: Visit) -> Response:
    """Forget the chosen ones."""
    await api.drop(visit.console, _chosen(visit))
    return visit.go(HEALTH, did="dropped")


async def _letters(console: Console) -> api.Letters | None:
    """None where a bad disk keeps them from being read: just then somebody wants to know how all else is."""
    try:
        return await api.letters(console, api.Page(limit=MOST_LETTERS))
    except (MemoryUnavailable, DataDirError):
        return None


def _chosen(visit: Visit) -> api.Chosen:
    return api.Chosen(exchanges=tuple(visit.sent.getlist("exchange")))


SECTION = Section(
    title="Health",
    pages=(
        Page(path=HEALTH, work=health),
        Page(path=REPLAY, work=replay, method="POST"),
        Page(path=DROP, work=drop, method="POST"),
    ),
    said={
        "replayed": "The learner has them once more. What fails again is back here in a moment.",
        "dropped": "Dropped. Their exchanges stay on record.",
    },
)

"""What was learnt from what happened: a list with what each lesson is worth, and each with its evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta
from starlette.responses import Response

from gateway.admin import memories as api
from gateway.admin.dashboard.charts import Chart, histogram, intervals
from gateway.admin.dashboard.figures import Figures, Length
from gateway.admin.dashboard.overview import PERIODS
from gateway.admin.dashboard.pages import BELOW, Page, Section, Visit
from gateway.admin.dashboard.render import link
from gateway.admin.names import Name
from gateway.errors import NotFound
from gateway.experience import LessonState
from gateway.memories import Memory
from gateway.owners import scope_of
from gateway.rates import ENOUGH
from gateway.report import Learnt
from gateway.types import Scope

LIST = f"{BELOW}lessons"
ONE, CHANGE, FORGET = f"{BELOW}lesson", f"{BELOW}lesson/change", f"{BELOW}lesson/forget"

STATES: tuple[LessonState, ...] = get_args(LessonState)

AT_ONCE = 50
"""Lessons on a page."""


class ListAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which lessons, and of which period what they earned."""

    since: Length = "all"
    state: LessonState | Literal[""] = ""
    user: Name = ""
    tenant: Name = ""
    place: Annotated[int, Meta(ge=0)] = 0
    """How many come before the page."""


class OneAsked(api.MemoryAsked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lesson, and of which period what it earned."""

    since: Length = "all"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson in the list."""

    scope: Scope
    memory: Memory
    learnt: Learnt

    @property
    def says(self) -> str:
        """What the interval of its uplift says."""
        uplift = self.learnt.uplift
        if uplift is None:
            return "unknown"
        return "helps" if uplift.low > 0 else "harms" if uplift.high < 0 else "unclear"


async def lessons(visit: Visit) -> Response:
    """The list; it says so where what they are worth is still being counted."""
    asked = visit.asked(ListAsked)
    figures = await visit.figures(asked.since)
    if figures is None:
        return visit.show("counting.html", title="Lessons", periods=PERIODS, since=asked.since, home=LIST)
    return await asyncio.to_thread(_list, visit, asked, figures)


def _list(visit: Visit, asked: ListAsked, figures: Figures) -> Response:
    """Goes through all lessons, of which there may be very many: not on the event loop."""
    found = list(_rows(figures, asked))
    following = asked.place + AT_ONCE
    return visit.show(
        "lessons.html",
        asked=asked,
        periods=PERIODS,
        figures=figures,
        states=STATES,
        count=len(found),
        rows=found[asked.place : following],
        tiles=_tiles(found),
        spread=_spread(found),
        enough=ENOUGH,
        next=_next(asked, following) if following < len(found) else "",
        address=address,
        home=LIST,
    )


async def lesson(visit: Visit) -> Response:
    """One of them."""
    asked = visit.asked(OneAsked)
    read = await api.memory(visit.console, asked)
    shown = read.shown
    if shown.memory.lesson is None:
        raise NotFound("that memory is no lesson", code="not_found", param="id")
    scope = Scope(tenant=shown.tenant, user=shown.user, session=shown.session, is_shared=shown.is_shared)
    figures = await visit.figures(asked.since)
    counted = figures.report.lessons if figures is not None else ()
    learnt = next((one for one in counted if (one.owner, one.id) == (scope.owner, shown.memory.id)), None)
    return visit.show(
        "lesson.html",
        read=read,
        shown=shown,
        memory=shown.memory,
        lesson=shown.memory.lesson,
        learnt=learnt,
        uplift=_uplift(learnt),
        enough=ENOUGH,
        address=address,
        seen_in=seen_in,
        scope=scope,
        paths={"list": LIST, "change": CHANGE, "forget": FORGET, "memory": f"{BELOW}memory"},
    )


async def change(visit: Visit) -> Response:
    """Retire, restore or pin one."""
    asked = visit.filled(api.Changing)
    became = await api.change(visit.console, asked)
    whose = {"tenant": became.tenant, "user": became.user, "session": became.session}
    return visit.go(ONE, did="changed", id=became.memory.id, **whose)


async def forget(visit: Visit) -> Response:
    """Remove one for good."""
    await api.forget(visit.console, visit.filled(api.MemoryAsked))
    return visit.go(LIST, did="forgotten")


def address(scope: Scope, id: str) -> str:
    """Of a lesson's page."""
    return link(ONE, id=id, tenant=scope.tenant, user=scope.user, session="" if scope.user else scope.session)


def seen_in(scope: Scope, session: str, exchange: str) -> str:
    """Where an exchange is shown among the others of its session."""
    is_nobodys = scope.user is None or None
    page = link(f"{BELOW}session", id=session, tenant=scope.tenant, user=scope.user, is_nobodys=is_nobodys)
    return f"{page}#{exchange}"


def _rows(figures: Figures, asked: ListAsked) -> Iterator[Row]:
    held = {(one.owner, one.memory.id): one.memory for one in figures.lessons}
    for learnt in figures.report.lessons:
        scope = scope_of(learnt.owner)
        is_asked = (
            asked.state in ("", learnt.state) and asked.tenant in ("", scope.tenant) and asked.user in ("", scope.user)
        )
        if is_asked:
            yield Row(scope=scope, memory=held[learnt.owner, learnt.id], learnt=learnt)


def _tiles(found: Sequence[Row]) -> dict[str, int]:
    """How many there are of each state, and of each that can be said of them."""
    states = {state: sum(one.learnt.state == state for one in found) for state in STATES}
    return states | {says: sum(one.says == says for one in found) for says in ("helps", "harms", "unknown")}


def _spread(found: Sequence[Row]) -> Chart | None:
    uplifts = [100 * one.learnt.uplift.mean for one in found if one.learnt.uplift is not None]
    return histogram("How uplifts are spread", uplifts) if uplifts else None


def _uplift(learnt: Learnt | None) -> Chart | None:
    if learnt is None or learnt.uplift is None:
        return None
    found = learnt.uplift
    row = ("told − withheld", 100 * found.low, 100 * found.mean, 100 * found.high)
    return intervals("Uplift: outcomes that went right", [row])


def _next(asked: ListAsked, place: int) -> str:
    return link(LIST, **msgspec.structs.asdict(asked) | {"place": place})


SECTION = Section(
    title="Lessons",
    pages=(
        Page(path=LIST, work=lessons),
        Page(path=ONE, work=lesson),
        Page(path=CHANGE, work=change, method="POST"),
        Page(path=FORGET, work=forget, method="POST"),
    ),
    said={
        "changed": "Done.",
        "forgotten": "It is forgotten. What it was learnt from stays on record.",
    },
)

"""`GET /accrue/lessons`: what was learnt from what happened, on what evidence, when it is told, and what it is worth.

What a lesson is worth is said as the report says it (gateway/report.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.admin.operations import Operation
from gateway.admin.report import Period, begun
from gateway.console import Console
from gateway.experience import Evidence, LessonState
from gateway.owners import scope_of
from gateway.period import Facts
from gateway.report import Learnt, report

BANDS = tuple(band / 10 for band in range(-10, 10))
"""Where each band of uplifts begins; a tenth wide."""

MAX_LESSONS = 1_000
"""Are shown, those that are told first."""


class LessonsAsked(Period, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lessons, and of which period what they earned."""

    state: LessonState | Literal[""] = ""
    """Empty for all."""
    limit: Annotated[int, Meta(ge=1, le=MAX_LESSONS)] = 200


class LessonShown(msgspec.Struct, frozen=True, kw_only=True):
    """A lesson of one owner."""

    tenant: str
    user: str | None
    session: str
    is_shared: bool
    is_pinned: bool
    learnt: Learnt
    triggers: tuple[str, ...]
    """Phrasings for which it is told."""
    tools: tuple[str, ...]
    """Where a request offers one of them."""
    places: tuple[str, ...]
    """Where work touches one of them."""
    signature: str
    """Of the error that it avoids."""
    when_not: tuple[str, ...]
    evidence: tuple[Evidence, ...]


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """How many lessons have an uplift in a band."""

    begins: float
    """Inclusive; the band is a tenth wide."""
    lessons: int


class LessonsShown(msgspec.Struct, frozen=True, kw_only=True):
    """Lessons, those that are told first, and how their uplifts are spread."""

    lessons: tuple[LessonShown, ...]
    count: int
    """Of these lessons, shown or not."""
    uplifts: tuple[Band, ...]
    """Of all of them on which enough is known; without empty bands at either end."""
    unknown: int
    """Of them, those on which not enough is known."""


async def lessons(console: Console, asked: LessonsAsked) -> LessonsShown:
    """Lessons, and what they are worth."""
    since = begun(console, asked.since)
    facts = await console.facts(asked.tenant or None, since)
    return await asyncio.to_thread(_shown, facts, asked)


def _shown(facts: Facts, asked: LessonsAsked) -> LessonsShown:
    held = {(one.owner, one.memory.id): one.memory for one in facts.lessons}
    learnt = [one for one in report(facts).lessons if asked.state in ("", one.state)]
    uplifts = [one.uplift.mean for one in learnt if one.uplift is not None]
    shown = []
    for one in learnt[: asked.limit]:
        scope, memory = scope_of(one.owner), held[one.owner, one.id]
        if (lesson := memory.lesson) is not None:
            shown.append(
                LessonShown(
                    tenant=scope.tenant,
                    user=scope.user,
                    session=scope.session,
                    is_shared=scope.is_shared,
                    is_pinned=memory.is_pinned,
                    learnt=one,
                    triggers=lesson.triggers,
                    tools=lesson.tools,
                    places=lesson.places,
                    signature=lesson.signature,
                    when_not=lesson.when_not,
                    evidence=lesson.evidence,
                )
            )
    return LessonsShown(
        lessons=tuple(shown), count=len(learnt), uplifts=tuple(_bands(uplifts)), unknown=len(learnt) - len(uplifts)
    )


def _bands(uplifts: Sequence[float]) -> Iterator[Band]:
    counts = [0] * len(BANDS)
    for uplift in uplifts:
        counts[min(int((uplift + 1) * 10), len(BANDS) - 1)] += 1
    filled = [place for place, count in enumerate(counts) if count]
    if filled:
        for place in range(filled[0], filled[-1] + 1):
            yield Band(begins=BANDS[place], lessons=counts[place])


OPERATIONS = (
    Operation(
        name="listLessons",
        method="GET",
        path="/accrue/lessons",
        summary="What was learnt from what happened: evidence, when it is told, and what it is worth.",
        tag="lessons",
        asked=LessonsAsked,
        answer=LessonsShown,
        work=lessons,
    ),
)

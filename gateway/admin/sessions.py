"""`GET /accrue/sessions` and `GET /accrue/sessions/{id}`: whose sessions there are, and one of them call by call.

It knows how a session is shown. What is on record is known by the port `Sessions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.admin.explain import Handled, handled
from gateway.admin.names import WHOLE, Given, Name, Place
from gateway.admin.operations import Operation
from gateway.console import Console
from gateway.errors import Conflict, NotFound
from gateway.experience import Change, Feedback, Signal
from gateway.sessions import Turned, Visited
from gateway.types import Scope, Turn, Usage

TEXT_CHARS = 2_000
"""Of what is said in one message are shown: a screen or two."""

MAX_MESSAGES = 40
"""Of one call are shown, the newest: a client that was let in late sends a whole conversation at once."""

MAX_NAMED = 20
"""Sessions of one name are named where it is to be said which is meant."""


class SessionsAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose sessions."""

    tenant: Name = ""
    """Empty for all."""
    user: Name | None = None
    """Not given for all; empty for those in which nobody was named."""
    place: Place = ""
    """`place` of the page before."""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class SessionAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which session, and which part of it."""

    id: Given
    """What it is called."""
    tenant: Name = ""
    """Empty: the only one in which a session is called so."""
    user: Name | None = None
    """Not given: the only one whose session is called so; empty: nobody was named in it."""
    place: Annotated[str, Meta(max_length=256)] = ""
    """`place` of the page before; empty for the newest calls."""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100


class SessionShown(msgspec.Struct, frozen=True, kw_only=True):
    """A session, and how much there was of it."""

    id: str
    tenant: str
    user: str | None
    """Null where nobody was named in it."""
    began: float
    """Unix seconds of its first call on record, as is `last` of its last."""
    last: float
    calls: int


class SessionsShown(msgspec.Struct, frozen=True, kw_only=True):
    """A page of sessions, the one that was heard of last first."""

    sessions: tuple[SessionShown, ...]
    place: str
    """Asks for the next page; empty when there is none."""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """A message, or as much of it as is shown."""

    role: str
    text: str
    chars: int
    """Of the whole text; what is shown is its beginning."""
    tools: tuple[str, ...]
    """Called in it, by name."""


class CallShown(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a session, and what was seen and said of it later."""

    call: Handled
    said: tuple[Words, ...]
    """By the client, and new in this call."""
    answered: tuple[Words, ...]
    signals: tuple[Signal, ...]
    feedback: tuple[Feedback, ...]
    changes: tuple[Change, ...]
    """Of lessons."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What some calls come to."""

    calls: int
    hits: int
    """In which there were memories."""
    notes_tokens: int
    """Of memories that were in the calls, each time they were."""
    usage: Usage
    """As the provider counted, where it did."""
    signals: int
    feedback: int


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """A session call by call, oldest first."""

    session: SessionShown
    calls: tuple[CallShown, ...]
    totals: Totals
    """Of the calls that are shown: of the whole session where `place` is empty and none was asked for."""
    place: str
    """Asks for the calls before these; empty when there are none."""


async def sessions(console: Console, asked: SessionsAsked) -> SessionsShown:
    """A page of sessions."""
    found, place = await console.sessions.newest(asked.tenant, asked.user, asked.place, asked.limit)
    return SessionsShown(sessions=tuple(shown(one) for one in found), place=place)


async def session(console: Console, asked: SessionAsked) -> Timeline:
    """A session call by call."""
    scope = await _meant(console, asked)
    visited = await console.sessions.visited(scope)
    if visited is None:
        raise _unknown()
    found, before = await console.sessions.calls(scope, asked.place, asked.limit)
    calls = tuple(map(_call, found))
    return Timeline(
        session=shown(visited),
        calls=calls,
        totals=_totals(calls),
        place=before,
    )


def shown(visited: Visited) -> SessionShown:
    """A session as it is shown."""
    scope = visited.scope
    return SessionShown(
        id=scope.session,
        tenant=scope.tenant,
        user=scope.user,
        began=visited.began,
        last=visited.last,
        calls=visited.calls,
    )


async def _meant(console: Console, asked: SessionAsked) -> Scope:
    """The one session that is called so. Raises `NotFound` and `Conflict`."""
    if asked.tenant and asked.user is not None:
        return Scope(tenant=asked.tenant, user=asked.user or None, session=asked.id)
    found = [
        scope
        for scope in await console.sessions.called(asked.id)
        if asked.tenant in ("", scope.tenant) and asked.user in (None, scope.user or "")
    ]
    if not found:
        raise _unknown()
    if len(found) > 1:
        param = "tenant" if len({scope.tenant for scope in found}) > 1 else "user"
        raise Conflict(f"several sessions are called so; say whose: {_named(found)}", code="ambiguous", param=param)
    return found[0]


def _named(scopes: Sequence[Scope]) -> str:
    names = [
        f"tenant {scope.tenant}, {'nobody' if scope.user is None else f'user {scope.user}'}"
        for scope in scopes[:MAX_NAMED]
    ]
    more = len(scopes) - len(names)
    return "; ".join([*names, *([f"and {more} more"] if more else [])])


def _unknown() -> NotFound:
    return NotFound("no such session is on record", code="not_found", param="id")


def _call(turned: Turned) -> CallShown:
    exchange = turned.exchange
    return CallShown(
        call=handled(exchange),
        said=_words(exchange.turns),
        answered=() if exchange.reply is None else _words(exchange.reply.turns),
        signals=turned.signals,
        feedback=turned.feedback,
        changes=turned.changes,
    )


def _words(turns: Sequence[Turn]) -> tuple[Words, ...]:
    return tuple(
        Words(
            role=turn.role,
            text=turn.text[:TEXT_CHARS],
            chars=len(turn.text),
            tools=tuple(call.name for call in turn.calls),
        )
        for turn in turns[-MAX_MESSAGES:]
    )


def _totals(calls: Sequence[CallShown]) -> Totals:
    usages = [one.call.usage for one in calls if one.call.usage is not None]
    return Totals(
        calls=len(calls),
        hits=sum(one.call.outcome.status == "hit" for one in calls),
        notes_tokens=sum(one.call.outcome.tokens for one in calls),
        usage=Usage(
            prompt_tokens=sum(usage.prompt_tokens for usage in usages),
            completion_tokens=sum(usage.completion_tokens for usage in usages),
            cached_tokens=sum(usage.cached_tokens for usage in usages),
        ),
        signals=sum(len(one.signals) for one in calls),
        feedback=sum(len(one.feedback) for one in calls),
    )


OPERATIONS = (
    Operation(
        name="listSessions",
        method="GET",
        path="/accrue/sessions",
        summary="Sessions, the one that was heard of last first.",
        tag="sessions",
        asked=SessionsAsked,
        answer=SessionsShown,
        work=sessions,
    ),
    Operation(
        name="readSession",
        method="GET",
        path=f"/accrue/sessions/{{id:{WHOLE}}}",
        summary="A session call by call: what was said, what memory added and why, and what came of it.",
        tag="sessions",
        asked=SessionAsked,
        answer=Timeline,
        work=session,
    ),
)

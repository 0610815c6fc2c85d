"""`GET /accrue/users`: of whom something is known.

Everybody who has memories is listed, whoever made them, and after them who was heard of and has none. Sessions in
which nobody was named are no users: they are among the sessions.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.admin.names import Name, Place
from gateway.admin.operations import Operation
from gateway.catalogue import Selection
from gateway.console import Console
from gateway.errors import BadRequest
from gateway.owners import scope_of
from gateway.types import Scope

HOLDING, HEARD = "m", "s"
"""Before a place: whether those who have memories are being listed, or those who have none."""

MAX_LOOKED_THROUGH = 200
"""People whom a page looks at who were heard of: a page with fewer of them is a short one, and may be empty."""


class UsersAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which users."""

    tenant: Name = ""
    """Empty for all."""
    name: Name = ""
    """What the user's name begins with; empty for all."""
    place: Place = ""
    """`place` of the page before."""
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class UserShown(msgspec.Struct, frozen=True, kw_only=True):
    """A user, and how much is known of them."""

    name: str
    tenant: str
    memories: int
    learnt: float | None
    """Unix seconds at which the newest memory was said; null for none."""
    sessions: int
    began: float | None
    """Unix seconds of their first call on record, as is `last` of their last; null for none."""
    last: float | None


class UsersShown(msgspec.Struct, frozen=True, kw_only=True):
    """A page of users: first those who have memories."""

    users: tuple[UserShown, ...]
    """Perhaps fewer than were asked for, or none, though there are more."""
    place: str
    """Asks for the next page; empty when there is none."""


async def users(console: Console, asked: UsersAsked) -> UsersShown:
    """A page of users."""
    stage, place = asked.place[:1] or HOLDING, asked.place[1:]
    if stage == HOLDING:
        found, place = await _holding(console, asked, place)
        if found:
            return UsersShown(users=found, place=HOLDING + place if place else HEARD)
        stage = HEARD
    if stage != HEARD:
        raise BadRequest("place: this is none of this listing's", code="invalid_place", param="place")
    found, place = await _only_heard(console, asked, place)
    return UsersShown(users=found, place=HEARD + place if place else "")


async def _holding(console: Console, asked: UsersAsked, place: str) -> tuple[tuple[UserShown, ...], str]:
    """Users who have memories: the next page on which there are any."""
    while True:
        holders, place = await console.catalogue.holders(asked.tenant, asked.name, place, asked.limit)
        scopes = [(scope_of(holder.owner), holder) for holder in holders]
        found = [
            await _user(console, scope, memories=holder.memories, learnt=holder.newest)
            for scope, holder in scopes
            if scope.user is not None
        ]
        if found or not place:
            return tuple(found), place


async def _only_heard(console: Console, asked: UsersAsked, place: str) -> tuple[tuple[UserShown, ...], str]:
    """Users who were heard of and have no memories."""
    found: list[UserShown] = []
    for _ in range(0, MAX_LOOKED_THROUGH, asked.limit):
        people, place = await console.sessions.people(asked.tenant, asked.name, place, asked.limit)
        for scope in people:
            held, _ = await console.catalogue.browse(Selection(owner=scope.owner), "", 1)
            if not held:
                found.append(await _user(console, scope, memories=0, learnt=None))
        if found or not place:
            break
    return tuple(found), place


async def _user(console: Console, scope: Scope, *, memories: int, learnt: float | None) -> UserShown:
    heard = await console.sessions.heard(scope)
    return UserShown(
        name=scope.user or "",
        tenant=scope.tenant,
        memories=memories,
        learnt=learnt,
        sessions=0 if heard is None else heard.sessions,
        began=None if heard is None else heard.began,
        last=None if heard is None else heard.last,
    )


OPERATIONS = (
    Operation(
        name="listUsers",
        method="GET",
        path="/accrue/users",
        summary="Users of whom something is known: who has memories first, then who was only heard of.",
        tag="users",
        asked=UsersAsked,
        answer=UsersShown,
        work=users,
    ),
)

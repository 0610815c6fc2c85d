"""Sessions, and one of them call by call: what was said, what memory added and why, and what came of it."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from gateway.admin import sessions as api
from gateway.admin.dashboard.pages import BELOW, Page, Section, Visit
from gateway.admin.dashboard.render import link

LIST, ONE = f"{BELOW}sessions", f"{BELOW}session"


class Asked(api.SessionAsked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which session; what is empty does not arrive here, so that nobody's has a word of its own."""

    is_nobodys: bool = False


class ListAsked(api.SessionsAsked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sessions."""

    is_nobodys: bool = False


async def sessions(visit: Visit) -> Response:
    """The list."""
    asked = visit.asked(ListAsked)
    user = "" if asked.is_nobodys else asked.user
    found = await api.sessions(
        visit.console,
        api.SessionsAsked(tenant=asked.tenant, user=user, place=asked.place, limit=asked.limit),
    )
    following = link(LIST, tenant=asked.tenant, user=asked.user, is_nobodys=asked.is_nobodys or None, place=found.place)
    return visit.show(
        "sessions.html",
        asked=asked,
        found=found.sessions,
        next=following if found.place else "",
        address=address,
        paths={"list": LIST},
    )


async def session(visit: Visit) -> Response:
    """One of them."""
    asked = visit.asked(Asked)
    user = "" if asked.is_nobodys else asked.user
    timeline = await api.session(
        visit.console,
        api.SessionAsked(id=asked.id, tenant=asked.tenant, user=user, place=asked.place, limit=asked.limit),
    )
    return await asyncio.to_thread(  # 80 ms for a hundred calls of forty messages
        visit.show,
        "session.html",
        session=timeline.session,
        calls=timeline.calls,
        totals=timeline.totals,
        earlier=address(timeline.session, timeline.place) if timeline.place else "",
        paths={"list": LIST, "memory": f"{BELOW}memory", "user": f"{BELOW}user"},
    )


def address(shown: api.SessionShown, place: str = "") -> str:
    """Of its page."""
    is_nobodys = shown.user is None or None
    return link(ONE, id=shown.id, tenant=shown.tenant, user=shown.user, is_nobodys=is_nobodys, place=place)


SECTION = Section(title="Sessions", pages=(Page(path=LIST, work=sessions), Page(path=ONE, work=session)))

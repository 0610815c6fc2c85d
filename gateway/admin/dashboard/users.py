"""Of whom something is known, and what: to be looked at, carried away, and removed for good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from gateway.admin import erasing
from gateway.admin import profiles as api
from gateway.admin import users as listing
from gateway.admin.dashboard.pages import BELOW, Page, Section, Visit
from gateway.admin.dashboard.render import HEADERS, link
from gateway.admin.operations import LINES
from gateway.console import Console

LIST, ONE = f"{BELOW}users", f"{BELOW}user"
EXPORT, ERASE = f"{BELOW}user/export", f"{BELOW}user/erase"

FILE = "accrue-user.jsonl"
"""An export is called so, whosever it is: names hold what no file's may."""

FEW = 5
"""Memories of a lane that are seen at once; the others are folded away."""

HENCEFORTH = {"": None, "out": True, "in": False}
"""Whether they have opted out, by what the form says."""


class Erasing(msgspec.Struct, frozen=True, kw_only=True):
    """What the form says; whose page it is on stands in the address, where any name is safe."""

    typed: Annotated[str, Meta(max_length=1_024)] = ""
    """Their name once more."""
    henceforth: Literal["", "out", "in"] = ""


async def users(visit: Visit) -> Response:
    """The list."""
    asked = visit.asked(listing.UsersAsked)
    found, place = await _found(visit.console, asked)
    return visit.show(
        "users.html",
        asked=asked,
        found=found,
        next=link(LIST, tenant=asked.tenant, name=asked.name, place=place) if place else "",
        address=address,
        paths={"list": LIST},
    )


async def user(visit: Visit) -> Response:
    """One of them."""
    return await _profile(visit, visit.asked(api.UserAsked))


async def export(visit: Visit) -> Response:
    """Everything that is known of them, as a file."""
    asked = visit.asked(api.UserAsked)
    lines = await erasing.export(visit.console, erasing.Named(user=asked.name, tenant=asked.tenant))
    headers = HEADERS | {"content-disposition": f'attachment; filename="{FILE}"'}
    return StreamingResponse(lines, headers=headers, media_type=LINES)


async def erase(visit: Visit) -> Response:
    """Remove everything that is known of them, if their name was typed again."""
    asked, said = visit.asked(api.UserAsked), visit.filled(Erasing)
    if _as_typed(said.typed) != _as_typed(asked.name):
        return await _profile(visit, asked, complaint="Nothing was removed: what was typed is not this user's name.")
    gone = await erasing.erase(
        visit.console,
        erasing.Asked(user=asked.name, tenant=asked.tenant, opt_out=HENCEFORTH[said.henceforth]),
    )
    return visit.show("erased.html", name=asked.name, gone=gone, henceforth=said.henceforth, paths={"list": LIST})


def address(tenant: str, name: str) -> str:
    """Of a user's page."""
    return link(ONE, name=name, tenant=tenant)


async def _found(console: Console, asked: listing.UsersAsked) -> tuple[Sequence[listing.UserShown], str]:
    """A page of users, and where it ends; one that is short, as that of the last who have memories, is filled up."""
    page = await listing.users(console, asked)
    if len(page.users) == asked.limit or not page.place:
        return page.users, page.place
    more = await listing.users(console, msgspec.structs.replace(asked, place=page.place))
    return (*page.users, *more.users), more.place


def _as_typed(name: str) -> str:
    """A name as a field has it when it was copied from the page: on one line, without what no page can show."""
    return name.replace("\r", "").replace("\n", "").replace("\0", "\N{REPLACEMENT CHARACTER}").strip()


async def _profile(visit: Visit, asked: api.UserAsked, complaint: str = "") -> Response:
    profile = await api.user(visit.console, asked)
    whose = {"name": profile.name, "tenant": profile.tenant}
    return visit.show(
        "user.html",
        status=400 if complaint else 200,
        complaint=complaint,
        profile=profile,
        few=FEW,
        holding=sum(one.count for one in profile.counts if one.state in ("holding", "active")),
        paths={
            "list": LIST,
            "export": link(EXPORT, **whose),
            "erase": link(ERASE, **whose),
            "memories": link(f"{BELOW}memories", user=profile.name, tenant=profile.tenant),
            "memory": f"{BELOW}memory",
            "session": f"{BELOW}session",
            "sessions": link(f"{BELOW}sessions", user=profile.name, tenant=profile.tenant),
        },
    )


SECTION = Section(
    title="Users",
    pages=(
        Page(path=LIST, work=users),
        Page(path=ONE, work=user),
        Page(path=EXPORT, work=export, method="POST"),
        Page(path=ERASE, work=erase, method="POST"),
    ),
)

"""What is remembered: a list to search and leaf through, and each memory with its history, to be put right by hand."""

from __future__ import annotations

from typing import get_args

import msgspec
from starlette.responses import Response

from gateway.admin import memories as api
from gateway.admin.dashboard.pages import BELOW, Page, Section, Visit
from gateway.admin.dashboard.render import link
from gateway.catalogue import State
from gateway.errors import RequestError

LIST, ADD = f"{BELOW}memories", f"{BELOW}memories/add"
ONE, CHANGE, FORGET = f"{BELOW}memory", f"{BELOW}memory/change", f"{BELOW}memory/forget"

STATES: tuple[State, ...] = get_args(State)


async def memories(visit: Visit) -> Response:
    """The list; what a search complains of stands above it, with the fields as they were filled in."""
    asked, found, complaint = api.MemoriesAsked(), api.MemoriesShown(memories=(), place=""), ""
    try:
        asked = visit.asked(api.MemoriesAsked)
        found = await api.memories(visit.console, asked)
    except RequestError as error:
        complaint = str(error)
    return visit.show(
        "memories.html",
        asked=asked,
        found=found.memories,
        complaint=complaint,
        kinds=sorted(visit.console.kinds),
        states=STATES,
        next=_next(asked, found.place),
        address=address,
        paths={"list": LIST, "add": ADD},
    )


async def memory(visit: Visit) -> Response:
    """One of them."""
    read = await api.memory(visit.console, visit.asked(api.MemoryAsked))
    return visit.show(
        "memory.html",
        read=read,
        shown=read.shown,
        memory=read.shown.memory,
        address=address,
        paths={"list": LIST, "change": CHANGE, "forget": FORGET, "lesson": f"{BELOW}lesson"},
    )


async def add(visit: Visit) -> Response:
    """Remember a text."""
    return _at(visit, await api.add(visit.console, visit.filled(api.Adding)), did="added")


async def change(visit: Visit) -> Response:
    """Edit, pin, retire or restore one."""
    asked = visit.filled(api.Changing)
    became = await api.change(visit.console, asked)
    return _at(visit, became, did="changed" if became.memory.id == asked.id else "edited")


async def forget(visit: Visit) -> Response:
    """Remove one for good."""
    await api.forget(visit.console, visit.filled(api.MemoryAsked))
    return visit.go(LIST, did="forgotten")


def address(shown: api.MemoryShown) -> str:
    """Of its page."""
    return link(ONE, id=shown.memory.id, tenant=shown.tenant, user=shown.user, session=shown.session)


def _at(visit: Visit, shown: api.MemoryShown, *, did: str) -> Response:
    return visit.go(ONE, did=did, id=shown.memory.id, tenant=shown.tenant, user=shown.user, session=shown.session)


def _next(asked: api.MemoriesAsked, place: str) -> str:
    if not place:
        return ""
    members = {name: value for name, value in msgspec.structs.asdict(asked).items() if name not in ("place", "limit")}
    return link(LIST, **members, place=place)


SECTION = Section(
    title="Memories",
    pages=(
        Page(path=LIST, work=memories),
        Page(path=ADD, work=add, method="POST"),
        Page(path=ONE, work=memory),
        Page(path=CHANGE, work=change, method="POST"),
        Page(path=FORGET, work=forget, method="POST"),
    ),
    said={
        "added": "It is remembered from now on.",
        "changed": "Done.",
        "edited": "Done. The older memory has ended, and this one took its place.",
        "forgotten": "It is forgotten. The exchange in which it was said stays on record.",
    },
)

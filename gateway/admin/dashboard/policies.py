"""The policies in force, member by member, and what memory would do under them with a call that is not made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from gateway.admin import policies as api
from gateway.admin.dashboard.inserted import Piece, inserted
from gateway.admin.dashboard.pages import BELOW, Page, Section, Visit
from gateway.admin.names import Name
from gateway.console import Rehearsal
from gateway.errors import BadRequest, RequestError
from gateway.policy import Policy

LIST, REHEARSE = f"{BELOW}policies", f"{BELOW}policies/rehearse"

BODY = """{
  "model": "gpt-4o",
  "messages": [
    {"role": "user", "content": "Which food should I order for my dog?"}
  ]
}"""

APART = frozenset(("name", "match"))
"""Members that are not in the table: they stand above it."""


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a call to rehearse."""

    user: Name = ""
    session: Name = ""
    tenant: Name = ""
    path: Annotated[str, Meta(max_length=8_192)] = "/v1/chat/completions"
    headers: str = ""
    """A line each, as in HTTP: `x-accrue-agent: bot`."""
    body: str = BODY


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a policy says."""

    name: str
    """`budget.lanes.constraint`"""
    value: str
    usual: str
    """Of a policy that says nothing."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A policy as it is read."""

    listed: api.Listed
    members: tuple[Member, ...]

    @property
    def unusual(self) -> tuple[Member, ...]:
        """What it says otherwise than one that says nothing."""
        return tuple(one for one in self.members if one.value != one.usual)


async def policies(visit: Visit) -> Response:
    """The page."""
    return await _page(visit, Filled())


async def rehearse(visit: Visit) -> Response:
    """The same, with what would be done; what is complained of stands above the fields as they were filled in."""
    filled = visit.filled(Filled)
    try:
        call = _call(filled)
        found = await api.rehearse(visit.console, call)
        pieces = await asyncio.to_thread(_pieces, call, found)  # 100 ms for a megabyte
    except RequestError as error:
        return await _page(visit, filled, complaint=str(error), status=error.status)
    return await _page(visit, filled, found=found, pieces=pieces)


async def _page(visit: Visit, filled: Filled, *, status: int = 200, **of_rehearsal: object) -> Response:
    listed = (await api.policies(visit.console, api.Nothing())).policies
    return await asyncio.to_thread(
        visit.show,
        "policies.html",
        status=status,
        shown=[Shown(listed=one, members=tuple(_members(one.policy))) for one in listed],
        filled=filled,
        paths={"rehearse": REHEARSE, "memory": f"{BELOW}memory"},
        **{"found": None, "pieces": (), "complaint": ""} | of_rehearsal,
    )


def _members(policy: Policy) -> Iterator[Member]:
    usual = dict(_flat(msgspec.to_builtins(Policy())))
    said = dict(_flat(msgspec.to_builtins(policy)))
    for name in dict.fromkeys((*said, *usual)):
        if name.partition(".")[0] not in APART:
            yield Member(name=name, value=said.get(name, "–"), usual=usual.get(name, "–"))


def _flat(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, one in value.items():
        if isinstance(one, dict):
            yield from _flat(one, f"{above}{name}.")
        else:
            yield above + name, _written(one)


def _written(value: Any) -> str:
    """As it could stand in a policy's file."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return msgspec.json.encode(value).decode().strip('"')


def _call(filled: Filled) -> api.Call:
    """Raises `BadRequest`."""
    try:
        body = msgspec.json.decode(filled.body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadRequest(f"the body is no JSON object: {error}", code="invalid_json") from error
    said = {"tenant": filled.tenant, "user": filled.user or None, "session": filled.session, "path": filled.path}
    try:
        return msgspec.convert({**said, "headers": dict(_headers(filled.headers)), "body": body}, api.Call)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error), code="invalid_request") from error


def _headers(text: str) -> Iterator[tuple[str, str]]:
    for line in filter(str.strip, text.splitlines()):
        name, colon, value = line.partition(":")
        if not (colon and name.strip()):
            raise BadRequest(f"a header is a name, a colon and a value: {line}", code="invalid_request")
        yield name.strip(), value.strip()


def _pieces(call: api.Call, found: Rehearsal) -> Sequence[Piece]:
    return tuple(inserted(call.body, msgspec.json.decode(found.body))) if found.body else ()


SECTION = Section(
    title="Policies",
    pages=(Page(path=LIST, work=policies), Page(path=REHEARSE, work=rehearse, method="POST")),
)

"""`POST /accrue/erase` and `GET /accrue/export`: what is known of one person, removed for good or read out whole.

It knows their form over HTTP; what there is and how it goes is known by gateway/erasure.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import msgspec

from gateway.admin.names import Name
from gateway.admin.operations import LINES, Operation
from gateway.console import Console


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is meant: one of user and session says so."""

    user: Name | None = None
    session: Name = ""
    """Of nobody's, where no user was named in it."""
    tenant: Name = ""
    """Empty: the only one in which there is such a person."""


class Asked(Named, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is to be erased."""

    opt_out: bool | None = None
    """Remember nothing of them from now on, or remember again; None: as before."""


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """What was removed; see `Erased` (gateway/erasure.py)."""

    tenant: str
    at: float
    rows: Mapping[str, int]
    memories: int
    shared: int
    files: tuple[str, ...]
    is_index_renewed: bool


async def erase(console: Console, asked: Asked) -> Gone:
    """Remove everything of a person."""
    person = await console.eraser.person(asked.user, asked.session, asked.tenant)
    erased = await console.eraser.erase(person, is_out=asked.opt_out)
    return Gone(tenant=person.tenant, **msgspec.structs.asdict(erased))


async def export(console: Console, asked: Named) -> AsyncIterator[bytes]:
    """Everything of a person, a line each."""
    person = await console.eraser.person(asked.user, asked.session, asked.tenant)

    async def lines() -> AsyncIterator[bytes]:
        async for what, record in console.eraser.known(person):
            yield line(what, record)

    return lines()


def line(what: str, record: object) -> bytes:
    """One line of an export."""
    return msgspec.json.encode({"kind": what, "record": record}) + b"\n"


OPERATIONS = (
    Operation(
        name="erase",
        method="POST",
        path="/accrue/erase",
        summary="Remove everything that is known of one person, for good.",
        tag="users",
        asked=Asked,
        answer=Gone,
        work=erase,
    ),
    Operation(
        name="exportPerson",
        method="GET",
        path="/accrue/export",
        summary="Everything that is known of one person, line by line.",
        tag="users",
        asked=Named,
        answer=LINES,
        work=export,
    ),
)

"""The `Sessions` port over a journal's file, which this or another process may be writing."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.experience import Change, Feedback, Signal
from gateway.journals import pages
from gateway.journals.fitting import fitting
from gateway.journals.sqlite.damage import readable
from gateway.journals.sqlite.reader import Reader
from gateway.journals.sqlite.records import decoder, unpack, well_formed
from gateway.journals.sqlite.rows import person
from gateway.sealing import NO_SEAL, Seal
from gateway.sessions import Heard, Turned, Visited
from gateway.types import Scope

V = TypeVar("V", bound=msgspec.Struct)

_OF_SESSION = "FROM exchanges WHERE (tenant, user, session) = (s.tenant, s.user, s.session)"

_NEWEST = f"""
    SELECT tenant, user, session, (SELECT min(at) {_OF_SESSION}), last, (SELECT count(*) {_OF_SESSION}) FROM (
        SELECT * FROM (SELECT tenant, user, session, (SELECT max(at) {_OF_SESSION}) AS last FROM sessions AS s
            WHERE ? IN ('', tenant) AND (? IS NULL OR user = ?))
        WHERE (last, tenant, user, session) < (?, ?, ?, ?)
        ORDER BY last DESC, tenant DESC, user DESC, session DESC LIMIT ?
    ) AS s ORDER BY last DESC, tenant DESC, user DESC, session DESC"""
"""A session was heard of last when its newest exchange was made, whenever that ended."""

_PEOPLE = """
    SELECT DISTINCT tenant, user FROM sessions
    WHERE user <> '' AND ? IN ('', tenant) AND substr(CAST(user AS BLOB), 1, ?) = ? AND (tenant, user) > (?, ?)
    ORDER BY tenant, user LIMIT ?"""
"""Names begin as bytes do: SQLite takes a NUL for the end of a text."""

_SIGNALS, _CHANGES = (
    f"SELECT payload FROM {table} JOIN learnt ON learnt.position = event"
    " WHERE (learnt.tenant, learnt.exchange) = (?, ?) AND learnt.exchange <> ''"  # so SQLite knows the index will do
    f" ORDER BY {order}"
    for table, order in (("signals", "event, place"), ("changes", "changes.position"))
)
_FEEDBACK = "SELECT payload FROM feedback WHERE exchange = ? ORDER BY position"

_decode_signal, _decode_feedback, _decode_change = decoder(Signal), decoder(Feedback), decoder(Change)


class _Newest(msgspec.Struct, frozen=True, array_like=True):
    """The order of sessions."""

    last: float = math.inf
    tenant: str = ""
    user: str = ""
    session: str = ""


class _Named(msgspec.Struct, frozen=True, array_like=True):
    """The order of people."""

    tenant: str = ""
    user: str = ""


class SqliteSessions:
    """Reads one journal. Usable from any event loop."""

    def __init__(self, path: Path, seal: Seal = NO_SEAL) -> None:
        """Open for reading; the file need not be there yet."""
        self._reader = Reader(path, "sessions-reader", seal)

    async def newest(self, tenant: str, user: str | None, place: str, limit: int) -> tuple[Sequence[Visited], str]:
        """Sessions, the one that was heard of last first, and the place of the next page."""
        after = pages.order(place, _Newest())
        found = await self._reader.ask(partial(_newest, tenant=tenant, user=user, after=after, limit=limit + 1))
        if len(found) <= limit:
            return found, ""
        last = found[limit - 1]
        return found[:limit], pages.place(_Newest(last.last, *person(last.scope), last.scope.session))

    async def visited(self, scope: Scope) -> Visited | None:
        """How much there was of one session."""
        return await self._reader.ask(partial(_visited, scope=scope))

    async def calls(self, scope: Scope, before: str, limit: int) -> tuple[Sequence[Turned], str]:
        """The newest calls of one session before one of them, oldest first, and before which there are more."""
        return await self._reader.ask(partial(_calls, scope=scope, before=before, limit=limit))

    async def called(self, name: str) -> Sequence[Scope]:
        """The sessions that are called so."""
        return await self._reader.ask(partial(_called, name=name))

    async def people(self, tenant: str, name: str, place: str, limit: int) -> tuple[Sequence[Scope], str]:
        """Named users, in the order of tenants and names, and the place of the next page."""
        after = pages.order(place, _Named())
        found = await self._reader.ask(partial(_people, tenant=tenant, name=name, after=after, limit=limit + 1))
        if len(found) <= limit:
            return found, ""
        return found[:limit], pages.place(_Named(*person(found[limit - 1])))

    async def heard(self, scope: Scope) -> Heard | None:
        """How much was heard of a scope's person."""
        return await self._reader.ask(partial(_heard, scope=scope))

    async def aclose(self) -> None:
        """Answer what is asked, then close."""
        await asyncio.to_thread(self._reader.close)


def _newest(connection: sqlite3.Connection, tenant: str, user: str | None, after: _Newest, limit: int) -> list[Visited]:
    tenant, user = well_formed(tenant), None if user is None else well_formed(user)
    order = msgspec.structs.astuple(after)
    return [
        Visited(scope=_scope(*key), began=began, last=last, calls=calls)
        for *key, began, last, calls in connection.execute(_NEWEST, (tenant, user, user, *order, limit))
    ]


def _visited(connection: sqlite3.Connection, scope: Scope) -> Visited | None:
    key = _key(scope)
    began, last, calls = connection.execute(
        "SELECT min(at), max(at), count(*) FROM exchanges WHERE (tenant, user, session) = (?, ?, ?)", key
    ).fetchone()
    return Visited(scope=_scope(*key), began=began, last=last, calls=calls) if calls else None


def _calls(connection: sqlite3.Connection, scope: Scope, before: str, limit: int) -> tuple[list[Turned], str]:
    older = "AND (at, id) < (SELECT at, id FROM exchanges WHERE id = ?)" if before else ""
    sizes = dict[str, int](
        connection.execute(
            "SELECT id, length(payload) FROM exchanges"  # of which SQLite reads nothing but how long it is
            f" WHERE (tenant, user, session) = (?, ?, ?) {older} ORDER BY at DESC, id DESC LIMIT ?",
            (*_key(scope), *((before,) if before else ()), limit + 1),
        ).fetchall()
    )
    shown = fitting(sizes, limit)
    rows = (
        connection.execute("SELECT tenant, id, payload FROM exchanges WHERE id = ?", (identifier,)).fetchone()
        for identifier in reversed(shown)
    )
    turned = list(readable(partial(_turned, connection), filter(None, rows)))
    return turned, shown[-1] if len(shown) < len(sizes) else ""


def _turned(connection: sqlite3.Connection, tenant: str, identifier: str, payload: bytes) -> Turned:
    """A call with what hangs on it."""
    exchange, step = unpack(payload), (tenant, identifier)
    feedback = readable(_decode_feedback, connection.execute(_FEEDBACK, (identifier,)))
    return Turned(
        exchange=exchange,
        signals=tuple(readable(_decode_signal, connection.execute(_SIGNALS, step))),
        feedback=tuple(msgspec.structs.replace(one, exchange=identifier) for one in feedback),
        changes=tuple(readable(_decode_change, connection.execute(_CHANGES, step))),
    )


def _called(connection: sqlite3.Connection, name: str) -> list[Scope]:
    rows = connection.execute(
        "SELECT tenant, user, session FROM sessions WHERE session = ? ORDER BY tenant, user", (well_formed(name),)
    )
    return [_scope(*key) for key in rows]


def _people(connection: sqlite3.Connection, tenant: str, name: str, after: _Named, limit: int) -> list[Scope]:
    begin = well_formed(name).encode()
    asked = (well_formed(tenant), len(begin), begin, *msgspec.structs.astuple(after), limit)
    return [Scope(tenant=tenant, user=user) for tenant, user in connection.execute(_PEOPLE, asked)]


def _heard(connection: sqlite3.Connection, scope: Scope) -> Heard | None:
    is_named = scope.user is not None
    began, last, sessions = connection.execute(
        "SELECT min(at), max(at), count(DISTINCT session) FROM exchanges"
        f" WHERE {'(tenant, user) = (?, ?)' if is_named else '(tenant, user, session) = (?, ?, ?)'}",
        person(scope) if is_named else _key(scope),
    ).fetchone()
    return Heard(began=began, last=last, sessions=sessions) if sessions else None


def _key(scope: Scope) -> tuple[str, str, str]:
    return (*person(scope), well_formed(scope.session))


def _scope(tenant: str, user: str, session: str) -> Scope:
    return Scope(tenant=tenant, user=user or None, session=session)

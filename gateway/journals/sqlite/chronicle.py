"""The `Chronicle` port over a journal's file, which this or another process may be writing."""

from __future__ import annotations

import asyncio
import heapq
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from gateway.chronicle import Credited, Evolved, Glance, Observed, Step
from gateway.database import connect_readonly
from gateway.experience import Change, Earned, Feedback, Signal
from gateway.journals.sqlite.reader import Reader
from gateway.journals.sqlite.records import well_formed
from gateway.journals.sqlite.rows import DAMAGE, Person, person
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Operator, Scope

_decode_signal = msgspec.msgpack.Decoder(Signal).decode
_decode_change = msgspec.msgpack.Decoder(Change).decode
_decode_earned = msgspec.msgpack.Decoder(Earned).decode
_decode_feedback = msgspec.msgpack.Decoder(Feedback).decode
_decode_glance = msgspec.msgpack.Decoder(Glance).decode

_SCOPE = "tenant, user, session, agent"


class SqliteChronicle:
    """Reads one journal. Usable from any event loop."""

    def __init__(self, path: Path, seal: Seal = NO_SEAL) -> None:
        """Open for reading. Raises `DataDirError` when there is no journal."""
        connect_readonly(path).close()  # there must be one
        self._reader = Reader(path, "chronicle-reader", seal)

    async def signals(self, authority: Scope | Operator, since: float, limit: int) -> list[Observed]:
        """The newest signals of exchanges since a time, oldest first."""
        return await self._reader.ask(partial(_signals, authority=authority, since=since, limit=limit))

    async def changes(self, authority: Scope | Operator, since: float, limit: int) -> list[Evolved]:
        """The newest steps in the evolution of lessons since a time, in their order."""
        return await self._reader.ask(partial(_changes, authority=authority, since=since, limit=limit))

    async def earned(self, operator: Operator, since: float, limit: int) -> list[Credited]:
        """The newest outcomes of lessons since a time, in their order."""
        return await self._reader.ask(partial(_earned, since=since, limit=limit))

    async def exchanges(self, authority: Scope | Operator, since: float, limit: int) -> list[Glance]:
        """The newest exchanges since a time that have ended, oldest first."""
        return await self._reader.ask(partial(_glances, authority=authority, since=since, limit=limit))

    async def steps(self, operator: Operator, after: int, limit: int) -> list[Step]:
        """What was learnt from after a position, in that order."""
        return await self._reader.ask(partial(_steps, after=after, limit=limit))

    async def aclose(self) -> None:
        """Answer what is asked, then close."""
        await asyncio.to_thread(self._reader.close)


def _signals(connection: sqlite3.Connection, authority: Scope | Operator, since: float, limit: int) -> list[Observed]:
    within, names = _within(authority)
    rows = connection.execute(
        f"SELECT {_SCOPE}, payload FROM signals JOIN learnt ON position = event WHERE signals.at >= ? {within}"
        " ORDER BY signals.at DESC, event DESC, name DESC, place DESC LIMIT ?",
        (since, *names, limit),
    ).fetchall()
    return [Observed(scope=_scope(*named), signal=_decode_signal(payload)) for *named, payload in reversed(rows)]


def _changes(connection: sqlite3.Connection, authority: Scope | Operator, since: float, limit: int) -> list[Evolved]:
    within, names = _within(authority)
    rows = connection.execute(
        f"SELECT {_SCOPE}, payload FROM changes JOIN learnt ON learnt.position = event WHERE changes.at >= ? {within}"
        " ORDER BY changes.position DESC LIMIT ?",
        (since, *names, limit),
    ).fetchall()
    return [Evolved(scope=_scope(*named), change=_decode_change(payload)) for *named, payload in reversed(rows)]


def _earned(connection: sqlite3.Connection, since: float, limit: int) -> list[Credited]:
    rows = connection.execute(
        f"SELECT {_SCOPE}, payload FROM earned JOIN learnt ON learnt.position = event WHERE earned.at >= ?"
        " ORDER BY earned.position DESC LIMIT ?",
        (since, limit),
    ).fetchall()
    return [Credited(scope=_scope(*named), earned=_decode_earned(payload)) for *named, payload in reversed(rows)]


def _glances(connection: sqlite3.Connection, authority: Scope | Operator, since: float, limit: int) -> list[Glance]:
    """Row by row and sorted here, because SQLite would sort whole exchanges."""
    within, names = _within(authority)
    rows = connection.execute(
        f"SELECT payload FROM exchanges WHERE state <> 'intent' AND at >= ? {within}", (since, *names)
    )
    return heapq.nlargest(limit, _readable(rows), key=lambda glance: (glance.at, glance.id))[::-1]


def _readable(rows: sqlite3.Cursor) -> Iterator[Glance]:
    for (payload,) in rows:
        with suppress(*DAMAGE):
            yield _decode_glance(payload)


def _steps(connection: sqlite3.Connection, after: int, limit: int) -> list[Step]:
    rows = connection.execute(
        f"SELECT position, at, exchange, feedback, is_over, {_SCOPE} FROM learnt WHERE position > ?"
        " ORDER BY position LIMIT ?",
        (after, limit),
    ).fetchall()
    return [
        Step(
            position=position,
            at=at,
            scope=_scope(*named),
            exchange=exchange,
            feedback=_feedback(connection, (named[0], named[1]), msgspec.json.decode(feedback)),
            is_over=bool(is_over),
            changes=() if exchange else _by_hand(connection, position),
        )
        for position, at, exchange, feedback, is_over, *named in rows
    ]


def _by_hand(connection: sqlite3.Connection, position: int) -> tuple[Change, ...]:
    rows = connection.execute("SELECT payload FROM changes WHERE event = ? ORDER BY position", (position,))
    return tuple(_decode_change(payload) for (payload,) in rows)


def _feedback(connection: sqlite3.Connection, owner: Person, identifiers: list[str]) -> tuple[Feedback, ...]:
    """In the order in which it was learnt, each with its exchange; what was erased is not there."""
    found = [
        connection.execute(
            "SELECT exchange, payload FROM feedback WHERE (tenant, user, id) = (?, ?, ?)", (*owner, identifier)
        ).fetchone()
        for identifier in identifiers
    ]
    return tuple(msgspec.structs.replace(_decode_feedback(row[1]), exchange=row[0]) for row in found if row is not None)


def _within(authority: Scope | Operator) -> tuple[str, tuple[str, ...]]:
    """What an authority may see, as a condition."""
    if isinstance(authority, Operator):
        return "", ()
    if authority.user is None:
        return "AND (tenant, user, session) = (?, ?, ?)", (*person(authority), well_formed(authority.session))
    return "AND (tenant, user) = (?, ?)", person(authority)


def _scope(tenant: str, user: str, session: str, agent: str) -> Scope:
    """Where neither is named it is what all users of the tenant share."""
    is_shared = not user and not session
    return Scope(tenant=tenant, user=user or None, session=session, agent=agent, is_shared=is_shared)

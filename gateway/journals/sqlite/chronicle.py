"""The `Chronicle` port over a journal's file, which this or another process may be writing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec

from gateway.chronicle import Credited, Evolved, Glance, Observed, Step
from gateway.database import connect_readonly
from gateway.experience import Change, Earned, Feedback, Signal
from gateway.journals.sqlite.damage import readable
from gateway.journals.sqlite.reader import Reader
from gateway.journals.sqlite.records import decoder, well_formed
from gateway.journals.sqlite.rows import Person, person
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Operator, Scope

_decode_signal, _decode_change, _decode_earned = decoder(Signal), decoder(Change), decoder(Earned)
_decode_feedback, _decode_glance = decoder(Feedback), decoder(Glance)

_SCOPE = "tenant, user, session, agent"

NEWEST = """
    SELECT rowid FROM exchanges
    WHERE (tenant, user, session) IN (SELECT DISTINCT tenant, user, session FROM exchanges WHERE at >= ? {within})
        AND rowid NOT IN (SELECT rowid FROM exchanges WHERE state = 'intent')
    ORDER BY at DESC, id DESC"""
"""Indexes alone tell, so that of a large record only those exchanges are read that are asked for."""


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
        """The newest exchanges that have ended, of sessions that were heard of since a time, oldest first."""
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
        f"SELECT payload, {_SCOPE} FROM signals JOIN learnt ON position = event WHERE signals.at >= ? {within}"
        " ORDER BY signals.at DESC, event DESC, name DESC, place DESC LIMIT ?",
        (since, *names, limit),
    )
    return list(readable(_observed, rows))[::-1]


def _changes(connection: sqlite3.Connection, authority: Scope | Operator, since: float, limit: int) -> list[Evolved]:
    within, names = _within(authority)
    rows = connection.execute(
        f"SELECT payload, {_SCOPE} FROM changes JOIN learnt ON learnt.position = event WHERE changes.at >= ? {within}"
        " ORDER BY changes.position DESC LIMIT ?",
        (since, *names, limit),
    )
    return list(readable(_evolved, rows))[::-1]


def _earned(connection: sqlite3.Connection, since: float, limit: int) -> list[Credited]:
    rows = connection.execute(
        f"SELECT payload, {_SCOPE} FROM earned JOIN learnt ON learnt.position = event WHERE earned.at >= ?"
        " ORDER BY earned.position DESC LIMIT ?",
        (since, limit),
    )
    return list(readable(_credited, rows))[::-1]


def _glances(connection: sqlite3.Connection, authority: Scope | Operator, since: float, limit: int) -> list[Glance]:
    within, names = _within(authority)
    places = connection.execute(NEWEST.format(within=within), (since, *names))
    rows = (connection.execute("SELECT payload FROM exchanges WHERE rowid = ?", place).fetchone() for place in places)
    return list(islice(readable(_decode_glance, filter(None, rows)), limit))[::-1]


def _observed(payload: bytes, *whose: str) -> Observed:
    return Observed(scope=_scope(*whose), signal=_decode_signal(payload))


def _evolved(payload: bytes, *whose: str) -> Evolved:
    return Evolved(scope=_scope(*whose), change=_decode_change(payload))


def _credited(payload: bytes, *whose: str) -> Credited:
    return Credited(scope=_scope(*whose), earned=_decode_earned(payload))


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
            feedback=tuple(_feedback(connection, (named[0], named[1]), msgspec.json.decode(feedback))),
            is_over=bool(is_over),
            changes=() if exchange else tuple(_by_hand(connection, position)),
        )
        for position, at, exchange, feedback, is_over, *named in rows
    ]


def _by_hand(connection: sqlite3.Connection, position: int) -> Iterator[Change]:
    rows = connection.execute("SELECT payload FROM changes WHERE event = ? ORDER BY position", (position,))
    return readable(_decode_change, rows)


def _feedback(connection: sqlite3.Connection, owner: Person, identifiers: list[str]) -> Iterator[Feedback]:
    """In the order in which it was learnt; what was erased is not there."""
    for identifier in identifiers:
        rows = connection.execute(
            "SELECT payload, exchange FROM feedback WHERE (tenant, user, id) = (?, ?, ?)", (*owner, identifier)
        )
        yield from readable(_given, rows)


def _given(payload: bytes, exchange: str) -> Feedback:
    return msgspec.structs.replace(_decode_feedback(payload), exchange=exchange)


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

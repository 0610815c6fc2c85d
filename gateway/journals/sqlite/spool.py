"""A journal's file as the spool of another journal: what waits in it, in its order, until it is learnt elsewhere.

It knows neither where exchanges go from here nor how it is known that they are learnt.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import structlog

from gateway.journals.sqlite import dead, erasing, rows
from gateway.journals.sqlite.reader import Reader
from gateway.journals.sqlite.records import unpack
from gateway.journals.sqlite.writer import Writer
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange, Scope

_log = structlog.get_logger()

_WAITING = (
    "SELECT position, id, payload FROM waiting JOIN exchanges ON id = exchange"
    " WHERE position > ? ORDER BY position LIMIT ?"
)

_PLACES = (
    "SELECT position, id, tenant, user, session FROM waiting JOIN exchanges ON id = exchange"
    " WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an exchange waits; one that ends once more has another."""

    position: int
    """Later ones have larger numbers."""
    exchange: str
    scope: Scope


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange that waits."""

    place: Place
    exchange: Exchange
    payload: bytes
    """The same as it is on record, so that it need not be packed again."""


class SqliteSpool:
    """The queue in the file of a journal that was made with `queues=rows.has_ended`. Usable from any event loop."""

    def __init__(self, path: Path, writer: Writer, seal: Seal = NO_SEAL) -> None:
        """Open beside the journal whose writer it is, and which is closed after it."""
        self._reader = Reader(path, "spool-reader", seal, beside=writer.database)
        self._writer = writer

    async def after(self, position: int, limit: int) -> list[Waiting]:
        """What waits after a position, first ended first; a record that cannot be read leaves the queue.

        A file that was begun anew, and counts from one again, is read from its beginning.
        """
        found, damaged = await self._reader.ask(partial(_read, after=position, limit=limit))
        if damaged:
            _log.error("journal_record_unreadable", exchanges=[identifier for _, identifier in damaged])
            await asyncio.wrap_future(self._writer.submit(partial(_bury, places=damaged)))
        return found

    async def places(self, after: int, last: int, limit: int) -> list[Place]:
        """Places after a position, up to another."""
        return await self._reader.ask(partial(_places, after=after, last=last, limit=limit))

    async def forget(self, places: Sequence[Place]) -> None:
        """Remove exchanges and what hangs on them; one that has ended once more since then stays."""
        gone = [(place.position, place.exchange) for place in places]
        await asyncio.wrap_future(self._writer.submit(partial(_forget, places=gone), is_patient=True))

    async def aclose(self) -> None:
        """Close the reader; the writer is the journal's."""
        await asyncio.to_thread(self._reader.close)


def _read(connection: sqlite3.Connection, after: int, limit: int) -> tuple[list[Waiting], list[tuple[int, str]]]:
    """What waits after a position, and the places of what cannot be read."""
    (newest,) = connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'waiting'").fetchone()
    found, damaged = list[Waiting](), list[tuple[int, str]]()
    for position, identifier, payload in connection.execute(_WAITING, (after if after <= (newest or 0) else 0, limit)):
        try:
            exchange = unpack(payload)
        except rows.DAMAGE:
            damaged.append((position, identifier))
        else:
            place = Place(position=position, exchange=identifier, scope=exchange.scope)
            found.append(Waiting(place=place, exchange=exchange, payload=payload))
    return found, damaged


def _places(connection: sqlite3.Connection, after: int, last: int, limit: int) -> list[Place]:
    return [
        Place(position=position, exchange=id, scope=Scope(tenant=tenant, user=user or None, session=session))
        for position, id, tenant, user, session in connection.execute(_PLACES, (after, last, limit))
    ]


def _bury(connection: sqlite3.Connection, places: Sequence[tuple[int, str]]) -> None:
    dead.bury_unreadable(connection, [identifier for _, identifier in places])
    rows.delete_waiting(connection, places)


def _forget(connection: sqlite3.Connection, places: Sequence[tuple[int, str]]) -> None:
    rows.delete_waiting(connection, places)
    waits = "SELECT 1 FROM waiting WHERE exchange = ?"
    names = [identifier for _, identifier in places]
    erasing.drop(connection, [name for name in names if not connection.execute(waits, (name,)).fetchone()])

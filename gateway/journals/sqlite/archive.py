"""The `Archive` port over SQLite: the journal's own writer, so that what was queued before is removed as well.

Statements are in erasing.py.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import structlog

from gateway.archive import Keeping, Outdated, Record
from gateway.database import BUSY_TIMEOUT_S
from gateway.erasures import Person, Tombstone
from gateway.errors import MemoryUnavailable
from gateway.experience import Change, Earned, Feedback, Signal
from gateway.journals.sqlite import erasing
from gateway.journals.sqlite.reader import Reader
from gateway.journals.sqlite.records import decoder
from gateway.journals.sqlite.writer import Writer
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange, Scope

TABLES: Mapping[str, tuple[str, Callable[[bytes], Record]]] = {
    "exchanges": ("exchange", decoder(Exchange)),
    "feedback": ("feedback", decoder(Feedback)),
    "signals": ("learnt", decoder(Signal)),
    "changes": ("learnt", decoder(Change)),
    "earned": ("learnt", decoder(Earned)),
}
"""What is read out of each: under which name, and how."""

_log = structlog.get_logger()


class SqliteArchive:
    """The archive in a journal's file. Usable from any event loop."""

    def __init__(self, path: Path, writer: Writer, forget: Callable[[Person], None], seal: Seal = NO_SEAL) -> None:
        """Open beside the journal whose writer it is, and which is closed after it. Raises `DataDirError`.

        Args:
            forget: makes the journal forget what it remembers in process.
        """
        self._path = path
        self._reader = Reader(path, "archive-reader", seal, beside=writer.database)
        self._writer = writer
        self._forget = forget

    async def tombstones(self) -> Sequence[Tombstone]:
        """All that stand in the journal."""
        return await self._reader.ask(erasing.read_tombstones)

    async def tenants(self, user: str | None, session: str) -> Sequence[str]:
        """Tenants in which there is such a user, or such a session in which nobody was named."""
        return await self._reader.ask(partial(erasing.tenants_of, user=user, session=session))

    async def records(self, person: Person) -> AsyncIterator[tuple[str, Record]]:
        """Everything on record of a person; what is damaged is passed over and logged."""
        for table, (kind, decode) in TABLES.items():
            found = await self._reader.ask(partial(_payloads, person=person, table=table))
            for record in _decoded(decode, found, table):
                yield kind, record

    async def erase(self, person: Person, tombstone: Tombstone) -> Mapping[str, int]:
        """Set the tombstone and remove what is on record of a person; how many rows, by table."""

        def operation(connection: sqlite3.Connection) -> Mapping[str, int]:
            erasing.bury(connection, tombstone)
            return erasing.remove(connection, person)

        self._forget(person)
        counts = await asyncio.wrap_future(self._writer.submit(operation))
        self._forget(person)  # what a lookup read just before
        await asyncio.to_thread(self._cut_log)
        return counts

    async def bury(self, tombstones: Sequence[Tombstone]) -> None:
        """Set tombstones that were set elsewhere."""
        await asyncio.wrap_future(self._writer.submit(partial(erasing.bury_all, tombstones=tombstones)))

    async def purge(self, is_gone: Callable[[Scope, float], bool]) -> None:
        """Remove exchanges of which, by their scope and time, nothing may be known any more."""
        gone = await self._reader.ask(partial(erasing.read_gone, is_gone=is_gone))
        for _, scope in gone:
            self._forget(Person(tenant=scope.tenant, user=scope.user, session=scope.session))
        if gone:
            await self.drop([identifier for identifier, _ in gone])

    async def outdated(self, keeping: Keeping, limit: int) -> Sequence[Outdated]:
        """Exchanges that are not to be kept, oldest first."""
        return await self._reader.ask(partial(erasing.read_outdated, keeping=keeping, limit=limit))

    async def drop(self, exchanges: Sequence[str]) -> None:
        """Remove exchanges and what hangs on them."""
        await asyncio.wrap_future(self._writer.submit(partial(erasing.drop, exchanges=exchanges)))
        await asyncio.to_thread(self._cut_log)

    async def aclose(self) -> None:
        """Close the reader; the writer is the journal's."""
        await asyncio.to_thread(self._reader.close)

    def _cut_log(self) -> None:
        """Write the log back and cut it: what was removed stands in it still. Raises `MemoryUnavailable`."""
        try:
            with closing(sqlite3.connect(self._path, timeout=BUSY_TIMEOUT_S)) as connection:
                is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise MemoryUnavailable(f"journal: {error}") from error
        if is_busy:  # for longer than SQLite waits
            raise MemoryUnavailable("journal: somebody is reading it; what was removed is still in its log")


def _payloads(connection: sqlite3.Connection, person: Person, table: str) -> list[bytes]:
    return list(erasing.payloads(connection, person, table))


def _decoded(decode: Callable[[bytes], Record], payloads: Sequence[bytes], table: str) -> Iterator[Record]:
    for payload in payloads:
        try:
            yield decode(payload)
        except ValueError as error:
            _log.error("journal_record_unreadable", table=table, error=type(error).__name__)

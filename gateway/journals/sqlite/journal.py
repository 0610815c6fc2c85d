"""The `Journal` port over SQLite: writes go to one writer, lookups to what is known, and only then to the disk.

It knows who waits for what. Statements are in rows.py, transactions in writer.py, the cache in known.py.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from gateway.database import connect
from gateway.errors import DataDirError
from gateway.journals.sqlite import rows
from gateway.journals.sqlite.known import (
    ANCHORS_KEPT,
    PERSONS_KEPT,
    SESSIONS_KEPT,
    Known,
    KnownAnchor,
    KnownOpenings,
    KnownSession,
)
from gateway.journals.sqlite.reader import Reader
from gateway.journals.sqlite.records import pack, well_formed
from gateway.journals.sqlite.schema import MIGRATIONS
from gateway.journals.sqlite.writer import Writer
from gateway.ports import Echoes
from gateway.types import Exchange, Operator, Scope, Session

_log = structlog.get_logger()

_Met = tuple[bool, Sequence[rows.AnchorRow | None]]
"""What a write met on the disk: whether its session was not there yet, and whose its anchors are now."""


class SqliteJournal:
    """The journal of one data directory, which this process must hold. Usable from any event loop."""

    def __init__(self, path: Path) -> None:
        """Open, and mark as interrupted what an earlier process left open. Raises `DataDirError`."""
        connection = connect(path, MIGRATIONS)
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                rows.interrupt_intents(connection)
        except sqlite3.Error as error:
            connection.close()
            raise DataDirError(f"{path}: {error}") from error
        self._reader = Reader(path, "journal-reader")
        self.writer = Writer(connection)
        """For whatever else is written to the same file: what is submitted later sees what was submitted before."""
        self._lock = threading.Lock()
        self._sessions = Known(KnownSession, SESSIONS_KEPT)
        self._anchors = Known(KnownAnchor, ANCHORS_KEPT)
        self._openings = Known(KnownOpenings, PERSONS_KEPT)
        self._leased: dict[str, int] = {}
        """Places in the learner's queue, by exchange."""

    def intend(self, exchange: Exchange, *, is_patient: bool = False) -> Future[Any]:
        """Queue the intent and the ledger entries of a call about to go upstream."""
        return self._write(*pack(exchange), rows.write_intent, anchors=(), is_patient=is_patient)

    async def commit(self, exchange: Exchange) -> None:
        """Return when the exchange is durable; it becomes so too when the caller no longer waits."""
        stored, payload = pack(exchange)
        await asyncio.wrap_future(self._write(stored, payload, rows.write_finished, stored.anchors))

    async def find_session(self, scope: Scope, echoes: Echoes) -> Session | None:
        """The session named in the scope, else the one that owns the first anchor known, else the one quoted last."""
        if scope.session:
            return await self._session(scope, well_formed(scope.session))
        owner, names = rows.person(scope), [well_formed(anchor) for anchor in echoes.anchors]
        with self._lock:
            entries = [self._anchors.entry(owner, name) for name in names]
        for index, (name, entry) in enumerate(zip(names, entries, strict=True)):
            if entry.is_open(name):
                await self._complete_anchors(owner, names[index:], entries[index:])
            session = entry.owner(name)
            found = None if session is None else await self._session(scope, session)
            if found is not None:
                return found
        quoted = await self._quoted(owner, echoes) if echoes.texts else None
        return None if quoted is None else await self._session(scope, quoted)

    async def read(self, authority: Scope | Operator, exchange: str) -> Exchange | None:
        """One exchange by id, if it is the authority's to see; a scope without a user sees its own session only."""
        found = await self._reader.ask(partial(rows.read_exchange, identifier=well_formed(exchange)))
        if found is None or isinstance(authority, Operator):
            return found
        is_own = rows.person(found.scope) == rows.person(authority)
        is_seen = is_own and (authority.user is not None or found.scope.session == well_formed(authority.session))
        return found if is_seen else None

    async def lease(self, limit: int) -> list[Exchange]:
        """Finished exchanges not yet learnt, first finished first; a record that cannot be read leaves the queue."""
        waiting = await self._reader.ask(partial(rows.read_waiting, limit=limit))
        self._leased.update({identifier: position for position, identifier, _ in waiting})
        unreadable = [identifier for _, identifier, exchange in waiting if exchange is None]
        if unreadable:
            _log.error("journal_record_unreadable", exchanges=unreadable)
            await self.done(unreadable)
        return [exchange for _, _, exchange in waiting if exchange is not None]

    async def done(self, exchanges: Sequence[str]) -> None:
        """Mark as learnt what was leased; a call that ended once more since then is still to be learnt."""
        positions = [self._leased.pop(identifier) for identifier in exchanges if identifier in self._leased]
        await asyncio.wrap_future(self.writer.submit(partial(rows.delete_waiting, positions=positions)))

    async def aclose(self) -> None:
        """Write what is queued, then close."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._reader.close()
        self.writer.close()

    def _write(
        self,
        exchange: Exchange,
        payload: bytes,
        write: Callable[[sqlite3.Connection, Exchange, bytes], bool],
        anchors: Sequence[str],
        *,
        is_patient: bool = False,
    ) -> Future[_Met]:
        """Queue a write, and know of it from now on."""
        owner, session = rows.person(exchange.scope), exchange.scope.session

        def operation(connection: sqlite3.Connection) -> _Met:
            return write(connection, exchange, payload), rows.read_anchors(connection, owner, anchors)

        with self._lock:  # what is known must change in the order in which the disk does
            known = self._sessions.entry(owner, session)
            written = self.writer.submit(operation, is_patient=is_patient)
            known.add(exchange.notes, written)
            owned = [self._anchor_got(owner, anchor, session, written) for anchor in anchors]
            if exchange.openings:
                self._openings.entry(owner, "").add(
                    [(opening, session, exchange.at) for opening in exchange.openings], written
                )
        written.add_done_callback(partial(self._settled, exchange.id, known, owned))
        return written

    def _anchor_got(self, owner: rows.Person, anchor: str, session: str, written: Future[_Met]) -> KnownAnchor:
        entry = self._anchors.entry(owner, anchor)
        entry.add(session, written)  # before the next entry is made, lest that one push it out
        return entry

    def _settled(
        self, exchange: str, session: KnownSession, anchors: Sequence[KnownAnchor], written: Future[_Met]
    ) -> None:
        error = written.exception()
        if error is not None:
            _log.warning("journal_write_failed", exchange=exchange, error=str(error))
            return
        is_new_session, owned = written.result()
        with self._lock:
            if is_new_session:
                session.complete(None)
            for entry, row in zip(anchors, owned, strict=True):
                entry.complete(row)

    async def _complete_anchors(self, owner: rows.Person, names: Sequence[str], entries: Sequence[KnownAnchor]) -> None:
        owned = await self._reader.ask(partial(rows.read_anchors, owner=owner, anchors=names))
        with self._lock:
            for entry, row in zip(entries, owned, strict=True):
                entry.complete(row)

    async def _quoted(self, owner: rows.Person, echoes: Echoes) -> str | None:
        with self._lock:
            known = self._openings.entry(owner, "")
        if not known.is_whole:
            openings = await self._reader.ask(partial(rows.read_openings, owner=owner))
            with self._lock:
                known.complete(openings)
        return known.quoted([well_formed(text) for text in echoes.texts], echoes.since)

    async def _session(self, scope: Scope, name: str) -> Session | None:
        owner = rows.person(scope)
        with self._lock:
            known = self._sessions.entry(owner, name)
        if not known.is_whole:
            ledger = await self._reader.ask(partial(rows.read_ledger, owner=owner, session=name))
            with self._lock:
                known.complete(ledger)
        if not known.is_there:
            return None
        return Session(scope=msgspec.structs.replace(scope, session=name), ledger=known.ledger)

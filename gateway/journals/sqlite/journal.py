"""The `Journal` port over SQLite: writes go to one writer, lookups to what is known, and only then to the disk.

It knows who waits for what. Statements are in rows.py, transactions in writer.py, the cache in known.py.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog

from gateway.breaker import Breaker, OnChange, unheard
from gateway.clock import SystemClock
from gateway.dependency import Dependency
from gateway.erasures import Person, Tombstone
from gateway.journals.sqlite import dead, erasing, rows
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
from gateway.journals.sqlite.sealed import put_under
from gateway.journals.sqlite.writer import Writer
from gateway.lasting import for_writing, prove
from gateway.ports import Echoes
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange, Operator, Scope, Session

_log = structlog.get_logger()

INTERRUPTED_AT_START = 1024
"""Calls that an earlier process can have had under way (`server.max_requests`), the newest; 70 ms. Their clients may
be back at once, and find their sessions."""

INTERRUPTED_AT_ONCE = 64
"""Of older ones, which several killed processes have left; a few milliseconds."""

LOOKUPS = 32
"""At once: one takes a fifth of a millisecond, and more would be late."""

Found = TypeVar("Found")

_Met = tuple[bool, Sequence[rows.AnchorRow | None]]
"""What a write met on the disk: whether its session was not there yet, and whose its anchors are now."""


class SqliteJournal:
    """The journal of one data directory, which this process must hold. Usable from any event loop."""

    def __init__(
        self,
        path: Path,
        seal: Seal = NO_SEAL,
        *,
        is_relaxed: bool = False,
        queues: rows.Queues = rows.is_teaching,
        on_breaker: OnChange = unheard,
        hold: Callable[[], None] = lambda: None,
        on_opened: Callable[[Sequence[Tombstone]], None] = lambda _: None,
    ) -> None:
        """Open, and mark as interrupted what an earlier process left open; a bad disk is waited out.

        Raises `DataDirError` for what a person must put right.

        Args:
            is_relaxed: what is done is safe from a killed process, and no longer from a power cut.
            queues: which exchanges wait to be leased; `rows.has_ended` where the file is the spool of another journal.
            on_breaker: told whenever lookups are given up for a time, or taken up again.
            hold: called before each opening: makes sure of the folder.
            on_opened: told once of the tombstones on record, before anything else is read or written.
        """
        left_open: list[str] = []
        self._finish = partial(rows.write_finished, queues=queues)
        self._interrupt_now = partial(rows.interrupt_intents, queues=queues)

        def begin(connection: sqlite3.Connection) -> None:
            on_opened(erasing.read_tombstones(connection))
            left_open[:] = rows.read_intents(connection)
            self._interrupt_now(connection, left_open[:INTERRUPTED_AT_START][::-1])

        def each(connection: sqlite3.Connection) -> None:
            put_under(connection, seal)
            if is_relaxed:
                connection.execute("PRAGMA synchronous=NORMAL")

        self._database = for_writing(path, MIGRATIONS, hold=hold, first=begin, each=each)
        self._database.begin()
        self._reader = Reader(path, "journal-reader", seal, beside=self._database)
        probe = partial(self._reader.ask, partial(rows.read_exchange, identifier=""))
        self._lookups = Dependency(Breaker("journal", SystemClock(), on_change=on_breaker), probe, limit=LOOKUPS)
        self.writer = Writer(self._database)
        """For whatever else is written to the same file: what is submitted later sees what was submitted before."""
        self._lock = threading.Lock()
        self._sessions = Known(KnownSession, SESSIONS_KEPT)
        self._anchors = Known(KnownAnchor, ANCHORS_KEPT)
        self._openings = Known(KnownOpenings, PERSONS_KEPT)
        self._leased: dict[str, int] = {}
        """Places in the learner's queue, by exchange."""
        self._interrupt(iter(left_open[INTERRUPTED_AT_START:]))

    def intend(self, exchange: Exchange, *, is_patient: bool = False) -> Future[Any]:
        """Queue the intent and the ledger entries of a call about to go upstream, or how far its answer has come."""
        return self._write(*pack(exchange), rows.write_intent, anchors=(), is_patient=is_patient)

    async def commit(self, exchange: Exchange) -> None:
        """Return when the exchange is durable; it becomes so too when the caller no longer waits."""
        stored, payload = pack(exchange)
        await asyncio.wrap_future(self._write(stored, payload, self._finish, stored.anchors))

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
        return found if found is not None and rows.is_seen_by(found, authority) else None

    async def lease(self, limit: int) -> list[Exchange]:
        """Finished exchanges not yet learnt, first finished first; a record that cannot be read leaves the queue."""
        waiting = await self._reader.ask(partial(rows.read_waiting, limit=limit))
        self._leased.update({identifier: position for position, identifier, _ in waiting})
        unreadable = [identifier for _, identifier, exchange in waiting if exchange is None]
        if unreadable:
            _log.error("journal_record_unreadable", exchanges=unreadable)
            await asyncio.wrap_future(self.writer.submit(partial(dead.bury_unreadable, identifiers=unreadable)))
            await self.done(unreadable)
        return [exchange for _, _, exchange in waiting if exchange is not None]

    async def done(self, exchanges: Sequence[str]) -> None:
        """Mark as learnt what was leased; a call that ended once more since then is still to be learnt."""
        places = [(self._leased.pop(identifier), identifier) for identifier in exchanges if identifier in self._leased]
        await asyncio.wrap_future(self.writer.submit(partial(rows.delete_waiting, places=places)))

    async def waiting(self) -> int:
        """How many finished exchanges are not learnt yet."""
        return await self._reader.ask(rows.count_waiting)

    def forget(self, person: Person) -> None:
        """Remember nothing of a person who is being erased."""
        owner = rows.person(person.scope)
        with self._lock:
            for known in (self._sessions, self._anchors, self._openings):
                known.forget(owner)

    @property
    def trouble(self) -> str:
        """Why nothing can be put on record now; empty when all is well."""
        return self._database.trouble

    async def prove(self) -> None:
        """Return when something that changes nothing is on disk. Raises `MemoryUnavailable`."""
        await asyncio.wrap_future(self.writer.submit(prove))
        self._database.recovered()

    async def aclose(self) -> None:
        """Write what is queued, then close."""
        await self._lookups.aclose()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._reader.close()
        self.writer.close()

    def _interrupt(self, left_open: Iterator[str]) -> None:
        """Finish the others a few at a time, so that no write waits long for them; at a full disk the next start."""
        some = list(islice(left_open, INTERRUPTED_AT_ONCE))
        if some:
            written = self.writer.submit(partial(self._interrupt_now, identifiers=some), is_patient=True)
            written.add_done_callback(lambda done: None if done.exception() else self._interrupt(left_open))

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
            opened = self._openings_got(owner, exchange, written)
        written.add_done_callback(partial(self._settled, exchange.id, known, owned, opened))
        return written

    def _anchor_got(self, owner: rows.Person, anchor: str, session: str, written: Future[_Met]) -> KnownAnchor:
        entry = self._anchors.entry(owner, anchor)
        entry.add(session, written)  # before the next entry is made, lest that one push it out
        return entry

    def _openings_got(self, owner: rows.Person, exchange: Exchange, written: Future[_Met]) -> Sequence[KnownOpenings]:
        if not exchange.openings:
            return ()
        entry = self._openings.entry(owner, "")
        entry.add([(opening, exchange.scope.session, exchange.at) for opening in exchange.openings], written)
        return (entry,)

    def _settled(
        self,
        exchange: str,
        session: KnownSession,
        anchors: Sequence[KnownAnchor],
        openings: Sequence[KnownOpenings],
        written: Future[_Met],
    ) -> None:
        entries: list[KnownSession | KnownAnchor | KnownOpenings] = [session, *anchors, *openings]
        with self._lock:  # a write that is done is held by nobody: it holds all that it wrote
            for known in entries:
                known.write = None if known.write is written else known.write
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

    async def _look_up(self, question: Callable[[sqlite3.Connection], Found]) -> Found:
        """What the disk says of a session; a call waits for it, so that it is behind the breaker."""
        return await self._lookups.ask(partial(self._reader.ask, question))

    async def _complete_anchors(self, owner: rows.Person, names: Sequence[str], entries: Sequence[KnownAnchor]) -> None:
        owned = await self._look_up(partial(rows.read_anchors, owner=owner, anchors=names))
        with self._lock:
            for entry, row in zip(entries, owned, strict=True):
                entry.complete(row)

    async def _quoted(self, owner: rows.Person, echoes: Echoes) -> str | None:
        with self._lock:
            known = self._openings.entry(owner, "")
        if not known.is_whole:
            openings = await self._look_up(partial(rows.read_openings, owner=owner))
            with self._lock:
                known.complete(openings)
        return known.quoted([well_formed(text) for text in echoes.texts], echoes.since)

    async def _session(self, scope: Scope, name: str) -> Session | None:
        owner = rows.person(scope)
        with self._lock:
            known = self._sessions.entry(owner, name)
        if not known.is_whole:
            ledger = await self._look_up(partial(rows.read_ledger, owner=owner, session=name))
            with self._lock:
                known.complete(ledger)
        if not known.is_there:
            return None
        return Session(scope=msgspec.structs.replace(scope, session=name), ledger=known.ledger)

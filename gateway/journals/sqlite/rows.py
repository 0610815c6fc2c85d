"""What is read from and written to the journal's tables, statement by statement.

Writes run inside the caller's transaction, and each may be run again with the same effect. Nothing here knows of
threads, caches or waiting; values arrive well-formed (records.py).
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import msgspec

from gateway.anchors import QUOTED_S
from gateway.journals.sqlite.records import pack, pack_note, unpack, unpack_note, well_formed
from gateway.journals.sqlite.sealed import closed
from gateway.types import Exchange, Note, Operator, Scope

Person = tuple[str, str]
"""Tenant and user, '' for nobody."""

AnchorRow = tuple[str, bool]
"""The newest session that got an anchor, and whether others did."""

OpeningRow = tuple[str, str, float]
"""How a reply began, its session, and when that was."""

Queues = Callable[[Exchange], bool]
"""Which exchanges are to be learnt here, or are to be had from here."""

_INSERT = (
    "INSERT INTO exchanges (id, tenant, user, session, at, policy, state, payload, attempts)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

DAMAGE = (msgspec.DecodeError, UnicodeDecodeError)
"""What a record raises that is damaged, or by a newer version: it must not stop all the others."""

OPENINGS_KEPT = 64
"""Per person are looked for in a request; each costs a search through it."""


def person(scope: Scope) -> Person:
    """Whose rows a scope may touch."""
    return scope.tenant, well_formed(scope.user or "")


def write_intent(connection: sqlite3.Connection, exchange: Exchange, payload: bytes) -> bool:
    """Record that a request goes upstream, or how far its answer has come; whether its session is new.

    It takes the place of an earlier intent of the same exchange, and never that of its end.
    """
    is_new_session = _write_session(connection, exchange)
    connection.execute(
        f"{_INSERT} ON CONFLICT DO UPDATE SET"
        " session = excluded.session, payload = excluded.payload, attempts = excluded.attempts"
        " WHERE state = 'intent' AND excluded.state = 'intent' AND excluded.attempts >= attempts",
        _exchange_row(exchange, closed(connection, payload)),
    )
    return is_new_session


def is_teaching(exchange: Exchange) -> bool:
    """Whether it has ended and there is something to learn from it."""
    return has_ended(exchange) and exchange.mode in ("on", "write")


def has_ended(exchange: Exchange) -> bool:
    """Whether it is no longer under way."""
    return exchange.state != "intent"


def write_finished(
    connection: sqlite3.Connection, exchange: Exchange, payload: bytes, queues: Queues = is_teaching
) -> bool:
    """Record how a request ended, and queue it for the learner; whether its session is new.

    A call that was sent again may end more than once. An answer replaces what was none, and a later attempt an earlier
    one; whenever the record changes it is to be learnt.
    """
    is_new_session = _write_session(connection, exchange)
    changed = connection.execute(
        f"{_INSERT} ON CONFLICT DO UPDATE SET"
        " session = excluded.session, state = excluded.state, payload = excluded.payload, attempts = excluded.attempts"
        " WHERE (excluded.state = 'done', excluded.attempts) >= (state = 'done', attempts)"
        " AND payload <> excluded.payload",
        _exchange_row(exchange, closed(connection, payload)),
    ).rowcount
    if changed and queues(exchange):
        queue(connection, exchange.id)
    if changed:
        _write_openings(connection, exchange)
    connection.executemany(
        "INSERT INTO anchors (tenant, user, anchor, session) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET is_shared = is_shared OR session <> excluded.session, session = excluded.session",
        [(*person(exchange.scope), anchor, exchange.scope.session) for anchor in exchange.anchors],
    )
    return is_new_session


def queue(connection: sqlite3.Connection, identifier: str) -> None:
    """Let the learner have an exchange, after all that waits; what kept it from being learnt may be no more."""
    for table in ("waiting", "dead"):
        connection.execute(f"DELETE FROM {table} WHERE exchange = ?", (identifier,))
    connection.execute("INSERT INTO waiting (exchange) VALUES (?)", (identifier,))


def read_intents(connection: sqlite3.Connection) -> list[str]:
    """Calls that have not ended, newest first."""
    return [id for (id,) in connection.execute("SELECT id FROM exchanges WHERE state = 'intent' ORDER BY id DESC")]


def interrupt_intents(connection: sqlite3.Connection, identifiers: Sequence[str], queues: Queues = is_teaching) -> None:
    """Finish what a process that is no more had begun: what was said is known, and still teaches."""
    wanted = "SELECT id, payload FROM exchanges WHERE id = ? AND state = 'intent'"
    for identifier in identifiers:
        for _, exchange in _unpacked(connection.execute(wanted, (identifier,)).fetchall()):
            if exchange is not None:
                interrupted = msgspec.structs.replace(exchange, state="interrupted")
                write_finished(connection, *pack(interrupted), queues)


def count_waiting(connection: sqlite3.Connection) -> int:
    """How many exchanges are to be learnt."""
    (count,) = connection.execute("SELECT count(*) FROM waiting").fetchone()
    return int(count)


def delete_waiting(connection: sqlite3.Connection, places: Sequence[tuple[int, str]]) -> None:
    """Take exchanges out of the learner's queue, each at its place.

    What was queued again meanwhile has another; and a place may be another's, in a file that was begun anew meanwhile.
    """
    connection.executemany("DELETE FROM waiting WHERE position = ? AND exchange = ?", places)


def read_waiting(connection: sqlite3.Connection, limit: int, after: int = 0) -> list[tuple[int, str, Exchange | None]]:
    """Places, ids and exchanges of the learner's queue after a place, first in first out; None for a damaged record."""
    rows = connection.execute(
        "SELECT position, id, payload FROM waiting JOIN exchanges ON id = exchange WHERE position > ?"
        " ORDER BY position LIMIT ?",
        (after, limit),
    ).fetchall()
    read = _unpacked([(identifier, payload) for _, identifier, payload in rows])
    return [(position, *each) for (position, _, _), each in zip(rows, read, strict=True)]


def is_on_record(connection: sqlite3.Connection, identifier: str) -> bool:
    """Whether there is such an exchange."""
    return connection.execute("SELECT 1 FROM exchanges WHERE id = ?", (identifier,)).fetchone() is not None


def read_exchange(connection: sqlite3.Connection, identifier: str) -> Exchange | None:
    """One exchange by id, whosever it is."""
    row = connection.execute("SELECT payload FROM exchanges WHERE id = ?", (identifier,)).fetchone()
    return None if row is None else unpack(row[0])


def is_seen_by(exchange: Exchange, authority: Scope | Operator) -> bool:
    """Whether it is an authority's to see; a scope without a user sees its own session only."""
    if isinstance(authority, Operator):
        return True
    is_own = person(exchange.scope) == person(authority)
    return is_own and (authority.user is not None or exchange.scope.session == well_formed(authority.session))


def read_earlier(
    connection: sqlite3.Connection, owner: Person, session: str, before: str, limit: int
) -> list[Exchange]:
    """The newest exchanges of a session before one of them that have ended and were not refused, oldest first."""
    found = newest_of_session(connection, owner, session, before)
    ended = (exchange for exchange in found if exchange.state != "intent" and not exchange.is_refused)
    return list(itertools.islice(ended, limit))[::-1]


def newest_of_session(
    connection: sqlite3.Connection, owner: Person, session: str, before: str | None = None
) -> Iterator[Exchange]:
    """Exchanges of a session, newest first; with `before`, those older than that one."""
    older = "" if before is None else "AND (at, id) < (SELECT at, id FROM exchanges WHERE id = ?)"
    cursor = connection.execute(
        "SELECT id, payload FROM exchanges"
        f" WHERE (tenant, user, session) = (?, ?, ?) {older} ORDER BY at DESC, id DESC",
        (*owner, session) if before is None else (*owner, session, before),
    )
    with closing(cursor):  # one that is left open keeps the log from being written back
        yield from (exchange for _, exchange in _unpacked(cursor) if exchange is not None)


def read_ledger(connection: sqlite3.Connection, owner: Person, session: str) -> dict[str, Note] | None:
    """Notes of a session by place, in the order in which they were added; None when there is no such session."""
    key = (*owner, session)
    if not connection.execute("SELECT 1 FROM sessions WHERE (tenant, user, session) = (?, ?, ?)", key).fetchone():
        return None
    rows = connection.execute(
        "SELECT place, note FROM ledger WHERE (tenant, user, session) = (?, ?, ?) ORDER BY position", key
    )
    return {place: unpack_note(note) for place, note in rows}


def read_openings(connection: sqlite3.Connection, owner: Person) -> list[OpeningRow]:
    """How the person's replies of late began, oldest first."""
    rows = connection.execute(
        "SELECT opening, session, at FROM openings WHERE (tenant, user) = (?, ?) ORDER BY position DESC LIMIT ?",
        (*owner, OPENINGS_KEPT),
    ).fetchall()
    return rows[::-1]


def read_anchors(connection: sqlite3.Connection, owner: Person, anchors: Sequence[str]) -> list[AnchorRow | None]:
    """Whose each anchor is; None for an unknown one."""
    rows = [
        connection.execute(
            "SELECT session, is_shared FROM anchors WHERE (tenant, user, anchor) = (?, ?, ?)", (*owner, anchor)
        ).fetchone()
        for anchor in anchors
    ]
    return [None if row is None else (row[0], bool(row[1])) for row in rows]


def _write_session(connection: sqlite3.Connection, exchange: Exchange) -> bool:
    """The session and its ledger, in which the first note at a place stays for ever (promise P5)."""
    key = (*person(exchange.scope), exchange.scope.session)
    is_new = connection.execute(
        "INSERT INTO sessions VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (*key, exchange.at, exchange.id)
    ).rowcount
    connection.execute(
        "UPDATE sessions SET last_exchange = ? WHERE (tenant, user, session) = (?, ?, ?)", (exchange.id, *key)
    )
    connection.executemany(
        "INSERT INTO ledger (tenant, user, session, place, exchange, note) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [(*key, note.where, exchange.id, closed(connection, pack_note(note))) for note in exchange.notes],
    )
    return is_new == 1


def _write_openings(connection: sqlite3.Connection, exchange: Exchange) -> None:
    """What is older than a quotation may be goes; it is in the exchanges anyway."""
    if not exchange.openings:
        return
    owner = person(exchange.scope)
    connection.execute("DELETE FROM openings WHERE at < ?", (exchange.at - QUOTED_S,))
    connection.executemany(
        "INSERT INTO openings (tenant, user, at, session, opening) VALUES (?, ?, ?, ?, ?)",
        [(*owner, exchange.at, exchange.scope.session, closed(connection, opening)) for opening in exchange.openings],
    )


def _exchange_row(exchange: Exchange, payload: str | bytes) -> tuple[object, ...]:
    scope, state = exchange.scope, _standing(exchange)
    whose = (*person(scope), scope.session)
    return exchange.id, *whose, exchange.at, well_formed(exchange.policy), state, payload, exchange.attempts


def _standing(exchange: Exchange) -> str:
    """Its state; a refusal is whole and yet no answer, which a retry may still bring."""
    return "refused" if exchange.state == "done" and exchange.is_refused else exchange.state


def _unpacked(rows: Iterator[tuple[str, bytes]] | Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, Exchange | None]]:
    for identifier, payload in rows:
        try:
            yield identifier, unpack(payload)
        except DAMAGE:
            yield identifier, None

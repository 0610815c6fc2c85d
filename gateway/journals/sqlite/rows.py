"""What is read from and written to the journal's tables, statement by statement.

Writes run inside the caller's transaction, and each may be run again with the same effect. Nothing here knows of
threads, caches or waiting; values arrive well-formed (records.py).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

import msgspec

from gateway.anchors import QUOTED_S
from gateway.journals.sqlite.records import pack, pack_note, unpack, unpack_note, well_formed
from gateway.types import Exchange, Note, Scope

Person = tuple[str, str]
"""Tenant and user, '' for nobody."""

AnchorRow = tuple[str, bool]
"""The newest session that got an anchor, and whether others did."""

OpeningRow = tuple[str, str, float]
"""How a reply began, its session, and when that was."""

OPENINGS_KEPT = 64
"""Per person are looked for in a request; each costs a search through it."""


def person(scope: Scope) -> Person:
    """Whose rows a scope may touch."""
    return scope.tenant, well_formed(scope.user or "")


def write_intent(connection: sqlite3.Connection, exchange: Exchange, payload: bytes) -> bool:
    """Record that a request goes upstream, unless it is known already; whether its session is new."""
    is_new_session = _write_session(connection, exchange)
    connection.execute(
        "INSERT INTO exchanges VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", _exchange_row(exchange, payload)
    )
    return is_new_session


def write_finished(connection: sqlite3.Connection, exchange: Exchange, payload: bytes) -> bool:
    """Record how a request ended, and queue it for the learner; whether its session is new.

    A call that was sent again may end more than once. It is queued when it first ends, and again when it is done after
    all; what is done stays as it is.
    """
    is_new_session = _write_session(connection, exchange)
    if _is_teaching(exchange):
        connection.execute(
            "INSERT INTO waiting (exchange) SELECT ?1 WHERE NOT EXISTS"
            " (SELECT 1 FROM exchanges WHERE id = ?1 AND (state = 'done' OR state = ?2)) ON CONFLICT DO NOTHING",
            (exchange.id, exchange.state),
        )
    connection.execute(
        "INSERT INTO exchanges VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET state = excluded.state, payload = excluded.payload WHERE state <> 'done'",
        _exchange_row(exchange, payload),
    )
    _write_openings(connection, exchange)
    connection.executemany(
        "INSERT INTO anchors (tenant, user, anchor, session) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET is_shared = is_shared OR session <> excluded.session, session = excluded.session",
        [(*person(exchange.scope), anchor, exchange.scope.session) for anchor in exchange.anchors],
    )
    return is_new_session


def interrupt_intents(connection: sqlite3.Connection) -> None:
    """Finish what a process that is no more had begun: what the client said is known, and still teaches."""
    rows = connection.execute("SELECT id, payload FROM exchanges WHERE state = 'intent' ORDER BY id").fetchall()
    for _, exchange in _unpacked(rows):
        if exchange is not None:
            write_finished(connection, *pack(msgspec.structs.replace(exchange, state="interrupted")))


def delete_waiting(connection: sqlite3.Connection, exchanges: Sequence[str]) -> None:
    """Take exchanges out of the learner's queue."""
    connection.executemany("DELETE FROM waiting WHERE exchange = ?", [(exchange,) for exchange in exchanges])


def read_waiting(connection: sqlite3.Connection, limit: int) -> list[tuple[str, Exchange | None]]:
    """Ids and exchanges of the learner's queue, first in first out; None for a record that is not readable."""
    rows = connection.execute(
        "SELECT id, payload FROM waiting JOIN exchanges ON id = exchange ORDER BY position LIMIT ?", (limit,)
    )
    return list(_unpacked(rows))


def read_exchange(connection: sqlite3.Connection, identifier: str) -> Exchange | None:
    """One exchange by id, whosever it is."""
    row = connection.execute("SELECT payload FROM exchanges WHERE id = ?", (identifier,)).fetchone()
    return None if row is None else unpack(row[0])


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


def _is_teaching(exchange: Exchange) -> bool:
    return exchange.state != "intent" and exchange.mode in ("on", "write")


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
        [(*key, note.where, exchange.id, pack_note(note)) for note in exchange.notes],
    )
    return is_new == 1


def _write_openings(connection: sqlite3.Connection, exchange: Exchange) -> None:
    """What is older than a quotation may be goes; it is in the exchanges anyway."""
    if not exchange.openings:
        return
    owner = person(exchange.scope)
    connection.execute(
        "DELETE FROM openings WHERE (tenant, user) = (?, ?) AND at < ?", (*owner, exchange.at - QUOTED_S)
    )
    connection.executemany(
        "INSERT INTO openings (tenant, user, at, session, opening) VALUES (?, ?, ?, ?, ?)",
        [(*owner, exchange.at, exchange.scope.session, opening) for opening in exchange.openings],
    )


def _exchange_row(exchange: Exchange, payload: bytes) -> tuple[str, str, str, str, float, str, bytes]:
    scope = exchange.scope
    return exchange.id, *person(scope), scope.session, exchange.at, exchange.state, payload


def _unpacked(rows: Iterator[tuple[str, bytes]] | Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, Exchange | None]]:
    for identifier, payload in rows:
        try:
            yield identifier, unpack(payload)
        except msgspec.DecodeError:  # a damaged record, or one by a newer version: it must not stop all the others
            yield identifier, None

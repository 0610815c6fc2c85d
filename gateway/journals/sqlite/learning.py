"""What is read from and written to the tables of feedback and of learning, statement by statement.

As in rows.py: writes run inside the caller's transaction, and each may be run again with the same effect.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from gateway.chronicle import FEEDBACK_S, Became, Learnt, Taken
from gateway.experience import Change, Feedback
from gateway.journals.sqlite.records import pack, unpack, well_formed
from gateway.journals.sqlite.rows import DAMAGE, is_on_record, newest_of_session, person, read_exchange
from gateway.journals.sqlite.sealed import closed
from gateway.types import Scope

_decode_feedback = msgspec.msgpack.Decoder(Feedback).decode
_decode_change = msgspec.msgpack.Decoder(Change).decode

_IS_READY = (
    "EXISTS (SELECT 1 FROM exchanges WHERE exchanges.id = feedback.exchange AND exchanges.state <> 'intent')"
    " AND NOT EXISTS (SELECT 1 FROM waiting WHERE waiting.exchange = feedback.exchange)"
)
"""Of feedback: its exchange has ended and was learnt, or is none of those that are."""


def write_feedback(connection: sqlite3.Connection, scope: Scope, feedback: Feedback, payload: bytes) -> Taken:
    """Take feedback, or say why not."""
    meant = _meant(connection, scope, feedback)
    if meant is None:
        return "unknown"
    exchange, user, at = meant
    key = (scope.tenant, user, feedback.id)
    known = connection.execute("SELECT payload FROM feedback WHERE (tenant, user, id) = (?, ?, ?)", key).fetchone()
    if known is not None:
        return "known" if _is_same(known[0], feedback) else "other"
    if feedback.at - at > FEEDBACK_S:
        return "late"
    connection.execute(
        "INSERT INTO feedback (tenant, user, id, at, exchange, payload) VALUES (?, ?, ?, ?, ?, ?)",
        (*key, feedback.at, exchange, closed(connection, payload)),
    )
    return "new"


def read_given(connection: sqlite3.Connection, limit: int) -> tuple[list[Feedback], list[int]]:
    """What can be learnt now, oldest first, each with its exchange; and the places of what is not readable."""
    rows = connection.execute(
        f"SELECT position, exchange, payload FROM feedback WHERE state = 'waiting' AND {_IS_READY}"
        " ORDER BY position LIMIT ?",
        (limit,),
    ).fetchall()
    is_readable = {exchange: _is_readable(connection, exchange) for exchange in {exchange for _, exchange, _ in rows}}
    given: list[Feedback] = []
    damaged: list[int] = []
    for position, exchange, payload in rows:
        feedback = _readable(payload) if is_readable[exchange] else None
        if feedback is None:
            damaged.append(position)
        else:
            given.append(msgspec.structs.replace(feedback, exchange=exchange))
    return given, damaged


def read_unmatched(connection: sqlite3.Connection, before: float) -> list[int]:
    """Places of what came before a time, and can still not be learnt."""
    rows = connection.execute(
        f"SELECT position FROM feedback WHERE state = 'waiting' AND at < ? AND NOT ({_IS_READY})", (before,)
    )
    return [position for (position,) in rows]


def give_up(connection: sqlite3.Connection, positions: Sequence[int]) -> None:
    """Wait no longer for the exchanges of this feedback."""
    connection.executemany(
        "UPDATE feedback SET state = 'unmatched' WHERE position = ?", [(position,) for position in positions]
    )


def write_learnt(connection: sqlite3.Connection, scope: Scope, learnt: Learnt, at: float) -> None:
    """Put on record what one step of learning came to.

    What detectors see now takes the place of what they saw in the same before; what has changed has changed. Of an
    exchange that was removed meanwhile nothing is put down (promise P11).
    """
    if learnt.exchange and not is_on_record(connection, well_formed(learnt.exchange)):
        return
    event = _event(connection, scope, learnt, at)
    connection.execute("DELETE FROM signals WHERE event = ?", (event,))
    connection.executemany(
        "INSERT INTO signals VALUES (?, ?, ?, ?, ?)",
        [
            (event, signal.name, place, signal.at, closed(connection, pack(signal)[1]))
            for place, signal in enumerate(learnt.signals)
        ],
    )
    connection.executemany(
        "INSERT INTO earned (event, memory, outcome, at, payload) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (event, earned.memory, earned.event, earned.at, closed(connection, pack(earned)[1]))
            for earned in learnt.earned
        ],
    )
    connection.executemany(
        "INSERT INTO changes (event, memory, action, at, payload) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (event, change.memory, change.action, change.at, closed(connection, pack(change)[1]))
            for change in learnt.changes
        ],
    )
    connection.executemany(
        "UPDATE feedback SET state = 'learnt', event = ? WHERE (tenant, user, id) = (?, ?, ?)",
        [(event, *person(scope), well_formed(identifier)) for identifier in learnt.feedback],
    )


def read_became(connection: sqlite3.Connection, tenant: str, identifier: str, user: str | None) -> Became | None:
    """What became of feedback on a user's exchange, or of the only one of this id that the tenant gave."""
    rows = connection.execute(
        "SELECT feedback.exchange, feedback.state, event, exchanges.payload FROM feedback"
        " LEFT JOIN exchanges ON exchanges.id = feedback.exchange WHERE (feedback.tenant, feedback.id) = (?, ?)"
        " AND (? IS NULL OR feedback.user = ?)",
        (tenant, identifier, user, user),
    ).fetchall()
    if len(rows) != 1:
        return None
    ((exchange, state, event, payload),) = rows
    changes = connection.execute("SELECT payload FROM changes WHERE event = ? ORDER BY position", (event,))
    return Became(
        id=identifier,
        state=state,
        exchange=exchange,
        memories=_told(payload),
        changes=tuple(_decode_change(change) for (change,) in changes),
    )


def _meant(connection: sqlite3.Connection, scope: Scope, feedback: Feedback) -> tuple[str, str, float] | None:
    """The exchange that feedback is about, its user and its time: of a session, the last in which something was said.

    Who names a user speaks of that user's exchanges alone; who names none has the tenant's authority.
    """
    tenant, user = person(scope)
    if feedback.exchange:
        found: tuple[str, str, float] | None = connection.execute(
            "SELECT id, user, at FROM exchanges WHERE (id, tenant) = (?, ?) AND ? IN ('', user)",
            (feedback.exchange, tenant, user),
        ).fetchone()
        return found
    for exchange in newest_of_session(connection, (tenant, user), well_formed(feedback.session)):
        if not (exchange.is_aside or exchange.is_refused):
            return exchange.id, user, exchange.at
    return None


def _is_same(payload: bytes, feedback: Feedback) -> bool:
    """Whether feedback that is on record says what this says, whenever it came."""
    known = _readable(payload)
    return known is not None and msgspec.structs.replace(known, at=feedback.at) == feedback


def _readable(payload: bytes) -> Feedback | None:
    try:
        return _decode_feedback(payload)
    except DAMAGE:
        return None


def _is_readable(connection: sqlite3.Connection, exchange: str) -> bool:
    """Whether the record of an exchange can be read."""
    try:
        return read_exchange(connection, exchange) is not None
    except DAMAGE:
        return False


def _told(payload: bytes | None) -> tuple[str, ...]:
    """What stood in an exchange; nothing that is known of one that is no more, or cannot be read."""
    try:
        return () if payload is None else unpack(payload).told
    except DAMAGE:
        return ()


def _event(connection: sqlite3.Connection, scope: Scope, learnt: Learnt, at: float) -> int:
    """The place of this step in the order of learning, which it keeps when it is taken once more."""
    feedback = msgspec.json.encode([well_formed(identifier) for identifier in learnt.feedback]).decode()
    step = (scope.tenant, well_formed(learnt.exchange), feedback, learnt.is_over)
    if learnt.exchange:
        row = connection.execute(
            "SELECT position FROM learnt WHERE (tenant, exchange, feedback, is_over) = (?, ?, ?, ?)"
            " AND exchange <> ''",  # by which SQLite knows that the index will do
            step,
        ).fetchone()
        if row is not None:
            return int(row[0])
    written = connection.execute(
        "INSERT INTO learnt (at, user, session, agent, tenant, exchange, feedback, is_over)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING position",
        (at, person(scope)[1], well_formed(scope.session), well_formed(scope.agent), *step),
    ).fetchone()
    return int(written[0])

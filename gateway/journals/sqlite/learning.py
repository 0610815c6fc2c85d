"""What is read from and written to the tables of feedback and of learning, statement by statement.

As in rows.py: writes run inside the caller's transaction, and each may be run again with the same effect.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from gateway.experience import Change, Feedback
from gateway.journals.sqlite.records import pack, unpack, well_formed
from gateway.journals.sqlite.rows import newest_of_session, person
from gateway.ports import FEEDBACK_S, Became, Learnt, Taken
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
    key = (scope.tenant, feedback.id)
    if connection.execute("SELECT 1 FROM feedback WHERE (tenant, id) = (?, ?)", key).fetchone():
        return "known"
    meant = _meant(connection, scope, feedback)
    if meant is None:
        return "unknown"
    exchange, at = meant
    if feedback.at - at > FEEDBACK_S:
        return "late"
    connection.execute(
        "INSERT INTO feedback (tenant, id, at, exchange, payload) VALUES (?, ?, ?, ?, ?)",
        (*key, feedback.at, exchange, payload),
    )
    return "new"


def read_given(connection: sqlite3.Connection, limit: int) -> list[Feedback]:
    """What can be learnt now, oldest first, each with its exchange."""
    rows = connection.execute(
        f"SELECT exchange, payload FROM feedback WHERE state = 'waiting' AND {_IS_READY} ORDER BY position LIMIT ?",
        (limit,),
    )
    return [msgspec.structs.replace(_decode_feedback(payload), exchange=exchange) for exchange, payload in rows]


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

    What detectors see now takes the place of what they saw in the same before; what has changed has changed.
    """
    event = _event(connection, scope, learnt, at)
    connection.execute("DELETE FROM signals WHERE event = ?", (event,))
    connection.executemany(
        "INSERT INTO signals VALUES (?, ?, ?, ?, ?)",
        [(event, signal.name, place, signal.at, pack(signal)[1]) for place, signal in enumerate(learnt.signals)],
    )
    connection.executemany(
        "INSERT INTO earned (event, memory, outcome, at, payload) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(event, earned.memory, earned.event, earned.at, pack(earned)[1]) for earned in learnt.earned],
    )
    connection.executemany(
        "INSERT INTO changes (event, memory, action, at, payload) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(event, change.memory, change.action, change.at, pack(change)[1]) for change in learnt.changes],
    )
    connection.executemany(
        "UPDATE feedback SET state = 'learnt', event = ? WHERE (tenant, id) = (?, ?)",
        [(event, scope.tenant, well_formed(identifier)) for identifier in learnt.feedback],
    )


def read_became(connection: sqlite3.Connection, tenant: str, identifier: str) -> Became | None:
    """What became of feedback; None where the tenant gave none of this id."""
    row = connection.execute(
        "SELECT feedback.exchange, feedback.state, event, exchanges.payload FROM feedback"
        " LEFT JOIN exchanges ON exchanges.id = feedback.exchange WHERE (feedback.tenant, feedback.id) = (?, ?)",
        (tenant, identifier),
    ).fetchone()
    if row is None:
        return None
    exchange, state, event, payload = row
    changes = connection.execute("SELECT payload FROM changes WHERE event = ? ORDER BY position", (event,))
    return Became(
        id=identifier,
        state=state,
        exchange=exchange,
        memories=() if payload is None else unpack(payload).told,
        changes=tuple(_decode_change(change) for (change,) in changes),
    )


def _meant(connection: sqlite3.Connection, scope: Scope, feedback: Feedback) -> tuple[str, float] | None:
    """The exchange that feedback is about, and its time: of a session, the last in which something was said."""
    if feedback.exchange:
        key = (feedback.exchange, scope.tenant)
        found: tuple[str, float] | None = connection.execute(
            "SELECT id, at FROM exchanges WHERE (id, tenant) = (?, ?)", key
        ).fetchone()
        return found
    for exchange in newest_of_session(connection, person(scope), well_formed(feedback.session)):
        if not (exchange.is_aside or exchange.is_refused):
            return exchange.id, exchange.at
    return None


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

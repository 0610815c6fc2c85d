"""The journal's tables and the steps by which they came to be.

    exchanges  the raw record, one row per request
    waiting    exchanges not yet learnt, in the order in which they were finished
    sessions   every session that ever sent a request
    ledger     what was inserted where in a session
    anchors    which session must be meant by a thing that a client echoes
    openings   how replies of the last hours began, by which a session is known when a request quotes them
    feedback   what was said of an exchange, and what has become of it, by the user of the exchange
    learnt     exchanges and feedback in the order in which they were learnt
    signals    what detectors saw, by the row of `learnt` in which they did
    changes    the steps in which lessons evolved, by the same
    earned     how things went where a lesson was told or withheld, by the same
    dead       exchanges that could not be learnt, and why, until a person looks at them
    erasures   who was erased and until when, by a keyed hash: what is older must not come back

`user` is '' for nobody: a named user is never empty (gateway/types.py), and NULL would not take part in a key.
What is read and written when is in rows.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from gateway.database import Migration


def create_tables(connection: sqlite3.Connection) -> None:
    """The first schema."""
    for statement in _TABLES:
        connection.execute(statement)


def create_openings(connection: sqlite3.Connection) -> None:
    """The second: how replies of late began."""
    connection.execute(
        """
        CREATE TABLE openings (
            position INTEGER PRIMARY KEY,
            tenant TEXT NOT NULL,
            user TEXT NOT NULL,
            at REAL NOT NULL,
            session TEXT NOT NULL,
            opening TEXT NOT NULL
        )
        """
    )
    connection.execute("CREATE INDEX openings_by_person ON openings (tenant, user)")
    connection.execute("CREATE INDEX openings_by_time ON openings (at)")


def count_attempts(connection: sqlite3.Connection) -> None:
    """The third: which attempt of a call a record is of."""
    connection.execute("ALTER TABLE exchanges ADD COLUMN attempts INTEGER NOT NULL DEFAULT 1")


def create_learning(connection: sqlite3.Connection) -> None:
    """The fourth: feedback, and what was learnt from what in which order."""
    for statement in _LEARNING:
        connection.execute(statement)


def part_feedback_by_user(connection: sqlite3.Connection) -> None:
    """The fifth: an id of feedback is the user's whose exchange it is about, and no longer the whole tenant's."""
    for statement in _FEEDBACK_BY_USER:
        connection.execute(statement)


def create_dead_letters(connection: sqlite3.Connection) -> None:
    """The sixth: what was passed over is no longer only a line in a log."""
    connection.execute(
        """
        CREATE TABLE dead (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            exchange TEXT NOT NULL UNIQUE,
            stage TEXT NOT NULL,
            reason TEXT NOT NULL,
            at REAL NOT NULL
        )
        """
    )


def create_erasures(connection: sqlite3.Connection) -> None:
    """The seventh: what is known of people about whom nothing may be known."""
    connection.execute(
        "CREATE TABLE erasures (subject BLOB PRIMARY KEY, at REAL NOT NULL, is_out INTEGER NOT NULL) WITHOUT ROWID"
    )


def name_policies(connection: sqlite3.Connection) -> None:
    """The eighth: by which policy an exchange is kept; of older ones, as far as their record can be read."""
    connection.execute("ALTER TABLE exchanges ADD COLUMN policy TEXT NOT NULL DEFAULT ''")
    connection.create_function("policy_of", 1, _policy_of, deterministic=True)
    connection.execute("UPDATE exchanges SET policy = policy_of(payload)")
    connection.execute("CREATE INDEX exchanges_by_policy ON exchanges (policy, at)")


def find_feedback_by_exchange(connection: sqlite3.Connection) -> None:
    """The ninth: what was said of an exchange is shown with it, and goes with it, without a look at all the rest."""
    connection.execute("CREATE INDEX feedback_by_exchange ON feedback (exchange)")


class _Policy(msgspec.Struct):
    policy: str = ""


def _policy_of(payload: bytes) -> str:
    try:
        return msgspec.msgpack.decode(payload, type=_Policy).policy
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


MIGRATIONS: Sequence[Migration] = (
    create_tables,
    create_openings,
    count_attempts,
    create_learning,
    part_feedback_by_user,
    create_dead_letters,
    create_erasures,
    name_policies,
    find_feedback_by_exchange,
)

_TABLES = (
    """
    CREATE TABLE exchanges (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        user TEXT NOT NULL,
        session TEXT NOT NULL,
        at REAL NOT NULL,
        state TEXT NOT NULL,
        payload BLOB NOT NULL
    )
    """,
    # Found when the gateway starts, without reading a row of all the others.
    "CREATE INDEX intents ON exchanges (id) WHERE state = 'intent'",
    "CREATE TABLE waiting (position INTEGER PRIMARY KEY AUTOINCREMENT, exchange TEXT NOT NULL UNIQUE)",
    """
    CREATE TABLE sessions (
        tenant TEXT NOT NULL,
        user TEXT NOT NULL,
        session TEXT NOT NULL,
        created_at REAL NOT NULL,
        last_exchange TEXT NOT NULL,
        PRIMARY KEY (tenant, user, session)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE ledger (
        position INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        user TEXT NOT NULL,
        session TEXT NOT NULL,
        place TEXT NOT NULL,
        exchange TEXT NOT NULL,
        note BLOB NOT NULL,
        UNIQUE (tenant, user, session, place)
    )
    """,
    # One row per anchor, however many sessions got it: the newest of them, and whether it is the only one.
    """
    CREATE TABLE anchors (
        tenant TEXT NOT NULL,
        user TEXT NOT NULL,
        anchor TEXT NOT NULL,
        session TEXT NOT NULL,
        is_shared INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (tenant, user, anchor)
    ) WITHOUT ROWID
    """,
)

_LEARNING = (
    # Looking back on a session reads no row of the others.
    "CREATE INDEX exchanges_by_session ON exchanges (tenant, user, session, at, id)",
    """
    CREATE TABLE feedback (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        id TEXT NOT NULL,
        at REAL NOT NULL,
        exchange TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        event INTEGER,
        payload BLOB NOT NULL,
        UNIQUE (tenant, id)
    )
    """,
    "CREATE INDEX feedback_waiting ON feedback (position) WHERE state = 'waiting'",
    # `feedback` names, as a JSON list, what was learnt of its exchange together; upkeep has no exchange.
    """
    CREATE TABLE learnt (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        tenant TEXT NOT NULL,
        user TEXT NOT NULL,
        session TEXT NOT NULL,
        agent TEXT NOT NULL,
        exchange TEXT NOT NULL,
        feedback TEXT NOT NULL,
        is_over INTEGER NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX learnt_once ON learnt (tenant, exchange, feedback, is_over) WHERE exchange <> ''",
    """
    CREATE TABLE signals (
        event INTEGER NOT NULL,
        name TEXT NOT NULL,
        place INTEGER NOT NULL,
        at REAL NOT NULL,
        payload BLOB NOT NULL,
        PRIMARY KEY (event, name, place)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX signals_by_time ON signals (at)",
    """
    CREATE TABLE changes (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        event INTEGER NOT NULL,
        memory TEXT NOT NULL,
        action TEXT NOT NULL,
        at REAL NOT NULL,
        payload BLOB NOT NULL,
        UNIQUE (event, memory, action, at)
    )
    """,
    "CREATE INDEX changes_by_time ON changes (at)",
    """
    CREATE TABLE earned (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        event INTEGER NOT NULL,
        memory TEXT NOT NULL,
        outcome TEXT NOT NULL,
        at REAL NOT NULL,
        payload BLOB NOT NULL,
        UNIQUE (event, memory, outcome)
    )
    """,
    "CREATE INDEX earned_by_time ON earned (at)",
)

_FEEDBACK_BY_USER = (
    """
    CREATE TABLE parted (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        user TEXT NOT NULL,
        id TEXT NOT NULL,
        at REAL NOT NULL,
        exchange TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting',
        event INTEGER,
        payload BLOB NOT NULL,
        UNIQUE (tenant, id, user)
    )
    """,
    """
    INSERT INTO parted
    SELECT position, feedback.tenant, coalesce(exchanges.user, ''), feedback.id, feedback.at, exchange,
        feedback.state, event, feedback.payload
    FROM feedback LEFT JOIN exchanges ON exchanges.id = exchange ORDER BY position
    """,
    "DROP TABLE feedback",
    "ALTER TABLE parted RENAME TO feedback",
    "CREATE INDEX feedback_waiting ON feedback (position) WHERE state = 'waiting'",
)

"""Removing and reading out what the journal holds of one person, statement by statement.

As in rows.py, writes run inside the caller's transaction and may be run again with the same effect. What is removed is
overwritten with zeros (`PRAGMA secure_delete`, set where the journal is opened); the log before the database is the
caller's to cut. Who may ask is decided elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence

from gateway.archive import Keeping, Outdated
from gateway.erasures import Person, Tombstone
from gateway.journals.sqlite.records import well_formed
from gateway.journals.sqlite.rows import person as person_of
from gateway.types import Scope

OF_SESSIONS = ("sessions", "ledger", "anchors", "openings")
"""Tables whose rows say of which session they are, and are nothing without one."""

OWNED = (*OF_SESSIONS, "learnt", "exchanges")
"""Tables whose rows say whose they are, by tenant, user and session; the last is read by the steps before it."""

OF_EVENTS = ("signals", "changes", "earned")
"""Tables whose rows hang on one of `learnt`."""

OF_EXCHANGES = ("waiting", "dead")
"""Tables whose rows hang on one of `exchanges`."""


def bury(connection: sqlite3.Connection, tombstone: Tombstone) -> None:
    """Set a tombstone; a later one of the same person takes its place."""
    connection.execute(
        "INSERT INTO erasures (subject, at, is_out) VALUES (?, ?, ?) ON CONFLICT DO UPDATE"
        " SET at = excluded.at, is_out = excluded.is_out WHERE excluded.at >= erasures.at",
        (tombstone.subject, tombstone.at, tombstone.is_out),
    )


def read_tombstones(connection: sqlite3.Connection) -> list[Tombstone]:
    """All there are."""
    rows = connection.execute("SELECT subject, at, is_out FROM erasures")
    return [Tombstone(subject=subject, at=at, is_out=bool(is_out)) for subject, at, is_out in rows]


def bury_all(connection: sqlite3.Connection, tombstones: Sequence[Tombstone]) -> None:
    """Set tombstones that were set elsewhere."""
    for tombstone in tombstones:
        bury(connection, tombstone)


def read_gone(connection: sqlite3.Connection, is_gone: Callable[[Scope, float], bool]) -> list[tuple[str, Scope]]:
    """Exchanges of which nothing may be known any more, and whose they are."""
    rows = connection.execute("SELECT id, tenant, user, session, at FROM exchanges")
    whose = (
        (id, Scope(tenant=tenant, user=user or None, session=session), at) for id, tenant, user, session, at in rows
    )
    return [(id, scope) for id, scope, at in whose if is_gone(scope, at)]


def remove(connection: sqlite3.Connection, person: Person) -> Mapping[str, int]:
    """Remove every row of a person; how many there were, by table."""
    whose, key = _whose(person)
    counts = {
        table: _deleted(
            connection, f"DELETE FROM {table} WHERE event IN (SELECT position FROM learnt WHERE {whose})", key
        )
        for table in OF_EVENTS
    }
    for table in OF_EXCHANGES:
        statement = f"DELETE FROM {table} WHERE exchange IN (SELECT id FROM exchanges WHERE {whose})"
        counts[table] = _deleted(connection, statement, key)
    said_of = f"DELETE FROM feedback WHERE exchange IN (SELECT id FROM exchanges WHERE {whose})"
    counts["feedback"] = _deleted(connection, said_of, key)
    if person.user is not None:
        mine = "DELETE FROM feedback WHERE (tenant, user) = (?, ?)"
        counts["feedback"] += _deleted(connection, mine, key)
    for table in OWNED:
        counts[table] = _deleted(connection, f"DELETE FROM {table} WHERE {whose}", key)
    return counts


def tenants_of(connection: sqlite3.Connection, user: str | None, session: str) -> Sequence[str]:
    """Tenants in which there is such a user, or such a session of nobody's."""
    named = "user = ?" if user is not None else "user = '' AND session = ?"
    name = well_formed(user if user is not None else session)
    found = connection.execute(f"SELECT DISTINCT tenant FROM sessions WHERE {named} ORDER BY tenant", (name,))
    return [tenant for (tenant,) in found]


def payloads(connection: sqlite3.Connection, person: Person, table: str) -> Iterator[bytes]:
    """What is on record of a person in `exchanges`, in `feedback`, or in one of `OF_EVENTS`, in its order."""
    whose, key = _whose(person)
    match table:
        case "exchanges":
            query = f"SELECT payload FROM exchanges WHERE {whose} ORDER BY at, id"
        case "feedback":
            mine = f"SELECT id FROM exchanges WHERE {whose}"
            query = f"SELECT payload FROM feedback WHERE exchange IN ({mine}) ORDER BY position"
        case _:
            query = (
                f"SELECT payload FROM {table} WHERE event IN (SELECT position FROM learnt WHERE {whose}) ORDER BY event"
            )
    for (payload,) in connection.execute(query, key):
        yield payload


def read_outdated(connection: sqlite3.Connection, keeping: Keeping, limit: int) -> list[Outdated]:
    """Exchanges of a policy that are not to be kept, oldest first, once they are learnt."""
    rows = connection.execute(
        """
        SELECT id, tenant, user, session FROM (
            SELECT id, tenant, user, session, at, state, row_number() OVER (
                PARTITION BY tenant, user, CASE user WHEN '' THEN session END ORDER BY at DESC, id DESC
            ) AS place FROM exchanges WHERE policy = :policy
        )
        WHERE (at < :before OR place > :newest) AND state <> 'intent'
        AND id NOT IN (SELECT exchange FROM waiting) ORDER BY at LIMIT :limit
        """,
        {"policy": keeping.policy, "before": keeping.before, "newest": keeping.newest, "limit": limit},
    )
    return [
        Outdated(scope=Scope(tenant=tenant, user=user or None, session=session), exchange=identifier)
        for identifier, tenant, user, session in rows
    ]


def drop(connection: sqlite3.Connection, exchanges: Sequence[str]) -> None:
    """Remove exchanges and what hangs on them; a session goes with the last of its exchanges."""
    for identifier in exchanges:
        key = connection.execute("SELECT tenant, user, session FROM exchanges WHERE id = ?", (identifier,)).fetchone()
        for table in OF_EVENTS:
            learnt = "SELECT position FROM learnt WHERE exchange = ?"
            connection.execute(f"DELETE FROM {table} WHERE event IN ({learnt})", (identifier,))
        for table in (*OF_EXCHANGES, "feedback", "learnt"):
            connection.execute(f"DELETE FROM {table} WHERE exchange = ?", (identifier,))
        connection.execute("DELETE FROM exchanges WHERE id = ?", (identifier,))
        if key is not None and not _has_exchanges(connection, key):
            for table in OF_SESSIONS:
                connection.execute(f"DELETE FROM {table} WHERE (tenant, user, session) = (?, ?, ?)", key)


def _has_exchanges(connection: sqlite3.Connection, key: Sequence[str]) -> bool:
    some = "SELECT 1 FROM exchanges WHERE (tenant, user, session) = (?, ?, ?) LIMIT 1"
    return connection.execute(some, key).fetchone() is not None


def _whose(person: Person) -> tuple[str, tuple[str, ...]]:
    """The condition on rows of a person, and what is put into it."""
    tenant, user = person_of(person.scope)
    if person.user is not None:
        return "(tenant, user) = (?, ?)", (tenant, user)
    return "(tenant, user, session) = (?, ?, ?)", (tenant, user, well_formed(person.session))


def _deleted(connection: sqlite3.Connection, statement: str, key: Sequence[str]) -> int:
    return max(0, connection.execute(statement, key).rowcount)

"""Issued keys on disk: who holds which, what each may do, and what it has spent.

A key is shown once, when it is made; what is kept of it is a keyed hash. A running gateway and the command line use
the file at the same time. Who is let in is decided in gateway/admission.py.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.credentials import fingerprint
from gateway.database import connect
from gateway.errors import ConfigError, DataDirError
from gateway.ports import Clock

FILE = "keys.db"

BEGINNING = "sk-accrue-"
"""Of every key, so that one that leaked is known for what it is."""

RANDOM_BYTES = 32

Right = Literal["call", "feedback"]
"""`call`: whatever goes upstream; `feedback`: to give it, and to ask what became of it."""

RIGHTS: tuple[Right, ...] = ("call", "feedback")

Limit = Annotated[int, Meta(ge=1, le=1 << 53)] | None

Spent = Mapping[tuple[str, str], int]
"""Tokens by the id of a key and the period in which they were spent (gateway/spending.py)."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an issued key, which is all but the key."""

    id: str = ""
    """Empty until it is issued."""
    name: Annotated[str, Meta(min_length=1, max_length=256)]
    tenant: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{0,64}\Z")] = ""
    """Whose memory it opens; keys with the same tenant share one. Empty before it is issued for one of its own."""
    rights: tuple[Right, ...] = RIGHTS
    calls_per_minute: Limit = None
    tokens_per_minute: Limit = None
    tokens_per_day: Limit = None
    tokens_per_month: Limit = None
    created: float = 0.0
    """Unix seconds, as are the next two."""
    expires: float | None = None
    revoked: float | None = None

    @property
    def is_limited(self) -> bool:
        """Whether what it asks has to be counted."""
        limits = (self.calls_per_minute, self.tokens_per_minute, self.tokens_per_day, self.tokens_per_month)
        return any(limit is not None for limit in limits)


class KeyFile:
    """The issued keys of one data directory. Blocking, and for one thread at a time.

    Methods raise `DataDirError` when the file cannot be used.
    """

    def __init__(self, folder: Path, secret: bytes, clock: Clock) -> None:
        """Open it, made if need be.

        Args:
            secret: of the data directory; the hashes are keyed with it.
        """
        self._path = folder / FILE
        self._secret = secret
        self._clock = clock
        self._database = connect(self._path, (_tables,))
        self._version = -1

    def close(self) -> None:
        """Release the file."""
        self._database.close()

    def create(self, key: Key) -> tuple[Key, str]:
        """Issue a key, told without its id; the key itself is to be had now and never again.

        Raises `ConfigError` for a name that another key has.
        """
        if any(known.name == key.name and known.revoked is None for known in self.all()):
            raise ConfigError(f"there is a key named {key.name!r} already; rotate it, or revoke it first")
        id = self._clock.new_id("key")
        issued = msgspec.structs.replace(key, id=id, tenant=key.tenant or id, created=self._clock.now())
        plain = _new_key()
        with self._using() as database:
            row = (id, fingerprint(plain, self._secret), msgspec.json.encode(issued))
            database.execute("INSERT INTO keys (id, fingerprint, settings) VALUES (?, ?, ?)", row)
        return issued, plain

    def all(self) -> Sequence[Key]:
        """Every key that was ever issued, oldest first."""
        with self._using() as database:
            rows = database.execute("SELECT settings FROM keys ORDER BY id").fetchall()
            return [msgspec.json.decode(settings, type=Key) for (settings,) in rows]

    def revoke(self, id: str) -> Key:
        """Let nobody in with it from now on. Raises `ConfigError` for a key that is none."""
        revoked = msgspec.structs.replace(self._standing(id), revoked=self._clock.now())
        with self._using() as database:
            settings = msgspec.json.encode(revoked)
            database.execute("UPDATE keys SET fingerprint = NULL, settings = ? WHERE id = ?", (settings, id))
        return revoked

    def rotate(self, id: str) -> tuple[Key, str]:
        """Another key in its place, with all that it may and has spent. Raises `ConfigError` for a key that is none."""
        key, plain = self._standing(id), _new_key()
        with self._using() as database:
            database.execute("UPDATE keys SET fingerprint = ? WHERE id = ?", (fingerprint(plain, self._secret), id))
        return key, plain

    def standing(self) -> Mapping[bytes, Key]:
        """Keys that are not revoked, by their fingerprint."""
        with self._using() as database:
            rows = database.execute("SELECT fingerprint, settings FROM keys WHERE fingerprint IS NOT NULL").fetchall()
            return {mark: msgspec.json.decode(settings, type=Key) for mark, settings in rows}

    def has_changed(self) -> bool:
        """Whether somebody else has written since this was last asked; true at first."""
        with self._using() as database:
            (version,) = database.execute("PRAGMA data_version").fetchone()
        before, self._version = self._version, version
        return bool(before != version)

    def spent(self, periods: Sequence[str]) -> Spent:
        """Tokens spent in these periods."""
        marks = ", ".join("?" * len(periods))
        with self._using() as database:
            rows = database.execute(f"SELECT key, period, tokens FROM spent WHERE period IN ({marks})", periods)
            return {(key, period): tokens for key, period, tokens in rows}

    def spend(self, spent: Spent) -> None:
        """Add to what was spent."""
        with self._using() as database:
            database.executemany(
                "INSERT INTO spent (key, period, tokens) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens",
                [(key, period, tokens) for (key, period), tokens in spent.items()],
            )

    def _standing(self, id: str) -> Key:
        found = next((key for key in self.all() if key.id == id), None)
        if found is None:
            raise ConfigError(f"there is no key {id!r}; `accrue keys list` shows those there are")
        if found.revoked is not None:
            raise ConfigError(f"key {id} is revoked")
        return found

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        try:
            self._database.execute("BEGIN")
            with self._database:
                yield self._database
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise DataDirError(f"{self._path}: {error}") from error


def _new_key() -> str:
    return BEGINNING + secrets.token_urlsafe(RANDOM_BYTES)


def _tables(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE keys (id TEXT PRIMARY KEY, fingerprint BLOB UNIQUE, settings BLOB NOT NULL)")
    database.execute(
        "CREATE TABLE spent (key TEXT NOT NULL, period TEXT NOT NULL, tokens INTEGER NOT NULL,"
        " PRIMARY KEY (key, period)) WITHOUT ROWID"
    )

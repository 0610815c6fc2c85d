"""Reading a journal that another process, most likely a running gateway, is writing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import msgspec

from gateway.database import connect, connect_readonly
from gateway.errors import DataDirError
from gateway.journals.sqlite import rows
from gateway.journals.sqlite.chronicle import SqliteChronicle
from gateway.journals.sqlite.dead import SqliteLetters
from gateway.journals.sqlite.schema import MIGRATIONS
from gateway.journals.sqlite.sealed import close_all, put_under
from gateway.journals.sqlite.sessions import SqliteSessions
from gateway.sealing import NO_SEAL, Seal
from gateway.types import Exchange

_ENDINGS = "SELECT id, state = 'done' FROM exchanges"
_UNORDERED = """
    SELECT id FROM exchanges WHERE state <> 'intent'
    AND id NOT IN (SELECT exchange FROM waiting) AND id NOT IN (SELECT exchange FROM learnt) ORDER BY id"""


class SqliteBeside:
    """All of a journal's file that an operator asks for. Usable from any event loop."""

    def __init__(self, path: Path, seal: Seal = NO_SEAL) -> None:
        """Open for reading. Raises `DataDirError` when there is no journal."""
        self.place = str(path.parent)
        self.chronicle = SqliteChronicle(path, seal)
        self.letters = SqliteLetters(path)
        self.sessions = SqliteSessions(path, seal)
        self._path = path
        self._seal = seal

    async def read(self, exchange: str) -> Exchange | None:
        """One exchange by id. Raises `DataDirError`."""
        return await asyncio.to_thread(read_exchange_beside, self._path, exchange, self._seal)

    async def endings(self) -> Mapping[str, bool]:
        """Every exchange by id, and whether an answer to it is on record. Raises `DataDirError`."""
        return await asyncio.to_thread(read_endings_beside, self._path)

    async def aclose(self) -> None:
        """Release."""
        await self.chronicle.aclose()
        await self.sessions.aclose()


def read_exchange_beside(path: Path, exchange: str, seal: Seal = NO_SEAL) -> Exchange | None:
    """One exchange by id, whoever's it is: for the operator of the data directory. Raises `DataDirError`."""
    with closing(put_under(connect_readonly(path), seal)) as connection:
        try:
            return rows.read_exchange(connection, exchange)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise DataDirError(f"{path}: {error}") from error


def close_all_beside(path: Path, seal: Seal) -> int:
    """Seal what a journal that nobody else has open holds from before there was a key; how many records that were.

    Raises `DataDirError`.
    """
    with closing(put_under(connect(path, MIGRATIONS), seal)) as connection:
        try:
            return close_all(connection)
        except sqlite3.Error as error:
            raise DataDirError(f"{path}: {error}") from error


def read_endings_beside(path: Path) -> dict[str, bool]:
    """Every exchange by id, and whether an answer to it is on record. Raises `DataDirError`."""
    with closing(connect_readonly(path)) as connection:
        try:
            return {id: bool(is_done) for id, is_done in connection.execute(_ENDINGS)}
        except sqlite3.Error as error:
            raise DataDirError(f"{path}: {error}") from error


def read_order_beside(path: Path) -> tuple[list[str], int]:
    """Exchanges that were learnt before their order was put down, oldest first, and the number of steps since.

    Raises `DataDirError`.
    """
    with closing(connect_readonly(path)) as connection:
        try:
            unordered = [id for (id,) in connection.execute(_UNORDERED)]
            (count,) = connection.execute("SELECT count(*) FROM learnt").fetchone()
        except sqlite3.Error as error:
            raise DataDirError(f"{path}: {error}") from error
    return unordered, count

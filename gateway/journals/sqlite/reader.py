"""One thread that reads, on a connection of its own, so that a question to the disk keeps no event loop waiting."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.errors import MemoryUnavailable
from gateway.journals.sqlite.sealed import put_under
from gateway.lasting import Database, for_reading
from gateway.sealing import NO_SEAL, Seal

T = TypeVar("T")


class Reader:
    """Answers questions one after the other. Usable from any event loop, and beside a process that writes."""

    def __init__(self, path: Path, name: str, seal: Seal = NO_SEAL, *, beside: Database | None = None) -> None:
        """Read a file, which need not be there yet.

        Args:
            name: of the thread.
            beside: writes to the file in this process.
        """
        self._database = for_reading(path, beside, each=partial(put_under, seal=seal))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer. Raises `MemoryUnavailable` for a disk or a record that cannot be read."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)
        except (sqlite3.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MemoryUnavailable(f"journal: {error}") from error

    def close(self) -> None:
        """Answer what is asked, then close."""
        self._thread.shutdown()
        self._database.close()

    def _answer(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with self._database.used() as connection:
            return question(connection)

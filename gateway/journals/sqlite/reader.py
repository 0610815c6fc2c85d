"""One thread that reads, on a connection of its own, so that a question to the disk keeps no event loop waiting."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.database import connect_readonly
from gateway.errors import MemoryUnavailable

T = TypeVar("T")


class Reader:
    """Answers questions one after the other. Usable from any event loop, and beside a process that writes."""

    def __init__(self, path: Path, name: str) -> None:
        """Open for reading. Raises `DataDirError` when there is no such file.

        Args:
            name: of the thread.
        """
        self._connection = connect_readonly(path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer. Raises `MemoryUnavailable` for a disk or a record that cannot be read."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._connection)
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise MemoryUnavailable(f"journal: {error}") from error

    def close(self) -> None:
        """Answer what is asked, then close."""
        self._thread.shutdown()
        self._connection.close()

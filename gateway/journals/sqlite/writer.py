"""One thread that writes, and commits all that waits at once: a commit waits for the disk, not for other commits.

It knows transactions and who waits for them, and nothing of what is written.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from gateway.database import transaction
from gateway.errors import MemoryUnavailable
from gateway.lasting import Database

T = TypeVar("T")

Operation = Callable[[sqlite3.Connection], T]
"""Runs inside a transaction, and again from the start when the transaction fails."""

MAX_WAITING = 4096
"""Operations in the queue: half a second's worth at the measured rate. A disk that stands still must not eat memory."""


PATIENCE_S = 0.005
"""How long operations wait for company when nobody waits for them: a commit costs 0.4 ms of processor and disk."""


class _Write(Generic[T]):
    """An operation, and who waits for it."""

    def __init__(self, operation: Operation[T]) -> None:
        self.written: Future[T] = Future()
        self.written.set_running_or_notify_cancel()  # who no longer waits must not take the write with them
        self._operation = operation
        self._result: T

    def run(self, connection: sqlite3.Connection) -> None:
        self._result = self._operation(connection)

    def succeed(self) -> None:
        self.written.set_result(self._result)

    def fail(self, reason: object) -> None:
        self.written.set_exception(MemoryUnavailable(f"journal: {reason}"))


class Writer:
    """Runs operations in the order of their submission, from any thread, on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database
        """Where it writes; to be used by the writer's thread alone."""
        self._waiting: list[_Write[Any]] = []
        self._changed = threading.Condition()
        self._is_urgent = False
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="journal-writer", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation[T], *, is_patient: bool = False) -> Future[T]:
        """Queue an operation. The future is done when it is durable, or fails with `MemoryUnavailable`.

        The future cannot be cancelled, and its callbacks run in the writer's thread. A patient operation, for which
        nobody waits, gives others the chance to share its commit.
        """
        write = _Write(operation)
        with self._changed:
            if not self._is_closed and len(self._waiting) < MAX_WAITING:
                self._waiting.append(write)
                self._is_urgent = self._is_urgent or not is_patient
                self._changed.notify()
                return write.written
        write.fail("closed" if self._is_closed else "the disk does not keep up")
        return write.written

    def close(self) -> None:
        """Write what waits, refuse what comes later, and close the connection."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()
        self.database.close()

    def _work(self) -> None:
        while group := self._take():
            self._settle(group)

    def _take(self) -> Sequence[_Write[Any]]:
        """All that waits; nothing only when nothing will come any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._changed.wait_for(lambda: self._is_urgent or self._is_closed, PATIENCE_S)
            group, self._waiting = self._waiting, []
            self._is_urgent = False
            return group

    def _settle(self, group: Sequence[_Write[Any]]) -> None:
        """Commit a group; when that fails each for itself, so that one bad operation fails alone."""
        try:
            with self.database.used() as connection, transaction(connection):
                for write in group:
                    write.run(connection)
        except (sqlite3.Error, MemoryUnavailable) as error:
            if len(group) == 1:
                group[0].fail(error)
                return
            for write in group:
                self._settle([write])
        else:
            for write in group:
                write.succeed()

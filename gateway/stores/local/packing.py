"""Packs the newest index, when many of its points are loose: a thread that has it done by a process of its own.

What is packed is a copy, and while that is being done the index serves and is written as before. Then the copy takes
its place, having seen what changed. Searches stand still for as long as it takes to open it, writes for as long as it
takes to copy. How a shard is packed is known by packer.py, and how the copy follows the changes by indexes.py.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TypeVar

import structlog

from gateway.errors import MemoryUnavailable
from gateway.stores.local import packer
from gateway.stores.local.indexes import Indexes

LOOK_S = 2.0
"""Between two looks at whether there is anything to pack."""

CLEAN_S = 3600.0
"""What was forgotten is not packed any longer than this and the time it takes."""

PACKED_S = 900.0
"""Given to the other process: some minutes are enough for ten million points, and nothing is made anew meanwhile, not
even after somebody was erased."""

RETRY_S = 600.0
"""After it could not be done: a copy of everything is not tried often."""

Answer = TypeVar("Answer")

log = structlog.get_logger()


class Packing:
    """Looks after the indexes until it is told to stop."""

    def __init__(self, indexes: Indexes, writes: Executor, look_s: float = LOOK_S) -> None:
        self._indexes = indexes
        self._writes = writes
        self._look_s = look_s
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="memories-pack", daemon=True)

    def start(self) -> None:
        """Begin to look, once."""
        self._thread.start()

    def stop(self) -> None:
        """Return when nothing is being packed any more; what was begun is lost."""
        self._stopping.set()
        if (child := self._child) is not None:  # it may end just now
            child.kill()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        pause, waited_s = self._look_s, CLEAN_S  # what is stained now may have been for long
        while not self._stopping.wait(pause):
            waited_s += pause
            is_cleaned = waited_s >= CLEAN_S and self._indexes.is_stained
            if is_cleaned or self._indexes.is_crowded:
                is_done = self._pack()
                pause, waited_s = (self._look_s if is_done else RETRY_S), 0.0

    def _pack(self) -> bool:
        """Whether it was done."""
        try:
            copy = self._written(self._indexes.fork)
            self._packed(copy / "shard")
            self._written(self._indexes.adopt)
        except (MemoryUnavailable, sqlite3.Error, OSError) as error:
            if not self._stopping.is_set():
                log.warning("packing_postponed", reason=str(error))
            self._written(self._indexes.abandon)
            return False
        log.info("memories_packed")
        return True

    def _packed(self, shard: Path) -> None:
        """Raises `MemoryUnavailable` when it was not packed."""
        command = [sys.executable, "-I", packer.__file__, str(shard)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
            self._child = child
            if self._stopping.is_set():
                child.kill()
            try:
                _, complaint = child.communicate(timeout=PACKED_S)
            except subprocess.TimeoutExpired as error:
                child.kill()
                raise MemoryUnavailable(f"search index: not packed within {PACKED_S:.0f} s") from error
            finally:
                self._child = None
        if child.returncode:
            reason = complaint.decode(errors="replace").strip().rpartition("\n")[2]
            raise MemoryUnavailable(f"search index: packing ended with {child.returncode}: {reason}")

    def _written(self, work: Callable[[], Answer]) -> Answer:
        future: Future[Answer] = self._writes.submit(work)
        return future.result()

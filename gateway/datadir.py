"""The data directory: who holds it, and the secret that belongs to it.

<data-dir>/lock        held by the one running gateway
<data-dir>/secret.key  32 random bytes; keys tenant hashes and note nonces, never leaves the machine
<data-dir>/journal.db  the raw record (gateway/journals/sqlite)
<data-dir>/memories.db what was learnt from it (gateway/stores/local)
<data-dir>/index/      derived from memories.db, may be deleted
<data-dir>/rebuilt/    memories being made anew, until they take the place of those (gateway/rebuild)
<data-dir>/distil.json what waits to be distilled, and what that has cost today (gateway/backlog)
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import IO

from gateway.errors import DataDirError

SECRET_BYTES = 32


class DataDir:
    """An opened data directory. `hold` takes it for this process until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[str] | None = None

    @property
    def journal(self) -> Path:
        """The journal's database file."""
        return self.path / "journal.db"

    @property
    def memories(self) -> Path:
        """The memories' database file."""
        return self.path / "memories.db"

    @property
    def index(self) -> Path:
        """The folder of the search index."""
        return self.path / "index"

    @property
    def rebuilt(self) -> Path:
        """The folder in which memories are made anew."""
        return self.path / "rebuilt"

    @property
    def distil(self) -> Path:
        """The file of what waits to be distilled."""
        return self.path / "distil.json"

    def hold(self) -> None:
        """Make the directory if need be and lock it. Raises `DataDirError` when another process has it."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self.path / "lock").open("a+", encoding="ascii")
        except OSError as error:
            raise DataDirError(f"data directory {self.path} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise DataDirError(
                f"data directory {self.path} is in use by another gateway (process {holder}); "
                "stop it, or give this one its own --data-dir"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        self._lock = lock

    def release(self) -> None:
        """Let another process have it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def secret(self) -> bytes:
        """The directory's secret, made at first use; readable by its owner only."""
        file = self.path / "secret.key"
        try:
            if not file.exists():
                write_whole(file, secrets.token_bytes(SECRET_BYTES))
            secret = file.read_bytes()
        except OSError as error:
            raise DataDirError(f"{file}: {error.strerror}") from error
        if len(secret) != SECRET_BYTES:
            raise DataDirError(f"{file}: expected {SECRET_BYTES} bytes, found {len(secret)}")
        return secret


def write_whole(file: Path, content: bytes) -> None:
    """All of a file or none of it, even at a power cut: without its secret everything remembered is lost.

    It is readable by its owner only. Blocks for the disk; raises `OSError`.
    """
    draft = file.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(file)
    sync(file.parent)


def sync(folder: Path) -> None:
    """Return when what was made, renamed or removed in a folder stays so at a power cut. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)

"""The file by which one process holds a folder, and in which it says who it is and where it listens.

What counts is the lock, which ends with its process; what stands in the file is for people and for commands, who send
secrets there. What else is in the folder is not known here.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from gateway.errors import DataDirError

LOOKS, LOOK_AGAIN_S = 15, 0.02
"""How often, and how far apart, it is tried to take one: who only looks at a file holds it for a moment."""

ROOT = 0


class Lock:
    """One file. `take` it for this process until `release` or the end of the process; not from two threads at once."""

    def __init__(self, path: Path) -> None:
        """A file, which need not be there."""
        self._path = path
        self._file: IO[str] | None = None

    def is_held(self) -> bool:
        """Whether this process holds it, and it is still the file that others would take."""
        if self._file is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except OSError:
            return False

    def take(self, url: str) -> None:
        """Hold it, and say where this process listens; in a folder that came back, once more.

        Raises `DataDirError` when another process has it, `OSError`.
        """
        file = self._path.open("a+", encoding="utf-8", errors="replace")
        if not _locked(file):
            with file:
                holder = _read(file).partition("\n")[0] or "unknown"
            complaint = f"data directory {self._path.parent} is in use by another gateway (process {holder}); "
            raise DataDirError(f"{complaint}stop it, or give this one its own --data-dir")
        self.release()
        self._file = file
        self.sign(url)

    def sign(self, url: str) -> None:
        """Say where this process listens, if it holds the file."""
        if self._file is not None:
            with suppress(OSError):  # a full disk is no reason not to start
                os.ftruncate(self._file.fileno(), 0)
                os.write(self._file.fileno(), f"{os.getpid()}\n{url}".rstrip().encode() + b"\n")

    def release(self) -> None:
        """Let another process have it."""
        if self._file is not None:
            self._file.close()
            self._file = None


def announced(path: Path) -> str:
    """What the process that holds a file says of where it listens; empty where none holds it, or none that listens.

    Raises `DataDirError` for a file that somebody else could have written.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _url_in(file, path)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DataDirError(f"{path}: {error.strerror}") from error


def _url_in(file: IO[str], path: Path) -> str:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return ""
    except BlockingIOError:
        url = _read(file).partition("\n")[2]
    owners = {os.fstat(file.fileno()).st_uid, path.parent.stat().st_uid}
    if url and not owners <= {os.geteuid(), ROOT}:
        complaint = f"{path} belongs to another user, and could name any gateway; "
        raise DataDirError(f"{complaint}be that user, or name yours by --url")
    return url


def _locked(file: IO[str]) -> bool:
    """Whether it could be had, perhaps after a moment."""
    for _ in range(LOOKS):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        threading.Event().wait(LOOK_AGAIN_S)
    return False


def _read(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip()

"""The data directory: who holds it, and the secret that belongs to it.

<data-dir>/lock        held by the one running gateway, and says its process and where it listens (gateway/lock)
<data-dir>/secret.key  32 random bytes; keys tenant hashes and note nonces, never leaves the machine
<data-dir>/sealed      there when texts are encrypted: by it the right key is known
<data-dir>/journal.db  the raw record (gateway/journals/sqlite); `journal.db.v5.bak` is a copy from before its schema
                       was raised from 5, `journal.db.corrupt-…` one that could not be read (gateway/database)
<data-dir>/memories.db what was learnt from it (gateway/stores/local)
<data-dir>/index/      derived from memories.db, may be deleted
<data-dir>/rebuilt/    memories being made anew, until they take the place of those (gateway/rebuild)
<data-dir>/distil.json what waits to be distilled, and what that has cost today (gateway/backlog)
<data-dir>/migrating.json how far a move to another store has come that was broken off (gateway/migrate)
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import threading
from pathlib import Path

import structlog

from gateway.errors import DataDirError, MemoryUnavailable
from gateway.lock import Lock, announced
from gateway.sealing import NO_SEAL, Seal, Sealed

SECRET_BYTES = 32

_IS_SECRET = re.compile(rf"[0-9a-f]{{{2 * SECRET_BYTES}}}")

_SEAL_PROOF, _SEAL_PLACE = b"accrue", "sealed"

ROOM_BYTES = 64 << 20
"""Of a disk stay free of memories: the index is mapped into memory, where a full disk is no error but the end of the
process, and what it writes between two looks is 8 MB at most (measured: 16 texts of 32,000 characters take 0.7)."""

OF_THE_DISK = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENOTCONN)
)
"""Errors that pass by themselves or by mending the disk; others say that a path or a permission is wrong."""

_log = structlog.get_logger()


class DataDir:
    """A data directory. `hold` takes it for this process until `release` or the end of the process."""

    def __init__(self, path: Path, shared: str | None = None) -> None:
        """A folder, which need not be there.

        Args:
            shared: what the secret is made of where several directories have the same; None: it is drawn by chance.
        """
        self.path = path
        self._shared = shared
        self._changing = threading.Lock()
        self._lock = Lock(path / "lock")
        self._secret: bytes | None = None
        self._is_secret_kept = True
        self._url = ""

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

    @property
    def moving(self) -> Path:
        """The file of how far a move to another store has come."""
        return self.path / "migrating.json"

    def require_record(self) -> None:
        """Raise `DataDirError` where nothing was ever recorded: a command would look at the wrong place."""
        if not self.journal.exists():
            raise DataDirError(f"nothing is recorded in {self.path}; is this the right --data-dir?")

    def copies(self) -> list[Path]:
        """Whole databases beside those in use: as they were before an upgrade, damaged ones, half made ones."""
        patterns = ("*.bak", "*.v*.new", "*.corrupt-*", "rebuilt/*.db*", "migrating.json")
        return sorted(file for pattern in patterns for file in self.path.glob(pattern) if file.is_file())

    def hold(self) -> None:
        """Make the directory if need be and lock it; does nothing while it is held and whole. From any thread.

        Of a directory that was deleted and comes back, or that could not be written to before, the secret is put back.
        Raises `DataDirError` when another process has it or it cannot be one, `MemoryUnavailable` for a bad disk.
        """
        with self._changing:
            if self._lock.is_held() and self._is_secret_kept:
                return
            try:
                self._take()
            except OSError as error:
                complaint = f"data directory {self.path} cannot be used: {error.strerror}"
                raise (MemoryUnavailable if error.errno in OF_THE_DISK else DataDirError)(complaint) from error
            if self._secret is not None:
                self._put_back(self._secret)

    def announce(self, url: str) -> None:
        """Say, to who looks at the directory, where the gateway listens that holds it."""
        with self._changing:
            self._url = url
            self._lock.sign(url)

    def listens(self) -> str:
        """The address of the gateway that holds it; empty where none does, or none that listens.

        Raises `DataDirError` where somebody else could have written it.
        """
        return announced(self.path / "lock")

    def release(self) -> None:
        """Let another process have it."""
        with self._changing:
            self._lock.release()

    def secret(self) -> bytes:
        """The directory's secret, made at first use; readable by its owner only.

        One that cannot be written is kept in memory until it can. Raises `DataDirError` for one that is there and
        cannot be read, or is not the shared one: under another, nobody's memories would be found.
        """
        if self._secret is not None:
            return self._secret
        file = self.path / "secret.key"
        try:
            secret = file.read_bytes()
        except FileNotFoundError:
            secret = secrets.token_bytes(SECRET_BYTES) if self._shared is None else _made_of(self._shared)
        except OSError as error:
            raise DataDirError(f"{file}: {error.strerror}") from error
        if len(secret) != SECRET_BYTES:
            raise DataDirError(f"{file}: expected {SECRET_BYTES} bytes, found {len(secret)}")
        if self._shared is not None and secret != _made_of(self._shared):
            raise DataDirError(
                f"{self.path} began with another secret than auth.shared_secret; give it a new --data-dir"
            )
        self._secret = secret
        try:
            with self._changing:
                self._put_back(secret)
        except MemoryUnavailable as error:
            _log.warning("secret_unwritten", reason=str(error))
        return secret

    def _take(self) -> None:
        if self._lock.is_held():
            return
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock.take(self._url)
        self._is_secret_kept = False

    def _put_back(self, secret: bytes) -> None:
        file = self.path / "secret.key"
        try:
            if not file.exists():
                write_whole(file, secret)
            is_same = file.read_bytes() == secret
        except OSError as error:
            self._is_secret_kept = False
            raise MemoryUnavailable(f"{file}: {error.strerror}") from error
        if not is_same:  # written over, it would lose the memories of everybody who is in there
            raise MemoryUnavailable(f"{file} is not the one that this gateway began with; restart it")
        self._is_secret_kept = True


def _made_of(shared: str) -> bytes:
    """The secret of every directory that is given this one.

    64 hexadecimal digits are the secret itself: what one gateway learnt by itself can so be shared with others.
    """
    if _IS_SECRET.fullmatch(shared):
        return bytes.fromhex(shared)
    return hashlib.blake2b(shared.encode(), digest_size=SECRET_BYTES, person=b"accrue secret").digest()


def require_room(folder: Path) -> None:
    """Return when there is room on the disk of a folder. Raises `MemoryUnavailable` when it is full or not there."""
    try:
        status = os.statvfs(folder)
    except OSError as error:
        raise MemoryUnavailable(f"{folder}: {error.strerror}") from error
    free = status.f_bavail * status.f_frsize
    if free < ROOM_BYTES:
        raise MemoryUnavailable(f"the disk of {folder} is full: {free >> 20} of {ROOM_BYTES >> 20} MiB are left")


def seal_of(data: DataDir, phrase: str | None) -> Seal:
    """Under which texts are stored in a directory, by the configured key; the first that is given becomes its own.

    Raises `DataDirError` for another key than that, or for none. Blocks for 50 ms where there is a key.
    """
    file = data.path / "sealed"
    seal = NO_SEAL if phrase is None else Seal.of(phrase, data.secret())
    try:
        if file.exists():
            seal.open(file.read_bytes(), _SEAL_PLACE)
        elif phrase is not None:
            if data.journal.exists():
                _log.warning("sealed_from_now_on", reason="what is older stays readable until `accrue rebuild`")
            _keep_proof(file, seal)
    except OSError as error:
        raise DataDirError(f"{file}: {error.strerror}") from error
    except Sealed as error:
        wanted = "the key with which it began" if phrase else "its key"
        raise DataDirError(f"{data.path} is encrypted; set ACCRUE_STORE__ENCRYPTION_KEY to {wanted}") from error
    return seal


def _keep_proof(file: Path, seal: Seal) -> None:
    """What tells the right key from another; on a bad disk the next start writes it."""
    try:
        write_whole(file, bytes(seal.close(_SEAL_PROOF, _SEAL_PLACE)))  # type: ignore[arg-type] # bytes become bytes
    except OSError as error:
        _log.warning("seal_unproved", file=str(file), reason=error.strerror)


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


def sync(path: Path) -> None:
    """Return when a file's content, or what was made, renamed or removed in a folder, stays at a power cut.

    Raises `OSError`.
    """
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)

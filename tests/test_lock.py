"""One process holds a file, and others read there where it listens."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from gateway import lock
from gateway.errors import DataDirError
from gateway.lock import LOOK_AGAIN_S, Lock, announced

URL = "http://127.0.0.1:8080"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_who_holds_it_says_where_it_listens_and_who_does_not_says_nothing(path: Path) -> None:
    held = Lock(path)
    held.sign(URL)
    assert announced(path) == ""
    held.take("")
    assert (held.is_held(), announced(path)) == (True, "")
    held.sign(URL)
    assert announced(path) == URL
    held.release()
    assert (held.is_held(), announced(path)) == (False, "")


def test_a_file_that_was_taken_away_is_not_held(path: Path) -> None:
    held = Lock(path)
    held.take(URL)
    path.unlink()
    assert not held.is_held()
    held.take(URL)
    assert announced(path) == URL
    held.release()


def test_who_looks_at_the_moment_of_a_start_does_not_keep_it_from_starting(path: Path) -> None:
    path.touch()
    with path.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        soon = threading.Timer(2 * LOOK_AGAIN_S, fcntl.flock, (looking, fcntl.LOCK_UN))
        soon.start()
        held = Lock(path)
        held.take(URL)
        soon.join()
    assert held.is_held()
    held.release()


def test_who_does_not_stop_looking_does(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "LOOKS", 2)
    path.touch()
    with path.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        with pytest.raises(DataDirError, match="process unknown"):
            Lock(path).take(URL)


def test_an_address_that_another_user_could_have_written_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Lock(path)
    held.take("")
    monkeypatch.setattr(lock, "ROOT", -1)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert announced(path) == ""
    held.sign(URL)
    with pytest.raises(DataDirError, match="belongs to another user, and could name any gateway"):
        announced(path)
    held.release()


def test_a_file_that_cannot_be_read_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(DataDirError, match=r"lock: Is a directory"):
        announced(path)


def test_nonsense_in_the_file_is_nobodys_address(path: Path) -> None:
    held = Lock(path)
    held.take("")
    path.write_bytes(b"\xff\xfe\n\xff")
    assert not announced(path).startswith("http")
    held.release()

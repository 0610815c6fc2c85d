"""One process holds a data directory, and its secret stays what it is."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.datadir import SECRET_BYTES, DataDir, require_room
from gateway.errors import DataDirError, MemoryUnavailable

HOLD = """
import sys
from pathlib import Path
from gateway.datadir import DataDir
data = DataDir(Path(sys.argv[1]))
data.hold()
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process has the directory, until it is killed or told to end."""
    arguments = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "deep" / "data")
    data.hold()
    assert stat.S_IMODE(data.path.stat().st_mode) == 0o700
    assert (data.path / "lock").read_text() == f"{os.getpid()}\n"
    data.release()


def test_everything_lies_inside(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    files = (data.journal, data.memories, data.index, data.distil)
    assert [file.name for file in files] == ["journal.db", "memories.db", "index", "distil.json"]
    assert {file.parent for file in files} == {tmp_path}


def test_a_directory_that_another_process_holds_is_refused_with_its_number(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        with pytest.raises(DataDirError, match=rf"in use by another gateway \(process {process.pid}\).*--data-dir"):
            DataDir(tmp_path).hold()
        assert (tmp_path / "lock").read_text() == f"{process.pid}\n"


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path) as process:
        process.kill()
        process.wait()
        data = DataDir(tmp_path)
        data.hold()
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
        data.release()


def test_one_process_holds_it_once_and_again_after_its_release(tmp_path: Path) -> None:
    one, other = DataDir(tmp_path), DataDir(tmp_path)
    one.hold()
    with pytest.raises(DataDirError, match=rf"process {os.getpid()}"):
        other.hold()
    one.release()
    one.release()
    other.hold()
    other.release()


def test_a_holder_that_left_no_number_is_unknown(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    data.hold()
    (tmp_path / "lock").write_text("")
    with pytest.raises(DataDirError, match=r"process unknown"):
        DataDir(tmp_path).hold()
    data.release()


def test_a_path_that_cannot_be_a_directory_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "below"):
        with pytest.raises(DataDirError, match=r"file.* cannot be used: (?:File exists|Not a directory)"):
            DataDir(path).hold()


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        secret = DataDir(tmp_path).secret()
    finally:
        os.umask(mask)
    assert len(secret) == SECRET_BYTES
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert DataDir(tmp_path).secret() == secret


def test_two_directories_have_two_secrets(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert DataDir(tmp_path / "a").secret() != DataDir(tmp_path / "b").secret()


def test_what_a_power_cut_left_of_a_secret_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "secret.new").write_bytes(b"half")
    secret = DataDir(tmp_path).secret()
    assert len(secret) == SECRET_BYTES
    assert (tmp_path / "secret.key").read_bytes() == secret


@pytest.mark.parametrize("damaged", [b"", b"short", b"x" * (SECRET_BYTES + 1)])
def test_a_damaged_secret_is_refused_and_not_replaced(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "secret.key").write_bytes(damaged)
    with pytest.raises(DataDirError, match=rf"secret\.key: expected 32 bytes, found {len(damaged)}"):
        DataDir(tmp_path).secret()
    assert (tmp_path / "secret.key").read_bytes() == damaged


def test_a_secret_that_cannot_be_had_says_where(tmp_path: Path) -> None:
    (tmp_path / "secret.key").mkdir()
    with pytest.raises(DataDirError, match=r"secret\.key: Is a directory"):
        DataDir(tmp_path).secret()


def test_a_secret_that_cannot_be_written_is_kept_and_written_when_it_can_be(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "later")
    secret = data.secret()
    assert not data.path.exists()
    data.hold()
    assert (data.path / "secret.key").read_bytes() == secret
    data.release()


def test_a_directory_that_was_deleted_comes_back_with_lock_and_secret(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.hold()
    secret = data.secret()
    for gone in (data.path / "secret.key", data.path / "lock"):
        shutil.rmtree(data.path)
        data.hold()
        assert gone.exists()
    assert DataDir(data.path).secret() == secret
    with pytest.raises(DataDirError, match="in use"):
        DataDir(data.path).hold()
    data.release()


def test_a_directory_that_comes_back_with_another_secret_is_not_written_over(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "data")
    data.hold()
    data.secret()
    shutil.rmtree(data.path)
    data.path.mkdir()
    (data.path / "secret.key").write_bytes(b"x" * SECRET_BYTES)
    for _ in range(2):
        with pytest.raises(MemoryUnavailable, match="not the one that this gateway began with; restart it"):
            data.hold()
    assert (data.path / "secret.key").read_bytes() == b"x" * SECRET_BYTES
    data.release()


def test_a_disk_without_room_is_full_and_one_that_is_not_there_is_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_room(tmp_path)
    with pytest.raises(MemoryUnavailable, match="No such file"):
        require_room(tmp_path / "nowhere")
    monkeypatch.setattr("gateway.datadir.ROOM_BYTES", 1 << 62)
    with pytest.raises(MemoryUnavailable, match="is full"):
        require_room(tmp_path)


@pytest.mark.parametrize(("number", "error"), [(errno.EROFS, MemoryUnavailable), (errno.EACCES, DataDirError)])
def test_a_bad_disk_is_for_later_and_a_wrong_path_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type[Exception]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(error, match="cannot be used"):
        DataDir(tmp_path / "data").hold()


def test_directories_of_one_fleet_have_one_secret_and_another_one_is_refused(tmp_path: Path) -> None:
    def begun(folder: str, shared: str | None) -> bytes:
        data = DataDir(tmp_path / folder, shared)
        data.hold()
        try:
            return data.secret()
        finally:
            data.release()

    assert begun("a", "one for all") == begun("b", "one for all") == begun("a", None) != begun("c", "another")
    with pytest.raises(DataDirError, match=r"began with another secret than auth\.shared_secret"):
        begun("a", "another")


def test_a_directory_says_where_the_gateway_listens_that_holds_it(tmp_path: Path) -> None:
    held, seen = DataDir(tmp_path), DataDir(tmp_path)
    assert seen.listens() == ""
    held.hold()
    assert seen.listens() == ""
    held.announce("http://127.0.0.1:8080")
    assert seen.listens() == "http://127.0.0.1:8080"
    held.release()
    assert seen.listens() == ""


def test_a_directory_that_comes_back_says_it_again(tmp_path: Path) -> None:
    held = DataDir(tmp_path / "data")
    held.hold()
    held.announce("http://127.0.0.1:8080")
    shutil.rmtree(held.path)
    held.hold()
    assert DataDir(held.path).listens() == "http://127.0.0.1:8080"
    held.release()

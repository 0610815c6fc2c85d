from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path

import pytest

from gateway.database import Migration, connect
from gateway.errors import MemoryUnavailable
from gateway.journals.sqlite import writer as writer_module
from gateway.journals.sqlite.writer import Writer
from gateway.lasting import Database, for_writing

WAIT_S = 5


def make_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE said (word TEXT UNIQUE)")


MIGRATIONS: tuple[Migration, ...] = (make_table,)


def say(word: str, connection: sqlite3.Connection) -> int:
    connection.execute("INSERT INTO said VALUES (?)", (word,))
    rows: int = connection.execute("SELECT count(*) FROM said").fetchone()[0]
    return rows


class Hold:
    """An operation that stays in its transaction until it is let go, so that a group gathers behind it."""

    def __init__(self, writer: Writer) -> None:
        self._is_in, self._may_go = threading.Event(), threading.Event()
        self.written = writer.submit(self._operation)
        assert self._is_in.wait(WAIT_S)

    def _operation(self, connection: sqlite3.Connection) -> None:
        self._is_in.set()
        assert self._may_go.wait(WAIT_S)

    def let_go(self) -> None:
        self._may_go.set()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "said.db"


@pytest.fixture
def begun(path: Path) -> list[str]:
    """Transactions begun by the writer."""
    return []


@pytest.fixture
def writer(path: Path, begun: list[str]) -> Iterator[Writer]:
    connection = connect(path, MIGRATIONS)
    connection.set_trace_callback(lambda sql: begun.append(sql) if sql.startswith("BEGIN") else None)
    opened = Writer(Database(path, lambda _: connection))
    yield opened
    opened.close()


def words(path: Path) -> list[str]:
    connection = connect(path, MIGRATIONS)
    found = [word for (word,) in connection.execute("SELECT word FROM said ORDER BY rowid")]
    connection.close()
    return found


def test_all_that_waits_is_committed_at_once_in_its_order(writer: Writer, path: Path, begun: list[str]) -> None:
    hold = Hold(writer)
    written = [writer.submit(partial(say, f"word {number}")) for number in range(64)]
    assert not any(future.done() for future in written)
    hold.let_go()
    assert [future.result(WAIT_S) for future in written] == list(range(1, 65))
    assert words(path) == [f"word {number}" for number in range(64)]
    assert len(begun) == 2


def test_an_operation_that_fails_in_a_group_fails_alone(writer: Writer, path: Path, begun: list[str]) -> None:
    hold = Hold(writer)
    first, twice, last = (writer.submit(partial(say, word)) for word in ["a", "a", "b"])
    hold.let_go()
    assert first.result(WAIT_S) == 1
    with pytest.raises(MemoryUnavailable, match="UNIQUE"):
        twice.result(WAIT_S)
    assert last.result(WAIT_S) == 2
    assert words(path) == ["a", "b"]
    assert len(begun) == 1 + 1 + 3


def test_a_locked_file_fails_an_operation_and_not_the_next(path: Path) -> None:
    connection = connect(path, MIGRATIONS)
    connection.execute("PRAGMA busy_timeout = 0")
    writer = Writer(Database(path, lambda _: connection))
    other = connect(path, MIGRATIONS)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(MemoryUnavailable, match="locked"):
        writer.submit(partial(say, "too early")).result(WAIT_S)
    other.execute("ROLLBACK")
    other.close()
    assert writer.submit(partial(say, "in time")).result(WAIT_S) == 1
    writer.close()


def test_a_queued_operation_cannot_be_cancelled(writer: Writer, path: Path) -> None:
    hold = Hold(writer)
    written = writer.submit(partial(say, "kept"))
    assert not written.cancel()
    hold.let_go()
    assert written.result(WAIT_S) == 1


def test_a_loop_that_is_closed_before_its_answer_does_not_stop_the_writer(writer: Writer, path: Path) -> None:
    hold = Hold(writer)
    gone = asyncio.new_event_loop()
    asyncio.wrap_future(writer.submit(partial(say, "unheard")), loop=gone)
    gone.close()
    hold.let_go()
    assert writer.submit(partial(say, "heard")).result(WAIT_S) == 2


def test_an_operation_for_which_nobody_waits_is_written_all_the_same(writer: Writer, path: Path) -> None:
    assert writer.submit(partial(say, "patient"), is_patient=True).result(WAIT_S) == 1
    assert words(path) == ["patient"]


def test_patient_operations_share_the_commit_of_one_that_is_waited_for(
    writer: Writer, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "PATIENCE_S", 60)
    patient = [writer.submit(partial(say, f"{number}"), is_patient=True) for number in range(3)]
    assert not wait(patient, timeout=0.05).done
    assert writer.submit(partial(say, "urgent")).result(WAIT_S) == 4
    assert [future.result(0) for future in patient] == [1, 2, 3]
    assert len(begun) == 1


def test_closing_waits_for_no_company(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "PATIENCE_S", 60)
    writer = Writer(for_writing(path, MIGRATIONS))
    written = writer.submit(partial(say, "patient"), is_patient=True)
    closing = threading.Thread(target=writer.close)
    closing.start()
    closing.join(WAIT_S)
    assert written.result(0) == 1


def test_a_queue_that_is_full_refuses_at_once(writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "MAX_WAITING", 1)
    hold = Hold(writer)
    kept, refused = writer.submit(partial(say, "kept")), writer.submit(partial(say, "refused"))
    assert isinstance(refused.exception(0), MemoryUnavailable)
    hold.let_go()
    assert kept.result(WAIT_S) == 1
    assert writer.submit(partial(say, "next")).result(WAIT_S) == 2


def test_closing_writes_what_waits_and_refuses_what_comes_later(writer: Writer, path: Path) -> None:
    hold = Hold(writer)
    written: list[Future[int]] = [writer.submit(partial(say, f"{number}")) for number in range(9)]
    hold.let_go()
    writer.close()
    assert [future.result(0) for future in written] == list(range(1, 10))
    with pytest.raises(MemoryUnavailable, match="closed"):
        writer.submit(partial(say, "late")).result(0)
    writer.close()

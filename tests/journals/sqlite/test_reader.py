"""A thread that reads a file which somebody else may be writing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from gateway.errors import MemoryUnavailable
from gateway.journals.sqlite.reader import Reader


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("CREATE TABLE a (b)")
        connection.execute("INSERT INTO a VALUES (7)")
    with closing(Reader(tmp_path / "a.db", "a-reader")) as opened:
        yield opened


async def test_questions_are_answered_one_after_the_other(reader: Reader) -> None:
    def question(connection: sqlite3.Connection) -> object:
        return connection.execute("SELECT b FROM a").fetchone()

    assert await asyncio.gather(*(reader.ask(question) for _ in range(5))) == [(7,)] * 5


async def test_a_disk_or_a_record_that_cannot_be_read_is_memory_that_is_not_there(reader: Reader) -> None:
    with pytest.raises(MemoryUnavailable, match="no such table"):
        await reader.ask(lambda connection: connection.execute("SELECT 1 FROM missing"))
    with pytest.raises(MemoryUnavailable):
        await reader.ask(lambda _: msgspec.msgpack.decode(b"\xc1"))


async def test_it_reads_and_writes_nothing(reader: Reader) -> None:
    with pytest.raises(MemoryUnavailable, match="readonly"):
        await reader.ask(lambda connection: connection.execute("DELETE FROM a"))


async def test_without_a_file_there_is_nothing_to_read(tmp_path: Path) -> None:
    with closing(Reader(tmp_path / "none.db", "x")) as reader, pytest.raises(MemoryUnavailable, match=r"none\.db"):
        await reader.ask(lambda connection: connection.execute("SELECT 1"))

"""What the contract (tests/journals/test_contract.py) cannot show: how statements meet rows that are not sound."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.database import connect
from gateway.journals.sqlite import rows
from gateway.journals.sqlite.records import pack
from gateway.journals.sqlite.schema import MIGRATIONS
from tests.journals.samples import exchange, intent, scope


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = connect(tmp_path / "journal.db", MIGRATIONS)
    yield opened
    opened.close()


def damage(connection: sqlite3.Connection, identifier: str) -> None:
    connection.execute("UPDATE exchanges SET payload = x'00' WHERE id = ?", (identifier,))


def test_a_damaged_intent_does_not_keep_the_others_from_being_interrupted(connection: sqlite3.Connection) -> None:
    for name in ["e1", "e2", "e3"]:
        rows.write_intent(connection, *pack(intent(name, scope("s1"))))
    damage(connection, "e2")
    assert rows.read_intents(connection) == ["e3", "e2", "e1"]
    rows.interrupt_intents(connection, ["e1", "e2", "e3"])
    assert [name for _, name, _ in rows.read_waiting(connection, 10)] == ["e1", "e3"]


def test_a_damaged_record_in_the_queue_is_named_and_not_read(connection: sqlite3.Connection) -> None:
    first, second = exchange("e1", scope("s1")), exchange("e2", scope("s1"))
    rows.write_finished(connection, *pack(first))
    rows.write_finished(connection, *pack(second))
    damage(connection, "e1")
    assert rows.read_waiting(connection, 10) == [(1, "e1", None), (2, "e2", second)]


def test_a_write_says_whether_its_session_is_new(connection: sqlite3.Connection) -> None:
    assert rows.write_intent(connection, *pack(intent("e1", scope("s1"))))
    assert not rows.write_finished(connection, *pack(exchange("e1", scope("s1"))))
    assert rows.write_finished(connection, *pack(exchange("e2", scope("s2"))))


def test_a_session_remembers_its_first_moment_and_its_last_exchange(connection: sqlite3.Connection) -> None:
    for name in ["e1", "e2"]:
        rows.write_finished(connection, *pack(exchange(name, scope("s1"))))
    assert connection.execute("SELECT created_at, last_exchange FROM sessions").fetchall() == [(1.0, "e2")]


def test_running_a_write_again_changes_nothing(connection: sqlite3.Connection) -> None:
    finished = exchange("e1", scope("s1"), anchors=("w:text",), notes={"head": "note"})
    finished = msgspec.structs.replace(finished, openings=("apples keep",))
    dumps = []
    for _ in range(2):
        rows.write_finished(connection, *pack(finished))
        dumps.append(list(connection.iterdump()))
    assert dumps[0] == dumps[1]


def test_what_has_ended_meanwhile_is_not_interrupted(connection: sqlite3.Connection) -> None:
    rows.write_finished(connection, *pack(exchange("e1", scope("s1"))))
    rows.interrupt_intents(connection, ["e1", "unknown"])
    found = rows.read_exchange(connection, "e1")
    assert found is not None
    assert found.state == "done"


def test_what_is_to_be_learnt_anew_is_queued_last_and_no_dead_letter_any_more(connection: sqlite3.Connection) -> None:
    for name in ["e1", "e2"]:
        rows.write_finished(connection, *pack(exchange(name, scope("s1"))))
    connection.execute("INSERT INTO dead (exchange, stage, reason, at) VALUES ('e1', 'unlearnt', 'KeyError', 1.0)")
    rows.queue(connection, "e1")
    assert [name for _, name, _ in rows.read_waiting(connection, 10)] == ["e2", "e1"]
    assert connection.execute("SELECT count(*) FROM dead").fetchone() == (0,)

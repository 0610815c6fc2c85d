"""What the statements do inside one transaction, and that each may be run again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.chronicle import Learnt
from gateway.database import connect
from gateway.journals.sqlite import learning, rows
from gateway.journals.sqlite.records import pack
from gateway.journals.sqlite.schema import MIGRATIONS
from tests.journals.lessons import NOW, at, change, feedback, signal
from tests.journals.samples import scope

ANN = scope("s1")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(tmp_path / "journal.db", MIGRATIONS)) as opened:
        rows.write_finished(opened, *pack(at(NOW, "e1", ANN)))
        rows.delete_waiting(opened, [(1, "e1")])
        yield opened


def dump(connection: sqlite3.Connection) -> list[str]:
    """Everything on record, but for the counters of positions."""
    return [line for line in connection.iterdump() if "sqlite_sequence" not in line]


def test_an_intent_and_feedback_on_it_fit_into_one_group(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "other.db", MIGRATIONS)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        rows.write_intent(connection, *pack(at(NOW, "e1", ANN, state="intent")))
        assert learning.write_feedback(connection, ANN, *pack(feedback("f1", exchange="e1"))) == "new"
        assert learning.write_feedback(connection, ANN, *pack(feedback("f2", session="s1"))) == "new"
        connection.execute("COMMIT")
        assert learning.read_given(connection, 9) == ([], [])


def test_a_step_that_is_run_again_changes_nothing(connection: sqlite3.Connection) -> None:
    learning.write_feedback(connection, ANN, *pack(feedback("f1", exchange="e1")))
    step = Learnt(
        exchange="e1", feedback=("f1",), signals=(signal("e1", "a"), signal("e1", "b")), changes=(change("m", "f1"),)
    )
    learning.write_learnt(connection, ANN, step, NOW)
    first = dump(connection)
    learning.write_learnt(connection, ANN, step, NOW + 1)
    assert dump(connection) == first


def test_what_is_looked_at_apart_is_learnt_apart(connection: sqlite3.Connection) -> None:
    for name in ("f1", "f2"):
        learning.write_feedback(connection, ANN, *pack(feedback(name, exchange="e1")))
    for given in ((), ("f1",), ("f2",)):
        learning.write_learnt(connection, ANN, Learnt(exchange="e1", feedback=given, signals=(signal("e1", "a"),)), NOW)
    assert connection.execute("SELECT feedback FROM learnt ORDER BY position").fetchall() == [
        ("[]",),
        ('["f1"]',),
        ('["f2"]',),
    ]
    assert connection.execute("SELECT event FROM signals ORDER BY event").fetchall() == [(1,), (2,), (3,)]


def test_a_step_that_was_taken_is_found_without_reading_the_others(connection: sqlite3.Connection) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    learning.write_learnt(connection, ANN, Learnt(exchange="e1"), NOW)
    connection.set_trace_callback(None)
    (lookup,) = (text for text in statements if text.startswith("SELECT position FROM learnt"))
    plan = connection.execute(f"EXPLAIN QUERY PLAN {lookup}").fetchall()
    assert ["learnt_once" in step[3] for step in plan] == [True]


def test_the_learner_finds_waiting_feedback_without_reading_what_it_has_learnt(connection: sqlite3.Connection) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    learning.read_given(connection, 9)
    learning.read_unmatched(connection, NOW)
    connection.set_trace_callback(None)
    for text in statements:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()
        assert "feedback_waiting" in plan[0][3]

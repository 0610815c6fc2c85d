from __future__ import annotations

from contextlib import closing
from pathlib import Path

from gateway.database import connect
from gateway.journals.sqlite import learning
from gateway.journals.sqlite.records import pack
from gateway.journals.sqlite.schema import MIGRATIONS
from tests.journals.lessons import NOW, at, feedback
from tests.journals.samples import scope


def test_all_migrations_make_the_tables_and_opening_again_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        connection = connect(tmp_path / "journal.db", MIGRATIONS)
        named = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        assert {name for (name,) in named} == {
            "exchanges",
            "waiting",
            "sessions",
            "ledger",
            "anchors",
            "openings",
            "feedback",
            "learnt",
            "signals",
            "changes",
            "earned",
            "dead",
            "erasures",
        }
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        connection.close()


def test_open_intents_are_found_without_reading_the_other_exchanges(tmp_path: Path) -> None:
    connection = connect(tmp_path / "journal.db", MIGRATIONS)
    plan = connection.execute("EXPLAIN QUERY PLAN SELECT id FROM exchanges WHERE state = 'intent' ORDER BY id DESC")
    assert [step[3] for step in plan] == ["SCAN exchanges USING INDEX intents"]
    connection.close()


def test_looking_back_on_a_session_reads_and_sorts_no_other(tmp_path: Path) -> None:
    connection = connect(tmp_path / "journal.db", MIGRATIONS)
    plan = connection.execute(
        "EXPLAIN QUERY PLAN SELECT id, payload FROM exchanges WHERE (tenant, user, session) = ('a', 'b', 'c')"
        " AND (at, id) < (1.0, 'e') ORDER BY at DESC, id DESC"
    )
    assert [step[3] for step in plan] == [
        "SEARCH exchanges USING INDEX exchanges_by_session (tenant=? AND user=? AND session=? AND (at,id)<(?,?))"
    ]
    connection.close()


def test_feedback_of_an_older_journal_becomes_that_of_its_exchanges_user(tmp_path: Path) -> None:
    ann = scope("s1")
    with closing(connect(tmp_path / "journal.db", MIGRATIONS[:4])) as older:
        older.execute(
            "INSERT INTO exchanges VALUES ('e1', 'acme', 'ann', 's1', ?, 'done', ?, 1)",
            (NOW, pack(at(NOW, "e1", ann))[1]),
        )
        for name, exchange in (("f1", "e1"), ("f2", "gone"), ("f3", "e1")):
            older.execute(
                "INSERT INTO feedback (tenant, id, at, exchange, payload) VALUES ('acme', ?, ?, ?, ?)",
                (name, NOW, exchange, pack(feedback(name, exchange=exchange))[1]),
            )
    with closing(connect(tmp_path / "journal.db", MIGRATIONS)) as newer:
        assert newer.execute("SELECT position, user, id FROM feedback").fetchall() == [
            (1, "ann", "f1"),
            (2, "", "f2"),
            (3, "ann", "f3"),
        ]
        assert [one.id for one in learning.read_given(newer, 9)[0]] == ["f1", "f3"]
        assert learning.write_feedback(newer, ann, *pack(feedback("f1", exchange="e1"))) == "known"
        assert learning.write_feedback(newer, ann, *pack(feedback("f4", exchange="e1"))) == "new"
        assert newer.execute("SELECT max(position) FROM feedback").fetchone() == (4,)

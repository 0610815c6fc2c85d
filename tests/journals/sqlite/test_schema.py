from __future__ import annotations

from pathlib import Path

from gateway.database import connect
from gateway.journals.sqlite.schema import MIGRATIONS


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
        }
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        connection.close()


def test_open_intents_are_found_without_reading_the_other_exchanges(tmp_path: Path) -> None:
    connection = connect(tmp_path / "journal.db", MIGRATIONS)
    plan = connection.execute("EXPLAIN QUERY PLAN SELECT id, payload FROM exchanges WHERE state = 'intent' ORDER BY id")
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

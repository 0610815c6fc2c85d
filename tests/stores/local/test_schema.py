from __future__ import annotations

import sqlite3
from pathlib import Path

from gateway.database import connect
from gateway.stores.local.columns import FIELDS
from gateway.stores.local.schema import MIGRATIONS
from gateway.stores.local.truth import Truth
from tests.stores.samples import memory

INSERT = """INSERT INTO memories
    (owner, tenant, id, kind, text, key, origin, exchange, session, at, recorded_at, speaker, tokens)
    VALUES ('ann', 'acme', 'm1', 'fact', 'tea', 'tea', 'user', 'ex_1', 's1', 1, 2, 'user', 0)"""
"""As the first version wrote it."""


def test_every_field_of_a_memory_has_a_column(tmp_path: Path) -> None:
    connection = connect(tmp_path / "memories.db", MIGRATIONS)
    columns = {name for _, name, *_ in connection.execute("PRAGMA table_info(memories)")}
    assert columns == {"point", "owner", "tenant", *FIELDS}
    connection.close()


def test_memories_of_the_first_version_are_read_by_this_one(tmp_path: Path) -> None:
    old = connect(tmp_path / "memories.db", MIGRATIONS[:1])
    with old:
        old.execute(INSERT)
    old.close()
    truth = Truth(tmp_path / "memories.db", readers=1)
    assert truth.get("ann", ["m1"]) == [memory("m1", "tea")]
    truth.close()


def test_every_write_of_a_row_is_logged_by_the_database_itself(tmp_path: Path) -> None:
    Truth(tmp_path / "memories.db", readers=0).close()
    foreign = sqlite3.connect(tmp_path / "memories.db")
    foreign.execute(INSERT)
    foreign.execute("UPDATE memories SET ended_at = 3")
    foreign.execute("DELETE FROM memories")
    assert foreign.execute("SELECT point FROM changes").fetchall() == [(1,), (1,), (1,)]
    foreign.close()

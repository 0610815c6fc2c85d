"""Memories made anew beside those in use, as files."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.errors import DataDirError
from gateway.memories import Memory
from gateway.stores.local.rebuilt import emptied, not_learnt, take_place
from gateway.stores.local.truth import Truth
from gateway.types import Scope
from tests.stores.samples import ANN, memory

UNNAMED = Scope(tenant="ac:me", user=None, session="u3:ann")
SHARED = ANN.common


def filled(path: Path, *rows: tuple[Scope, Memory]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with closing(Truth(path, readers=0)) as truth:
        for scope, one in rows:
            truth.put(scope.owner, scope.tenant, [one])
    return path


def ids(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [id for (id,) in connection.execute("SELECT id FROM memories ORDER BY point")]


def test_what_was_not_learnt_is_told_in_the_order_in_which_it_came(tmp_path: Path) -> None:
    noted = memory("m1", "Ann lives in Bern.", evidence="I live in Bern", recorded_at=9.0)
    added = memory("m2", "Be brief.", kind="constraint", origin="operator", recorded_at=7.0)
    brought = memory("m3", "Tea.", origin="import", recorded_at=8.0)
    learnt = [memory("m4"), memory("m5", kind="lesson", evidence="exit code 1")]
    rows = [(SHARED, noted), (UNNAMED, added), (ANN, brought), *((ANN, one) for one in learnt)]
    path = filled(tmp_path / "memories.db", *rows)
    found = not_learnt(path)
    assert [one for _, one in found] == [added, brought, noted]
    assert [scope.owner for scope, _ in found] == [UNNAMED.owner, ANN.owner, SHARED.owner]
    assert [(scope.user, scope.is_shared) for scope, _ in found] == [(None, False), ("ann", False), (None, True)]


def test_where_there_were_no_memories_there_is_nothing_to_keep(tmp_path: Path) -> None:
    assert not_learnt(tmp_path / "memories.db") == []


def test_new_memories_take_the_place_of_the_old_with_all_that_lay_beside_them(tmp_path: Path) -> None:
    old, made = tmp_path / "memories.db", filled(emptied(tmp_path / "rebuilt") / "memories.db", (ANN, memory("new")))
    running = filled(tmp_path / "running" / "memories.db", (ANN, memory("old")))
    with closing(sqlite3.connect(running)) as connection, connection:
        connection.execute("UPDATE memories SET text = 'said last'")
        connection.commit()
        for name in ("memories.db", "memories.db-wal"):  # as a process leaves them that is killed now
            shutil.copy(running.parent / name, tmp_path)
    (tmp_path / "index" / "1").mkdir(parents=True)
    take_place(made, old, tmp_path / "index")
    assert ids(old) == ["new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["memories.db", "running"]


def test_without_an_index_there_is_none_to_remove(tmp_path: Path) -> None:
    old = filled(tmp_path / "memories.db", (ANN, memory("old")))
    take_place(filled(tmp_path / "rebuilt" / "memories.db", (ANN, memory("new"))), old, tmp_path / "index")
    assert ids(old) == ["new"]


def test_the_old_memories_stay_where_the_new_ones_cannot_take_their_place(tmp_path: Path) -> None:
    old = filled(tmp_path / "memories.db", (ANN, memory("old")))
    with pytest.raises(DataDirError, match=r"memories\.db: No such file"):
        take_place(tmp_path / "rebuilt" / "memories.db", old, tmp_path / "index")
    assert ids(old) == ["old"]


def test_what_an_earlier_try_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "rebuilt" / "index").mkdir(parents=True)
    assert list(emptied(tmp_path / "rebuilt").iterdir()) == []
    with pytest.raises(DataDirError, match="file: Not a directory"):
        emptied(filled(tmp_path / "file"))

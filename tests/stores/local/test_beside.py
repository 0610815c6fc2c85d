"""Memories read beside the store that writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import DataDirError
from gateway.stores.local import LocalStore
from gateway.stores.local.beside import read_memories_beside
from gateway.types import Scope
from tests.periods import lesson
from tests.stores.samples import ANN, BOB, WordsEmbedder, memory

RIVAL = Scope(tenant="rival", user="ann")


@pytest.mark.promise("P7")
async def test_memories_of_a_tenant_or_of_all_are_read_oldest_first(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "memories.db", tmp_path / "index", WordsEmbedder())
    taught = memory("m_2", "of ann", kind="lesson", at=2.0, ended_at=9.0, lesson=lesson())
    await store.put(ANN, [taught, memory("m_3", "a fact")])
    await store.put(BOB, [memory("m_1", "of bob", kind="constraint")])
    await store.put(RIVAL, [memory("m_4", "of the rival", kind="lesson", at=3.0)])
    kinds = ("lesson", "constraint")
    own = read_memories_beside(tmp_path / "memories.db", kinds, "acme")
    everybodys = read_memories_beside(tmp_path / "memories.db", kinds, None)
    await store.aclose()
    assert [(owner, one.id) for owner, one in own] == [(BOB.owner, "m_1"), (ANN.owner, "m_2")]
    assert own[1][1] == taught
    assert [one.id for _, one in everybodys] == ["m_1", "m_2", "m_4"]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "memories.db").write_bytes(b"")
    with pytest.raises(DataDirError, match=r"memories\.db"):
        read_memories_beside(tmp_path / "memories.db", ("lesson",), None)
    with pytest.raises(DataDirError, match=r"none\.db"):
        read_memories_beside(tmp_path / "none.db", ("lesson",), None)

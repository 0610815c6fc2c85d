"""What a report finds in a data directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.chronicle import Learnt
from gateway.datadir import DataDir
from gateway.errors import DataDirError
from gateway.journals.sqlite import SqliteHistory, SqliteJournal
from gateway.lookback import look_back
from gateway.stores.local import LocalStore
from gateway.testing import ManualClock
from tests.exchanges import ANN, exchange
from tests.periods import NOW, change, lesson, memory, signal
from tests.stores.samples import WordsEmbedder


async def test_calls_signals_changes_and_lessons_are_read_beside_whoever_writes_them(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    journal, store = SqliteJournal(data.journal), LocalStore(data.memories, data.index, WordsEmbedder())
    history = SqliteHistory(data.journal, journal.writer, ManualClock(NOW))
    await journal.commit(exchange(id="ex_1", at=NOW))
    learnt = Learnt(exchange="ex_1", signals=(signal("tool_error", "ex_1"),), changes=(change("ADD", 1),))
    await history.taught(ANN, learnt)
    known = [memory("m_1", "Never.", at=NOW - 1), memory("m_2", "…", lesson()), memory("m_3", "…", kind="episode")]
    await store.put(ANN, known)
    facts = await look_back(data, tenant=ANN.tenant, since=None, until=NOW)
    others = await look_back(data, tenant="rival", since=None, until=NOW)
    for opened in (history, journal, store):
        await opened.aclose()
    assert [one.exchange for one in facts.calls] == [one.exchange for one in facts.signals] == ["ex_1"]
    assert [one.action for one in facts.changes] == ["ADD"]
    assert list(facts.memories) == known[:2]
    assert [(one.owner, one.memory) for one in facts.lessons] == [(ANN.owner, known[1])]
    assert [len(others.calls), len(others.signals), len(others.changes), len(others.memories)] == [0, 0, 0, 0]


async def test_a_directory_without_a_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match=r"nothing is recorded in .*none; is this the right --data-dir"):
        await look_back(DataDir(tmp_path / "none"), tenant=None, since=None, until=NOW)
    assert not (tmp_path / "none").exists()

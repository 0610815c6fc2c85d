"""What an operator finds: in a data directory, and in what a fleet shares."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.__main__ import main
from gateway.chronicle import Learnt
from gateway.config import Config, load_config
from gateway.datadir import DataDir
from gateway.errors import DataDirError
from gateway.journals.sqlite import SqliteHistory, SqliteJournal
from gateway.lookback import changes, look_back
from gateway.stores.local import LocalStore
from gateway.testing import ManualClock
from gateway.testing.qdrant import QdrantProcess
from gateway.testing.redis import RedisProcess
from tests.exchanges import ANN, exchange
from tests.periods import NOW, change, lesson, memory, signal
from tests.stores.samples import BOB, WordsEmbedder
from tests.test_telemetry import logging_kept


async def test_calls_signals_changes_and_lessons_are_read_beside_whoever_writes_them(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    journal, store = SqliteJournal(data.journal), LocalStore(data.memories, data.index, WordsEmbedder())
    history = SqliteHistory(data.journal, journal.writer, ManualClock(NOW))
    await journal.commit(exchange(id="ex_1", at=NOW))
    learnt = Learnt(exchange="ex_1", signals=(signal("tool_error", "ex_1"),), changes=(change("ADD", 1),))
    await history.taught(ANN, learnt)
    known = [memory("m_1", "Never.", at=NOW - 1), memory("m_2", "…", lesson()), memory("m_3", "…", kind="episode")]
    await store.put(ANN, known)
    config = Config(data_dir=str(tmp_path))
    facts = await look_back(config, tenant=ANN.tenant, since=None, until=NOW)
    others = await look_back(config, tenant="rival", since=None, until=NOW)
    made = [await changes(config, scope, since) for scope, since in ((ANN, 0.0), (ANN, 2 * NOW), (BOB, 0.0))]
    for opened in (history, journal, store):
        await opened.aclose()
    assert [one.exchange for one in facts.calls] == [one.exchange for one in facts.signals] == ["ex_1"]
    assert [one.action for one in facts.changes] == ["ADD"]
    assert made == [list(facts.changes), [], []]
    assert list(facts.memories) == known[:2]
    assert [(one.owner, one.memory) for one in facts.lessons] == [(ANN.owner, known[1])]
    assert [len(others.calls), len(others.signals), len(others.changes), len(others.memories)] == [0, 0, 0, 0]


async def test_a_directory_without_a_record_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match=r"nothing is recorded in .*none; is this the right --data-dir"):
        await look_back(Config(data_dir=str(tmp_path / "none")), tenant=None, since=None, until=NOW)
    assert not (tmp_path / "none").exists()


SECRET = "the same on every gateway of this fleet"
TALK = [
    {"role": "user", "content": "Never answer in German."},
    {"role": "assistant", "content": "Understood."},
    {"role": "user", "content": "When does the train to Bern leave?"},
    {"role": "assistant", "content": "At nine, from platform four."},
]


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a fleet shares, and a configuration that says where it is."""
    if not RedisProcess.is_installed():
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    monkeypatch.chdir(tmp_path)
    with RedisProcess(tmp_path / "redis") as redis, QdrantProcess(tmp_path / "points") as qdrant, logging_kept():
        Path("config.yaml").write_text(
            f"auth: {{shared_secret: {SECRET}}}\n"
            f"store: {{kind: qdrant, url: '{qdrant.url}', encryption_key: {SECRET}}}\n"
            f"journal: {{kind: redis, url: '{redis.url}', partitions: 4}}\n"
        )
        yield


def accrue(*arguments: str) -> Result:
    return CliRunner(env={"OPENAI_API_KEY": "sk-test"}).invoke(main, arguments)


@pytest.mark.promise("P8")
@pytest.mark.usefixtures("fleet")
def test_what_one_gateway_of_a_fleet_learnt_from_a_log_is_found_from_any_machine() -> None:
    Path("past.jsonl").write_text(json.dumps({"messages": TALK, "user": "ann"}))
    first = accrue("replay", "past.jsonl", "--data-dir", "one")
    assert (first.exit_code, first.stdout) == (0, "2 calls recorded and learnt\n"), first.output
    again = accrue("replay", "past.jsonl", "--data-dir", "other")
    assert (again.exit_code, again.stdout) == (0, "2 on record already\n"), again.output

    report = json.loads(accrue("report", "--json", "--data-dir", "none").stdout)
    assert (report["calls"], report["sessions"]) == (2, 1)
    assert "calls    2 in 1 sessions" in accrue("report").stdout

    facts = asyncio.run(look_back(load_config(None, {}), tenant=None, since=None, until=NOW))
    explained = accrue("explain", facts.calls[0].exchange).stdout
    assert "user ann" in explained
    assert "done, status 200" in explained
    missing = accrue("explain", "ex_1")
    assert (missing.exit_code, missing.stderr) == (1, "accrue: no exchange ex_1 in Redis or .accrue\n")
    assert accrue("dlq", "list").output == ""
    assert accrue("rebuild", "--data-dir", "one").exit_code == 1
    assert not Path("none").exists()
    assert not Path(".accrue").exists()

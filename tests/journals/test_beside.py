"""gateway/journals/beside.py: an operator finds the same, wherever the record lies."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.datadir import DataDir
from gateway.deadletters import DeadLetter
from gateway.errors import ConfigError, DataDirError
from gateway.journals.beside import Beside, opened_beside
from gateway.journals.redis.dead import RedisDeadLetters
from gateway.journals.sqlite import SqliteDeadLetters
from gateway.sealing import NO_SEAL
from gateway.sections import JournalConfig
from gateway.testing.redis import RedisProcess
from gateway.types import Operator
from tests.journals.redis.fleet import PARTITIONS, gateway, said
from tests.journals.samples import scope

SAID = msgspec.structs.replace(said("e1", scope("s1")), status=200)
LETTER = DeadLetter(exchange="e1", stage="unlearnt", reason="KeyError in gateway.derive, line 7", at=1.0)


@pytest.fixture(params=["sqlite", "redis"])
async def record(request: pytest.FixtureRequest, redis: RedisProcess, tmp_path: Path) -> AsyncIterator[Beside]:
    """One exchange and its letter, beside the gateway that wrote them."""
    settings = JournalConfig()
    async with gateway(redis.url, tmp_path / "data") as fleet:
        if request.param == "redis":
            settings = JournalConfig(kind="redis", url=redis.url, partitions=PARTITIONS)
            await fleet.ship(SAID)
            await RedisDeadLetters(fleet.server, fleet.tenures).bury(LETTER)
        else:
            await fleet.journal.commit(SAID)
            await SqliteDeadLetters(fleet.journal.writer).bury(LETTER)
        async with opened_beside(settings, DataDir(tmp_path / "data"), NO_SEAL) as opened:
            yield opened


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()


async def test_exchanges_what_happened_and_dead_letters_are_found(record: Beside, tmp_path: Path) -> None:
    assert [await record.read(name) for name in ("e1", "e9")] == [SAID, None]
    assert await record.endings() == {"e1": True}
    assert [one.id for one in await record.chronicle.exchanges(Operator(), 0.0, 9)] == ["e1"]
    assert await record.letters.all() == [LETTER]
    assert record.place.endswith(str(tmp_path / "data"))


async def test_letters_are_replayed_and_dropped_and_nothing_that_is_none(record: Beside) -> None:
    await record.letters.replay(["e9"])
    await record.letters.drop(["e9"])
    assert await record.letters.all() == [LETTER]
    assert await record.letters.count() == 1
    await record.letters.replay(["e1"])
    assert (await record.letters.all(), await record.letters.count()) == ([], 0)
    await record.letters.drop(["e1"])
    assert await record.read("e1") == SAID


async def test_where_nothing_was_recorded_is_said_and_so_is_what_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataDirError, match=r"journal\.db"):
        async with opened_beside(JournalConfig(), DataDir(tmp_path / "data"), NO_SEAL):
            pass
    monkeypatch.setitem(sys.modules, "gateway.journals.redis.beside", None)
    with pytest.raises(ConfigError, match=r"\$\.journal\.kind: redis needs pip install 'accrue\[fleet\]'"):
        async with opened_beside(JournalConfig(kind="redis", url="redis://r"), DataDir(tmp_path), NO_SEAL):
            pass

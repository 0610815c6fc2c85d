"""gateway/offline.py: what holds a data directory while nothing serves from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Config
from gateway.datadir import DataDir
from gateway.errors import DataDirError
from gateway.offline import endings, rebuilding
from gateway.testing import ManualClock
from gateway.wiring import running
from tests.exchanges import ANN, NOW, exchange, user
from tests.stores.samples import memory


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=str(tmp_path / "data"), policies=str(tmp_path / "policies"))


async def test_what_fills_the_new_store_is_there_when_the_block_ends_well(config: Config) -> None:
    clock = ManualClock(NOW)
    async with running(config, past=clock) as parts:
        await parts.store.put(ANN, [memory("old")])
    async with rebuilding(config, clock) as parts:
        assert await parts.store.list(ANN, (), 9) == []
        await parts.store.put(ANN, [memory("new")])
        with pytest.raises(DataDirError, match="in use"):
            DataDir(Path(config.data_dir)).hold()
    async with running(config, past=clock) as again:
        assert [one.id for one in await again.store.list(ANN, (), 9)] == ["new"]


async def test_every_exchange_is_told_with_whether_it_has_ended(config: Config) -> None:
    data = DataDir(Path(config.data_dir))
    async with running(config, past=ManualClock(NOW)) as parts:
        await parts.journal.commit(exchange(user("Hi."), id="ex_1"))
        await parts.journal.commit(exchange(user("Hi."), id="ex_2", state="interrupted"))
        assert endings(data) == {"ex_1": True, "ex_2": False}


async def test_a_directory_without_a_record_is_a_clear_error(config: Config) -> None:
    with pytest.raises(DataDirError, match=r"nothing is recorded in .*; is this the right --data-dir"):
        async with rebuilding(config, ManualClock(NOW)):
            pass
    assert not Path(config.data_dir).exists()

"""gateway/offline.py: what holds a data directory while nothing serves from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.config import Config
from gateway.datadir import DataDir
from gateway.errors import ConfigError, DataDirError
from gateway.offline import rebuilding
from gateway.sections import JournalConfig, Store
from gateway.testing import ManualClock
from gateway.wiring import running
from tests.exchanges import ANN, NOW
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


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"store": Store(kind="qdrant", url="http://127.0.0.1:1")},
        {"journal": JournalConfig(kind="redis", url="redis://127.0.0.1:1")},
    ],
)
async def test_memories_are_not_made_anew_of_half_a_record_or_in_the_wrong_place(
    config: Config, elsewhere: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=r"takes store.kind local and journal.kind sqlite.* neither read nor changed"):
        async with rebuilding(msgspec.structs.replace(config, **elsewhere), ManualClock(NOW)):
            pass
    assert not Path(config.data_dir).exists()


async def test_a_directory_without_a_record_is_a_clear_error(config: Config) -> None:
    with pytest.raises(DataDirError, match=r"nothing is recorded in .*; is this the right --data-dir"):
        async with rebuilding(config, ManualClock(NOW)):
            pass
    assert not Path(config.data_dir).exists()

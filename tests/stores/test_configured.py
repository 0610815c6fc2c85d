from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.datadir import DataDir
from gateway.errors import ConfigError, MemoryUnavailable
from gateway.sealing import NO_SEAL
from gateway.sections import Store
from gateway.stores.configured import open_store, read_memories
from tests.stores.samples import ANN, WordsEmbedder


async def test_a_store_on_a_server_that_is_away_opens_all_the_same_and_says_so_when_it_is_asked() -> None:
    settings = Store(kind="qdrant", url="http://127.0.0.1:1", api_key="key", shards=2, replicas=2)
    store = open_store(settings, WordsEmbedder(), NO_SEAL)
    assert store.trouble == ""
    with pytest.raises(MemoryUnavailable):
        await store.list(ANN, [], 9)
    assert store.trouble.startswith("qdrant: ConnectError")
    await store.aclose()


async def test_memories_on_a_server_are_read_without_a_store(tmp_path: Path) -> None:
    settings = Store(kind="qdrant", url="http://127.0.0.1:1")
    with pytest.raises(MemoryUnavailable, match="qdrant: ConnectError"):
        await read_memories(settings, DataDir(tmp_path), ("lesson",), None, NO_SEAL)


def test_what_is_missing_is_said_where_the_client_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gateway.stores.qdrant", None)
    with pytest.raises(ConfigError, match=r"\$\.store\.kind: qdrant needs pip install 'accrue\[fleet\]'"):
        open_store(Store(kind="qdrant", url="http://127.0.0.1:1"), WordsEmbedder(), NO_SEAL)

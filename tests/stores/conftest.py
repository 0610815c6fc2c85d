"""Every store there is, behind one fixture: a new one joins the contract by one line in `STORES`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from gateway.config import environment
from gateway.ports import MemoryStore
from gateway.stores.local import LocalStore
from tests.stores.engines import Engine, engine_store, server_store
from tests.stores.samples import WordsEmbedder

Open = Callable[[Path], MemoryStore]
"""Opens a store over a folder; opening the same folder again finds what was put."""

ENGINES: defaultdict[Path, Engine] = defaultdict(Engine)
"""One for each folder."""

STORES: dict[str, Open] = {
    "local": lambda folder: LocalStore(folder / "memories.db", folder / "index", WordsEmbedder()),
    "qdrant": lambda folder: engine_store(ENGINES[folder]),
}

if url := environment().get("ACCRUE_TEST_QDRANT_URL"):
    STORES["qdrant-server"] = partial(server_store, url)


@pytest.fixture(params=STORES)
def open_store(request: pytest.FixtureRequest) -> Open:
    return STORES[request.param]


@pytest.fixture
async def store(open_store: Open, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    store = open_store(tmp_path)
    yield store
    await store.aclose()
    ENGINES.pop(tmp_path, None)

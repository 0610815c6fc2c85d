"""gateway/stores/qdrant/catalogue.py beyond the contract: a server that is away or empty, and damaged points."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from gateway.catalogue import Selection
from gateway.errors import MemoryUnavailable
from gateway.stores.qdrant.catalogue import QdrantCatalogue
from gateway.stores.qdrant.points import point_id
from tests.stores.engines import Engine, engine_store
from tests.stores.samples import ANN, memory


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    made = Engine()
    store = engine_store(made)
    await store.put(ANN, [memory(f"m{number}", at=float(number)) for number in range(3)])
    yield made
    await store.aclose()


async def test_where_the_server_is_away_nothing_can_be_said(engine: Engine) -> None:
    catalogue = QdrantCatalogue(engine, "accrue")
    engine.failure = ConnectionError("away")
    for question in (
        catalogue.browse(Selection(), "", 9),
        catalogue.find("m1"),
        catalogue.holders("", "", "", 9),
        catalogue.counts(""),
    ):
        with pytest.raises(MemoryUnavailable, match="away"):
            await question


async def test_where_no_gateway_has_been_there_is_no_collection(engine: Engine) -> None:
    with pytest.raises(MemoryUnavailable, match="no memories in collections named other-…"):
        await QdrantCatalogue(engine, "other").counts("")


async def test_a_point_that_cannot_be_read_hides_no_other_and_the_log_says_so(engine: Engine) -> None:
    (collection,) = [one.name for one in (await engine.get_collections()).collections]
    await engine.set_payload(collection, {"memory": "{}"}, points=[point_id(ANN.owner, "m1")])
    with capture_logs() as logs:
        page, place = await QdrantCatalogue(engine, "accrue").browse(Selection(), "", 9)
    assert ([held.memory.id for held in page], place) == (["m2", "m0"], "")
    assert [entry["event"] for entry in logs] == ["memory_unreadable"]


async def test_no_owner_without_a_memory_is_asked_for(engine: Engine) -> None:
    engine.asked.clear()
    assert await QdrantCatalogue(engine, "accrue").holders("", "eve", "", 9) == ([], "")
    assert "query_batch_points" not in engine.asked

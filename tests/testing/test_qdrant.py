"""gateway/testing/qdrant.py: the engine answers over the wire as the client expects it of a server."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from gateway.testing.qdrant import QdrantProcess

OWNED = models.Filter(must=[models.FieldCondition(key="owner", match=models.MatchValue(value="ann"))])


class Client(AsyncQdrantClient):
    """One that can be left by `aclosing`."""

    async def aclose(self) -> None:
        await self.close()


async def filled(client: Client) -> None:
    await client.create_collection(
        "trains",
        vectors_config={"dense": models.VectorParams(size=2, distance=models.Distance.DOT)},
        sparse_vectors_config={"words": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    await client.create_payload_index(
        "trains", "owner", models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    )
    words = models.SparseVector(indices=[7], values=[1.0])
    points = [
        models.PointStruct(id=1, vector={"dense": [1.0, 0.0], "words": words}, payload={"owner": "ann", "at": 2.0}),
        models.PointStruct(id=2, vector={"dense": [0.0, 1.0]}, payload={"owner": "ann", "at": 1.0}),
        models.PointStruct(id=3, vector={"dense": [1.0, 0.0]}, payload={"owner": "bob", "at": 3.0}),
    ]
    await client.upsert("trains", points)


async def test_what_is_written_is_found_by_every_way_of_asking_and_outlives_the_process(tmp_path: Path) -> None:
    with QdrantProcess(tmp_path) as qdrant:
        async with aclosing(Client(url=qdrant.url, check_compatibility=False)) as client:
            await filled(client)
            by_meaning = models.QueryRequest(query=[1.0, 0.0], using="dense", filter=OWNED, limit=5)
            by_word = models.QueryRequest(query=models.SparseVector(indices=[7], values=[1.0]), using="words")
            found = await client.query_batch_points("trains", [by_meaning, by_word])
            assert [[point.id for point in one.points] for one in found] == [[1, 2], [1]]
            scrolled, _ = await client.scroll("trains", OWNED, order_by=models.OrderBy(key="at"))
            assert [point.id for point in scrolled] == [2, 1]
            assert (await client.count("trains", OWNED)).count == 2
            counted = await client.facet("trains", "owner", exact=True)
            assert {hit.value: hit.count for hit in counted.hits} == {"ann": 2, "bob": 1}
            assert len((await client.facet("trains", "owner", facet_filter=OWNED)).hits) == 1
            await client.delete("trains", [1])
            qdrant.kill()
            qdrant.start()
            assert [point.id for point in await client.retrieve("trains", [1, 2, 3])] == [2, 3]
            assert await client.collection_exists("trains")
            assert [one.name for one in (await client.get_collections()).collections] == ["trains"]


async def test_what_is_not_there_is_refused_and_what_is_frozen_does_not_answer(tmp_path: Path) -> None:
    with QdrantProcess(tmp_path) as qdrant:
        async with aclosing(Client(url=qdrant.url, check_compatibility=False)) as client:
            with pytest.raises(UnexpectedResponse, match="404"):
                await client.get_collection("trains")
            await filled(client)
            with pytest.raises(UnexpectedResponse, match="400"):
                await client.query_batch_points("trains", [models.QueryRequest(query=[1.0], using="else")])
            qdrant.freeze()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.count("trains")
            qdrant.thaw()
            assert (await client.count("trains")).count == 3
            await client.delete_collection("trains")

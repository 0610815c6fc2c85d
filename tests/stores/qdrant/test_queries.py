from __future__ import annotations

import pytest
from qdrant_client.http import models

from gateway.ports import Held
from gateway.sealing import NO_SEAL
from gateway.stores.qdrant.points import payload_of
from gateway.stores.qdrant.queries import Search, found, searches
from gateway.stores.storable import MAX_PINNED
from tests.stores.samples import ANN, memory, query

SPARSE = models.SparseVector(indices=[1], values=[1.0])
VECTORS = {"words": SPARSE, "chars": SPARSE, "dense": [1.0]}


def ways(asked: list[Search]) -> list[str]:
    return [search.way for search in asked]


def point(id: str, text: str = "", *, score: float = 1.0, at: float = 1.0) -> models.ScoredPoint:
    held = Held(owner=ANN.owner, tenant="acme", memory=memory(id, text, at=at))
    return models.ScoredPoint(id=id, version=0, score=score, payload=payload_of(held, NO_SEAL))


def test_whatever_is_asked_for_is_one_request() -> None:
    asked = query("tea", kinds=("fact", "episode"), pinned=("rule", "fact"), has_ended=True, since=1.0)
    assert ways(searches(ANN.owner, "s1", asked, VECTORS)) == [*["pinned"] * 4, "time", "words", "chars", "dense"]
    assert ways(searches(ANN.owner, "s1", query("tea", pinned=("rule",)), {"words": SPARSE})) == ["pinned", "words"]
    assert searches(ANN.owner, "s1", query("tea", kinds=(), since=1.0), VECTORS) == []
    assert searches(ANN.owner, "s1", query("?!"), {"words": models.SparseVector(indices=[], values=[])}) == []


@pytest.mark.promise("P7")
def test_every_search_is_confined_to_shelves_of_its_owner() -> None:
    asked = query("tea", kinds=("fact", "episode"), pinned=("rule",), has_ended=True, since=1.0)
    hers, his = (searches(owner, "s1", asked, VECTORS) for owner in (ANN.owner, "4:acmeu3:bob"))
    for own, other in zip(hers, his, strict=True):
        assert len(shelves(own) | shelves(other)) == 2 * len(shelves(own)) > 0


def shelves(search: Search) -> set[str]:
    """On which points may lie that it finds."""
    assert search.request.filter is not None
    conditions = search.request.filter.model_dump(exclude_none=True)["must"]
    (match,) = [condition["match"] for condition in conditions if condition["key"] == "shelf"]
    return {match["value"]} if "value" in match else set(match["any"])


def test_limits_and_the_corpus_of_words_are_said_where_they_mean_something() -> None:
    asked = searches(ANN.owner, "s1", query("tea", pinned=("rule",), until=2.0, limit=7), VECTORS)
    assert {search.way: search.request.limit for search in asked} == {
        "pinned": MAX_PINNED,
        "time": 7,
        "words": 7,
        "chars": 7,
        "dense": 7,
    }
    lies = asked[-1].request.filter
    assert lies is not None
    own = models.SearchParams(idf=models.IdfCorpusParams(corpus=lies))
    corpora = {search.way: search.request.params for search in asked if search.request.params is not None}
    assert corpora == {"words": own, "chars": own}  # the server refuses it for `dense`


def test_answers_are_put_together_by_memory_and_what_was_said_at_the_time_comes_first() -> None:
    asked = searches(ANN.owner, "s1", query("tea", pinned=("rule",), until=9.0), VECTORS)
    answers = [
        models.QueryResponse(points=points)
        for points in (
            [point("r1", at=1.0), point("r2", at=2.0)],
            [point("m1", at=3.0), point("m3", at=4.0)],
            [point("m2", score=2.34567), point("m1", score=1.0)],
            [],
            [point("m2", score=0.34567)],
        )
    ]
    everything = found(ANN.owner, NO_SEAL, asked, answers)
    assert [one.id for one in everything.pinned] == ["r2", "r1"]
    assert [(hit.memory.id, hit.scores) for hit in everything.hits] == [
        ("m3", {"time": 1.0}),
        ("m1", {"time": 1.0, "words": 1.0}),
        ("m2", {"words": 2.35, "dense": 0.34567}),
    ]


def test_fewer_answers_than_questions_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        found(ANN.owner, NO_SEAL, searches(ANN.owner, "", query("tea"), VECTORS), [])

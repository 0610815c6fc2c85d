from __future__ import annotations

import copy

import pytest
from qdrant_client.http import models

from gateway.ports import Held
from gateway.sealing import NO_SEAL
from gateway.stores.qdrant.points import READ, payload_of
from gateway.stores.qdrant.queries import Search, found, read, searches
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
    alike = ["words", "chars", "dense", "any"]
    assert ways(searches(ANN.owner, "s1", asked, VECTORS)) == [*["pinned"] * 5, "time", *alike]
    some = searches(ANN.owner, "s1", query("tea", pinned=("rule",)), {"words": SPARSE})
    assert ways(some) == ["pinned", "pinned", "words", "any"]
    assert searches(ANN.owner, "s1", query("tea", kinds=(), since=1.0), VECTORS) == []
    assert searches(ANN.owner, "s1", query("?!"), {"words": models.SparseVector(indices=[], values=[])}) == []


@pytest.mark.promise("P7")
def test_every_search_is_confined_to_its_owner() -> None:
    asked = query("tea", kinds=("fact", "episode"), pinned=("rule",), has_ended=True, since=1.0)
    hers, his = (searches(owner, "s1", asked, VECTORS) for owner in (ANN.owner, "4:acmeu3:bob"))
    for own, other in zip(hers, his, strict=True):
        assert len(shelves(own) | shelves(other)) == 2 * len(shelves(own)) > 0


def shelves(search: Search) -> set[str]:
    """On which points may lie that it finds, or whose they are, as each of the searches in it says."""
    found = [search.request] if search.request.prefetch is None else search.request.prefetch
    assert isinstance(found, list)
    (lies,) = {shelves_of(one.filter) for one in found}
    return set(lies)


def shelves_of(lies: object) -> frozenset[str]:
    assert isinstance(lies, models.Filter)
    conditions = lies.model_dump(exclude_none=True)["must"]
    (match,) = [condition["match"] for condition in conditions if condition["key"] in ("shelf", "owner")]
    return frozenset([match["value"]] if "value" in match else match["any"])


def test_limits_and_the_corpus_of_words_are_said_where_they_mean_something() -> None:
    asked = searches(ANN.owner, "s1", query("tea", pinned=("rule",), until=2.0, limit=7), VECTORS)
    assert {search.way: search.request.limit for search in asked} == {
        "pinned": MAX_PINNED,
        "time": 7,
        "words": 7,
        "chars": 7,
        "dense": 7,
        "any": 21,  # all that the three may find
    }
    lies = asked[-2].request.filter
    assert lies is not None
    own = models.SearchParams(idf=models.IdfCorpusParams(corpus=lies))
    corpora = {search.way: search.request.params for search in asked if search.request.params is not None}
    assert corpora == {"words": own, "chars": own}  # the server refuses it for `dense`


def test_memories_come_once_and_what_finds_any_of_them_searches_as_the_others_do() -> None:
    *alike, any_of_them = searches(ANN.owner, "s1", query("tea", limit=7), VECTORS)
    assert [search.request.with_payload for search in (*alike, any_of_them)] == [False, False, False, READ]
    same = [search.request.model_dump(exclude={"with_payload"}, exclude_none=True) for search in alike]
    assert isinstance(any_of_them.request.prefetch, list)
    assert [one.model_dump(exclude_none=True) for one in any_of_them.request.prefetch] == same


def test_a_request_is_sent_as_it_is_and_not_copied() -> None:
    (asked, *_) = searches(ANN.owner, "s1", query("tea"), VECTORS)
    assert copy.deepcopy(asked.request) is asked.request


def test_answers_are_put_together_by_memory_and_what_was_said_at_the_time_comes_first() -> None:
    asked = searches(ANN.owner, "s1", query("tea", pinned=("rule",), until=9.0), VECTORS)
    bare = {"payload": None}
    answers = [
        models.QueryResponse(points=points)
        for points in (
            [point("r1", at=1.0), point("r2", at=2.0)],
            [point("r2", at=2.0), point("r0", at=0.5)],  # pinned by hand
            [point("m1", at=3.0), point("m3", at=4.0)],
            [point("m2", score=2.34567).model_copy(update=bare), point("m1", score=1.0).model_copy(update=bare)],
            [point("gone").model_copy(update=bare)],  # between one search and the other
            [point("m2", score=0.34567).model_copy(update=bare)],
            [point("m2", score=0.5), point("m1", score=0.3), point("new", score=0.2)],
        )
    ]
    everything = found(asked, answers, read(ANN.owner, NO_SEAL, answers))
    assert [one.id for one in everything.pinned] == ["r2", "r1", "r0"]
    assert [(hit.memory.id, hit.scores) for hit in everything.hits] == [
        ("m3", {"time": 1.0}),
        ("m1", {"time": 1.0, "words": 1.0}),
        ("m2", {"words": 2.35, "dense": 0.34567}),
    ]


def test_fewer_answers_than_questions_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        found(searches(ANN.owner, "", query("tea"), VECTORS), [], {})

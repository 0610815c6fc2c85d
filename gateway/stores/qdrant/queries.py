"""All that recall asks of a store, as one request with several searches in it, and what comes back of each.

Pure. So recall costs one round trip: what is pinned, what was said at a time, and what is like the question in each
way of searching. What scores mean is known by recall.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from qdrant_client.http import models

from gateway.memories import Found, Hit, Memory, Query
from gateway.sealing import Seal
from gateway.stores.qdrant.points import EVERYWHERE, ended, newest_first, readables, session_reach
from gateway.stores.storable import MAX_PINNED
from gateway.stores.vectors import shelf, steady

NEWEST_FIRST = models.OrderBy(key="at", direction=models.Direction.DESC)

Way = Literal["pinned", "time", "words", "chars", "dense"]


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """One of the searches in a request."""

    way: Way
    request: models.QueryRequest


def searches(owner: str, session: str, query: Query, vectors: Mapping[str, Any]) -> list[Search]:
    """What to ask.

    Args:
        vectors: of the question, by way of searching, as the client takes them.
    """
    return [*_pinned(owner, session, query), *_in_time(owner, query), *_alike(owner, query, vectors)]


def found(owner: str, seal: Seal, asked: Sequence[Search], answers: Sequence[models.QueryResponse]) -> Found:
    """What was found, of the answers to searches in their order. Raises `ValueError` where some are missing."""
    points = {str(point.id): point for answer in answers for point in answer.points}
    memories = dict(readables(points.values(), owner, seal))  # most were found in several ways
    pinned: list[Memory] = []
    scores: dict[str, dict[str, float]] = {}
    for search, answer in zip(asked, answers, strict=True):
        for point in answer.points:
            id = str(point.id)
            if id not in memories:
                continue
            if search.way == "pinned":
                pinned.append(memories[id])
            else:
                scores.setdefault(id, {})[search.way] = _score(search.way, point.score)
    in_time = newest_first(memories[id] for id, ways in scores.items() if "time" in ways)
    order = {memory.id: place for place, memory in enumerate(in_time)}
    hits = [Hit(memory=memories[id], scores=ways) for id, ways in scores.items()]
    hits.sort(key=lambda hit: order.get(hit.memory.id, len(order)))
    return Found(pinned=tuple(newest_first(pinned)), hits=tuple(hits))


def on_shelves(shelves: Sequence[str], *conditions: models.Condition) -> models.Filter:
    """Points that lie on one of the shelves, and for which the conditions hold."""
    match = models.MatchValue(value=shelves[0]) if len(shelves) == 1 else models.MatchAny(any=list(shelves))
    return models.Filter(must=[models.FieldCondition(key="shelf", match=match), *conditions])


def of_owner(owner: str) -> models.Filter:
    """All points of an owner."""
    return models.Filter(must=[models.FieldCondition(key="owner", match=models.MatchValue(value=owner))])


def _pinned(owner: str, session: str, query: Query) -> Iterator[Search]:
    reach = models.FieldCondition(key="reach", match=models.MatchAny(any=[EVERYWHERE, session_reach(session)]))
    for kind in query.pinned:
        lies = shelf(owner, kind)
        for place in (lies, ended(lies)) if query.has_ended else (lies,):
            yield _newest("pinned", on_shelves([place], reach), MAX_PINNED)


def _in_time(owner: str, query: Query) -> Iterator[Search]:
    if query.kinds and (query.since is not None or query.until is not None):
        span = models.FieldCondition(key="at", range=models.Range(gte=query.since, lte=query.until))
        yield _newest("time", on_shelves([shelf(owner, kind) for kind in query.kinds], span), query.limit)


def _alike(owner: str, query: Query, vectors: Mapping[str, Any]) -> Iterator[Search]:
    if not query.kinds:
        return
    searched = on_shelves([shelf(owner, kind) for kind in query.kinds])
    # A word is rare or common among the owner's own memories, not among everybody's.
    params = models.SearchParams(idf=models.IdfCorpusParams(corpus=searched))
    ways: tuple[Way, ...] = ("words", "chars", "dense")
    for way in ways:
        if _has_any(vectors.get(way)):
            nearest = models.NearestQuery(nearest=vectors[way])
            yield _search(way, nearest, searched, query.limit, None if way == "dense" else params)


def _has_any(vector: Any) -> bool:
    """Whether there is anything to search by: a text may have no words, and an embedder may not answer."""
    return bool(vector.indices if isinstance(vector, models.SparseVector) else vector)


def _newest(way: Way, lies: models.Filter, limit: int) -> Search:
    return _search(way, models.OrderByQuery(order_by=NEWEST_FIRST), lies, limit, None)


def _search(
    way: Way,
    query: models.NearestQuery | models.OrderByQuery,
    lies: models.Filter,
    limit: int,
    params: models.SearchParams | None,
) -> Search:
    return Search(
        way=way,
        request=models.QueryRequest(
            query=query,
            using=way if isinstance(query, models.NearestQuery) else None,
            filter=lies,
            params=params,
            limit=limit,
            with_payload=True,
        ),
    )


def _score(way: Way, score: float) -> float:
    if way == "time":
        return 1.0
    return score if way == "dense" else steady(score)

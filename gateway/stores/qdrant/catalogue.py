"""The `Catalogue` over a server of Qdrant, beside the gateways that write it.

Pages are in the order of when memories were said, and of those said at the same time in the order of their points: the
first is a sorted scroll, in which the server promises no order among equals, so that these are read once more by point.
Who has memories is counted by the server (a facet); it knows no pages of that, and all owners come in one answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from qdrant_client import AsyncQdrantClient
from qdrant_client.http import models

from gateway.catalogue import Counted, Holder, Selection
from gateway.errors import BadRequest, MemoryUnavailable
from gateway.memories import TAUGHT, Memory
from gateway.owners import scope_of
from gateway.ports import Held
from gateway.sealing import NO_SEAL, Seal
from gateway.stores.qdrant.collections import labels_of, whole
from gateway.stores.qdrant.points import KIND, READ, ended, held_of
from gateway.stores.qdrant.queries import NEWEST_FIRST, of_owner
from gateway.stores.qdrant.server import asked
from gateway.stores.storable import encodable

PORTION = 200
"""Points read at once where only some of them are meant."""

LOOKED_THROUGH = 1_000
"""Lessons read for a page of those in one state, which points do not say; a page with fewer is a short one."""

MAX_OWNERS = 1_000_000
MAX_KINDS = 1_000

Place = tuple[float, str]
"""When a memory was said, and its point."""

OF_LESSONS = ("proposed", "active", "retired")

_BEGINNING: Place = (math.inf, "")

log = structlog.get_logger()


class QdrantCatalogue:
    """Reads the collection that is the truth. Usable from one event loop."""

    def __init__(self, client: AsyncQdrantClient, prefix: str, seal: Seal = NO_SEAL) -> None:
        """Read by a client, which is the caller's.

        Args:
            prefix: what the names of the collections begin with.
        """
        self._client = client
        self._prefix = prefix
        self._seal = seal

    async def browse(self, selection: Selection, place: str, limit: int) -> tuple[Sequence[Held], str]:
        """Memories, those that were said last first, and the place of the next page."""
        name, after = await self._collection(), _read(place)
        conditions = await self._conditions(name, selection)
        page: list[Held] = []
        looked_at = 0
        while conditions is not None:
            wanted = PORTION if selection.state in OF_LESSONS else limit + 1
            points = await self._next(name, conditions, after, wanted)
            for point in points:
                if len(page) == limit:
                    return page, _written(after)
                held = _held(point, self._seal)
                if held is not None and (selection.state not in OF_LESSONS or _state(held.memory) == selection.state):
                    page.append(held)
                after = _place(point)
            looked_at += len(points)
            if len(points) < wanted:
                break
            if looked_at >= LOOKED_THROUGH:
                return page, _written(after)
        return page, ""

    async def find(self, id: str, owner: str = "") -> Sequence[Held]:
        """The memories of an id: an owner's, or the first of everybody's."""
        whose = [_is("owner", owner)] if owner else []
        name, lies = await self._collection(), models.Filter(must=[*whose, _is("id", encodable(id))])
        points, _ = await asked(self._client.scroll(name, lies, limit=PORTION, with_payload=READ_HELD))
        return [held for point in points if (held := _held(point, self._seal)) is not None]

    async def holders(self, tenant: str, name: str, place: str, limit: int) -> tuple[Sequence[Holder], str]:
        """Who has memories, in the order of owners, and the place of the next page."""
        collection, theirs = await self._collection(), f"{len(tenant)}:{tenant}" if tenant else ""
        counts = await self._facet(collection, "owner", None, MAX_OWNERS)
        owners = [owner for owner in sorted(counts) if owner > place and owner.startswith(theirs)]
        named = [owner for owner in owners if _name(owner).startswith(name)]
        newest = await self._newest(collection, named[:limit])
        page = [
            Holder(owner=owner, tenant=scope_of(owner).tenant, memories=counts[owner], newest=at)
            for owner, at in zip(named[:limit], newest, strict=True)
        ]
        return page, page[-1].owner if len(named) > limit else ""

    async def counts(self, tenant: str) -> Sequence[Counted]:
        """How many memories there are."""
        collection = await self._collection()
        theirs = models.Filter(must=[_is("tenant", encodable(tenant))]) if tenant else None
        counts = await self._facet(collection, KIND, theirs, MAX_KINDS)
        return [
            Counted(kind=kind.removesuffix(ended("")), is_holding=not kind.endswith(ended("")), count=counts[kind])
            for kind in sorted(counts)
        ]

    async def _collection(self) -> str:
        name = whole(await labels_of(self._client, self._prefix))
        if not name:
            raise MemoryUnavailable(f"qdrant: there are no memories in collections named {self._prefix}-…")
        return name

    async def _conditions(self, collection: str, selection: Selection) -> list[models.Condition] | None:
        """What is meant; None for nothing at all."""
        conditions: list[models.Condition] = [_is("owner", selection.owner)] if selection.owner else []
        if selection.tenant:
            conditions.append(_is("tenant", encodable(selection.tenant)))
        if selection.kind or selection.state is not None:
            known = (
                [selection.kind, ended(selection.kind)]
                if selection.kind
                else [*await self._facet(collection, KIND, None, MAX_KINDS)]
            )
            kinds = [kind for kind in known if _is_meant(kind, selection)]
            if not kinds:
                return None
            conditions.append(models.FieldCondition(key=KIND, match=models.MatchAny(any=kinds)))
        return conditions

    async def _next(
        self, collection: str, conditions: Sequence[models.Condition], after: Place, limit: int
    ) -> list[models.Record]:
        """So many points in their order, from behind a place."""
        at, last = after
        found: list[models.Record] = []
        if last:
            same = await self._said_at(collection, conditions, at, last, limit + 1)
            found = [point for point in same if point.id != last][:limit]
        if len(found) == limit:
            return found
        older = [*conditions, models.FieldCondition(key="at", range=models.Range(lt=at))] if last else [*conditions]
        points, _ = await asked(
            self._client.scroll(
                collection,
                models.Filter(must=older),
                limit=limit - len(found),
                order_by=NEWEST_FIRST,
                with_payload=READ_HELD,
            )
        )
        points.sort(key=_order)
        if len(points) == limit - len(found):  # of those said at the last time others may come before them
            cut = _place(points[-1])[0]
            points = [point for point in points if _place(point)[0] > cut]
            points += await self._said_at(collection, conditions, cut, None, limit - len(found) - len(points))
        return found + points

    async def _said_at(
        self, collection: str, conditions: Sequence[models.Condition], at: float, first: str | None, limit: int
    ) -> list[models.Record]:
        """Points of one moment in their order, from one on."""
        moment = models.FieldCondition(key="at", range=models.Range(gte=at, lte=at))
        lies = models.Filter(must=[*conditions, moment])
        points, _ = await asked(
            self._client.scroll(collection, lies, limit=limit, offset=first, with_payload=READ_HELD)
        )
        return points

    async def _newest(self, collection: str, owners: Sequence[str]) -> list[float]:
        """When the newest memory of each was said."""
        if not owners:
            return []
        newest = models.OrderByQuery(order_by=NEWEST_FIRST)
        requests = [
            models.QueryRequest(query=newest, filter=of_owner(owner), limit=1, with_payload=["at"]) for owner in owners
        ]
        answers = await asked(self._client.query_batch_points(collection, requests))
        return [max((_place(point)[0] for point in answer.points), default=0.0) for answer in answers]

    async def _facet(self, collection: str, key: str, lies: models.Filter | None, limit: int) -> Mapping[str, int]:
        counted = await asked(self._client.facet(collection, key, facet_filter=lies, limit=limit, exact=True))
        return {str(hit.value): hit.count for hit in counted.hits}


READ_HELD = [*READ, "tenant", "at"]


def _is(key: str, value: str) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _is_meant(kind: str, selection: Selection) -> bool:
    """Whether memories of a kind, ended or not, may be in a state."""
    if selection.state is None:
        return True
    is_over = kind.endswith(ended(""))
    is_lesson = kind.removesuffix(ended("")) in TAUGHT
    return is_over is (selection.state in ("ended", "retired")) and (is_lesson or selection.state not in OF_LESSONS)


def _held(point: models.Record, seal: Seal) -> Held | None:
    """The memory of a point; what cannot be read is passed over, and the log says so."""
    try:
        return held_of(point.payload, seal)
    except MemoryUnavailable as error:
        log.warning("memory_unreadable", point=str(point.id), reason=str(error))
        return None


def _state(memory: Memory) -> str:
    return memory.lesson.state if memory.lesson is not None else ""


def _name(owner: str) -> str:
    scope = scope_of(owner)
    return scope.user or scope.session


def _place(point: Any) -> Place:
    return float((point.payload or {}).get("at", 0.0)), str(point.id)


def _order(point: models.Record) -> tuple[float, str]:
    at, id = _place(point)
    return -at, id


def _written(place: Place) -> str:
    at, point = place
    return f"{at.hex()}/{point}"


def _read(place: str) -> Place:
    """Raises `BadRequest` for a place that is none of ours."""
    if not place:
        return _BEGINNING
    at, _, point = place.partition("/")
    with suppress(ValueError, OverflowError):
        read = float.fromhex(at), str(UUID(point))
        if math.isfinite(read[0]):
            return read
    raise BadRequest("place: this is none of this listing's", code="invalid_place", param="place")

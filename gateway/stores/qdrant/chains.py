"""Memories by id, and the episodes around some of them in one question.

Beside each point stand the ids of the points before its own. By these the ones after it are found, and the ones before
it are known where a search has just found it; and what that search found is not asked for again. Ids are hints: what
they miss, because a memory was written before its neighbour or has other neighbours by now, is asked for step by step.
What is searched is known by queries.py.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from qdrant_client import AsyncQdrantClient
from qdrant_client.http import models

from gateway.memories import Memory
from gateway.ports import Held
from gateway.sealing import Seal
from gateway.stores.qdrant.points import EARLIER, READ, point_id, readables
from gateway.stores.qdrant.queries import of_owner
from gateway.stores.qdrant.server import asked
from gateway.stores.storable import encodable

NOTED = 3
"""Steps back that a point knows: as many as recall takes (`REACH` of gateway/recall.py)."""

FRESH_S = 1.0
"""For so long what a search has found is as good as found again; a recall takes a twentieth of that."""

FRESH_OWNERS = 32
"""Owners whose last search is held: more than there are recalls at once."""

Earlier = Mapping[str, Sequence[str]]
"""Points before some points, nearest first."""


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """What a search has just found, by point."""

    until: float = -math.inf
    """Seconds of the loop's clock."""
    memories: Mapping[str, Memory] = {}
    earlier: Earlier = {}


class Chains:
    """Reads memories of the points of one server."""

    def __init__(self, client: AsyncQdrantClient, seal: Seal) -> None:
        self._client = client
        self._seal = seal
        self._fresh: OrderedDict[str, Fresh] = OrderedDict()

    def note(self, owner: str, answers: Iterable[models.QueryResponse], memories: Mapping[str, Memory]) -> None:
        """Hold what a search has found: some of it is asked about next."""
        payloads = ((str(point.id), point.payload or {}) for answer in answers for point in answer.points)
        earlier = {id: payload[EARLIER] for id, payload in payloads if EARLIER in payload}
        self._fresh[owner] = Fresh(until=_now() + FRESH_S, memories=memories, earlier=earlier)
        self._fresh.move_to_end(owner)
        if len(self._fresh) > FRESH_OWNERS:
            self._fresh.popitem(last=False)

    def doubt(self, owners: Iterable[str]) -> None:
        """Something of theirs is written."""
        for owner in owners:
            self._fresh.pop(owner, None)

    async def around(self, name: str, owner: str, ids: Sequence[str], reach: int) -> list[Memory]:
        """An owner's memories by id, in order; then those up to so many steps before and after them."""
        wanted = [*dict.fromkeys(map(encodable, ids))]
        known = {memory.id: memory for memory in self._just_found(owner).memories.values()} if reach else {}
        looked: set[str] = set()
        while True:
            near, lacking = _walked(wanted, known, reach)
            missed = [id for id in lacking if id not in looked]
            if not missed:
                return near
            if reach and not looked:
                known |= await self._hinted(name, owner, wanted, missed)
            else:
                known |= await self._by_id(name, owner, missed)
            looked.update(missed)

    async def earlier(self, name: str, held: Sequence[Held]) -> Earlier:
        """The points before each that is to be written, for each that has any."""
        links = {point_id(one.owner, one.memory.id): _before(one) for one in held}
        outer = [before for before in links.values() if before and before not in links]
        noted: dict[str, Sequence[str]] = {}
        if outer:
            records = await asked(self._client.retrieve(name, [*dict.fromkeys(outer)], with_payload=[EARLIER]))
            noted = {str(one.id): (one.payload or {}).get(EARLIER, ()) for one in records}
        return {point: _chain(before, links, noted) for point, before in links.items() if before}

    async def _hinted(self, name: str, owner: str, wanted: Sequence[str], missed: Iterable[str]) -> dict[str, Memory]:
        """Memories that were missed, and those around the ones that are wanted as far as hints tell."""
        fresh = self._just_found(owner)
        points = [point_id(owner, id) for id in wanted]
        here = dict.fromkeys(point_id(owner, id) for id in missed)
        here |= dict.fromkeys(id for point in points for id in fresh.earlier.get(point, ()))
        near = models.Filter(
            must=of_owner(owner).must,
            should=[
                models.HasIdCondition(has_id=[point for point in here if point not in fresh.memories]),
                models.FieldCondition(key=EARLIER, match=models.MatchAny(any=points)),
            ],
            must_not=[models.HasIdCondition(has_id=[*fresh.memories])],
        )
        most = len(here) + len(points) * NOTED
        records, _ = await asked(self._client.scroll(name, near, limit=most, with_payload=READ, with_vectors=False))
        return {memory.id: memory for _, memory in readables(records, owner, self._seal)}

    async def _by_id(self, name: str, owner: str, ids: Iterable[str]) -> dict[str, Memory]:
        points = [point_id(owner, id) for id in ids]
        records = await asked(self._client.retrieve(name, points, with_payload=READ))
        return {memory.id: memory for _, memory in readables(records, owner, self._seal)}

    def _just_found(self, owner: str) -> Fresh:
        fresh = self._fresh.get(owner, Fresh())
        return fresh if _now() < fresh.until else Fresh()


def _walked(wanted: Iterable[str], known: Mapping[str, Memory], reach: int) -> tuple[list[Memory], list[str]]:
    """Those that are wanted and those up to so many steps around them, as far as they are known; and the ids that are
    not."""
    near = {id: known[id] for id in wanted if id in known}
    missed = dict.fromkeys(id for id in wanted if id not in known)
    earlier = later = list(near.values())
    for _ in range(reach):
        before = [one.before for one in earlier if one.before]
        after = [one.after for one in later if one.after]
        missed |= dict.fromkeys(id for id in (*before, *after) if id not in known)
        earlier = [known[id] for id in before if id in known]
        later = [known[id] for id in after if id in known]
        near |= {one.id: one for one in (*earlier, *later)}
    return list(near.values()), list(missed)


def _before(held: Held) -> str:
    """The point before that of a memory; empty where there is none."""
    return point_id(held.owner, held.memory.before) if held.memory.before else ""


def _chain(before: str, links: Mapping[str, str], noted: Earlier) -> list[str]:
    """From a point on backwards: by what is written with it as far as that goes, then by what was noted there."""
    chain = [before]
    while len(chain) < NOTED and links.get(chain[-1]):
        chain.append(links[chain[-1]])
    return [*chain, *noted.get(chain[-1], ())][:NOTED]


def _now() -> float:
    return asyncio.get_running_loop().time()

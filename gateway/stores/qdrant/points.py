"""A memory as a point: what is filtered and sorted by in the open, the memory itself beside it, sealed under a key.

Pure. A point's id follows from whose memory it is and its id, so that writing it twice is writing it once. What a text
is found by is known by gateway/stores/vectors.py, and where points lie by collections.py.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast
from uuid import UUID, uuid5

import msgspec
import structlog
from qdrant_client.http import models
from qdrant_edge import SparseVector

from gateway.errors import MemoryUnavailable
from gateway.memories import Memory
from gateway.ports import Held
from gateway.sealing import NO_SEAL, Seal, is_sealed
from gateway.stores.storable import encodable
from gateway.stores.vectors import readable, shelf, vectors_of

NAMESPACE = UUID("4b63d710-a9ab-4f3f-ad84-77d80f2c65d0")
"""Of our ids; drawn once."""

EVERYWHERE = "user"
"""As `reach` of a point: wherever its user speaks. What holds in one session only has that session there."""

EARLIER = "earlier"
"""Field of a point: the points before it, for what is asked for around some (chains.py)."""

KIND, PINNED = "kind", "pinned"
"""Fields of a point by which everybody's memories are leafed through, and a person's own pins found."""

READ = ["owner", "id", "memory", EARLIER]
"""Fields of a point that a memory is read from; the others are what it is filtered and sorted by."""

_MEMORY = msgspec.json.Decoder(Memory)

log = structlog.get_logger()


class _Kept(msgspec.Struct):
    """Of a payload what a memory is read from."""

    owner: str
    id: str
    memory: str


def point_id(owner: str, id: str) -> str:
    """The id of a memory's point; the owner's length goes in, so that no two memories share one."""
    return str(uuid5(NAMESPACE, f"{len(owner)}:{owner}{encodable(id)}"))


def ended(shelf: str) -> str:
    """Where memories lie that hold no longer, and so are not searched."""
    return f"{shelf}/ended"


def kind_of(payload: Mapping[str, Any]) -> str:
    """Of the memory of a point, by where it lies; empty for what is no memory."""
    _, _, kind = str(payload.get("shelf", "")).removesuffix(ended("")).partition("/")
    return kind


def session_reach(session: str) -> str:
    """As `reach` of a point: in this session only."""
    return f"session:{encodable(session)}"


def storable(memory: Memory) -> Memory:
    """The memory with texts that have a form in UTF-8."""
    texts = {name: value for name, value in msgspec.structs.asdict(memory).items() if isinstance(value, str)}
    return msgspec.structs.replace(memory, **{name: encodable(text) for name, text in texts.items()})


def payload_of(held: Held, seal: Seal, earlier: Sequence[str] = ()) -> dict[str, Any]:
    """What a point holds besides its vectors. Raises `msgspec.MsgspecError` or `ValueError` for what has no form.

    Args:
        earlier: ids of the points before it, nearest first.
    """
    memory, place = held.memory, shelf(held.owner, held.memory.kind)
    stored = cast(bytes, seal.close(msgspec.json.encode(memory), *_place(held.owner, memory.id)))
    payload = {
        "owner": held.owner,
        "tenant": held.tenant,
        "id": memory.id,
        "shelf": place if memory.ended_at is None else ended(place),
        KIND: memory.kind if memory.ended_at is None else ended(memory.kind),
        "reach": EVERYWHERE if memory.reach == "user" else session_reach(memory.session),
        "at": memory.at,
        # A text, because the client takes a tree apart value by value, on the event loop.
        "memory": (base64.b64encode(stored) if is_sealed(stored) else stored).decode(),
    }
    if memory.is_pinned and memory.ended_at is None:
        payload[PINNED] = True
    return payload | {EARLIER: [*earlier]} if earlier else payload


def renewed(payload: Mapping[str, Any], seal: Seal) -> dict[str, Any]:
    """A payload of an earlier version as this one writes it; what is sealed in it stays sealed as it is.

    Raises `MemoryUnavailable` for what cannot be read.
    """
    return payload_of(held_of(payload, seal), NO_SEAL, payload.get(EARLIER, ())) | {"memory": payload["memory"]}


def point_of(held: Held, payload: Mapping[str, Any], dense: Sequence[float] | None) -> models.PointStruct:
    """The point of a memory; one that holds no longer has no vectors.

    Args:
        dense: of its key, empty for one that nothing could be made of; None while it is not known.
    """
    memory, payload = held.memory, dict(payload)
    if memory.ended_at is not None:
        return models.PointStruct(id=point_id(held.owner, memory.id), vector={}, payload=payload)
    if dense is None:
        payload["lacks"] = True
    vectors = vectors_of(held.owner, readable(memory.key), memory.text, dense or ())
    return models.PointStruct(id=point_id(held.owner, memory.id), vector=as_sent(vectors), payload=payload)


def as_sent(vectors: Mapping[str, Any]) -> dict[str, Any]:
    """Vectors as the client takes them. A sparse one with nothing in it is sent too: its text counts among those of
    which most do not have a word."""
    return {
        way: models.SparseVector(indices=vector.indices, values=vector.values)
        if isinstance(vector, SparseVector)
        else vector
        for way, vector in vectors.items()
    }


def held_of(payload: Mapping[str, Any] | None, seal: Seal) -> Held:
    """The memory of a point with whose it is. Raises `MemoryUnavailable` for what cannot be read."""
    owner, memory = _read(payload, seal)
    tenant = (payload or {}).get("tenant")
    if not isinstance(tenant, str):
        raise MemoryUnavailable(f"memory {memory.id} cannot be read: it has no tenant")
    return Held(owner=owner, tenant=tenant, memory=memory)


def readables(
    points: Iterable[models.Record | models.ScoredPoint], owner: str, seal: Seal
) -> Iterator[tuple[str, Memory]]:
    """An owner's memories by id of their points; what cannot be read is passed over, and the log says so."""
    for point in points:
        try:
            whose, memory = _read(point.payload, seal)
        except MemoryUnavailable as error:
            log.warning("memory_unreadable", point=str(point.id), reason=str(error))
            continue
        if whose == owner:
            yield str(point.id), memory


def newest_first(memories: Iterable[Memory]) -> list[Memory]:
    """By when they were said; what was said at the same time is in an order that is the same every time."""
    return sorted(memories, key=lambda one: (one.at, one.recorded_at, one.place, one.id), reverse=True)


def _read(payload: Mapping[str, Any] | None, seal: Seal) -> tuple[str, Memory]:
    """Whose memory, and the memory. Raises `MemoryUnavailable` for what cannot be read."""
    try:
        kept = msgspec.convert(payload, _Kept)
        stored = kept.memory.encode()
        if not stored.startswith(b"{"):
            stored = seal.open(base64.b64decode(stored, validate=True), *_place(kept.owner, kept.id))
        return kept.owner, _MEMORY.decode(stored)
    except (msgspec.DecodeError, ValueError) as error:
        raise MemoryUnavailable(f"memory {(payload or {}).get('id')} cannot be read: {error!r}") from error


def _place(owner: str, id: str) -> tuple[str, str, str]:
    """Where a sealed memory stands, so that it opens nowhere else."""
    return "memories", owner, id

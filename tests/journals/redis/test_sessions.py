"""gateway/journals/redis/sessions.py: what lies in Redis, read as a session; damage is an error, never a guess."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.keys import EPOCH, digest, owner_of
from gateway.journals.redis.parcels import Parcels, anchor_key
from gateway.journals.redis.server import Server
from gateway.journals.redis.sessions import Sessions
from gateway.journals.sqlite.records import pack
from gateway.ports import Echoes
from gateway.testing.redis import RedisProcess
from gateway.types import Exchange, Scope
from tests.journals.redis.gateways import KEEP_S, PARTITIONS, PATIENCE_S, subject
from tests.journals.samples import exchange, scope

PARCELS = Parcels(partitions=PARTITIONS, keep_s=KEEP_S, subject=subject)
ANN = owner_of(scope("s1"), PARTITIONS)
OPENED = ("the train leaves at noon",)


@pytest.fixture
async def server(redis: RedisProcess) -> AsyncIterator[Server]:
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as opened:
        yield opened


@pytest.fixture
def sessions(server: Server) -> Sessions:
    return Sessions(server, partitions=PARTITIONS)


async def put(server: Server, *exchanges: Exchange) -> None:
    for one in exchanges:
        await server.run_all(PARCELS.ended(*pack(one)))


async def name_of(sessions: Sessions, where: Scope, echoes: Echoes) -> str | None:
    found = await sessions.find(where, echoes)
    return None if found is None else found.scope.session


async def test_a_strong_anchor_stays_with_the_newest_exchange_whichever_is_brought_last(
    server: Server, sessions: Sessions
) -> None:
    older, newer = (exchange(f"e{number}", scope(f"s{number}"), anchors=("s:call_1",)) for number in (1, 2))
    for order in [(older, newer), (newer, older)]:
        await put(server, *order)
        assert await name_of(sessions, scope(), Echoes(anchors=["s:call_1"])) == "s2"


async def test_an_anchor_of_a_session_that_has_expired_lets_the_next_one_speak(
    server: Server, sessions: Sessions, raw: Any
) -> None:
    await put(server, exchange("e1", scope("s1"), anchors=("s:call_1",)))
    await put(server, exchange("e2", scope("s2"), anchors=("w:text",)))
    await raw.delete(ANN.key("session", digest("s1")))
    assert await name_of(sessions, scope(), Echoes(anchors=["s:call_1", "w:text"])) == "s2"


@pytest.mark.parametrize(
    ("key", "echoes"),
    [
        (anchor_key(ANN, "s:call_1"), Echoes(anchors=["s:call_1"])),
        (anchor_key(ANN, "w:text"), Echoes(anchors=["w:text"])),
        (ANN.key("openings"), Echoes(texts=OPENED)),
        (ANN.key("session", digest("s1")), Echoes(anchors=["s:call_1"])),
    ],
)
@pytest.mark.parametrize("is_other_type", [True, False])
async def test_what_is_damaged_is_an_error(
    server: Server, sessions: Sessions, raw: Any, key: str, echoes: Echoes, is_other_type: bool
) -> None:
    said = exchange("e1", scope("s1"), notes={"head": "note"}, anchors=("s:call_1", "w:text"))
    await put(server, msgspec.structs.replace(said, openings=OPENED))
    assert await name_of(sessions, scope(), echoes) == "s1"
    kind = await raw.type(key)
    await raw.delete(key)
    if is_other_type:
        await raw.zadd(key, {"damage": 1})
    elif kind == b"string":
        await raw.set(key, b"e1 \xff")
    elif kind == b"set":
        await raw.sadd(key, b"\xff")
    elif kind == b"list":
        await raw.lpush(key, b"\xc1")
    else:
        await raw.hset(key, mapping={"": "s1", "head": b"00000001\xc1"})
    with pytest.raises(MemoryUnavailable):
        await sessions.find(scope(), echoes)


async def test_with_every_answer_it_is_told_which_memory_of_redis_it_is_from(server: Server, raw: Any) -> None:
    seen: list[bytes | None] = []
    sessions = Sessions(server, partitions=PARTITIONS, on_epoch=seen.append)
    assert await sessions.find(scope("s1"), Echoes()) is None
    await raw.set(EPOCH, "epoch_1")
    assert await sessions.find(scope(), Echoes(anchors=["s:call_1"])) is None
    assert seen == [None, b"epoch_1"]

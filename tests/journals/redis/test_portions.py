"""gateway/journals/redis/portions.py: much is looked through in portions, and all of it."""

from __future__ import annotations

from contextlib import aclosing

from gateway.journals.redis.keys import owner_of
from gateway.journals.redis.portions import PORTION, fields_of, keys_of, unanchor
from gateway.journals.redis.server import Server
from gateway.testing.redis import RedisProcess
from tests.journals.redis.fleet import PARTITIONS
from tests.journals.samples import scope

MANY = 2 * PORTION + 1
ANN = owner_of(scope("s1"), PARTITIONS)


async def test_all_fields_are_found_of_a_hash_of_any_size_and_none_where_there_is_no_hash(redis: RedisProcess) -> None:
    fields = {b"field-%d" % number: b"%d" % number for number in range(MANY)}
    async with aclosing(Server(redis.url, timeout_s=5.0)) as server:
        await server.ask("HSET", "h", *(part for pair in fields.items() for part in pair))
        assert dict([pair async for pair in fields_of(server, "h")]) == fields
        assert [pair async for pair in fields_of(server, "none")] == []


async def test_a_persons_keys_are_those_with_their_digest_and_records_that_name_them(redis: RedisProcess) -> None:
    own = [ANN.key("talk", f"{number}") for number in range(MANY)]
    record, other = ANN.partition.key("exchange", "e1"), ANN.partition.key("exchange", "e2")
    async with aclosing(Server(redis.url, timeout_s=5.0)) as server:
        await server.ask_all([("SET", key, "") for key in (*own, other, "another's")])
        await server.ask("HSET", record, "who", ANN.who)
        assert {key async for key in keys_of(server, ANN)} == {*own, record}


async def test_every_anchor_of_a_session_leads_nowhere_any_more_and_others_where_they_did(redis: RedisProcess) -> None:
    async with aclosing(Server(redis.url, timeout_s=5.0)) as server:
        await server.ask_all([("SET", ANN.key("anchor", f"{number}"), "ex_1 a session") for number in range(MANY)])
        await server.ask_all(
            [("SET", ANN.key("anchor", "other"), "ex_1 session"), ("LPUSH", ANN.key("anchor", "x"), "")]
        )
        await unanchor(server, ANN, "a session")
        assert {key async for key in keys_of(server, ANN)} == {ANN.key("anchor", "other"), ANN.key("anchor", "x")}

"""gateway/journals/redis/aof.py: what was removed leaves Redis's log on disk as well, whoever sees to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.aof import AppendLog
from gateway.journals.redis.keys import STALE_LOG
from gateway.journals.redis.server import Server
from gateway.testing.redis import RedisProcess

WORDS = b"the parrot is called Zog"


@pytest.fixture
async def server(redis: RedisProcess) -> AsyncIterator[Server]:
    async with aclosing(Server(redis.url, timeout_s=5.0)) as opened:
        await opened.ask("CONFIG", "SET", "aof-use-rdb-preamble", "no")  # which would compress what is looked for
        await settled(opened)
        yield opened
        for name, value in (("rdb-key-save-delay", 0), ("appendonly", "yes"), ("aof-use-rdb-preamble", "yes")):
            await opened.ask("CONFIG", "SET", name, value)
        await opened.ask("ACL", "DELUSER", "limited")


async def settled(server: Server) -> int:
    """How often the log was written anew, once it is being written no more."""
    async with asyncio.timeout(20):
        while True:
            state = await server.ask("INFO", "persistence")
            if not (state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]):
                return int(state["aof_rewrites"])


async def on_disk(server: Server) -> bytes:
    folder = Path((await server.ask("CONFIG", "GET", "dir"))[b"dir"].decode())
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def removed(server: Server) -> None:
    await server.ask("SET", "words", WORDS)
    assert WORDS in await on_disk(server)
    await server.ask("DEL", "words")


@pytest.mark.promise("P11")
async def test_what_was_removed_is_not_in_the_log_once_it_is_written_anew(server: Server) -> None:
    await removed(server)
    await AppendLog(server).removed()
    await settled(server)
    assert WORDS not in await on_disk(server)
    assert not await server.ask("EXISTS", STALE_LOG)


@pytest.mark.promise("P11")
async def test_what_is_removed_while_the_log_is_being_written_leaves_it_afterwards(server: Server) -> None:
    await server.ask("CONFIG", "SET", "rdb-key-save-delay", 200_000)  # microseconds for each key
    await server.ask_all([("SET", f"key-{number}", WORDS[:8]) for number in range(5)])
    await server.ask("BGREWRITEAOF")
    await removed(server)
    log, stop = AppendLog(server), asyncio.Event()
    await log.removed()
    await log.renew()
    assert await server.ask("EXISTS", STALE_LOG)
    await server.ask("CONFIG", "SET", "rdb-key-save-delay", 0)
    running = asyncio.create_task(log.run(stop))
    async with asyncio.timeout(20):
        while await server.ask("EXISTS", STALE_LOG):
            pass
    stop.set()
    await running
    await settled(server)
    assert WORDS not in await on_disk(server)


async def test_where_nothing_was_removed_or_no_log_is_kept_nothing_is_written(server: Server) -> None:
    before = await settled(server)
    await AppendLog(server).renew()
    await server.ask("CONFIG", "SET", "appendonly", "no")
    await AppendLog(server).removed()
    assert not await server.ask("EXISTS", STALE_LOG)
    assert await settled(server) == before


async def test_a_log_that_may_not_be_written_now_stays_marked_and_that_is_said_once(
    redis: RedisProcess, server: Server
) -> None:
    await server.ask("ACL", "SETUSER", "limited", "on", ">pass", "~*", "+@all", "-bgrewriteaof")
    async with aclosing(Server(redis.url.replace("redis://", "redis://limited:pass@"), timeout_s=5.0)) as limited:
        log = AppendLog(limited)
        with capture_logs() as logs:
            await log.removed()
            await log.removed()
        assert [line["event"] for line in logs] == ["redis_log_kept"]
        with pytest.raises(MemoryUnavailable):
            await log.renew()
    assert await server.ask("EXISTS", STALE_LOG)
    await AppendLog(server).renew()
    assert not await server.ask("EXISTS", STALE_LOG)

"""A server that may only be read is left: behind its name, or by what a sentinel says, there is another one by now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, closing, suppress
from pathlib import Path

import msgspec
import pytest

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.server import Run, Server
from gateway.testing.redis import RedisProcess
from tests.journals.redis.gateways import PATIENCE_S

ANCHORS = Run("anchor", ["accrue:{1}:erased", "accrue:{1}:anchor:who:1"], [60, "subject", 1.0, "e1", "s1", "strong"])

WRITES: dict[str, Callable[[Server], Awaitable[object]]] = {
    "a command": lambda server: server.ask("SET", "a", 1),
    "commands": lambda server: server.ask_all([("GET", "a"), ("SET", "a", 1)]),
    "commands of which each may fail": lambda server: server.ask_each([("GET", "a"), ("SET", "a", 1)]),
    "a script": lambda server: server.run(ANCHORS.script, ANCHORS.keys, *ANCHORS.arguments),
    "scripts": lambda server: _all_of(server.run_all([ANCHORS])),
}


class Name(msgspec.Struct):
    """What a name leads to whoever connects from now on."""

    port: int

    async def connect(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        there, forth = await asyncio.open_connection("127.0.0.1", self.port)
        await asyncio.gather(_carry(here, forth), _carry(there, back))


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with closing(target), suppress(ConnectionError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()


async def _all_of(answers: Awaitable[list[object]]) -> list[object]:
    """Answers, of which one that is an error is raised."""
    for answer in (found := await answers):
        if isinstance(answer, Exception):
            raise answer
    return found


@asynccontextmanager
async def connected(name: Name) -> AsyncIterator[Server]:
    """Who has asked what the name leads to now."""
    async with await asyncio.start_server(name.connect, "127.0.0.1", 0) as listening:
        url = f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}/0"
        async with aclosing(Server(url, timeout_s=PATIENCE_S)) as server:
            await server.ask("GET", "a")
            yield server


@pytest.mark.parametrize("how", WRITES)
async def test_who_is_told_that_a_server_may_only_be_read_asks_its_name_again(
    redis: RedisProcess, tmp_path: Path, how: str
) -> None:
    name = Name(port=redis.port)
    with RedisProcess(tmp_path / "successor") as successor:
        async with connected(name) as server:
            await server.ask("REPLICAOF", "127.0.0.1", 1)  # it serves on, and what it has may be read
            name.port = successor.port
            with pytest.raises(MemoryUnavailable, match=r"(?i)read only"):
                await WRITES[how](server)
            await WRITES[how](server)
            await server.ask("SET", "who", "successor")
        async with aclosing(Server(successor.url, timeout_s=PATIENCE_S)) as direct:
            assert await direct.ask("GET", "who") == b"successor"


async def test_who_shares_the_connections_leaves_with_whoever_was_told(redis: RedisProcess, tmp_path: Path) -> None:
    name = Name(port=redis.port)
    with RedisProcess(tmp_path / "successor") as successor:
        async with connected(name) as server:
            await server.ask("REPLICAOF", "127.0.0.1", 1)
            name.port = successor.port
            with pytest.raises(MemoryUnavailable):
                await server.within(PATIENCE_S).ask("SET", "a", 1)
            assert await server.ask("SET", "a", 1)

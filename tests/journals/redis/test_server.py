"""gateway/journals/redis/server.py: one kind of error, no waiting, and every sort of Redis."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.keys import Partition
from gateway.journals.redis.server import CONNECTIONS, Run, Server
from gateway.testing.redis import RedisProcess
from tests.journals.redis.gateways import PATIENCE_S

ANCHORS = Run("anchor", ["accrue:{1}:erased", "accrue:{1}:anchor:who:1"], [60, "subject", 1.0, "e1", "s1", "strong"])
DAMAGED = Run("anchor", ["accrue:{2}:erased", "accrue:{2}:anchor:who:1"], [60, "subject", 1.0, "e1", "s1", "weak"])


async def test_a_script_that_redis_does_not_have_is_given_to_it(redis: RedisProcess, raw: Any) -> None:
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server:
        for _ in range(2):
            await raw.script_flush()
            assert await server.run(ANCHORS.script, ANCHORS.keys, *ANCHORS.arguments) == b"DONE"
            assert await server.run(ANCHORS.script, ANCHORS.keys, *ANCHORS.arguments) == b"DONE"
            await raw.script_flush()
            assert await server.run_all([ANCHORS, ANCHORS]) == [b"DONE", b"DONE"]


async def test_of_scripts_sent_together_only_those_fail_that_do(redis: RedisProcess, raw: Any) -> None:
    await raw.set("accrue:{2}:erased", "no hash")
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server:
        one, other, last = await server.run_all([ANCHORS, DAMAGED, ANCHORS])
        assert (one, last) == (b"DONE", b"DONE")
        assert isinstance(other, MemoryUnavailable)


async def test_a_command_that_fails_fails_all_that_are_asked_together(redis: RedisProcess, raw: Any) -> None:
    await raw.set("text", "no hash")
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server:
        assert await server.ask_all([("GET", "text"), ("EXISTS", "text")]) == [b"no hash", 1]
        with pytest.raises(MemoryUnavailable, match="WRONGTYPE"):
            await server.ask_all([("GET", "text"), ("HGETALL", "text")])


async def ask_everything(server: Server) -> list[object]:
    """What becomes of each sort of question."""
    questions = [
        server.ask("GET", "text"),
        server.ask_all([("GET", "text")]),
        server.run(ANCHORS.script, ANCHORS.keys, *ANCHORS.arguments),
        server.run_all([ANCHORS]),
    ]
    return [type(answer) for answer in await asyncio.gather(*questions, return_exceptions=True)]


async def test_one_that_is_not_there_or_says_nothing_is_unavailable_and_then_there_again(redis: RedisProcess) -> None:
    async with aclosing(Server(redis.url, timeout_s=0.1)) as server:
        redis.stop()
        assert await ask_everything(server) == [MemoryUnavailable] * 4
        redis.start()
        assert MemoryUnavailable not in await ask_everything(server)
        redis.freeze()
        assert await ask_everything(server) == [MemoryUnavailable] * 4
        redis.thaw()
        assert MemoryUnavailable not in await ask_everything(server)


async def test_more_questions_than_connections_wait_for_one_as_long_as_for_an_answer(redis: RedisProcess) -> None:
    async with aclosing(Server(redis.url, timeout_s=PATIENCE_S)) as server:
        await server.ask("SET", "text", "1")
        asked = [server.ask("GET", "text") for _ in range(3 * CONNECTIONS)]
        assert await asyncio.gather(*asked) == [b"1"] * (3 * CONNECTIONS)
        redis.freeze()
        asked = [server.within(0.1).ask("GET", "text") for _ in range(2 * CONNECTIONS)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(one) for one in found} == {MemoryUnavailable}
        redis.thaw()
        assert await asyncio.gather(*(server.ask("GET", "text") for _ in range(9))) == [b"1"] * 9


async def test_who_gives_up_gets_nobody_elses_answer_later(redis: RedisProcess) -> None:
    async with aclosing(Server(redis.url, timeout_s=None)) as server:
        await server.ask("SET", "a", "1")
        await server.ask("SET", "b", "2")
        redis.freeze()
        for question in [server.ask("GET", "a"), server.ask_all([("GET", "a")])]:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await question
        redis.thaw()
        for _ in range(3):
            assert await server.ask("GET", "b") == b"2"
            assert await server.ask_all([("GET", "b")]) == [b"2"]


async def test_a_cluster_is_asked_where_a_partition_lies(redis: RedisProcess, tmp_path: Path) -> None:
    flags = ("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf")
    with RedisProcess(tmp_path / "node", flags=flags) as node:
        async with aclosing(Server(node.url, timeout_s=PATIENCE_S)) as only:
            await only.ask("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            await asyncio.wait_for(until_ok(only), PATIENCE_S)
        url = f"redis+cluster://127.0.0.1:{node.port}"
        async with aclosing(Server(url, timeout_s=PATIENCE_S)) as server:
            keys = [Partition(number).key("stream") for number in range(8)]
            assert await server.ask_all([("SET", key, key) for key in keys]) == [True] * 8
            assert await server.ask_all([("GET", key) for key in keys]) == [key.encode() for key in keys]
            assert await server.run_all([ANCHORS, DAMAGED]) == [b"DONE", b"DONE"]
            assert await server.run(ANCHORS.script, ANCHORS.keys, *ANCHORS.arguments) == b"DONE"
            assert await server.ask("TYPE", keys[0]) == b"string"
            node.kill()
            with pytest.raises(MemoryUnavailable):
                await server.ask("GET", keys[0])


async def until_ok(node: Server) -> None:
    """Wait until a cluster has noticed that it has all its slots."""
    while b"cluster_state:ok" not in bytes(str(await node.ask("CLUSTER", "INFO")), "utf-8").replace(b"'", b""):
        pass


@contextmanager
def sentinel(folder: Path, redis: RedisProcess) -> Iterator[int]:
    """A sentinel that knows a server as `main`; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
    file = folder / "sentinel.conf"
    file.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {redis.port} 1\n")
    command = ["redis-server", str(file), "--sentinel"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if b"+monitor" in line)
        yield port
        process.terminate()
        process.stdout.read()


async def test_a_sentinel_says_which_server_it_is(redis: RedisProcess, tmp_path: Path) -> None:
    with sentinel(tmp_path, redis) as port:
        for hosts in [f"127.0.0.1:{port}", f"127.0.0.1:1,127.0.0.1:{port}"]:
            async with aclosing(Server(f"redis+sentinel://{hosts}/main", timeout_s=PATIENCE_S)) as server:
                await server.ask("SET", "text", hosts)
                assert await server.ask_all([("GET", "text")]) == [hosts.encode()]
        async with aclosing(Server(f"redis+sentinel://127.0.0.1:{port}/other", timeout_s=PATIENCE_S)) as server:
            with pytest.raises(MemoryUnavailable):
                await server.ask("GET", "text")

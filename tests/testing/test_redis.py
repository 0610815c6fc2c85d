"""gateway/testing/redis.py: a real server that can be killed, started again and frozen."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as Disconnected

from gateway.testing.redis import RedisProcess


@pytest.mark.skipif(
    not RedisProcess.is_installed(), reason="redis-server is not installed: apt-get install redis-server"
)
async def test_it_comes_back_with_what_it_had_and_waits_when_it_is_told_to(tmp_path: Path) -> None:
    with RedisProcess(tmp_path) as server:
        async with aclosing(Redis.from_url(server.url)) as redis:
            await redis.set("train", "Bern")
            server.kill()
            with pytest.raises(Disconnected):
                await redis.get("train")
            server.start()
            assert await redis.get("train") == b"Bern"
            server.freeze()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await redis.get("train")
            server.thaw()
            assert await redis.get("train") == b"Bern"


@pytest.mark.skipif(
    not RedisProcess.is_installed(), reason="redis-server is not installed: apt-get install redis-server"
)
def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no-such-flag"):
        RedisProcess(tmp_path, flags=["--no-such-flag", "1"]).start()

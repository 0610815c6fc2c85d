"""A plain client, with which tests look at what lies in Redis and do to it what others could."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from redis.asyncio import Redis

from gateway.testing.redis import RedisProcess


@pytest.fixture
async def raw(redis: RedisProcess) -> AsyncIterator[Any]:
    async with aclosing(Redis.from_url(redis.url)) as client:
        yield client

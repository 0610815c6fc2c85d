"""The journals that must behave the same, and the Redis server that one of them needs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from gateway.journals.redis.journal import RedisJournal
from gateway.journals.sqlite import SqliteJournal
from gateway.testing.redis import RedisProcess
from tests.journals.redis.gateways import gateway, in_step
from tests.journals.samples import OpenJournal

INSTALL = ("apt-get", "install", "-y", "redis-server")
INSTALL_S = 120.0


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    if not RedisProcess.is_installed() and os.geteuid() == 0 and shutil.which(INSTALL[0]) is not None:
        subprocess.run(INSTALL, check=False, timeout=INSTALL_S, stdout=subprocess.DEVNULL)
    if not RedisProcess.is_installed():
        pytest.skip(f"there is no redis-server on this machine: {' '.join(INSTALL)}")
    with RedisProcess(tmp_path_factory.mktemp("redis")) as process:
        yield process


@pytest.fixture
def redis(redis_process: RedisProcess) -> RedisProcess:
    """A real server, with nothing in it and all as it was at its start, whatever an earlier test did to it."""
    if redis_process.process is None or redis_process.process.poll() is not None:
        redis_process.start()
    redis_process.thaw()
    with closing(Redis.from_url(redis_process.url)) as client:
        client.replicaof("NO", "ONE")
        client.config_set("maxmemory", 0)
        client.flushall()
    return redis_process


@pytest.fixture(params=["sqlite", "redis"])
def open_journal(request: pytest.FixtureRequest, tmp_path: Path) -> OpenJournal:
    if request.param == "sqlite":
        return lambda: aclosing(SqliteJournal(tmp_path / "journal.db"))
    process: RedisProcess = request.getfixturevalue("redis")
    return partial(redis_journal, tmp_path, process.url)


@asynccontextmanager
async def redis_journal(folder: Path, url: str) -> AsyncIterator[RedisJournal]:
    """One that is the only one, and has shipped what it had at its start."""
    async with gateway(folder, url, learns=True) as journal:
        await in_step(journal)
        yield journal

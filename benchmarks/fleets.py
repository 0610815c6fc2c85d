"""Gateways that share a record, as processes: how they are started, and what they have used.

Every fleet has a Redis of its own, and every gateway a copy of the same memories in its own store.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, cast

import msgspec
import redis

from benchmarks import harness
from benchmarks.harness import Failed, Server
from benchmarks.many import fill
from gateway.credentials import credential, tenant
from gateway.datadir import DataDir
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.sections import JournalConfig
from gateway.stores.local import LocalStore
from gateway.testing.redis import RedisProcess
from gateway.types import Scope

SECRET = "the same on every gateway of a benchmark"
CREDENTIAL = "Bearer benchmark"

LOOK_S = 0.5
IDLE_LOOK_S = 2.0
IDLE_SHARE = 0.1
"""Of a core's time: a gateway that uses less has learnt what there was to learn. One with Redis is never quite idle."""

SETTLE_LOOKS = 240


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a fleet has used since its start."""

    cpu_ms: float
    """Of the gateways."""
    redis_cpu_ms: float = 0.0
    redis_bytes: int = 0
    """In use now."""
    redis_reads: int = 0
    """Of sockets: each is a question, or several that were sent together."""


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """Gateways, and the Redis that they share; None: there is one gateway, by itself."""

    gateways: Sequence[Server]
    redis: RedisProcess | None

    @property
    def ports(self) -> list[int]:
        """Of the gateways."""
        return [gateway.port for gateway in self.gateways]

    def await_ready(self) -> None:
        """Return when all answer, and each learns its share of the partitions."""
        share = JournalConfig().partitions // len(self.gateways)
        for gateway in self.gateways:
            gateway.wait_for_status_200("/readyz")
            if self.redis is not None:
                gateway.wait_for(partial(_learns, gateway.port, share), f"{share} partitions")

    def settle(self) -> None:
        """Return when they have finished what calls left them to do."""
        for _ in range(SETTLE_LOOKS):
            if self.busy(LOOK_S) < IDLE_SHARE:
                return
        raise Failed("the gateways were still busy long after their last answer")

    def busy(self, seconds: float) -> float:
        """Share of a core's time that a gateway uses now."""
        before = self._cpu_ms()
        with suppress(subprocess.TimeoutExpired):
            self.gateways[0].process.wait(seconds)
            raise Failed(f"a gateway ended by itself:\n{self.gateways[0].output()[-2000:]}")
        return (self._cpu_ms() - before) / (seconds * 1e3) / len(self.gateways)

    def used(self) -> Usage:
        """What they have used so far."""
        if self.redis is None:
            return Usage(cpu_ms=self._cpu_ms())
        with redis.Redis.from_url(self.redis.url) as client:
            said = cast("dict[str, Any]", client.info())
        return Usage(
            cpu_ms=self._cpu_ms(),
            redis_cpu_ms=(said["used_cpu_sys"] + said["used_cpu_user"]) * 1e3,
            redis_bytes=said["used_memory"],
            redis_reads=said["total_reads_processed"],
        )

    def _cpu_ms(self) -> float:
        return sum(gateway.cpu_ticks() for gateway in self.gateways) * 1e3 / os.sysconf("SC_CLK_TCK")


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """What a fleet is made of."""

    gateways: int
    has_redis: bool


@contextmanager
def started(folder: Path, seeded: Path, upstream: str, sizes: Mapping[str, Size]) -> Iterator[dict[str, Fleet]]:
    """Fleets of these sizes, by their names, ready for calls."""
    with ExitStack() as stack:
        fleets = {}
        for place, (name, size) in enumerate(sizes.items()):
            home = folder / str(place)
            shared = stack.enter_context(RedisProcess(home / "redis")) if size.has_redis else None
            homes = [home / f"gateway{number}" for number in range(size.gateways)]
            gateways = [stack.enter_context(_gateway(home, seeded, upstream, shared)) for home in homes]
            fleets[name] = Fleet(gateways=gateways, redis=shared)
        for fleet in fleets.values():
            fleet.await_ready()
        yield fleets


async def seed(folder: Path, persons: Sequence[str], memories: int) -> None:
    """Make a data directory with memories of these persons."""
    data = DataDir(folder, SECRET)
    data.hold()
    name = tenant(credential([(b"authorization", CREDENTIAL.encode())]), data.secret())
    store = LocalStore(data.memories, data.index, WordLlamaEmbedder())
    await fill(store, [Scope(tenant=name, user=person) for person in persons], memories)
    await store.aclose()
    data.release()


def _gateway(home: Path, seeded: Path, upstream: str, shared: RedisProcess | None) -> Server:
    shutil.copytree(seeded, home / "data")
    journal = "" if shared is None else f"journal: {{kind: redis, url: '{shared.url}'}}\n"
    config, port = home / "config.yaml", harness.free_port()
    config.write_text(f"auth: {{shared_secret: {SECRET}}}\n{journal}", encoding="utf-8")
    options = {"--config": config, "--port": port, "--upstream": upstream, "--data-dir": home / "data"}
    command = [sys.executable, "-m", "gateway", "serve", *(str(part) for pair in options.items() for part in pair)]
    return Server("accrue", command, home, port)


def _learns(port: int, share: int) -> bool:
    """Whether a gateway learns so many partitions."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.search(r"^accrue_partitions (\d+)", text, re.MULTILINE)
    return found is not None and int(found[1]) == share

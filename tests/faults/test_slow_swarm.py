"""A swarm of slow connections beside good traffic: who is slow is closed, and nobody else is kept waiting.

Heads and bodies of a byte a second, answers that nobody takes, connections that say nothing; whoever is closed comes
again at once, so that the swarm is there for as long as it is measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest

from gateway.testing import GatewayProcess, ScriptedUpstream
from tests.faults.mutants import Mutant
from tests.faults.scale import scaled

SIZE = scaled(150, 500)
CALLS = scaled(200, 2_000)
MOST_TIMES_SLOWER = scaled(5.0, 2.0)
"""What is promised is the latter; a machine that does other things as well is too noisy to be held to it."""

PATIENCE_S = scaled(2, 5)
"""Short, so that the end of it is seen."""
CONFIG = f"server: {{header_timeout_s: {PATIENCE_S}, body_timeout_s: {PATIENCE_S}, send_timeout_s: {PATIENCE_S}}}"
SHORT_IDLE = f"import gateway.serve as serve; serve.KEEP_ALIVE_S = {PATIENCE_S}"
FOR_EVER = "import gateway.patience as p, gateway.serve as s; p.Patience.arm = lambda _: None; s.KEEP_ALIVE_S = 3600"

CLOSED_S = 15.0
"""Within which the last of a swarm has to be gone."""

DRIP_S = 1.0
LARGE = 300_000
"""Bytes of an answer, more than sockets with segments of `SEGMENT_BYTES` take before somebody reads."""
SEGMENT_BYTES = 536

CHAT = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """One way to be slow."""

    first: bytes = b""
    drip: bytes = b""
    is_deaf: bool = False


SAYS_NOTHING = Manner()
SLOW_HEAD = Manner(first=HEAD + b"A: ", drip=b"b")
SLOW_BODY = Manner(first=HEAD + b"Content-Length: 1000\r\n\r\n{", drip=b" ")
TAKES_NOTHING = Manner(
    first=b"POST /v1/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (LARGE, b"x" * LARGE),
    drip=b"\r\n",
    is_deaf=True,
)
MANNERS = [*[SAYS_NOTHING, SLOW_HEAD, SLOW_BODY] * 3, TAKES_NOTHING]


class Slow(asyncio.Protocol):
    """One slow connection; its drips show it whether it was reset."""

    def __init__(self, swarm: Swarm, manner: Manner) -> None:
        self._swarm = swarm
        self._manner = manner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._swarm.open.add(self)
        transport.write(self._manner.first)
        if self._manner.is_deaf:
            transport.pause_reading()
        self._drip()

    def connection_lost(self, exc: Exception | None) -> None:
        self._swarm.lost(self, self._manner)

    def _drip(self) -> None:
        if self._manner.drip and not self.transport.is_closing():
            self.transport.write(self._manner.drip)
            asyncio.get_running_loop().call_later(DRIP_S, self._drip)


class Swarm:
    """Slow connections, each of which comes again when it is closed, until the swarm leaves."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._coming: set[asyncio.Task[None]] = set()
        self._is_leaving = False
        self._is_gone = asyncio.Event()
        self.open: set[Slow] = set()
        self.closed = 0

    async def come(self, size: int) -> None:
        """Come one after the other, so that they are not all closed at once."""
        loop = asyncio.get_running_loop()
        for number in range(size):
            loop.call_later(PATIENCE_S * number / size, self._send_one, MANNERS[number % len(MANNERS)])
        has_come = asyncio.Event()
        loop.call_later(PATIENCE_S, has_come.set)
        await has_come.wait()

    async def leave(self) -> int:
        """Come no more; how many connections the gateway has not closed in time."""
        self._is_leaving = True
        await asyncio.gather(*self._coming)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSED_S):
                await self._is_gone.wait()
        left = list(self.open)
        for slow in left:
            slow.transport.abort()
        await self._is_gone.wait()
        return len(left)

    def lost(self, slow: Slow, manner: Manner) -> None:
        self.open.discard(slow)
        self.closed += 1
        if not self._is_leaving:
            self._send_one(manner)
        elif not self.open:
            self._is_gone.set()

    def _send_one(self, manner: Manner) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(manner))
        self._coming.add(task)
        task.add_done_callback(self._coming.discard)

    async def _connect(self, manner: Manner) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        if manner.is_deaf:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT_BYTES)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, self._address)
        await loop.create_connection(lambda: Slow(self, manner), sock=sock)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How it went: seconds, and connections."""

    alone_p99: float
    beside_p99: float
    closed: int
    """While good calls were made."""
    left: int
    """Of the swarm, not closed in time."""
    before: int
    after: int
    """Open at the gateway."""


def accepted(port: int) -> int:
    """Connections that a process holds at its side of a port."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(line[1].partition(":")[2], 16) == port and line[3] != "0A" and line[9] != "0" for line in lines)


async def p99(url: str, calls: int) -> float:
    """Of good calls, four at a time, in seconds."""
    took: list[float] = []

    async def one_after_another(http: aiohttp.ClientSession) -> None:
        for _ in range(calls // 4):
            began = time.perf_counter()
            async with http.post(f"{url}/chat/completions", data=CHAT) as answer:
                assert answer.status == 200, await answer.text()
                await answer.read()
            took.append(time.perf_counter() - began)

    async with aiohttp.ClientSession() as http:
        await asyncio.gather(*(one_after_another(http) for _ in range(4)))
    return sorted(took)[int(len(took) * 0.99)]


async def withstood(gateway: GatewayProcess, size: int, calls: int) -> Outcome:
    """A swarm beside good calls, until it is gone."""
    address = urlsplit(gateway.url)
    assert address.hostname is not None
    assert address.port is not None
    await p99(gateway.url, calls // 4)  # what is slow at first is not what is measured
    alone, before = await p99(gateway.url, calls), accepted(address.port)
    swarm = Swarm((address.hostname, address.port))
    await swarm.come(size)
    beside, closed = await p99(gateway.url, calls), swarm.closed
    left = await swarm.leave()
    after = accepted(address.port)
    return Outcome(alone_p99=alone, beside_p99=beside, closed=closed, left=left, before=before, after=after)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


async def test_a_swarm_of_slow_connections_is_closed_and_keeps_nobody_waiting(
    upstream: ScriptedUpstream, directory: Path
) -> None:
    with Mutant(SHORT_IDLE, upstream.url, directory) as gateway:
        outcome = await withstood(gateway, SIZE, CALLS)
    print(f"{SIZE} slow connections, {CALLS} good calls: {outcome}")
    assert outcome.left == 0
    assert outcome.after <= outcome.before + 2
    assert outcome.beside_p99 <= MOST_TIMES_SLOWER * outcome.alone_p99


async def test_a_gateway_that_waits_for_ever_is_found_out(
    upstream: ScriptedUpstream, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "CLOSED_S", 5.0)
    with Mutant(FOR_EVER, upstream.url, directory) as gateway:
        outcome = await withstood(gateway, len(MANNERS), 20)
    assert outcome.left == len(MANNERS)

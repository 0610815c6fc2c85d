"""How long a server's event loop keeps others waiting: one connection that asks for next to nothing, again and again.

A process of its own (`python -m benchmarks.probe`), beside a load; a plan comes in as JSON on standard input, the
result goes out the same way. Where the machine has no core to spare, waiting for one is in its figures, too: what the
same load does to a pass-through says how much that is.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import httptools
import msgspec
import uvloop

from benchmarks.load import Client

EVERY_S = 0.002
"""Between an answer and the next request."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask, and for how long."""

    port: int
    path: str
    seconds: float


class Stall(msgspec.Struct, frozen=True, kw_only=True):
    """What a next-to-nothing request took, in milliseconds."""

    p50_ms: float
    p99_ms: float
    most_ms: float


class Probe(Client):
    """The connection."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._message = f"GET {plan.path} HTTP/1.1\r\nhost: 127.0.0.1:{plan.port}\r\n\r\n".encode()
        self._until = time.perf_counter() + plan.seconds
        self._loop = asyncio.get_running_loop()
        self.taken_ms: list[float] = []

    def connection_made(self, transport: Any) -> None:
        """Called by the event loop."""
        self._transport = transport
        self._send()

    def on_message_complete(self) -> None:
        """Called by the parser."""
        now = time.perf_counter()
        self.taken_ms.append((now - self._started) * 1e3)
        if now < self._until:
            self._loop.call_later(EVERY_S, self._send)
        else:
            self.finished.set_result(None)
            self._transport.close()

    def _send(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._started = time.perf_counter()
        self._transport.write(self._message)


async def probed(plan: Plan) -> Stall:
    """Ask until the time is over."""
    loop = asyncio.get_running_loop()
    _, probe = await loop.create_connection(lambda: Probe(plan), "127.0.0.1", plan.port)
    async with asyncio.timeout(plan.seconds + 30):
        await probe.finished
    taken = sorted(probe.taken_ms)
    return Stall(p50_ms=taken[len(taken) // 2], p99_ms=taken[len(taken) * 99 // 100], most_ms=taken[-1])


if __name__ == "__main__":
    result = uvloop.run(probed(msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)))
    sys.stdout.buffer.write(msgspec.json.encode(result))

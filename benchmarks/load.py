"""The load: keep-alive connections that send one chat completion after the other, and what the answers took.

A process of its own (`python -m benchmarks.load`), so that its work is not counted as the proxy's; a plan comes in as
JSON on standard input, the result goes out the same way. It parses HTTP with httptools and not with a client library,
because it shares the cores with what it measures.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count

import httptools
import msgspec
import uvloop

from benchmarks.bodies import Session


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement."""

    port: int
    headers: dict[str, str]
    is_stream: bool
    concurrency: int
    seconds: float
    first_question: int
    """Number of the first question; no number is asked twice in a plan."""
    messages: int = 0
    """Of each request, with the history of a session; 0 for a question by itself."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one measurement gave; times are of answers, `first` is to the first byte of the body."""

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    first_p50_ms: float
    gap_p99_ms: float
    """Between two pieces of a body; 0 where each came in one."""
    statuses: dict[int, int]
    memory: dict[str, int]
    """Answers by the first word of `x-accrue-memory`; empty for what is not Accrue."""


class Client(asyncio.Protocol):
    """One end of a keep-alive connection; what is asked on it, and when, is said by those who derive from this."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.finished = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop; being hung up on in the middle of a measurement is a failure."""
        if not self.finished.done():
            self.finished.set_exception(exc or ConnectionResetError("the server closed the connection"))


class Connection(Client):
    """One keep-alive connection, on which one request is under way at a time."""

    def __init__(self, plan: Plan, questions: Iterator[int]) -> None:
        super().__init__()
        self._plan = plan
        self._questions = questions
        self._started = 0.0
        self._session = Session(plan.messages, is_stream=plan.is_stream)
        self._body: list[bytes] = []
        self._heard = 0.0
        self._until = 0.0
        self.whole_ms: list[float] = []
        self.first_ms: list[float] = []
        self.gaps_ms: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.memory: Counter[str] = Counter()

    def run(self, transport: asyncio.Transport, until: float) -> None:
        """Send requests until a moment of the performance counter; `finished` is set after the last answer."""
        self._transport = transport
        self._until = until
        self._send()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        if name.lower() == b"x-accrue-memory":
            self.memory[value.decode().split(";")[0]] += 1

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        now = time.perf_counter()
        if self._body:
            self.gaps_ms.append((now - self._heard) * 1e3)
        else:
            self.first_ms.append((now - self._started) * 1e3)
        self._heard = now
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        now = time.perf_counter()
        self.whole_ms.append((now - self._started) * 1e3)
        self.statuses[self._parser.get_status_code()] += 1
        if now >= self._until:
            self.finished.set_result(None)
            self._transport.close()
            return
        self._session.heard(b"".join(self._body))
        self._parser = httptools.HttpResponseParser(self)
        self._send()

    def _send(self) -> None:
        body = self._session.request(next(self._questions))
        self._body = []
        self._started = time.perf_counter()
        self._transport.write(_head(self._plan, len(body)) + body)


def _head(plan: Plan, length: int) -> bytes:
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        f"host: 127.0.0.1:{plan.port}",
        "content-type: application/json",
        f"content-length: {length}",
        *(f"{name}: {value}" for name, value in plan.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def measure(plan: Plan) -> Result:
    """Put the load on."""
    loop = asyncio.get_running_loop()
    questions = count(plan.first_question)
    opened = [
        await loop.create_connection(lambda: Connection(plan, questions), "127.0.0.1", plan.port)
        for _ in range(plan.concurrency)
    ]
    connections = [connection for _, connection in opened]
    started = time.perf_counter()
    for transport, connection in opened:
        connection.run(transport, started + plan.seconds)
    async with asyncio.timeout(plan.seconds + 30):
        await asyncio.gather(*(connection.finished for connection in connections))
    seconds = time.perf_counter() - started
    whole = sorted(ms for connection in connections for ms in connection.whole_ms)
    first = sorted(ms for connection in connections for ms in connection.first_ms)
    gaps = sorted(ms for connection in connections for ms in connection.gaps_ms)
    return Result(
        answers=len(whole),
        seconds=seconds,
        p50_ms=whole[len(whole) // 2],
        p99_ms=whole[len(whole) * 99 // 100],
        first_p50_ms=first[len(first) // 2],
        gap_p99_ms=gaps[len(gaps) * 99 // 100] if gaps else 0.0,
        statuses=dict(sum((connection.statuses for connection in connections), Counter())),
        memory=dict(sum((connection.memory for connection in connections), Counter())),
    )


if __name__ == "__main__":
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(measure(plan))))

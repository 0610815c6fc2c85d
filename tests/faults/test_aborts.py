"""Clients that leave: in every manner, at every point of an answer, whatever the upstream does then.

Every turn has to be on record with the words that came, and nothing may be left behind: no file, no task, no
connection to the upstream.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import socket
import sqlite3
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from gateway.pump import Pump
from gateway.routes import UpstreamConfig
from gateway.sections import PostDisconnect, Server
from gateway.types import Exchange, Operator
from tests.conftest import Serve, Served
from tests.faults.scale import scaled

ROUNDS = scaled(1, 7)
LANES = 8
"""Clients at a time."""

LIMITS = PostDisconnect(seconds=1.5, bytes=8 << 20)
SERVER = Server(port=0, send_timeout_s=0.4, post_disconnect=LIMITS, commit_wait_ms=60_000, grace_s=1)

SETTLED_S, SLACK = 5.0, 2
"""In so long everything is as it was before, give or take so many."""

Manner = Literal["closes", "resets", "half-closes", "stops reading"]
Ending = Literal["goes on", "falls silent", "floods"]
MANNERS: tuple[Manner, ...] = ("closes", "resets", "half-closes", "stops reading")

WORDS = 4
FILLER = b": " + b"x" * 65_533 + b"\n"
FILLERS = 6 * 16
"""Six megabytes, which no socket holds: a client that does not read them is noticed."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A client that leaves."""

    number: int
    is_stream: bool
    stop: int
    """Pieces of the answer that it waits for: 0 before its head, 1 after it; -1 while it sends its request."""
    manner: Manner
    ending: Ending
    """What the upstream does then."""

    @property
    def pieces(self) -> list[bytes]:
        """The answer as it is sent, its head first and what ends it last."""
        said = [f"said-{self.number}-{place}" for place in range(WORDS)]
        kind = b"text/event-stream" if self.is_stream else b"application/json"
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % kind
        filler = [chunk(FILLER if self.is_stream else b" " * len(FILLER)) * FILLERS] * (self.manner == "stops reading")
        if self.is_stream:
            body = [b'data: {"choices":[{"index":0,"delta":{"content":"%b "}}]}\n\n' % word.encode() for word in said]
            last = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        else:
            message = b'"message":{"role":"assistant","content":"%b"}' % " ".join(said).encode()
            whole = b'{"choices":[{"index":0,"finish_reason":"stop",%b}]}' % message
            body, last = [whole[:40], whole[40:50], whole[50:60], whole[60:-1]], whole[-1:]
        first, *rest = map(chunk, [*body, last])
        return [head, b"".join([*filler, first]), *rest, b"0\r\n\r\n"]

    @property
    def expected(self) -> tuple[str, list[str]] | None:
        """How it is on record, and which words: nothing where the request never came."""
        if self.stop < 0:
            return None
        said = [f"said-{self.number}-{place}" for place in range(WORDS)]
        if self.ending == "goes on" or (self.is_stream and self.stop == len(self.pieces) - 1):
            return "done", said
        return "interrupted", said[: max(0, self.stop - 1)] if self.is_stream else []


def chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def cases() -> list[Case]:
    endings: tuple[Ending, ...] = ("goes on", "falls silent", "floods")
    found: list[Case] = []
    stops = [(True, stop) for stop in range(-1, WORDS + 3)] + [(False, stop) for stop in (-1, 0, 1, 3)]
    for _, (is_stream, stop), manner, ending in itertools.product(range(ROUNDS), stops, MANNERS, endings):
        # One that does not read has nothing to miss before the answer; and what is whole cannot be flooded.
        is_void = (manner == "stops reading" and stop < 2) or (stop < 0 and ending != "goes on")
        is_rare = ending == "floods" and (stop != 2 or not is_stream)
        if not is_void and not is_rare:
            found.append(Case(number=len(found), is_stream=is_stream, stop=stop, manner=manner, ending=ending))
    return found


class Call:
    """A case at the upstream."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.is_reached, self.may_go_on = asyncio.Event(), asyncio.Event()


class Upstream:
    """A provider that answers each case as it says, up to a point, and then does what it says."""

    def __init__(self, planned: Sequence[Case]) -> None:
        self.calls = {case.number: Call(case) for case in planned}
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                number = re.search(rb"case (\d+):", body)
                assert number is not None
                await self._answer(self.calls[int(number[1])], reader, writer)
        self.connections -= 1
        writer.close()

    async def _answer(self, call: Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        case, pieces = call.case, call.case.pieces
        for piece in pieces[: case.stop]:
            writer.write(piece)
            await writer.drain()
        call.is_reached.set()
        await call.may_go_on.wait()
        if case.ending == "falls silent":
            await reader.read()  # until it is left
        while case.ending == "floods":
            writer.write(chunk(FILLER))
            await writer.drain()
        for piece in pieces[case.stop :]:
            writer.write(piece)
            await writer.drain()


@contextlib.asynccontextmanager
async def answering(upstream: Upstream) -> AsyncIterator[str]:
    async with await asyncio.start_server(upstream.serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def request(case: Case) -> bytes:
    is_stream = b"true" if case.is_stream else b"false"
    said = b'{"model":"m","stream":%b,"messages":[{"role":"user","content":"case %d: hello"}]}'
    body = said % (is_stream, case.number)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-accrue-user: u%d\r\ncontent-length: %d\r\n\r\n"
    return head % (case.number, len(body)) + body


async def leave(case: Case, call: Call, port: int) -> None:
    """Be the client."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        if case.manner == "stops reading":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(client, ("127.0.0.1", port))
        sent = request(case)
        await loop.sock_sendall(client, sent if case.stop >= 0 else sent[:-5])
        if case.manner == "stops reading":
            call.may_go_on.set()
            await call.is_reached.wait()  # which it is when the client has been given up
            return
        if case.stop >= 0:
            await call.is_reached.wait()
        wanted = [
            b"HTTP/1.1 200",
            *([b"said-%d-%d" % (case.number, min(case.stop - 2, WORDS - 1))] if case.is_stream else []),
        ]
        heard = b""
        while case.stop > 0 and not all(word in heard for word in wanted[: case.stop]):
            heard += await loop.sock_recv(client, 65_536)
        if case.manner == "resets":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if case.manner == "half-closes":
            client.shutdown(socket.SHUT_WR)
            while await loop.sock_recv(client, 65_536):
                pass
    call.may_go_on.set()


async def each(planned: Sequence[Case], upstream: Upstream, port: int) -> None:
    """Go through the cases, some at a time."""
    waiting: Iterator[Case] = iter(planned)

    async def lane() -> None:
        for case in waiting:
            async with asyncio.timeout(20):
                await leave(case, upstream.calls[case.number], port)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(LANES):
            lanes.create_task(lane())


async def becomes(is_so: Callable[[], bool]) -> bool:
    """Look again and again: nothing says when a file has been closed."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_S):
            while not is_so():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 0.05)
    return is_so()


def state(upstream: Upstream) -> tuple[int, int, int]:
    """Files, tasks, connections of the upstream."""
    return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks()), upstream.connections


def open_calls(served: Served) -> float:
    """Calls that came in, less those of which it is known what became of them."""
    counted = {"received": 0.0, "recorded": 0.0, "unrecorded": 0.0, "refused": 0.0}
    for line in served.parts.telemetry.render().decode().splitlines():
        found = re.match(r"accrue_(received|recorded|unrecorded|refused)_total(?:\{.*\})? (\S+)", line)
        if found:
            counted[found[1]] += float(found[2])
    return counted["received"] - counted["recorded"] - counted["unrecorded"] - counted["refused"]


async def on_record(served: Served, journal: Path) -> dict[int, Exchange]:
    """What is known of each case."""
    with contextlib.closing(sqlite3.connect(journal)) as opened:
        ids = [line[0] for line in opened.execute("SELECT id FROM exchanges")]
    exchanges = [await served.parts.journal.read(Operator(), exchange) for exchange in ids]
    found = [(re.search(r"case (\d+):", each.turns[-1].text), each) for each in exchanges if each is not None]
    return {int(number[1]): each for number, each in found if number is not None}


def fault_of(case: Case, exchange: Exchange | None) -> str | None:
    """What is wrong with the record of a case."""
    if exchange is None or case.expected is None:
        return None if exchange is None and case.expected is None else f"{case}: on record is {exchange}"
    said = exchange.reply.turns[0].text.split() if exchange.reply and exchange.reply.turns else []
    return None if (exchange.state, said) == case.expected else f"{case}: {exchange.state}, {said}"


async def aborted(serve: Serve, folder: Path, planned: Sequence[Case]) -> list[str]:
    """Everything that is wrong after all clients have left."""
    warm_up = [
        Case(number=1_000_000 + number, is_stream=True, stop=7, manner="closes", ending="goes on")
        for number in range(LANES)
    ]
    upstream = Upstream([*warm_up, *planned])
    async with (
        answering(upstream) as url,
        serve(server=SERVER, upstreams={"default": UpstreamConfig(url=url)}) as served,
    ):
        port = int(served.url.split(":")[2].split("/")[0])
        await each(warm_up, upstream, port)
        await becomes(lambda: open_calls(served) == 0)
        before = state(upstream)
        await each(planned, upstream, port)
        if not await becomes(lambda: open_calls(served) == 0):
            return [f"{open_calls(served)} calls are open"]
        if not await becomes(lambda: all(now <= was + SLACK for now, was in zip(state(upstream), before, strict=True))):
            return [f"files, tasks, connections: {state(upstream)}, not {before}"]
        found = await on_record(served, folder / "data" / "journal.db")
    return [fault for case in planned if (fault := fault_of(case, found.get(case.number)))]


@pytest.mark.promise("P6")
async def test_whenever_a_client_leaves_its_turn_is_on_record_and_nothing_is_left_behind(
    serve: Serve, tmp_path: Path
) -> None:
    assert len(cases()) >= scaled(60, 500)
    faults = await aborted(serve, tmp_path, cases())
    assert not faults, "\n".join(faults[:20])


def stays(pump: Pump) -> None:
    """In place of leaving."""


def abandons(pump: Pump) -> None:
    pump._abandon()


@pytest.mark.parametrize("mutant", [stays, abandons])
async def test_a_gateway_that_never_leaves_or_leaves_at_once_is_found_out(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: Callable[[Pump], None]
) -> None:
    monkeypatch.setattr(Pump, "leave", mutant)
    assert await aborted(serve, tmp_path, [case for case in cases() if case.stop == 2][:12])

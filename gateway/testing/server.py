"""The scripted upstream's own process: sockets, the script, and the bytes of every answer.

Plain asyncio and llhttp, because faults need control over single bytes. Made for clients that wait for an answer
before they send the next request on a connection.
"""

from __future__ import annotations

import asyncio
import http.client
import signal
from collections import deque
from typing import Any

import httptools
import msgspec

from gateway.testing.clock import ManualClock
from gateway.testing.model import Model
from gateway.testing.replies import Provider
from gateway.testing.scripted import CONTROL, Received, Step
from gateway.testing.sockets import CLOSE, MESSAGE, Socket, is_handshake
from gateway.testing.sockets import reply as message_reply
from gateway.testing.wire import Refused, as_json

LOGGED = 10_000
"""Requests kept, so that a benchmark does not fill the memory."""


async def serve(port: int) -> None:
    """Print the port and answer until SIGTERM or SIGINT; port 0 takes a free one."""
    loop = asyncio.get_running_loop()
    server = _Server()
    listener = await loop.create_server(lambda: _Connection(server), "127.0.0.1", port)
    is_told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, is_told.set)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await is_told.wait()


class _Server:
    """What all connections share."""

    def __init__(self) -> None:
        self._clock = ManualClock()
        self._clear()

    def _clear(self) -> None:
        self._log: deque[Received] = deque(maxlen=LOGGED)
        self._steps: deque[Step] = deque()
        self._provider = Provider(Model(self._clock))
        self.releases = asyncio.Semaphore(0)

    def answer(self, request: Received) -> Step:
        """An order is carried out; else the next step of the script; else what an upstream would say."""
        if request.target.startswith(CONTROL):
            return self._ordered(request)
        self._log.append(request)
        if request.method == CLOSE:
            return Step()
        if self._steps:
            return self._steps.popleft()
        return message_reply(request, self._provider) if request.method == MESSAGE else self._provider.reply(request)

    def accepts(self, request: Received) -> bool:
        """Whether it asks for a WebSocket and no script says otherwise."""
        if self._steps or not is_handshake(request):
            return False
        self._log.append(request)
        return True

    def _ordered(self, request: Received) -> Step:
        try:
            return as_json(self._obey(request.target.removeprefix(CONTROL), request.body))
        except (msgspec.MsgspecError, ValueError) as error:
            return Refused(str(error)).as_openai()

    def _obey(self, order: str, body: bytes) -> list[Received]:
        match order:
            case "requests":
                return list(self._log)
            case "script":
                self._steps.extend(msgspec.json.decode(body, type=list[Step]))
            case "respond":
                self._provider.model.template = body.decode()
            case "release":
                self.releases.release()
            case "clear":
                self._clear()
            case _:
                raise ValueError(f"there is no order {order!r}")
        return []


class _Connection(asyncio.Protocol):
    """One connection: httptools calls the `on_…` methods, asyncio the others."""

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._is_flushed = asyncio.Event()
        self._is_flushed.set()
        self._answering: asyncio.Task[None] | None = None
        self._socket: Socket | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(0)  # resumed then means that every byte has left

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()
        if self._socket is not None:
            self._socket.stop()

    def pause_writing(self) -> None:
        self._is_flushed.clear()

    def resume_writing(self) -> None:
        self._is_flushed.set()

    def data_received(self, data: bytes) -> None:
        if self._socket is not None:
            self._socket.feed(data)
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # a WebSocket by now, or answered like any other request
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        request = Received(
            method=self._parser.get_method().decode(),
            target=self._target.decode("latin-1"),
            headers=self._headers,
            body=b"".join(self._body),
        )
        if self._server.accepts(request):
            self._socket = Socket(request, self._transport, self._server.answer, self._server.releases)
            return
        step = self._server.answer(request)
        is_last = step.framing in ("close", "raw") or not self._parser.should_keep_alive()
        playing = self._play(step, is_head=request.method == "HEAD", is_last=is_last)
        self._answering = asyncio.get_running_loop().create_task(playing)

    async def _play(self, step: Step, *, is_head: bool, is_last: bool) -> None:
        head, left = _head(step), step.cut
        if is_head or not step.chunks or 0 in step.hold:
            self._transport.write(head)
            head = b""
        for number, chunk in enumerate(() if is_head else step.chunks):
            if number in step.hold:
                await self._server.releases.acquire()
            wire = b"%x\r\n%b\r\n" % (len(chunk), chunk) if step.framing == "chunked" else chunk
            self._transport.write(head + wire[:left])
            head = b""
            await self._is_flushed.wait()
            left = None if left is None else left - len(wire)
            if left is not None and left <= 0:
                break
        if len(step.chunks) in step.hold:
            await self._server.releases.acquire()
        if step.cut is not None:
            self._transport.abort()
            return
        if step.framing == "chunked" and not is_head:
            self._transport.write(b"0\r\n\r\n")
        if is_last:
            self._transport.close()


def _head(step: Step) -> bytes:
    if step.framing == "raw":
        return b""
    lines = [f"HTTP/1.1 {step.status} {http.client.responses.get(step.status, '')}"]
    lines += [f"{name}: {value}" for name, value in step.headers]
    match step.framing:
        case "length":
            lines.append(f"content-length: {sum(map(len, step.chunks))}")
        case "chunked":
            lines.append("transfer-encoding: chunked")
        case "close":
            lines.append("connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

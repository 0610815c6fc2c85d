"""WebSockets of the scripted upstream: `/v1/responses` in frames; on any other path every message comes back.

The handshake and each message are `Received`; a step plays on a message as it does on a request: each of its pieces is
one message, and `framing="close"` closes with `status` as the code. Made for messages that come in one frame.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from websockets.frames import Close, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from gateway.testing.replies import Provider
from gateway.testing.scripted import Received, Step

MESSAGE, CLOSE = "MESSAGE", "CLOSE"
"""Methods under which `Received` holds what came over a WebSocket: a message, and the code and reason of a close."""


_OF_A_HANDSHAKE = (b"connection", b"upgrade", b"sec-websocket-")


def is_handshake(request: Received) -> bool:
    """Whether the request asks for a WebSocket."""
    return (b"upgrade", b"websocket") in [(name.lower(), value.lower()) for name, value in request.headers]


def reply(message: Received, provider: Provider) -> Step:
    """What a provider says to a message: the events of the response it asks for, else the message itself."""
    if message.target.partition("?")[0] != "/v1/responses":
        return Step(chunks=[message.body])
    asked: dict[str, Any] = msgspec.json.decode(message.body)
    lane = {"stream_id": asked.pop("stream_id")} if "stream_id" in asked else {}
    # What is not stored can be continued all the same, as long as the connection lives: here, for ever.
    body = msgspec.json.encode({**asked, "stream": True, "store": True})
    step = provider.reply(Received(method="POST", target=message.target, headers=[], body=body))
    if step.status >= 400:
        refusal = {"type": "error", "status": step.status, **msgspec.json.decode(b"".join(step.chunks))}
        return Step(chunks=[msgspec.json.encode({**refusal, **lane})])
    events = (msgspec.json.decode(chunk.partition(b"data: ")[2]) for chunk in step.chunks)
    return Step(chunks=[msgspec.json.encode({**event, **lane}) for event in events])


class Socket:
    """One connection after its handshake. Messages of one lane are answered in order, lanes at the same time."""

    def __init__(
        self,
        request: Received,
        transport: asyncio.Transport,
        answer: Callable[[Received], Step],
        holds: asyncio.Semaphore,
    ) -> None:
        """Accept the handshake.

        Args:
            answer: the step that a message gets; it is told of closes as well.
            holds: released once for each hold that may go on.
        """
        self._target = request.target
        self._transport = transport
        self._answer = answer
        self._holds = holds
        self._lanes: defaultdict[bytes, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._playing: set[asyncio.Task[None]] = set()
        self._protocol = ServerProtocol(max_size=None, select_subprotocol=_first)
        lines = [b"%b: %b\r\n" % line for line in request.headers if line[0].lower().startswith(_OF_A_HANDSHAKE)]
        self._protocol.receive_data(b"GET %b HTTP/1.1\r\n%b\r\n" % (self._target.encode("latin-1"), b"".join(lines)))
        for handshake in self._protocol.events_received():
            assert isinstance(handshake, Request)
            self._protocol.send_response(self._protocol.accept(handshake))
        self._flush()

    def feed(self, data: bytes) -> None:
        """Take bytes off the connection."""
        self._protocol.receive_data(data)
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
                task = asyncio.get_running_loop().create_task(self._play(frame))
                self._playing.add(task)
                task.add_done_callback(self._playing.discard)
            elif frame.opcode is Opcode.CLOSE:
                close = Close.parse(frame.data)
                closed = f"{close.code} {close.reason}".encode()
                self._answer(Received(method=CLOSE, target=self._target, headers=[], body=closed))
        self._flush()
        if self._protocol.close_expected():
            self._transport.close()

    def stop(self) -> None:
        """Leave what is being answered."""
        for task in self._playing:
            task.cancel()

    async def _play(self, frame: Frame) -> None:
        message = bytes(frame.data)
        async with self._lanes[_lane(message)]:
            step = self._answer(Received(method=MESSAGE, target=self._target, headers=[], body=message))
            send = self._protocol.send_text if frame.opcode is Opcode.TEXT else self._protocol.send_binary
            left = step.cut
            for number, chunk in enumerate([*step.chunks, b""]):
                if number in step.hold:
                    await self._holds.acquire()
                if left is not None and left <= 0:
                    self._transport.abort()
                    return
                if number < len(step.chunks):
                    send(chunk)
                    self._flush()
                    left = None if left is None else left - len(chunk)
            if step.framing == "close":
                self._protocol.send_close(step.status)
                self._flush()

    def _flush(self) -> None:
        self._transport.write(b"".join(self._protocol.data_to_send()))


def _first(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return offered[0] if offered else None


class _Named(msgspec.Struct):
    stream_id: str = ""


def _lane(message: bytes) -> bytes:
    try:
        return msgspec.json.decode(message, type=_Named).stream_id.encode()
    except msgspec.MsgspecError:
        return b""

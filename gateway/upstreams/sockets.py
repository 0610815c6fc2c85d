"""WebSockets to the upstream: the handshake, and messages as `Connection` wants them.

It knows which refusals are meant for the caller. Connections, headers and keys are known by gateway/upstreams/http.py.

Nothing is compressed on the way up: deflate costs 300 KB a connection and more time than most messages take to travel.
"""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
from aiohttp import ClientRequest, ClientResponse, WSMsgType
from multidict import CIMultiDict
from yarl import URL

from gateway.errors import UpgradeRequired, UpstreamUnreachable
from gateway.headers import is_key_protocol
from gateway.ports import INTERNAL_ERROR, MAX_MESSAGE_BYTES, NO_CODES, NORMAL_CLOSURE, Closing, Opened

HANDSHAKE_TIMEOUT_S = 10.0
"""For the answer to a handshake, which no model has to think about. Codex waits 15 s, and falls back at a 426."""

HEARTBEAT_S = 30.0
"""Between our pings: proxies drop a silent connection after a minute. No pong for half of it means a dead upstream."""

CLOSE_TIMEOUT_S = 2.0
"""For the upstream's answer to a close, which tells nothing that is not known."""

TELLING_STATUSES = (401, 429)
"""Refusals of the caller, which would be the same over HTTP. Any other says that there is no WebSocket to be had; if
it meant the caller after all, HTTP will say so."""


class Refused(aiohttp.ClientError):
    """The upstream answered a handshake over plain HTTP. Whoever catches it closes the answer."""

    def __init__(self, response: ClientResponse) -> None:
        super().__init__(response.status)
        self.response = response


async def stop_at_refusal(request: ClientRequest, handler: aiohttp.ClientHandlerType) -> ClientResponse:
    """Middleware: aiohttp would follow a redirect with the caller's key, and throw a refusal's body away."""
    response = await handler(request)
    if response.status != 101:
        raise Refused(response)
    return response


async def opened(session: aiohttp.ClientSession, url: URL, headers: CIMultiDict[str], *, has_own_key: bool) -> Opened:
    """Shake hands.

    Raises `Refused`, other errors of aiohttp, `TimeoutError`, and `ValueError` when the headers cannot be sent.
    """
    offered = [name.strip() for line in headers.getall("sec-websocket-protocol", ()) for name in line.split(",")]
    kept = CIMultiDict((name, value) for name, value in headers.items() if not name.startswith("sec-websocket-"))
    async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
        socket = await session.ws_connect(
            url,
            headers=kept,
            protocols=[name for name in offered if not (has_own_key and is_key_protocol(name))],
            timeout=aiohttp.ClientWSTimeout(ws_receive=None, ws_close=CLOSE_TIMEOUT_S),
            heartbeat=HEARTBEAT_S,
            autoclose=False,
            max_msg_size=MAX_MESSAGE_BYTES,
        )
    answered = list(socket._response.raw_headers)  # no public way to what else the upstream said
    return Opened(headers=answered, subprotocol=socket.protocol, connection=_Socket(socket, url.authority))


def unsupported(reason: str) -> UpgradeRequired:
    """What a client is told of an upstream without WebSocket."""
    return UpgradeRequired(f"the upstream has no WebSocket here ({reason}); use HTTP", code="websocket_unsupported")


class _Socket:
    """`Connection` over aiohttp."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, authority: str) -> None:
        self._socket = socket
        self._authority = authority

    async def send(self, message: str | bytes) -> None:
        try:
            if isinstance(message, str):
                await self._socket.send_str(message)
            else:
                await self._socket.send_bytes(message)
        except (aiohttp.ClientError, ConnectionError) as error:
            raise self._dead() from error

    async def receive(self) -> str | bytes | Closing:
        message = await self._socket.receive()
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                content: str | bytes = message.data
                return content
            case WSMsgType.CLOSE:
                return Closing(code=_passable(message.data), reason=message.extra or "")
        raise self._dead()

    async def close(self, closing: Closing) -> None:
        with contextlib.suppress(TimeoutError):  # an upstream that reads nothing; aiohttp drops it when it is cancelled
            async with asyncio.timeout(2 * CLOSE_TIMEOUT_S):
                await self._socket.close(code=closing.code, message=closing.reason.encode())

    def _dead(self) -> UpstreamUnreachable:
        return UpstreamUnreachable(f"the upstream {self._authority} broke off the connection")


def _passable(code: int) -> int:
    """The code, or what stands for one that may not be sent on (RFC 6455, 7.4)."""
    if code in NO_CODES:
        return NORMAL_CLOSURE
    is_valid = (1000 <= code <= 1014 and code not in (1004, 1006)) or 3000 <= code <= 4999
    return code if is_valid else INTERNAL_ERROR

"""WebSocket: ASGI messages to a `Connection`, handshakes to answers. What is said over it is not known here.

The upstream is asked before the client's handshake is answered: a refusal comes at once, and as plain HTTP.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.types import Receive, Scope, Send

from gateway import forward, loops
from gateway.body import Body
from gateway.conversation import connect
from gateway.errors import ClientGone, RequestError
from gateway.pipeline import Gateway, Request
from gateway.ports import NO_CODES, NORMAL_CLOSURE, Closing, Headers, Incoming
from gateway.sections import PostDisconnect
from gateway.tunnel import carry

_OF_A_HANDSHAKE = b"sec-websocket-"
_NO_CHUNKS: tuple[bytes, ...] = ()


async def serve(gateway: Gateway, limits: PostDisconnect, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket from its handshake to its close.

    Args:
        limits: of what is heard for the record when the client has left.
    """
    await receive()  # `websocket.connect`: there is nothing in it
    request = _request(scope)
    receipt = gateway.accounts.received(request.headers)
    try:
        loops.refuse(request.headers, loops.mark(gateway.secret))
        joined = await connect(gateway, request)
        receipt.unrecorded("websocket")  # the calls that follow are counted one by one
        if isinstance(joined, Incoming):
            await _answer(send, joined.status, forward.answer_headers(joined.headers), await _whole(joined))
            return
    except RequestError as error:
        receipt.refused(error.status)
        await _answer(send, error.status, [(b"content-type", b"application/json"), *error.headers], error.body)
        return
    except BaseException:
        gateway.accounts.failed(receipt)
        raise
    client, opened = _Client(receive, send), joined.opened
    kept = [line for line in forward.answer_headers(opened.headers) if not line[0].lower().startswith(_OF_A_HANDSHAKE)]
    await client.accept(opened.subprotocol, kept)
    await carry(client, opened.connection, joined.listener, limits)


class _Client:
    """`Connection` over ASGI."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def accept(self, subprotocol: str | None, headers: Headers) -> None:
        """Answer the handshake; a client that has left will be missed at the next message."""
        try:
            await self._tell({"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers})
        except ClientGone:
            return

    async def send(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        await self._tell({"type": "websocket.send", kind: message})

    async def receive(self) -> str | bytes | Closing:
        event = await self._receive()
        if event["type"] == "websocket.receive":
            message: str | bytes = event["text"] if event.get("text") is not None else event["bytes"]
            return message
        code = event.get("code", NORMAL_CLOSURE)
        return Closing(code=NORMAL_CLOSURE if code in NO_CODES else code, reason=event.get("reason") or "")

    async def close(self, closing: Closing) -> None:
        try:
            await self._tell({"type": "websocket.close", "code": closing.code, "reason": closing.reason})
        except ClientGone:
            return

    async def _tell(self, event: dict[str, object]) -> None:
        try:
            await self._send(event)
        except (OSError, RuntimeError) as error:  # uvicorn's words for a client that left, or that it has closed itself
            raise ClientGone("the client is not there any more") from error


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in _NO_CHUNKS:
        yield chunk


def _request(scope: Scope) -> Request:
    return Request(
        method="GET",
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=list(scope["headers"]),
        body=Body(_nothing(), length=0),
    )


async def _whole(refusal: Incoming) -> bytes:
    try:
        return b"".join([chunk async for chunk in refusal.chunks])
    finally:
        await refusal.chunks.aclose()


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    try:
        await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": body})
    except OSError:  # the client did not wait for it
        return

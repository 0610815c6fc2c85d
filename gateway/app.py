"""HTTP: ASGI messages to requests, answers to ASGI messages, errors to bodies. It decides nothing.

The proxied routes are raw ASGI under a bare router: `StreamingResponse` costs 0.3-0.45 ms a stream, and a middleware
layer doubles the CPU of a request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import structlog
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import forward, websocket
from gateway.admin import feedback
from gateway.body import Body
from gateway.errors import ClientGone, RequestError
from gateway.headers import is_event_stream
from gateway.pipeline import Answer, Gateway, Request, handle

NOT_MODIFIED = 304

log = structlog.get_logger()


def application(gateway: Gateway, own: Sequence[BaseRoute], desk: feedback.Desk) -> ASGIApp:
    """The ASGI application: our own few paths, and everything else upstream."""
    return Router(own, default=Proxy(gateway, desk), redirect_slashes=False)


class Proxy:
    """Every path on which identity may stand: feedback, which is ours, and all that goes upstream."""

    def __init__(self, gateway: Gateway, desk: feedback.Desk) -> None:
        self._gateway = gateway
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. A client that leaves while it is still sending gets no answer."""
        if scope["type"] == "websocket":
            await websocket.serve(self._gateway, scope, receive, send)
            return
        request, receipt = _request(scope, receive), self._gateway.accounts.received()
        try:
            if feedback.is_feedback(request.path):
                answer = await feedback.answer(self._desk, request)
                receipt.unrecorded("feedback")
            else:
                answer = await handle(self._gateway, request, receipt)
        except RequestError as error:
            receipt.refused(error.status)
            await _refuse(send, error)
        except ClientGone:
            receipt.unrecorded("gone")
        else:
            await _send(send, answer)


def _request(scope: Scope, receive: Receive) -> Request:
    headers = list(scope["headers"])
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=Body(_received(receive), length=_length(dict(headers))),
    )


def _length(headers: dict[bytes, bytes]) -> int | None:
    """Bytes of the body; None when only its end will tell."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit():
        return int(announced)
    return None if b"transfer-encoding" in headers else 0


async def _received(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("the client left before its request was complete")
        more = message.get("more_body", False)
        if chunk := message.get("body", b""):
            yield chunk


async def _send(send: Send, answer: Answer) -> None:
    """Pass the answer on, chunk by chunk.

    When the upstream dies on the way, the connection is left unfinished so that the server aborts it: SDKs take a
    clean end for success. A client that left makes `send` do nothing, and the answer is read to its end all the same.
    """
    headers = answer.headers
    if answer.status == NOT_MODIFIED:  # it may name the length of a body it does not have
        headers = [line for line in headers if line[0].lower() != b"content-length"]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    tail = b"\n\n"
    try:
        async for chunk in answer.chunks:
            tail = (tail + chunk)[-4:]
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except RequestError as error:
        log.warning("upstream_died", error=str(error))
        if event := _last_words(answer, tail, error):
            await send({"type": "http.response.body", "body": event, "more_body": True})
        return
    finally:
        await answer.chunks.aclose()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _last_words(answer: Answer, tail: bytes, error: RequestError) -> bytes:
    """What a broken stream ends with: an event that says so, where one can stand."""
    is_plain = not any(name.lower() in (b"content-encoding", b"content-length") for name, _ in answer.headers)
    if not is_plain or not is_event_stream(answer.headers):
        return b""
    return forward.interrupted_event(error, tail=tail, is_named=answer.has_named_events)


async def _refuse(send: Send, error: RequestError) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(error.body)).encode()),
        *error.headers,
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": error.body, "more_body": False})

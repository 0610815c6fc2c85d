"""HTTP: ASGI messages to requests, answers to ASGI messages, errors to bodies. It decides nothing.

The proxied routes are raw ASGI under a bare router: `StreamingResponse` costs 0.3-0.45 ms a stream, and a middleware
layer doubles the CPU of a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import structlog
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import forward, loops, websocket
from gateway.accounts import Receipt
from gateway.admin import feedback
from gateway.body import Body
from gateway.errors import ClientGone, RequestError
from gateway.headers import is_event_stream
from gateway.paths import NAMING
from gateway.pipeline import Answer, Gateway, Request, handle
from gateway.pump import Abandoned, Pump, Pumps

NOT_MODIFIED = 304

EVENT_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
"""Blank lines, as server-sent events end."""

log = structlog.get_logger()


def application(gateway: Gateway, own: Sequence[BaseRoute], desk: feedback.Desk, pumps: Pumps) -> ASGIApp:
    """The ASGI application: our own few paths, and everything else upstream.

    Calls are told apart by the first segment of their path: to hold each against every route of ours takes a tenth of
    what passing it on does. Where it begins with names, what follows them may be ours.
    """
    proxy = Proxy(gateway, desk, pumps)
    router = Router(own, default=proxy, redirect_slashes=False)
    ours = {*NAMING, *(_first_segment(route.path) for route in own if isinstance(route, Route | Mount))}

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await (router if _first_segment(scope["path"]) in ours else proxy)(scope, receive, send)

    return answer


def _first_segment(path: str) -> str:
    return path[1:].partition("/")[0]


class Proxy:
    """Every path on which identity may stand: feedback, which is ours, and all that goes upstream."""

    def __init__(self, gateway: Gateway, desk: feedback.Desk, pumps: Pumps) -> None:
        self._gateway = gateway
        self._desk = desk
        self._pumps = pumps
        self._mark = loops.mark(gateway.secret)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and the record of it when its client leaves before it is answered."""
        if scope["type"] == "websocket":
            await self._pumps.hold(websocket.serve(self._gateway, self._pumps.limits, scope, receive, send))
            return
        client = _Client(receive)
        request = _request(scope, client)
        receipt = self._gateway.accounts.received(request.headers)
        pump = Pump(self._gateway.upstream, self._pumps.limits, receipt)
        await self._pumps.run(pump, self._serve(client, request, receipt, pump, send), client.left)

    async def _serve(self, client: _Client, request: Request, receipt: Receipt, pump: Pump, send: Send) -> None:
        try:
            answer = await self._answer(request, receipt, pump)
        except (ClientGone, Abandoned):
            receipt.unrecorded("gone")
        except RequestError as error:
            if client.is_gone:  # which an upload that broke off looks like from here
                receipt.unrecorded("gone")
            receipt.refused(error.status)
            await _refuse(send, error)
        except BaseException:
            self._gateway.accounts.failed(receipt)
            raise
        else:
            await _send(send, answer)

    async def _answer(self, request: Request, receipt: Receipt, pump: Pump) -> Answer:
        loops.refuse(request.headers, self._mark)
        if feedback.is_feedback(request.path):
            answer = await feedback.answer(self._desk, request)
            receipt.unrecorded("feedback")
            return answer
        return await handle(msgspec.structs.replace(self._gateway, upstream=pump), request, receipt)


class _Client:
    """The client of one request: what it still sends, and whether it is there."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._has_sent = asyncio.Event()
        self.is_gone = False

    def sends_nothing(self) -> None:
        """There is no body that anybody would read."""
        self._has_sent.set()

    async def body(self) -> AsyncIterator[bytes]:
        """What it sends. Raises `ClientGone` when it leaves before the end."""
        more = True
        try:
            while more:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    self.is_gone = True
                    raise ClientGone("the client left before its request was complete")
                more = message.get("more_body", False)
                if chunk := message.get("body", b""):
                    yield chunk
        finally:
            self._has_sent.set()

    async def left(self) -> None:
        """Return when it has left, or has its answer. It is not asked while it sends."""
        await self._has_sent.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _request(scope: Scope, client: _Client) -> Request:
    headers = list(scope["headers"])
    length = _length(dict(headers))
    if length == 0:
        client.sends_nothing()
    return Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        body=Body(client.body(), length=length),
    )


def _length(headers: dict[bytes, bytes]) -> int | None:
    """Bytes of the body; None when only its end will tell."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit():
        return int(announced)
    return None if b"transfer-encoding" in headers else 0


async def _send(send: Send, answer: Answer) -> None:
    """Pass the answer on, chunk by chunk.

    When the upstream dies on the way, the connection is left unfinished so that the server aborts it: SDKs take a
    clean end for success. A client that left makes `send` do nothing, and the answer is read on as long as the pump
    lets it.
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
    except Abandoned:
        return
    except RequestError as error:
        log.warning("upstream_died", error=str(error))
        if event := _last_words(answer, tail, error):
            await send({"type": "http.response.body", "body": event, "more_body": True})
        return
    finally:
        await answer.chunks.aclose()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _last_words(answer: Answer, tail: bytes, error: RequestError) -> bytes:
    """What a broken stream ends with: an event that says so, where one can stand.

    After half an event it cannot: that would have to be ended first, and SDKs would stumble over it. They notice that
    the connection was aborted all the same.
    """
    is_plain = not any(name.lower() in (b"content-encoding", b"content-length") for name, _ in answer.headers)
    if not is_plain or not is_event_stream(answer.headers) or not tail.endswith(EVENT_ENDS):
        return b""
    return forward.interrupted_event(error, is_named=answer.has_named_events)


async def _refuse(send: Send, error: RequestError) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(error.body)).encode()),
        *error.headers,
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": error.body, "more_body": False})

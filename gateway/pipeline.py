"""The way of one request: identify, recall, compose, forward, record. Read `handle` first.

HTTP itself is in gateway/app.py; what is behind the ports is chosen in gateway/wiring.py.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from urllib.parse import quote, unquote

import msgspec

from gateway import encodings, forward, identify
from gateway.augment import Augmenter, Visit
from gateway.body import Body
from gateway.compose import Prompt
from gateway.errors import BadRequest, Forbidden, NotFound, RequestError, UpgradeRequired, UpstreamUnreachable
from gateway.fence import MARKS, Fence
from gateway.headers import first_value
from gateway.policy import PolicyBook
from gateway.ports import Clock, Headers, Incoming, Outgoing, Upstream
from gateway.record import Recorder
from gateway.shapes.base import Shape
from gateway.sidecalls import is_side_call
from gateway.telemetry import Telemetry
from gateway.types import Call, Exchange, Outcome, Session, Turn

DENIED = ("organization", "projects", "webhook_endpoints")
"""Beginnings of paths: a memory gateway has no business with a provider's admin keys."""

OWN = "accrue"
"""Beginning of our own paths, which never go upstream."""

MAX_SHOWN_CHARS = 200
"""Of a path are told back."""

THREADED_READ_BYTES = 256 * 1024
"""A larger body is read off the event loop: ten milliseconds a megabyte would be everybody's."""

PASSED_WHOLE_BYTES = 256 * 1024
"""A body that passes through unread is sent in one piece up to here, and streamed above."""

FIRST_STATUS, LAST_STATUS = 200, 599
"""Of a final answer (RFC 9110, 15)."""

MAX_REFUSAL_BYTES = 1024 * 1024
"""Of an error answer are read to see why the upstream refused."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it arrived."""

    method: str
    path: str
    """Without the query, percent-encoded as sent."""
    query: str
    headers: Headers
    """Names in lower case."""
    body: Body


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to be sent. `chunks` must be read to the end or closed; it raises when the upstream dies."""

    status: int
    headers: Headers
    chunks: AsyncGenerator[bytes, None]


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """What handling a request needs; nothing of it belongs to a single request."""

    clock: Clock
    upstream: Upstream
    augmenter: Augmenter
    recorder: Recorder
    shapes: Mapping[str, Shape]
    """By path below `/v1`."""
    policies: PolicyBook
    fence: Fence
    telemetry: Telemetry
    secret: bytes
    """Keys the tenant hashes."""
    anonymous: identify.Anonymous
    """Whose memory a call gets when nobody names the user and the policy does not say."""
    max_augmented_bytes: int


async def handle(gateway: Gateway, request: Request) -> Answer:
    """Answer one request: identify, recall, compose, forward, record.

    Raises `RequestError` for what is ours to refuse, and when the upstream cannot be reached.
    """
    claimed = identify.claims(request.headers, request.path, gateway.secret)
    target = _target(request, claimed.path)
    visit = await _understand(gateway, request, claimed, target)
    if isinstance(visit, Outcome):
        return await _pass_through(gateway, request, target, visit)
    session, prompt = await gateway.augmenter.augment(visit)
    exchange = _exchange(gateway, visit, target, session, prompt)
    gateway.recorder.intend(exchange)
    incoming, exchange = await _forward(gateway, request, visit, prompt, exchange)
    chunks = gateway.recorder.listen(visit.shape, visit.call, exchange, incoming)
    headers = [*forward.answer_headers(incoming.headers), *_own_headers(exchange)]
    return Answer(status=incoming.status, headers=headers, chunks=chunks)


def _target(request: Request, path: str) -> str:
    """The path below the upstream's base. Clients are pointed at us with and without `/v1`."""
    if any(name == b"upgrade" and value.lower() == b"websocket" for name, value in request.headers):
        raise UpgradeRequired("WebSocket is not supported here; use HTTP", code="websocket_unsupported")
    segments = [segment for segment in unquote(path).split("/") if segment]
    if not path.startswith("/") or request.method == "CONNECT" or {".", ".."} & set(segments):
        raise BadRequest(f"{path[:MAX_SHOWN_CHARS]} is no path of an API", code="invalid_path")
    below = list(itertools.dropwhile(lambda segment: segment == "v1", segments))
    if below[:1] == [OWN]:
        raise NotFound(f"there is no {path[:MAX_SHOWN_CHARS]} here", code="unknown_path")
    if below and below[0] in DENIED:
        raise Forbidden(f"/{below[0]} is for administration, and is not passed on here", code="path_denied")
    return path.removeprefix("/v1") if path.startswith("/v1/") or path == "/v1" else path


async def _understand(gateway: Gateway, request: Request, claimed: identify.Claims, target: str) -> Visit | Outcome:
    """The call and what may be done with it; or why it passes through as it is."""
    shape = gateway.shapes.get(target) if request.method == "POST" else None
    if shape is None or claimed.mode == "off":
        return Outcome(status="off")
    sent = await request.body.read(gateway.max_augmented_bytes)
    if sent is None:
        return Outcome(status="error", reason="large")
    coding = first_value(request.headers, b"content-encoding")
    if coding or len(sent) > THREADED_READ_BYTES:
        call = await asyncio.to_thread(_read, shape, sent, coding)
    else:
        call = _read(shape, sent, coding)
    if call is None:
        return Outcome(status="error", reason="unread")
    if is_side_call(call):
        return Outcome(status="off", reason="side_call")
    policy = gateway.policies.current.match(call.model, "/v1" + target, claimed.agent, request.headers)
    anonymous = policy.identify.anonymous or gateway.anonymous
    user = identify.user_of(claimed, call, anonymous)
    mode = identify.narrower(claimed.mode, policy.memory)
    if mode == "off" or (user is None and anonymous == "off"):
        return Outcome(status="off" if mode == "off" else "unscoped")
    call = _without_echoes(gateway.fence, call)
    return Visit(claimed=claimed, shape=shape, call=call, sent=sent, policy=policy, mode=mode, user=user)


def _read(shape: Shape, sent: bytes, coding: str) -> Call | None:
    body = encodings.decode(sent, coding)
    return None if body is None else shape.read(body)


def _without_echoes(fence: Fence, call: Call) -> Call:
    """The call as it would read had nobody sent our own notes back to us (promise P9); its bytes stay."""
    if not any(mark in call.body for mark in MARKS):
        return call
    turns = tuple(msgspec.structs.replace(turn, text=fence.strip(turn.text)) for turn in call.turns)
    return msgspec.structs.replace(call, turns=turns)


def _exchange(gateway: Gateway, visit: Visit, target: str, session: Session, prompt: Prompt) -> Exchange:
    """The record of the call so far. In mode `read` it holds what memory did, and nothing that was said."""
    context, new = _new_turns(visit.call.turns) if visit.mode in ("on", "write") else ((), ())
    learn = visit.policy.learn
    return Exchange(
        id=gateway.clock.new_id("ex"),
        scope=session.scope,
        at=gateway.clock.now(),
        path=target,
        model=visit.call.model,
        policy=visit.policy.name,
        mode=visit.mode,
        context=context,
        turns=new,
        notes=prompt.added,
        is_adrift=session.is_adrift,
        outcome=prompt.outcome,
        considered=prompt.considered,
        learns=tuple(learn.kinds) if learn.enabled and new else (),
    )


def _new_turns(turns: tuple[Turn, ...]) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
    """What the client says now, everything after the assistant's last turn; and before it the two last things said."""
    begin = max((place for place, turn in enumerate(turns) if turn.role == "assistant"), default=-1) + 1
    said = (turn for turn in reversed(turns[:begin]) if turn.role in ("user", "assistant") and turn.text)
    return tuple(itertools.islice(said, 2))[::-1], turns[begin:]


async def _forward(
    gateway: Gateway, request: Request, visit: Visit, prompt: Prompt, exchange: Exchange
) -> tuple[Incoming, Exchange]:
    """Send the request; once more without notes if they made it too long for the model."""
    is_silent = prompt.body is visit.call.body
    untouched = _outgoing(request, exchange.path, visit.sent)
    headers = [line for line in untouched.headers if line[0] != b"content-encoding"]
    augmented = msgspec.structs.replace(untouched, headers=headers, body=prompt.body)
    try:
        incoming = await _sent(gateway, untouched if is_silent else augmented)
        if not is_silent and incoming.status == 400:
            incoming, refusal = await _peeked(incoming)
            if forward.is_context_overflow(incoming.status, refusal):
                outcome = Outcome(status="error", reason="context_overflow")
                exchange = msgspec.structs.replace(exchange, outcome=outcome)
                gateway.augmenter.give_up(exchange.scope)
                incoming = await _sent(gateway, untouched)
    except RequestError as error:
        gateway.recorder.lose(exchange, error.status)
        error.headers = _own_headers(exchange)
        raise
    return incoming, exchange


async def _pass_through(gateway: Gateway, request: Request, target: str, outcome: Outcome) -> Answer:
    """The upstream's answer to the client's own bytes."""
    gateway.telemetry.passed()
    outgoing = _outgoing(request, target, await _unread(request.body))
    incoming = await _sent(gateway, outgoing)
    headers = [*forward.answer_headers(incoming.headers), (b"x-accrue-memory", outcome.header.encode())]
    return Answer(status=incoming.status, headers=headers, chunks=incoming.chunks)


async def _unread(body: Body) -> bytes | AsyncIterator[bytes] | None:
    """A body as it came: in one piece while that is little, else in the client's own."""
    if body.length == 0:
        return None
    whole = await body.read(PASSED_WHOLE_BYTES)
    return body.rest() if whole is None else whole


async def _sent(gateway: Gateway, outgoing: Outgoing) -> Incoming:
    """The upstream's answer. A status that is none cannot be passed on."""
    incoming = await gateway.upstream.send(outgoing)
    if not FIRST_STATUS <= incoming.status <= LAST_STATUS:
        await incoming.chunks.aclose()
        raise UpstreamUnreachable(f"the upstream answered with {incoming.status}, which is no final status")
    return incoming


def _outgoing(request: Request, target: str, body: bytes | AsyncIterator[bytes] | None) -> Outgoing:
    query = f"?{request.query}" if request.query else ""
    headers = forward.outgoing_headers(request.headers)
    if request.body.length is not None and not isinstance(body, bytes | None):
        headers.append((b"content-length", str(request.body.length).encode()))  # streamed, and its length is known
    return Outgoing(method=request.method, target=target + query, headers=headers, body=body)


async def _peeked(incoming: Incoming) -> tuple[Incoming, bytes]:
    """An error answer that can still be passed on, and its body without content encoding."""
    heard: list[bytes] = []
    size = 0
    async for chunk in incoming.chunks:
        heard.append(chunk)
        size += len(chunk)
        if size > MAX_REFUSAL_BYTES:
            break
    body = encodings.decode(b"".join(heard), first_value(incoming.headers, b"content-encoding")) or b""
    return msgspec.structs.replace(incoming, chunks=_again(heard, incoming.chunks)), body


async def _again(heard: list[bytes], rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        for chunk in heard:
            yield chunk
        async for chunk in rest:
            yield chunk
    finally:
        await rest.aclose()


def _own_headers(exchange: Exchange) -> Headers:
    """What memory did, for the client. A session's name is the client's own and may hold anything."""
    return [
        (b"x-accrue-exchange", exchange.id.encode()),
        (b"x-accrue-session", quote(exchange.scope.session, safe="!#$&'()*+,/:;=?@[]~ ").encode()),
        (b"x-accrue-memory", exchange.outcome.header.encode()),
    ]

"""The way of one request: identify, recall, compose, forward, record. Read `handle` first.

HTTP itself is in gateway/app.py; what is behind the ports is chosen in gateway/wiring.py.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from urllib.parse import quote

import msgspec

from gateway import forward, identify
from gateway.accounts import Accounts, Receipt
from gateway.admission import Admission, Open
from gateway.augment import Augmenter
from gateway.body import Body
from gateway.compose import Prompt
from gateway.enforce import Held, enforced
from gateway.errors import RequestError, UpstreamUnreachable
from gateway.fence import Fence
from gateway.keys import Right
from gateway.paths import target_of
from gateway.peek import peeked
from gateway.ports import Clock, Headers, Incoming, Outgoing, Upstream
from gateway.record import Recorder
from gateway.retries import Attempt, Attempts, is_retry
from gateway.shapes.base import Shape
from gateway.signatures import OpenWebUi
from gateway.telemetry import Telemetry
from gateway.types import Exchange, Outcome, Session
from gateway.visits import Visit, Visits, asked_by, in_session, new_turns

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
    has_named_events: bool
    """True where clients skip server-sent events that have no `event:` line."""


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """What handling a request needs; nothing of it belongs to a single request."""

    clock: Clock
    upstream: Upstream
    augmenter: Augmenter
    recorder: Recorder
    accounts: Accounts
    attempts: Attempts
    shapes: Mapping[str, Shape]
    """By path below `/v1`."""
    visits: Visits
    telemetry: Telemetry
    fence: Fence
    secret: bytes
    """Keys the tenant hashes."""
    admission: Admission = Open()
    signing: OpenWebUi | None
    """Who signs for users, where somebody does."""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is about to go upstream, and is on record as such."""

    exchange: Exchange
    prompt: Prompt


async def handle(gateway: Gateway, request: Request, receipt: Receipt) -> Answer:
    """Answer one request: identify, recall, compose, forward, record.

    Raises `RequestError` for what is ours to refuse, and when the upstream cannot be reached.

    Args:
        receipt: settled by what becomes of the call, but for a refusal.
    """
    gateway, claimed = admitted(gateway, request, "call")
    target = target_of(request.method, claimed.path)
    shape = gateway.shapes.get(target) if request.method == "POST" and claimed.mode != "off" else None
    if shape is None:
        return await _pass_through(gateway, request, target, Outcome(status="off"), receipt)
    visit = await gateway.visits.read(shape, request.headers, claimed, target, request.body)
    if isinstance(visit, Outcome):
        return await _pass_through(gateway, request, target, visit, receipt)
    begun = await begin(gateway, visit, target, receipt)
    if isinstance(begun, Outcome):
        return await _pass_through(gateway, request, target, begun, receipt)
    incoming, exchange = await _forward(gateway, request, visit, begun.prompt, begun.exchange)
    chunks = gateway.recorder.listen(visit.shape, visit.call, exchange, incoming)
    headers = [*forward.answer_headers(incoming.headers), *_own_headers(exchange)]
    return Answer(status=incoming.status, headers=headers, chunks=chunks, has_named_events=_has_named_events(target))


def admitted(gateway: Gateway, request: Request, right: Right) -> tuple[Gateway, identify.Claims]:
    """The gateway as whoever asks may use it, and what they say. Raises `RequestError` for who may not do this."""
    said = identify.claims(request.headers, request.path, gateway.secret, gateway.signing, request.query)
    claimed = gateway.admission.admit(said, right)
    upstream = gateway.admission.upstream(claimed, gateway.upstream)
    return msgspec.structs.replace(gateway, upstream=upstream), claimed


async def begin(gateway: Gateway, visit: Visit, target: str, receipt: Receipt) -> Begun | Outcome:
    """Add what memory knows, and put on record that the call goes upstream; or why it passes through as it is."""
    attempt = gateway.attempts.attempt(visit.who.scope(visit.who.session or ""), visit.sent, is_retry=visit.is_retry)
    if attempt.count > 1 and attempt.session:  # that of the first, which the bytes alone may not tell
        visit = in_session(visit, attempt.session)
    session, prompt = await gateway.augmenter.augment(visit)
    if visit.is_aside and session.is_new and not visit.who.session:  # about a conversation that nobody has seen
        return prompt.outcome
    exchange = _exchange(gateway, visit, target, session, prompt, attempt)
    await gateway.recorder.intend(exchange)
    gateway.accounts.recording(receipt, exchange)
    return Begun(exchange=exchange, prompt=prompt)


def _exchange(
    gateway: Gateway, visit: Visit, target: str, session: Session, prompt: Prompt, attempt: Attempt
) -> Exchange:
    """The record of the call so far. In mode `read` it holds what memory did, and nothing that was said."""
    is_kept = visit.mode in ("on", "write") and not visit.is_aside
    context, new = new_turns(visit.call) if is_kept else ((), ())
    learn = visit.policy.learn
    exchange = Exchange(
        id=attempt.exchange or gateway.clock.new_id("ex"),
        scope=session.scope,
        at=gateway.clock.now(),
        path=target,
        model=visit.call.model,
        policy=visit.policy.name,
        mode=visit.mode,
        context=context,
        turns=new,
        asked=asked_by(visit.call, new),
        notes=prompt.added,
        told=prompt.told,
        is_aside=visit.is_aside,
        is_adrift=session.is_adrift,
        outcome=prompt.outcome,
        considered=prompt.considered,
        redact=visit.policy.redact,
        learns=tuple(learn.kinds) if learn.enabled and new else (),
        parent=visit.who.parent,
        attempts=attempt.count,
    )
    if attempt.count == 1:
        gateway.attempts.begin(attempt, exchange)
    return exchange


async def _forward(
    gateway: Gateway, request: Request, visit: Visit, prompt: Prompt, exchange: Exchange
) -> tuple[Incoming, Exchange]:
    """Send the request; once more without notes if they made it too long for the model."""
    is_silent = prompt.body is visit.call.body
    untouched = outgoing_of(request, exchange.path, visit.sent, model=visit.call.model)
    headers = [line for line in untouched.headers if line[0] != b"content-encoding"]
    augmented = msgspec.structs.replace(untouched, headers=headers, body=prompt.body)
    try:
        incoming = await _sent(gateway, untouched if is_silent else augmented)
        if not is_silent and incoming.status == 400:
            refusal = await peeked(incoming, MAX_REFUSAL_BYTES)
            incoming = refusal.incoming
            if forward.is_context_overflow(incoming.status, refusal.body or b""):
                outcome = Outcome(status="error", reason="context_overflow")
                exchange = msgspec.structs.replace(exchange, outcome=outcome, told=())
                gateway.augmenter.give_up(exchange.scope)
                incoming = await _sent(gateway, untouched)
    except RequestError as error:
        gateway.recorder.lose(exchange, error.status)
        error.headers += _own_headers(exchange)
        raise
    ask = functools.partial(_resent, gateway, augmented)
    return await enforced(_held(visit, prompt, exchange), gateway.fence, incoming, ask), exchange


def _held(visit: Visit, prompt: Prompt, exchange: Exchange) -> Held:
    """What the answer is held to, where the policy says so."""
    return Held(
        enforce="off" if exchange.outcome.status == "error" else visit.policy.guard.enforce,
        shape=visit.shape,
        call=visit.call,
        scope=exchange.scope,
        rules=prompt.rules,
        notes=prompt.placed,
    )


async def _pass_through(gateway: Gateway, request: Request, target: str, outcome: Outcome, receipt: Receipt) -> Answer:
    """The upstream's answer to the client's own bytes."""
    gateway.telemetry.passed()
    outgoing = outgoing_of(request, target, await _unread(request.body))
    incoming = await _sent(gateway, outgoing)
    receipt.unrecorded(outcome.reason or outcome.status)
    headers = [*forward.answer_headers(incoming.headers), (b"x-accrue-memory", outcome.header.encode())]
    return Answer(
        status=incoming.status, headers=headers, chunks=incoming.chunks, has_named_events=_has_named_events(target)
    )


async def _unread(body: Body) -> bytes | AsyncIterator[bytes] | None:
    """A body as it came: in one piece while that is little, else in the client's own."""
    if body.length == 0:
        return None
    whole = await body.read(PASSED_WHOLE_BYTES)
    return body.rest() if whole is None else whole


async def _sent(gateway: Gateway, outgoing: Outgoing) -> Incoming:
    """The upstream's answer. A status that is none cannot be passed on."""
    with gateway.telemetry.stage("forward"):
        incoming = await gateway.upstream.send(outgoing)
    if not FIRST_STATUS <= incoming.status <= LAST_STATUS:
        await incoming.chunks.aclose()
        raise UpstreamUnreachable(f"the upstream answered with {incoming.status}, which is no final status")
    return incoming


async def _resent(gateway: Gateway, outgoing: Outgoing, body: bytes) -> Incoming:
    return await _sent(gateway, msgspec.structs.replace(outgoing, body=body))


def outgoing_of(
    request: Request, target: str, body: bytes | AsyncIterator[bytes] | None, *, model: str = ""
) -> Outgoing:
    """The request as it goes upstream."""
    query = f"?{request.query}" if request.query else ""
    headers = forward.outgoing_headers(request.headers)
    if request.body.length is not None and not isinstance(body, bytes | None):
        headers.append((b"content-length", str(request.body.length).encode()))  # streamed, and its length is known
    return Outgoing(
        method=request.method,
        target=target + query,
        headers=headers,
        body=body,
        model=model,
        is_retry=is_retry(request.headers),
    )


def _has_named_events(target: str) -> bool:
    return target.startswith("/messages")


def _own_headers(exchange: Exchange) -> Headers:
    """What memory did, for the client. A session's name is the client's own and may hold anything."""
    return [
        (b"x-accrue-exchange", exchange.id.encode()),
        (b"x-accrue-session", quote(exchange.scope.session, safe="!#$&'()*+,/:;=?@[]~ ").encode()),
        (b"x-accrue-memory", exchange.outcome.header.encode()),
    ]

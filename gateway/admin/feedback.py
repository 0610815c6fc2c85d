"""`/v1/feedback`: what callers say of answers, put on record at once and learnt from later. It never goes upstream.

It knows the form of feedback over HTTP. Whose exchanges are, and what is learnt from feedback, is known elsewhere.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from msgspec import Meta

from gateway import encodings, identify
from gateway.chronicle import FEEDBACK_S, History
from gateway.errors import (
    BadRequest,
    Conflict,
    Gone,
    MemoryUnavailable,
    NotFound,
    NotNow,
    RequestError,
    TooLarge,
    Unauthorized,
)
from gateway.experience import Feedback
from gateway.headers import first_value
from gateway.paths import MAX_SHOWN_CHARS
from gateway.pipeline import Answer, Gateway, Request, admitted
from gateway.ports import Headers
from gateway.redact import clean_feedback
from gateway.sources import Sent
from gateway.types import Call

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_BATCH = 100
MAX_TEXT_CHARS = 8_192
"""Of each text in feedback."""

PATH = re.compile(r"(?:/a/[^/]+)?(?:/u/[^/]+)?(?:/s/[^/]+)?(?:/v1)*/feedback(?:/(?P<id>[^/]+))?/?")
"""As calls are sent: with identity in it, and with `/v1` or without."""

Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
Name = Annotated[str, Meta(max_length=identify.MAX_NAME_CHARS)]

_Entry = dict[str, Any]
"""Of an answer: an id and a status, and the error where there is one."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """Feedback as it is sent; a member that is null is as good as absent."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:~-]{0,128}\Z")] = ""
    exchange: Name = ""
    session: Text = ""
    """As long as a client may name one, which is longer than we keep names."""
    user: Text = ""
    """Whose session it is."""
    metric: Name = ""
    value: bool | Annotated[float, Meta(ge=0, le=1)] | None = None
    label: Text = ""
    comment: Text = ""
    correction: Text = ""
    demonstration: Text = ""


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """What taking feedback needs."""

    gateway: Gateway
    history: History
    memory: Callable[[], str]
    """`on`, or why nothing is learnt now."""
    on_given: Callable[[], None]
    """Called when there is something to learn."""


def is_feedback(path: str) -> bool:
    """Whether a path is one of ours."""
    return PATH.fullmatch(path) is not None


async def answer(desk: Desk, request: Request) -> Answer:
    """Take feedback, or tell what became of it. Raises `RequestError`."""
    asked = PATH.fullmatch(request.path)
    about = unquote(asked["id"] or "") if asked is not None else ""
    _, claimed = admitted(desk.gateway, request, "feedback")
    if (memory := desk.memory()) != "on":
        raise NotNow(f"feedback is not taken while memory is off: {memory}", code="memory_off")
    if request.method == "POST" and not about:
        return await _take(desk, request, claimed)
    if request.method == "GET" and about:
        return await _tell(desk, request.headers, claimed, about)
    shown = f"{request.method} {request.path[:MAX_SHOWN_CHARS]}"
    raise NotFound(f"there is no {shown}; there is POST /v1/feedback and GET /v1/feedback/{{id}}", code="unknown_path")


async def _take(desk: Desk, request: Request, claimed: identify.Claims) -> Answer:
    document = await _document(request)
    if "feedback" not in document:
        return _json(202, await _accept(desk, request.headers, claimed, document))
    batch = document["feedback"]
    if len(document) > 1 or not isinstance(batch, list) or not 0 < len(batch) <= MAX_BATCH:
        raise _fault(f"a batch has one member: `feedback`, a list of 1 to {MAX_BATCH}", param="feedback")
    settled = await asyncio.gather(*(_settle(desk, request.headers, claimed, one) for one in batch))
    entries = [entry for _, entry in settled]
    faults = [(status, entry["error"]) for status, entry in settled if "error" in entry]
    if len(faults) < len(batch):
        return _json(202, {"feedback": entries})
    status, error = faults[0]  # SDKs show the one that they find under its usual name
    return _json(status, {"error": error, "feedback": entries})


async def _settle(desk: Desk, headers: Headers, claimed: identify.Claims, document: object) -> tuple[int, _Entry]:
    """What becomes of one of a batch, and the status it would have had alone."""
    try:
        return 202, await _accept(desk, headers, claimed, document)
    except RequestError as error:
        given = document.get("id") if isinstance(document, dict) else None
        return error.status, {"id": given, "status": "refused", "error": msgspec.json.decode(error.body)["error"]}


async def _accept(desk: Desk, headers: Headers, claimed: identify.Claims, document: object) -> _Entry:
    """Put feedback on record. Raises `RequestError` for what cannot be taken."""
    given, clock = _checked(document), desk.gateway.clock
    who = _identity(desk.gateway, headers, claimed, given, is_tenant_enough=bool(given.exchange))
    if not given.exchange and who.session is None:
        raise _fault("say by `exchange` or `session` what is judged", param="exchange")
    feedback = Feedback(
        id=given.id or clock.new_id("fb"),
        tenant=who.tenant,
        exchange=given.exchange,
        session="" if given.exchange else who.session or "",
        at=clock.now(),
        metric=given.metric,
        value=given.value,
        label=given.label,
        comment=given.comment,
        correction=given.correction,
        demonstration=given.demonstration,
    )
    policy = desk.gateway.visits.policies.current.match("", "/v1/feedback", who.agent, headers)
    feedback = clean_feedback(feedback, policy.redact)
    with _recording():
        taken = await desk.history.give(who.scope(feedback.session), feedback)
    if taken == "unknown":
        whose = " of this user" if who.user is not None else ""
        meant = f"exchange {given.exchange}" if given.exchange else f"session {feedback.session}"
        raise NotFound(f"there is no {meant}{whose} under this key", code="not_found")
    if taken == "other":
        message = (
            f"feedback {given.id} is on record already, on another exchange or with other words; give this another id"
        )
        raise Conflict(message, code="id_taken", param="id")
    if taken == "late":
        raise Gone(f"this is more than {FEEDBACK_S / 86_400:.0f} days ago", code="too_late")
    desk.on_given()
    return {"id": feedback.id, "status": "accepted"}


async def _tell(desk: Desk, headers: Headers, claimed: identify.Claims, about: str) -> Answer:
    user = _identity(desk.gateway, headers, claimed, Given(), is_tenant_enough=True).user
    with _recording():
        became = await desk.history.became(claimed.tenant, about, user)
    if became is None:
        whose = "under this key, or several users' is of this id: name the user" if user is None else "of this user"
        raise NotFound(f"there is no feedback {about[:MAX_SHOWN_CHARS]} {whose}", code="not_found")
    return _json(200, became)


def _checked(document: object) -> Given:
    """Feedback that says something of something. Raises `BadRequest`."""
    if not isinstance(document, dict):
        raise _fault("feedback is a JSON object")
    unknown = sorted(set(document) - set(Given.__struct_fields__))
    if unknown:
        shown, known = ", ".join(unknown)[:MAX_SHOWN_CHARS], ", ".join(Given.__struct_fields__)
        raise _fault(f"feedback has no {shown}; it has {known}", param=unknown[0][:MAX_SHOWN_CHARS])
    try:
        given = msgspec.convert({name: value for name, value in document.items() if value is not None}, Given)
    except msgspec.ValidationError as error:
        raise _fault(str(error), param=str(error).rpartition("`$.")[2].rstrip("`")) from error
    if given.exchange and given.session:
        raise _fault("say either `exchange` or `session`", param="session")
    said = given.label + given.comment + given.correction + given.demonstration
    if given.value is None and not said.strip():
        raise _fault("feedback has at least one of value, label, comment, correction, demonstration")
    return given


def _identity(
    gateway: Gateway, headers: Headers, claimed: identify.Claims, given: Given, *, is_tenant_enough: bool
) -> identify.Identity:
    """Who speaks, read as of a call whose body names the same user. Raises `Unauthorized`.

    Args:
        is_tenant_enough: whoever names no user speaks for the tenant, as an application's own checks do; they may not
            where users are signed for.
    """
    fields = {"user": msgspec.Raw(msgspec.json.encode(given.user))} if given.user else {}
    sent = Sent(headers, Call(body=b"", fields=fields, model="", turns=(), slots=()))
    claimed = msgspec.structs.replace(claimed, session=given.session.strip() or claimed.session)
    visits = gateway.visits
    agent = identify.agent_of(claimed, sent)
    policy = visits.policies.current.match("", "/v1/feedback", agent, headers).identify
    named = identify.identity(claimed, sent, policy, "off")
    if claimed.is_signed_for and named.user is None:
        raise Unauthorized("users are signed for here, and this request names none", code="user_required")
    if is_tenant_enough:
        return named
    return identify.identity(claimed, sent, policy, policy.anonymous or visits.anonymous)


async def _document(request: Request) -> dict[str, Any]:
    """The JSON object of a body. Raises `RequestError`."""
    body = await request.body.read(MAX_BODY_BYTES)
    if body is None:
        raise TooLarge(f"feedback is at most {MAX_BODY_BYTES} bytes in all", code="feedback_too_large")
    plain = encodings.decode(body, first_value(request.headers, b"content-encoding"), MAX_BODY_BYTES)
    try:
        return msgspec.json.decode(plain or b"", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise _fault("the body is not a JSON object") from error


@contextmanager
def _recording() -> Iterator[None]:
    """Unlike a call, feedback is nothing without the record."""
    try:
        yield
    except MemoryUnavailable as error:
        raise NotNow(f"the record cannot be reached now: {error}", code="memory_unavailable") from error


def _fault(message: str, *, param: str | None = None) -> BadRequest:
    return BadRequest(message, code="invalid_feedback", param=param or None)


def _json(status: int, value: object) -> Answer:
    body = msgspec.json.encode(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    return Answer(status=status, headers=headers, chunks=_whole(body), has_named_events=False)


async def _whole(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body

"""`POST /accrue/erase` and `GET /accrue/export`: what is known of one person, removed for good or read out whole.

Both are for operators. It knows their form over HTTP; what there is and how it goes is known by gateway/erasure.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from gateway.admin.operators import Operators
from gateway.erasure import Eraser
from gateway.erasures import Person
from gateway.errors import BadRequest, MemoryUnavailable, NotNow, RequestError

JSON = "application/json"
LINES = "application/jsonl"

MAX_BODY_BYTES = 64 * 1024

Name = Annotated[str, Meta(max_length=1_024)]


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is meant."""

    user: Name | None = None
    session: Name = ""
    """Of nobody's, where no user was named in it."""
    tenant: Name = ""
    """Empty: the only one in which there is such a person."""
    opt_out: bool | None = None
    """Remember nothing of them from now on, or remember again; None: as before."""


def routes(eraser: Eraser, operators: Operators) -> Sequence[BaseRoute]:
    """The two paths."""

    async def erase(request: Request) -> Response:
        asked = _asked(await _body(request))
        person = await eraser.person(asked.user, asked.session, asked.tenant)
        erased = await eraser.erase(person, is_out=asked.opt_out)
        answer = {"tenant": person.tenant, **msgspec.structs.asdict(erased)}
        return Response(msgspec.json.encode(answer), media_type=JSON)

    async def export(request: Request) -> Response:
        named = {name: request.query_params[name] for name in Asked.__struct_fields__ if name in request.query_params}
        asked = _asked(msgspec.json.encode(named))
        person = await eraser.person(asked.user, asked.session, asked.tenant)
        return StreamingResponse(_lines(eraser, person), media_type=LINES)

    return [
        Route("/accrue/erase", _guarded(operators, erase), methods=["POST"]),
        Route("/accrue/export", _guarded(operators, export), methods=["GET"]),
    ]


def line(what: str, record: object) -> bytes:
    """One line of an export."""
    return msgspec.json.encode({"kind": what, "record": record}) + b"\n"


async def _lines(eraser: Eraser, person: Person) -> AsyncIterator[bytes]:
    async for what, record in eraser.known(person):
        yield line(what, record)


def _asked(document: bytes) -> Asked:
    try:
        return msgspec.json.decode(document, type=Asked)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadRequest(f"this says nobody to erase or export: {error}", code="invalid_person") from error


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BadRequest("a person is named in fewer words", code="invalid_person")
    return body


def _guarded(
    operators: Operators, endpoint: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def answer(request: Request) -> Response:
        try:
            operators.admitted(request.headers.raw)
            return await endpoint(request)
        except RequestError as error:
            return Response(error.body, status_code=error.status, media_type=JSON)
        except MemoryUnavailable as error:
            refusal = NotNow(f"not everything could be reached; ask again: {error}", code="memory_unavailable")
            return Response(refusal.body, status_code=refusal.status, media_type=JSON)

    return answer

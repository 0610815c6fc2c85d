"""What our own API offers, as values: where each operation is, what it is asked by and what it answers.

Routes, their documentation (gateway/admin/openapi.py) and what refuses nonsense all come from the same values. What an
operation does is known by the module of its resource.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from gateway.admin.operators import Operators
from gateway.console import Console
from gateway.errors import BadRequest, DataDirError, MemoryUnavailable, NotNow, RequestError, TooLarge

JSON = "application/json"
LINES = "application/jsonl"

MAX_BODY_BYTES = 1 << 20
MAX_LINES_BYTES = 64 << 20
"""Of an import, which holds many memories."""

HEADERS = {"cache-control": "no-store"}

Reach = Callable[[], Awaitable[Console]]
"""What an operator can do, now. Raises `MemoryUnavailable` or `DataDirError`."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be asked."""

    name: str
    """Its `operationId`: `listMemories`."""
    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    """With the names of members of `asked` in braces: `/accrue/memories/{id}`."""
    summary: str
    tag: str
    """The resource: `memories`."""
    asked: type[msgspec.Struct]
    """Members stand in the path, else in the query (GET, DELETE) or in a JSON body (POST, PATCH)."""
    answer: Any
    """The type of what `work` gives, as JSON; `LINES` where it gives lines, one after the other."""
    work: Callable[[Console, Any], Awaitable[Any]]
    """Raises `RequestError`, `MemoryUnavailable` or `DataDirError`."""
    is_lines_asked: bool = False
    """True where the body is not JSON but lines, which stand in the member `lines`."""


def routes(operations: Sequence[Operation], reach: Reach, operators: Operators) -> Sequence[BaseRoute]:
    """The operations for who holds the admin key."""
    return [
        Route(one.path, _endpoint(one, reach, operators), methods=[one.method], name=one.name) for one in operations
    ]


def _endpoint(operation: Operation, reach: Reach, operators: Operators) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            operators.admitted(request.headers.raw)
            asked = await _asked(operation, request)
            found = await operation.work(await reach(), asked)
        except RequestError as error:
            return _refused(error)
        except (MemoryUnavailable, DataDirError) as error:
            return _refused(NotNow(f"not everything could be reached; ask again: {error}", code="memory_unavailable"))
        if operation.answer == LINES:
            return StreamingResponse(found, media_type=LINES, headers=HEADERS)
        return Response(msgspec.json.encode(found), media_type=JSON, headers=HEADERS)

    return answer


async def _asked(operation: Operation, request: Request) -> Any:
    """What is asked, as the operation takes it. Raises `BadRequest` for anything else."""
    members: dict[str, Any] = dict(request.path_params)
    is_text = operation.method in ("GET", "DELETE")
    if is_text:
        members = {**dict(request.query_params), **members}
    elif operation.is_lines_asked:
        members = {**dict(request.query_params), "lines": await _body(request, MAX_LINES_BYTES), **members}
    else:
        members = {**_document(await _body(request, MAX_BODY_BYTES)), **members}
    try:
        return msgspec.convert(members, operation.asked, strict=not (is_text or operation.is_lines_asked))
    except msgspec.ValidationError as error:
        raise BadRequest(f"{operation.name}: {error}", code="invalid_request") from error


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge(f"this takes at most {most >> 20} MB", code="request_too_large")
    return bytes(body)


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadRequest(f"the body is no JSON object: {error}", code="invalid_json") from error


def _refused(error: RequestError) -> Response:
    return Response(error.body, status_code=error.status, media_type=JSON, headers=dict(_texts(error)) | HEADERS)


def _texts(error: RequestError) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in error.headers]

"""What our own API offers, as values: where each operation is, what it is asked by and what it answers.

Routes, their documentation (gateway/admin/openapi.py) and what refuses nonsense all come from the same values. What an
operation does is known by the module of its resource.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any, Literal

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from gateway.admin.lines import Lines
from gateway.admin.operators import Operators
from gateway.console import Console
from gateway.errors import BadRequest, DataDirError, MemoryUnavailable, NotNow, RequestError, TooLarge

JSON = "application/json"
LINES = "application/jsonl"

MAX_BODY_BYTES = 1 << 20
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
    """True where the body is not JSON but lines, which stand in the member `lines` until `work` is done."""


def routes(operations: Sequence[Operation], reach: Reach, operators: Operators) -> Sequence[BaseRoute]:
    """The operations for who holds the admin key."""
    return [
        Route(one.path, _endpoint(one, reach, operators), methods=[one.method], name=one.name) for one in operations
    ]


def _endpoint(operation: Operation, reach: Reach, operators: Operators) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            operators.admitted(request)
            async with _asked(operation, request) as asked:
                found = await operation.work(await reach(), asked)
        except ClientDisconnect:  # nobody is there to be told, and nothing is wrong with us
            return Response(status_code=BadRequest.status)
        except RequestError as error:
            return _refused(error)
        except (MemoryUnavailable, DataDirError) as error:
            return _refused(NotNow(f"not everything could be reached; ask again: {error}", code="memory_unavailable"))
        if operation.answer == LINES:
            return StreamingResponse(found, media_type=LINES, headers=HEADERS)
        return Response(msgspec.json.encode(found), media_type=JSON, headers=HEADERS)

    return answer


@asynccontextmanager
async def _asked(operation: Operation, request: Request) -> AsyncIterator[Any]:
    """What is asked, as the operation takes it. Raises `BadRequest` for anything else."""
    if operation.is_lines_asked:
        with closing(Lines()) as lines:
            await lines.fill(request.stream())
            yield _converted(operation, {**request.query_params, "lines": lines, **request.path_params}, is_text=True)
    elif operation.method in ("GET", "DELETE"):
        yield _converted(operation, {**request.query_params, **request.path_params}, is_text=True)
    else:
        yield _converted(operation, {**_document(await _body(request)), **request.path_params}, is_text=False)


def _converted(operation: Operation, members: Mapping[str, Any], *, is_text: bool) -> Any:
    try:
        return msgspec.convert(members, operation.asked, strict=not is_text)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{operation.name}: {error}", code="invalid_request") from error


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge(f"this takes at most {MAX_BODY_BYTES >> 20} MB", code="request_too_large")
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

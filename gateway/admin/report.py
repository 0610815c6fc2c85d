"""`GET /accrue/report`: what memory did and what it was worth, as JSON, for who holds the admin key.

A report shows the words of all users, so no key of a client opens it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.admin.operators import Operators
from gateway.errors import BadRequest, MemoryUnavailable, NotNow, RequestError
from gateway.period import Facts, seconds
from gateway.ports import Clock
from gateway.report import Report, report

JSON = "application/json"

Read = Callable[[str | None, float | None], Awaitable[Facts]]
"""What happened to a tenant, or to all, since a time in Unix seconds. Raises `MemoryUnavailable`."""


def routes(read: Read, clock: Clock, operators: Operators) -> Sequence[BaseRoute]:
    """`/accrue/report?since=7d&tenant=NAME`; without `since` from the beginning, without `tenant` of all."""

    async def shown(request: Request) -> Response:
        try:
            operators.admitted(request.headers.raw)
            whose = request.query_params.get("tenant") or None
            return Response(msgspec.json.encode(await _report(read, whose, _since(request, clock))), media_type=JSON)
        except RequestError as error:
            return Response(error.body, status_code=error.status, media_type=JSON)

    return [Route("/accrue/report", shown)]


async def _report(read: Read, whose: str | None, since: float | None) -> Report:
    try:
        facts = await read(whose, since)
    except MemoryUnavailable as error:
        raise NotNow(str(error), code="memory_unavailable") from error
    return await asyncio.to_thread(report, facts)


def _since(request: Request, clock: Clock) -> float | None:
    length = request.query_params.get("since")
    try:
        return None if length is None else clock.now() - seconds(length)
    except ValueError as error:
        raise BadRequest(f"since: {error}", code="invalid_since", param="since") from error

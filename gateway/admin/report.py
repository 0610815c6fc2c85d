"""`GET /accrue/report`: what memory did and what it was worth, as JSON, for the tenant whose credential asks.

A report shows the words of all users of a tenant, so it is served to this machine alone: on a loopback bind, and under
a name of this machine, which a proxy before us or a page in a browser does not ask by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.config import is_loopback
from gateway.errors import BadRequest, Forbidden, MemoryUnavailable, NotNow, RequestError
from gateway.identify import tenant
from gateway.period import Facts, seconds
from gateway.ports import Clock
from gateway.report import Report, report

JSON = "application/json"

Read = Callable[[str, float | None], Awaitable[Facts]]
"""What happened to a tenant since a time in Unix seconds. Raises `MemoryUnavailable`."""


def routes(read: Read, clock: Clock, secret: bytes, *, host: str) -> Sequence[BaseRoute]:
    """`/accrue/report?since=7d`; without `since` from the beginning.

    Args:
        host: that is listened on.
        secret: keys the tenant hashes.
    """

    async def shown(request: Request) -> Response:
        try:
            if not (is_loopback(host) and is_loopback(request.url.hostname or "")):
                raise Forbidden("the report is for this machine alone: run `accrue report` there", code="not_local")
            asking = tenant(request.headers.raw, secret, request.url.query)
            return Response(msgspec.json.encode(await _report(read, asking, _since(request, clock))), media_type=JSON)
        except RequestError as error:
            return Response(error.body, status_code=error.status, media_type=JSON)

    return [Route("/accrue/report", shown)]


async def _report(read: Read, asking: str, since: float | None) -> Report:
    try:
        facts = await read(asking, since)
    except MemoryUnavailable as error:
        raise NotNow(str(error), code="memory_unavailable") from error
    return await asyncio.to_thread(report, facts)


def _since(request: Request, clock: Clock) -> float | None:
    length = request.query_params.get("since")
    try:
        return None if length is None else clock.now() - seconds(length)
    except ValueError as error:
        raise BadRequest(f"since: {error}", code="invalid_since", param="since") from error

"""Is it alive, is it ready, what has it counted: for load balancers, people and Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.telemetry import CONTENT_TYPE, Telemetry


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """What the self-test found when it last looked."""

    memory: str
    """`on`, or why it is off."""
    journal: str
    """`ok`, or why calls are not on record."""


def routes(telemetry: Telemetry, readiness: Callable[[], Readiness]) -> Sequence[BaseRoute]:
    """`/livez`, `/readyz`, `/metrics`, and the root, which clients probe with HEAD."""

    async def alive(_: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    async def ready(_: Request) -> Response:
        return Response(msgspec.json.encode(readiness()), media_type="application/json")

    async def metrics(_: Request) -> Response:
        telemetry.tasks(len(asyncio.all_tasks()))
        return Response(telemetry.render(), media_type=CONTENT_TYPE)

    return [Route("/", alive), Route("/livez", alive), Route("/readyz", ready), Route("/metrics", metrics)]

"""Is it alive, is it ready, what has it counted: for load balancers, people and Prometheus. To operators: how it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.admin.operations import Operation
from gateway.console import Console, Health
from gateway.telemetry import CONTENT_TYPE, Telemetry


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """What the self-test found when it last looked."""

    memory: str
    """`on`, or why it is off."""
    journal: str
    """`ok`, or why calls are not on record."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to choose."""


async def health(console: Console, asked: Asked) -> Health:
    """How the gateway is."""
    return await console.health()


OPERATIONS = (
    Operation(
        name="health",
        method="GET",
        path="/accrue/health",
        summary="How the gateway is: stores, breakers, queues.",
        tag="health",
        asked=Asked,
        answer=Health,
        work=health,
    ),
)


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

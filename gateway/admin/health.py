"""Is it alive, is it ready, what has it counted: for load balancers, people and Prometheus."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.telemetry import CONTENT_TYPE, Telemetry


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """What the self-test at the start found."""

    memory: str
    """`on`, or why it is off."""


def routes(telemetry: Telemetry, readiness: Readiness) -> Sequence[BaseRoute]:
    """`/livez`, `/readyz`, `/metrics`, and the root, which clients probe with HEAD."""

    async def alive(_: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    async def ready(_: Request) -> Response:
        return Response(msgspec.json.encode(readiness), media_type="application/json")

    async def metrics(_: Request) -> Response:
        return Response(telemetry.render(), media_type=CONTENT_TYPE)

    return [Route("/", alive), Route("/livez", alive), Route("/readyz", ready), Route("/metrics", metrics)]

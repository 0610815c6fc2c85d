"""What load balancers, people and Prometheus are told."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from gateway.admin.health import Readiness, routes
from gateway.telemetry import CONTENT_TYPE, Telemetry


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
async def client(telemetry: Telemetry) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=routes(telemetry, lambda: Readiness(memory="self-test failed: disk full", journal="ok")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://accrue") as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/livez"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_it_is_alive(client: httpx.AsyncClient, path: str, method: str) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.text) == (200, "ok\n" if method == "GET" else "")


async def test_it_is_ready_without_memory_too_and_says_why(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"memory": "self-test failed: disk full", "journal": "ok"})
    assert answer.headers["content-type"] == "application/json"


async def test_it_shows_what_has_been_counted_until_now(client: httpx.AsyncClient, telemetry: Telemetry) -> None:
    telemetry.passed()
    answer = await client.get("/metrics")
    assert "accrue_passed_through_total 1.0" in answer.text
    assert answer.headers["content-type"] == CONTENT_TYPE


async def test_nobody_changes_anything_here(client: httpx.AsyncClient) -> None:
    statuses = {(await client.post(path)).status_code for path in ("/", "/livez", "/readyz", "/metrics")}
    assert statuses == {405}

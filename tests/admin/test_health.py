"""What load balancers, people and Prometheus are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from gateway.admin.health import OPERATIONS, Readiness, routes
from gateway.console import Breaking, Health
from gateway.telemetry import CONTENT_TYPE, Telemetry
from tests.admin.console import opened_desk, over_http


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


async def test_an_operator_is_told_how_it_is(tmp_path: Path) -> None:
    ill = Health(
        version="1.2.3",
        started=5.0,
        memory="self-test failed: disk full",
        journal="ok",
        stores={"store": "local"},
        breakers=(Breaking(name="store", is_open=True, opened=2),),
        waiting=None,
        distilling=1,
        dead=3,
        indexed=0.5,
    )

    async def health() -> Health:
        return ill

    async with opened_desk(tmp_path, health=health) as desk, over_http(desk.console, OPERATIONS) as client:
        answer = await client.get("/accrue/health")
        refused = await client.get("/accrue/health", headers={"authorization": "Bearer of-a-client"})
    assert msgspec.json.decode(answer.content, type=Health) == ill
    assert refused.status_code == 401

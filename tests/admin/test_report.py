"""Who gets the report over HTTP, and of what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from gateway.admin.report import routes
from gateway.errors import MemoryUnavailable
from gateway.identify import tenant
from gateway.period import Facts
from gateway.report import Report
from gateway.testing import ManualClock
from tests.periods import NOW, call, facts

SECRET = b"secret"
Asked = list[tuple[str, float | None]]
Client = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def asked() -> Asked:
    """Of whom and since when facts were read."""
    return []


@pytest.fixture
def client(asked: Asked) -> Client:
    async def read(of: str, since: float | None) -> Facts:
        asked.append((of, since))
        return facts(since=since, calls=[call("ex_1")])

    @asynccontextmanager
    async def started(
        host: str = "127.0.0.1", name: str = "http://127.0.0.1:8080", read: object = read
    ) -> AsyncIterator[httpx.AsyncClient]:
        app = Starlette(routes=routes(read, ManualClock(NOW), SECRET, host=host))  # type: ignore[arg-type] # a double
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=name, headers={"authorization": "Bearer k1"}) as on:
            yield on

    return started


@pytest.mark.promise("P7")
async def test_a_caller_gets_the_report_of_their_own_tenant(client: Client, asked: Asked) -> None:
    async with client() as here:
        answer = await here.get("/accrue/report")
        await here.get("/accrue/report", headers={"authorization": "Bearer k2", "x-accrue-user": "ann"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert msgspec.json.decode(answer.content, type=Report).calls == 1
    assert asked == [(tenant([(b"authorization", key)], SECRET), None) for key in (b"Bearer k1", b"Bearer k2")]


async def test_a_period_can_be_asked_for(client: Client, asked: Asked) -> None:
    async with client() as here:
        answer = await here.get("/accrue/report?since=7d")
    assert answer.json()["since"] == NOW - 7 * 86_400
    assert asked[0][1] == NOW - 7 * 86_400


async def test_a_period_that_is_none_is_refused_and_told_how_it_is_written(client: Client, asked: Asked) -> None:
    async with client() as here:
        answer = await here.get("/accrue/report?since=lately")
    assert answer.status_code == 400
    assert "7d" in answer.json()["error"]["message"]
    assert answer.json()["error"]["param"] == "since"
    assert asked == []


@pytest.mark.promise("P7")
@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://localhost"),
        ("127.0.0.1", "http://accrue.example.com"),
        ("127.0.0.1", "http://10.0.0.7:8080"),
    ],
)
async def test_it_is_served_to_this_machine_alone(client: Client, asked: Asked, host: str, name: str) -> None:
    async with client(host, name) as there:
        answer = await there.get("/accrue/report")
    assert answer.status_code == 403
    assert "accrue report" in answer.json()["error"]["message"]
    assert asked == []


@pytest.mark.parametrize("name", ["http://localhost:8080", "http://[::1]:8080", "http://127.0.0.1"])
async def test_this_machine_has_several_names(client: Client, name: str) -> None:
    async with client("localhost", name) as here:
        assert (await here.get("/accrue/report")).status_code == 200


async def test_memory_that_cannot_answer_now_is_said_to(client: Client) -> None:
    async def unavailable(of: str, since: float | None) -> Facts:
        raise MemoryUnavailable("the disk is full")

    async with client(read=unavailable) as here:
        answer = await here.get("/accrue/report")
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "the disk is full")


async def test_nobody_changes_anything_here(client: Client) -> None:
    async with client() as here:
        assert (await here.post("/accrue/report")).status_code == 405

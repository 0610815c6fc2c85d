"""Who gets the report over HTTP, and of what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from gateway.admin.report import OPERATIONS
from gateway.errors import MemoryUnavailable
from gateway.period import Facts
from gateway.report import Report
from tests.admin.console import KEY, opened_desk, over_http
from tests.periods import NOW, call, facts

Asked = list[tuple[str | None, float | None]]
Client = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def asked() -> Asked:
    """Of whom and since when facts were read."""
    return []


@pytest.fixture
def client(asked: Asked, tmp_path: Path) -> Client:
    async def read(of: str | None, since: float | None) -> Facts:
        asked.append((of, since))
        return facts(since=since, calls=[call("ex_1")])

    @asynccontextmanager
    async def started(key: str = KEY, read: object = read) -> AsyncIterator[httpx.AsyncClient]:
        async with opened_desk(tmp_path, facts=read) as desk, over_http(desk.console, OPERATIONS) as http:
            desk.clock.advance(NOW - desk.clock.now())
            http.headers["authorization"] = f"Bearer {key}"
            yield http

    return started


async def test_an_operator_gets_the_report_of_all_or_of_one_tenant(client: Client, asked: Asked) -> None:
    async with client() as here:
        answer = await here.get("/accrue/report")
        await here.get("/accrue/report?tenant=team-a")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert msgspec.json.decode(answer.content, type=Report).calls == 1
    assert asked == [(None, None), ("team-a", None)]


@pytest.mark.promise("P7")
async def test_nobody_else_gets_it_whatever_the_path_says(client: Client, asked: Asked) -> None:
    async with client("sk-of-a-client") as there:
        answers = [await there.get(f"/accrue/report{query}") for query in ("", "?tenant=a", f"?key={KEY}")]
    assert {answer.status_code for answer in answers} == {401}
    assert answers[0].json()["error"]["code"] == "admin_key_required"
    assert asked == []


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


async def test_memory_that_cannot_answer_now_is_said_to(client: Client) -> None:
    async def unavailable(of: str | None, since: float | None) -> Facts:
        raise MemoryUnavailable("the disk is full")

    async with client(read=unavailable) as here:
        answer = await here.get("/accrue/report")
    assert answer.status_code == 503
    assert "the disk is full" in answer.json()["error"]["message"]


async def test_nobody_changes_anything_here(client: Client) -> None:
    async with client() as here:
        assert (await here.post("/accrue/report")).status_code == 405

"""Dead letters in an operator's hands, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.admin.deadletters import OPERATIONS
from gateway.deadletters import DeadLetter
from gateway.journals.sqlite import SqliteDeadLetters
from tests.admin.console import Desk, opened_desk, over_http
from tests.exchanges import NOW, exchange, user


@pytest.fixture
def woken() -> list[str]:
    """A word each time that the learner is told of work."""
    return []


@pytest.fixture
async def desk(tmp_path: Path, woken: list[str]) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path, wake=lambda: woken.append("woken")) as opened:
        letters = SqliteDeadLetters(opened.journal.writer)
        for number in range(3):
            one = exchange(user(f"Always answer in {number} words."), id=f"ex_{number}", at=NOW + number)
            await opened.happened(one)
            await letters.bury(DeadLetter(exchange=one.id, stage="unlearnt", reason="KeyError", at=one.at))
        yield opened


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with over_http(desk.console, OPERATIONS) as on:
        yield on


async def left(client: httpx.AsyncClient) -> list[str]:
    return [letter["exchange"] for letter in (await client.get("/accrue/deadletters")).json()["letters"]]


async def test_they_are_named_the_oldest_first_and_counted(client: httpx.AsyncClient) -> None:
    found = (await client.get("/accrue/deadletters?limit=2")).json()
    assert found["letters"] == [
        {"exchange": "ex_0", "stage": "unlearnt", "reason": "KeyError", "at": NOW},
        {"exchange": "ex_1", "stage": "unlearnt", "reason": "KeyError", "at": NOW + 1},
    ]
    assert found["count"] == 3


async def test_one_is_learnt_once_more_at_once(client: httpx.AsyncClient, desk: Desk, woken: list[str]) -> None:
    answer = await client.post("/accrue/deadletters/replay", json={"exchanges": ["ex_1", "ex_1"]})
    assert answer.json() == {"count": 1}
    assert await left(client) == ["ex_0", "ex_2"]
    assert [one.id for one in await desk.journal.lease(10)] == ["ex_1"]
    assert woken == ["woken"]


async def test_all_are_dropped_and_their_record_stays(client: httpx.AsyncClient, desk: Desk, woken: list[str]) -> None:
    assert (await client.post("/accrue/deadletters/drop", json={"all": True})).json() == {"count": 3}
    assert await left(client) == []
    assert await desk.console.read("ex_2") is not None
    assert await desk.journal.lease(10) == []
    assert woken == []


@pytest.mark.parametrize("action", ["replay", "drop"])
async def test_one_has_to_say_which_and_know_it(client: httpx.AsyncClient, action: str) -> None:
    for choice in ({}, {"all": True, "exchanges": ["ex_1"]}, {"exchanges": "ex_1"}, {"all": "yes"}):
        assert (await client.post(f"/accrue/deadletters/{action}", json=choice)).status_code == 400
    answer = await client.post(f"/accrue/deadletters/{action}", json={"exchanges": ["ex_1", "ex_of_nobody"]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "exchanges")
    assert await left(client) == ["ex_0", "ex_1", "ex_2"]

"""gateway/admin/profiles.py: what is known of one user."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import msgspec
import pytest

from gateway.admin.profiles import MAX_READ, MAX_SHOWN, OPERATIONS, TEXT_CHARS
from gateway.chronicle import Learnt
from gateway.types import Scope
from tests.admin.console import Desk, opened_desk, over_http
from tests.exchanges import ANN, NOW, exchange, in_session, user
from tests.lessons import lesson, signal

SEEN = (("complaint", False), ("complaint", None), ("thanks", True))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path) as opened:
        yield opened


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with over_http(desk.console, OPERATIONS) as opened:
        yield opened


async def test_a_profile_says_what_holds_what_was_said_when_and_how_it_went(
    desk: Desk, client: httpx.AsyncClient
) -> None:
    await desk.happened(
        exchange(user("I prefer tea to coffee."), id="ex_1", at=NOW + 1),
        exchange(user("Never use tabs."), id="ex_2", at=NOW + 2, scope=in_session("s2")),
    )
    seen = [signal(name, exchange="ex_1", is_good=is_good) for name, is_good in SEEN]
    await desk.history.taught(ANN, Learnt(exchange="ex_1", signals=tuple(seen)))
    found = (await client.get("/accrue/users/ann")).json()
    assert (found["name"], found["tenant"], found["is_out"], found["is_cut"]) == ("ann", "acme", False, False)
    assert [one["text"] for one in found["lanes"]["preference"]] == ["I prefer tea to coffee."]
    assert next(iter(found["lanes"])) == "constraint"
    assert {"kind": "preference", "state": "holding", "count": 1} in found["counts"]
    assert (found["began"], found["last"], found["session_count"]) == (NOW + 1, NOW + 2, 2)
    assert [one["id"] for one in found["sessions"]] == ["s2", "s1"]
    assert [(one["name"], one["count"], one["good"], one["bad"]) for one in found["signals"]] == [
        ("complaint", 2, 0, 1),
        ("thanks", 1, 1, 0),
    ]


async def test_of_many_memories_the_newest_are_shown_and_all_states_are_counted(
    desk: Desk, client: httpx.AsyncClient
) -> None:
    states = ("active", "proposed", "retired")
    taught = [lesson(f"{state}{number}", state=state) for state in states for number in range(MAX_SHOWN)]
    ended = [
        msgspec.structs.replace(one, ended_at=NOW)
        for one in taught
        if one.lesson is not None and one.lesson.state == "retired"
    ]
    long = msgspec.structs.replace(lesson("long", text="x" * 900), at=NOW + 9)
    await desk.store.put(ANN, [*taught[: 2 * MAX_SHOWN], *ended, long])
    found = (await client.get("/accrue/users/ann", params={"tenant": "acme"})).json()
    assert len(found["lanes"]["lesson"]) == MAX_SHOWN
    assert found["lanes"]["lesson"][0]["text"] == "x" * TEXT_CHARS
    assert found["counts"] == [
        {"kind": "lesson", "state": "active", "count": MAX_SHOWN + 1},
        {"kind": "lesson", "state": "proposed", "count": MAX_SHOWN},
        {"kind": "lesson", "state": "retired", "count": MAX_SHOWN},
    ]
    assert (found["session_count"], found["began"], found["is_cut"]) == (0, None, False)
    await desk.store.put(ANN, [lesson(f"more{number}") for number in range(MAX_READ)])
    found = (await client.get("/accrue/users/ann", params={"tenant": "acme"})).json()
    assert found["is_cut"]


async def test_who_asked_not_to_be_remembered_is_shown_as_such(desk: Desk, client: httpx.AsyncClient) -> None:
    await desk.happened(exchange(user("I prefer tea to coffee."), id="ex_1", at=NOW + 1))
    person = await desk.console.eraser.person("ann", "", "")
    await desk.console.eraser.erase(person, is_out=True)
    found = (await client.get("/accrue/users/ann", params={"tenant": "acme"})).json()
    assert (found["is_out"], found["lanes"], found["sessions"], found["signals"]) == (True, {}, [], [])
    await desk.console.eraser.erase(person, is_out=False)
    assert (await client.get("/accrue/users/ann", params={"tenant": "acme"})).status_code == 404


async def test_of_several_users_of_one_name_it_is_asked_which_is_meant(desk: Desk, client: httpx.AsyncClient) -> None:
    for number, tenant in enumerate(("acme", "rival")):
        where = Scope(tenant=tenant, user="ann", session="s1")
        await desk.journal.commit(exchange(user("Hm."), id=f"ex_{number}", scope=where))
    unclear = await client.get("/accrue/users/ann")
    assert (unclear.status_code, unclear.json()["error"]["code"]) == (409, "ambiguous")
    assert "acme, rival" in unclear.json()["error"]["message"]
    assert (await client.get("/accrue/users/ann?tenant=rival")).json()["tenant"] == "rival"
    assert (await client.get("/accrue/users/eve")).status_code == 404


@pytest.mark.parametrize("name", ["org/ann", "<b>", "line\nend\n"])
async def test_a_user_is_found_whatever_they_are_called(desk: Desk, client: httpx.AsyncClient, name: str) -> None:
    where = Scope(tenant="acme", user=name, session="s1")
    await desk.journal.commit(exchange(user("Hm."), id="ex_1", scope=where))
    assert (await client.get(f"/accrue/users/{quote(name, safe='')}")).json()["name"] == name

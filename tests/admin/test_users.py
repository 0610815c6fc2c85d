"""gateway/admin/users.py: an operator leafs through those of whom something is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.admin.users import OPERATIONS
from gateway.types import Scope
from tests.admin.console import Desk, opened_desk, over_http
from tests.exchanges import NOW, exchange, user
from tests.lessons import lesson

MOST = 20
"""Pages."""

PEOPLE = (("acme", "ann"), ("acme", "bob"), ("rival", "ann"))


async def said(desk: Desk, id: str, where: Scope, text: str, *, at: float = NOW + 1) -> None:
    """Somebody says something, and it is learnt."""
    await desk.happened(exchange(user(text), id=id, at=at, scope=where))


async def every(client: httpx.AsyncClient, limit: int = 50, **query: str) -> list[dict[str, Any]]:
    """Users from all pages."""
    found: list[dict[str, Any]] = []
    place = ""
    for _ in range(MOST):
        page = (await client.get("/accrue/users", params={**query, "place": place, "limit": limit})).json()
        assert len(page["users"]) <= limit
        found += page["users"]
        place = page["place"]
        if not place:
            return found
    raise AssertionError("it goes round in circles")


async def test_who_has_memories_comes_first_and_then_who_was_only_heard_of(tmp_path: Path) -> None:
    async with opened_desk(tmp_path) as desk, over_http(desk.console, OPERATIONS) as client:
        assert await every(client) == []
        ann, bob, rival = (Scope(tenant=tenant, user=name, session="s1") for tenant, name in PEOPLE)
        await said(desk, "ex_1", rival, "I prefer coffee to tea.", at=NOW + 1)
        await said(desk, "ex_2", Scope(tenant="acme", user=None, session="s2"), "I prefer rain to sun.", at=NOW + 2)
        await said(desk, "ex_3", ann, "I prefer tea to coffee.", at=NOW + 3)
        await desk.journal.commit(exchange(user("Hm."), id="ex_4", at=NOW + 4, scope=bob, mode="read"))
        found = await every(client, 50)
        for limit in (1, 2, 50):
            found = await every(client, limit)
            assert [(one["tenant"], one["name"]) for one in found] == [
                ("acme", "ann"),
                ("rival", "ann"),
                ("acme", "bob"),
            ]
        first, *_, last = found
        assert first["memories"] > 0
        assert (first["sessions"], first["began"], first["last"]) == (1, NOW + 3, NOW + 3)
        assert (last["memories"], last["learnt"], last["sessions"], last["last"]) == (0, None, 1, NOW + 4)
        assert [one["tenant"] for one in await every(client, tenant="rival")] == ["rival"]
        assert [one["name"] for one in await every(client, name="b")] == ["bob"]
        assert await every(client, name="eve") == []


async def test_memories_make_a_user_though_nothing_of_theirs_is_on_record(tmp_path: Path) -> None:
    async with opened_desk(tmp_path) as desk, over_http(desk.console, OPERATIONS) as client:
        await desk.store.put(Scope(tenant="acme", user="ann"), [lesson("l1")])
        await desk.store.put(Scope(tenant="acme", user="ann").common, [lesson("l2")])
        (found,) = await every(client)
        assert (found["name"], found["memories"], found["sessions"], found["last"]) == ("ann", 1, 0, None)


async def test_no_page_looks_through_everybody_for_the_few_without_memories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admin.users.MAX_LOOKED_THROUGH", 4)
    async with opened_desk(tmp_path) as desk, over_http(desk.console, OPERATIONS) as client:
        people = [Scope(tenant="acme", user=f"u{number}", session="s1") for number in range(6)]
        for number, where in enumerate(people):
            await desk.journal.commit(exchange(user("Hm."), id=f"ex_{number}", scope=where))
        for where in people[:-1]:
            await desk.store.put(where, [lesson("l1")])
        short = (await client.get("/accrue/users", params={"place": "s", "limit": 2})).json()
        assert (short["users"], bool(short["place"])) == ([], True)
        rest = (await client.get("/accrue/users", params={"place": short["place"], "limit": 2})).json()
        assert ([one["name"] for one in rest["users"]], rest["place"]) == (["u5"], "")


async def test_a_place_that_is_none_is_refused(tmp_path: Path) -> None:
    async with opened_desk(tmp_path) as desk, over_http(desk.console, OPERATIONS) as client:
        for place in ("x", "sx"):
            answer = await client.get("/accrue/users", params={"place": place})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_place")

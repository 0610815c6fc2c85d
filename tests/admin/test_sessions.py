"""gateway/admin/sessions.py: an operator leafs through sessions, and reads one call by call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from gateway.admin.sessions import MAX_MESSAGES, MAX_NAMED, OPERATIONS, TEXT_CHARS
from gateway.chronicle import Learnt
from gateway.experience import Change, Feedback
from gateway.types import Considered, Exchange, Note, Outcome, Reply, Scope, ToolCall, Turn, Usage
from tests.admin.console import Desk, opened_desk, over_http
from tests.exchanges import ANN, NOW, assistant, exchange, user
from tests.lessons import signal

TOLD = exchange(
    user("Tea or coffee?"),
    outcome=Outcome(status="hit", notes=1, tokens=9, lanes={"preference": 1}),
    notes=(Note(where="head-1", text="<a>", tokens=9, memories=("m_1",)),),
    considered=(
        Considered(memory="m_1", lane="preference", text="Likes tea.", score=0.9, tokens=4, decision="injected"),
    ),
    reply=Reply(turns=(assistant("Tea."),), usage=Usage(prompt_tokens=20, completion_tokens=3, cached_tokens=5)),
)


def later(id: str, after_s: float, where: Scope = ANN, **changes: Any) -> Exchange:
    return exchange(user(f"This is {id}."), id=id, at=TOLD.at + after_s, scope=where, **changes)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path) as opened:
        yield opened


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with over_http(desk.console, OPERATIONS) as opened:
        yield opened


async def test_sessions_are_listed_page_by_page_and_by_whose_they_are(desk: Desk, client: httpx.AsyncClient) -> None:
    nobody = Scope(tenant="acme", user=None, session="s2")
    for one in (TOLD, later("ex_2", 2, nobody), later("ex_3", 3)):
        await desk.journal.commit(one)
    first = (await client.get("/accrue/sessions", params={"limit": 1})).json()
    assert first["sessions"] == [
        {"id": "s1", "tenant": "acme", "user": "ann", "began": NOW - 60, "last": NOW - 57, "calls": 2}
    ]
    second = (await client.get("/accrue/sessions", params={"limit": 1, "place": first["place"]})).json()
    assert [(one["id"], one["user"]) for one in second["sessions"]] == [("s2", None)]
    assert second["place"] == ""
    nobodys = (await client.get("/accrue/sessions", params={"user": ""})).json()
    assert [one["id"] for one in nobodys["sessions"]] == ["s2"]
    assert (await client.get("/accrue/sessions?place=x")).json()["error"]["code"] == "invalid_place"


async def test_a_session_is_read_with_what_was_added_why_what_it_cost_and_what_came_of_it(
    desk: Desk, client: httpx.AsyncClient
) -> None:
    seen = signal("complaint", exchange="ex_1")
    changed = Change(action="ADD", memory="m_2", at=NOW, cause="ex_1", reason="said outright")
    await desk.journal.commit(TOLD)
    await desk.history.taught(ANN, Learnt(exchange="ex_1", signals=(seen,), changes=(changed,)))
    await desk.history.give(ANN, Feedback(id="f1", tenant="acme", exchange="ex_1", at=NOW, value=False))
    await desk.journal.commit(later("ex_2", 1))
    found = (await client.get("/accrue/sessions/s1")).json()
    first, second = found["calls"]
    assert [message["text"] for message in (*first["said"], *first["answered"])] == ["Tea or coffee?", "Tea."]
    (added,) = first["call"]["added"]
    assert (added["place"], added["text"], added["memories"][0]["text"]) == ("system", "<a>", "Likes tea.")
    assert [one["name"] for one in first["signals"]] == ["complaint"]
    assert [one["id"] for one in first["feedback"]] == ["f1"]
    assert [one["memory"] for one in first["changes"]] == ["m_2"]
    assert (second["call"]["added"], second["signals"], second["call"]["status"]) == ([], [], 200)
    assert found["totals"] == {
        "calls": 2,
        "hits": 1,
        "notes_tokens": 9,
        "usage": {"prompt_tokens": 20, "completion_tokens": 3, "cached_tokens": 5},
        "signals": 1,
        "feedback": 1,
    }
    assert (found["session"]["calls"], found["place"]) == (2, "")


async def test_long_sessions_and_long_messages_are_shown_in_parts(desk: Desk, client: httpx.AsyncClient) -> None:
    long = Turn(role="assistant", text="x" * 9_000, calls=(ToolCall(id="c", name="search", arguments="{}"),))
    turns = tuple(user(f"message {number}") for number in range(MAX_MESSAGES + 5))
    await desk.journal.commit(later("ex_1", 1))
    await desk.journal.commit(later("ex_2", 2, reply=Reply(turns=(long,))))
    await desk.journal.commit(later("ex_3", 3, turns=turns, reply=None))
    newest = (await client.get("/accrue/sessions/s1", params={"limit": 2})).json()
    assert [one["call"]["id"] for one in newest["calls"]] == ["ex_2", "ex_3"]
    (answered,) = newest["calls"][0]["answered"]
    assert (len(answered["text"]), answered["chars"], answered["tools"]) == (TEXT_CHARS, 9_000, ["search"])
    assert newest["calls"][1]["said"][-1]["text"] == turns[-1].text
    assert (len(newest["calls"][1]["said"]), newest["calls"][1]["answered"]) == (MAX_MESSAGES, [])
    older = (await client.get("/accrue/sessions/s1", params={"limit": 2, "place": newest["place"]})).json()
    assert ([one["call"]["id"] for one in older["calls"]], older["place"]) == (["ex_1"], "")
    assert (older["totals"]["calls"], older["session"]["calls"]) == (1, 3)


async def test_of_several_sessions_of_one_name_it_is_asked_which_is_meant(
    desk: Desk, client: httpx.AsyncClient
) -> None:
    bob, rival = Scope(tenant="acme", user="bob", session="s1"), Scope(tenant="rival", user=None, session="s1")
    for number, where in enumerate((ANN, bob, rival)):
        await desk.journal.commit(later(f"ex_{number}", number, where))
    unclear = await client.get("/accrue/sessions/s1")
    error = unclear.json()["error"]
    assert (unclear.status_code, error["code"], error["param"]) == (409, "ambiguous", "tenant")
    assert "tenant acme, user ann; tenant acme, user bob; tenant rival, nobody" in error["message"]
    assert (await client.get("/accrue/sessions/s1?tenant=acme")).json()["error"]["param"] == "user"
    for query, whose in (("user=ann", "ann"), ("tenant=acme&user=bob", "bob"), ("tenant=rival", None)):
        assert (await client.get(f"/accrue/sessions/s1?{query}")).json()["session"]["user"] == whose
    for query in ("tenant=none", "tenant=acme&user=eve"):
        assert (await client.get(f"/accrue/sessions/s1?{query}")).status_code == 404


async def test_no_more_sessions_are_named_than_can_be_read(desk: Desk, client: httpx.AsyncClient) -> None:
    for number in range(MAX_NAMED + 3):
        await desk.journal.commit(later(f"ex_{number}", 0, Scope(tenant="acme", user=f"u{number}", session="s1")))
    assert (await client.get("/accrue/sessions/s1")).json()["error"]["message"].endswith("; and 3 more")


@pytest.mark.parametrize(
    "name", ["a/b", "/", "a b?c#d%2F", "<script>alert(1)</script>", "line\nend\n", "ümläut", "null"]
)
async def test_a_session_is_found_whatever_it_is_called(desk: Desk, client: httpx.AsyncClient, name: str) -> None:
    where = msgspec.structs.replace(ANN, session=name, user=name)
    await desk.journal.commit(later("ex_1", 1, where))
    for query in ({}, {"tenant": "acme", "user": name}):
        found = (await client.get(f"/accrue/sessions/{quote(name, safe='')}", params=query)).json()
        assert (found["session"]["id"], found["session"]["user"]) == (name, name)

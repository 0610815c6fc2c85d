"""`/accrue/memories` over HTTP: what is shown, found, and done by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from gateway.admin.memories import OPERATIONS, state_of
from gateway.memories import Memory
from gateway.ports import Held
from gateway.types import Scope
from tests.admin.console import Desk, opened_desk, over_http
from tests.exchanges import ANN, NOW, exchange, in_session, user
from tests.lessons import lesson
from tests.stores.samples import BOB, memory

PATH = "/accrue/memories"
RULE = "Always answer in French."


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened_desk(tmp_path) as made:
        yield made


@pytest.fixture
async def http(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with over_http(desk.console, OPERATIONS) as client:
        yield client


async def said(desk: Desk, *texts: str) -> list[Memory]:
    """What Ann said in a session each, learnt; her rules, in order."""
    await desk.happened(
        *(
            exchange(user(text), id=f"ex_{number}", at=NOW + number, scope=in_session(f"s{number}"))
            for number, text in enumerate(texts)
        )
    )
    return (await desk.store.list(ANN, ("constraint",), 9))[::-1]


def texts(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["memory"]["text"] for one in answer.json()["memories"]]


async def test_memories_are_listed_page_by_page_with_whose_they_are(desk: Desk, http: httpx.AsyncClient) -> None:
    nobody = Scope(tenant="acme", user=None, session="s9")
    for at, scope in enumerate((ANN, BOB, nobody, ANN.common)):
        await desk.store.put(scope, [memory("m_1", f"of {scope.owner}", at=NOW + at)])
    first = (await http.get(PATH, params={"limit": 3})).json()
    rest = (await http.get(PATH, params={"limit": 3, "place": first["place"]})).json()
    shown = [*first["memories"], *rest["memories"]]
    assert [(one["tenant"], one["user"], one["session"], one["is_shared"]) for one in shown] == [
        ("acme", None, "", True),
        ("acme", None, "s9", False),
        ("acme", "bob", "", False),
        ("acme", "ann", "", False),
    ]
    assert (rest["place"], shown[0]["state"], shown[0]["memory"]["kind"]) == ("", "holding", "fact")


async def test_memories_are_filtered(desk: Desk, http: httpx.AsyncClient) -> None:
    await desk.store.put(ANN, [memory("m_1", "tea"), memory("m_2", "old tea", ended_at=NOW), lesson("book")])
    await desk.store.put(BOB, [memory("m_1", "coffee")])
    whose = {"tenant": "acme", "user": "ann"}
    assert sorted(texts(await http.get(PATH, params=whose))) == ["Mind the gap.", "old tea", "tea"]
    assert texts(await http.get(PATH, params={**whose, "state": "ended"})) == ["old tea"]
    assert texts(await http.get(PATH, params={"kind": "lesson", "state": "active"})) == ["Mind the gap."]
    assert sorted(texts(await http.get(PATH, params={"tenant": "acme", "state": "holding", "kind": "fact"}))) == [
        "coffee",
        "tea",
    ]


async def test_a_question_finds_what_recall_finds_of_whoever_is_meant(desk: Desk, http: httpx.AsyncClient) -> None:
    (rule,) = await said(desk, f"{RULE} My dog Biscuit is allergic to chicken.")
    answer = await http.get(PATH, params={"user": "ann", "q": "What may my dog eat?"})
    found = {one["memory"]["text"]: one for one in answer.json()["memories"]}
    assert found[rule.text]["score"] is None
    assert found[f"{RULE} My dog Biscuit is allergic to chicken."]["score"] > 0
    only = await http.get(PATH, params={"user": "ann", "q": "What may my dog eat?", "kind": "constraint"})
    assert texts(only) == [rule.text]
    none = await http.get(PATH, params={"user": "ann", "q": "What may my dog eat?", "state": "ended"})
    assert texts(none) == []


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"q": "tea"}, 400, "invalid_person"),
        ({"user": "eve", "q": "tea"}, 404, "not_found"),
        ({"user": "ann", "session": "s1"}, 400, "invalid_person"),
        ({"limit": "0"}, 400, "invalid_request"),
        ({"limit": "201"}, 400, "invalid_request"),
        ({"state": "asleep"}, 400, "invalid_request"),
        ({"owner": "4:acmeu3:ann"}, 400, "invalid_request"),
        ({"place": "nowhere"}, 400, "invalid_place"),
    ],
)
async def test_what_cannot_be_listed_is_refused(
    http: httpx.AsyncClient, asked: dict[str, str], status: int, code: str
) -> None:
    answer = await http.get(PATH, params=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.promise("P8")
async def test_a_memory_is_read_with_its_history(desk: Desk, http: httpx.AsyncClient) -> None:
    (rule,) = await said(desk, RULE, RULE)
    second = (await http.patch(f"{PATH}/{rule.id}", json={"text": "Always answer in German."})).json()
    third = (await http.patch(f"{PATH}/{second['memory']['id']}", json={"text": "Always answer in Greek."})).json()
    read = (await http.get(f"{PATH}/{rule.id}", params={"user": "ann"})).json()
    assert (read["shown"]["state"], read["shown"]["memory"]["count"]) == ("ended", 2)
    assert [one["memory"]["id"] for one in read["followed"]] == [second["memory"]["id"], third["memory"]["id"]]
    assert read["exchanges"] == ["ex_0", "ex_1"]
    assert [(one["action"], one["by"]) for one in read["changes"]] == [("SUPERSEDE", second["memory"]["id"])]
    late = (await http.get(f"{PATH}/{third['memory']['id']}")).json()
    assert [one["action"] for one in late["changes"]] == ["ADD", "SUPERSEDE"]
    assert (late["followed"], late["exchanges"]) == ([], [])


async def test_what_took_each_others_place_in_a_circle_is_shown_once(desk: Desk, http: httpx.AsyncClient) -> None:
    await desk.store.put(ANN, [memory(one, ended_at=NOW, ended_by=by) for one, by in (("m_1", "m_2"), ("m_2", "m_1"))])
    await desk.store.put(ANN, [memory("m_3", ended_at=NOW, ended_by="m_gone")])
    assert [one["memory"]["id"] for one in (await http.get(f"{PATH}/m_1")).json()["followed"]] == ["m_2"]
    assert (await http.get(f"{PATH}/m_3")).json()["followed"] == []


async def test_of_what_very_many_have_the_one_meant_is_found(
    desk: Desk, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def of_others(id: str, owner: str = "") -> Sequence[Held]:
        return await found(id, owner) if owner else []

    found = desk.console.catalogue.find
    monkeypatch.setattr(desk.console.catalogue, "find", of_others)
    await desk.store.put(ANN, [memory("m_1", "tea", ended_at=NOW, ended_by="m_2"), memory("m_2", "coffee")])
    await desk.store.put(ANN.common, [lesson("l1")])
    read = (await http.get(f"{PATH}/m_1", params={"tenant": "acme", "user": "ann"})).json()
    assert [one["memory"]["id"] for one in read["followed"]] == ["m_2"]
    for whose in ({"tenant": "acme"}, {"tenant": "acme", "user": "ann"}):
        assert (await http.get(f"{PATH}/m_l1", params=whose)).json()["shown"]["is_shared"] is True


async def test_who_was_only_imported_or_added_to_is_found_by_name(desk: Desk, http: httpx.AsyncClient) -> None:
    await http.post(PATH, json={"tenant": "acme", "user": "dan", "kind": "fact", "text": "Dan likes tea."})
    again = await http.post(PATH, json={"user": "dan", "kind": "fact", "text": "Dan has a cat."})
    assert (again.status_code, again.json()["tenant"]) == (200, "acme")
    assert set(texts(await http.get(PATH, params={"user": "dan"}))) == {"Dan likes tea.", "Dan has a cat."}


@pytest.mark.promise("P7")
async def test_of_an_id_that_several_have_it_must_be_said_whose_is_meant(desk: Desk, http: httpx.AsyncClient) -> None:
    await said(desk, RULE)
    for scope in (ANN, BOB):
        await desk.store.put(scope, [memory("m_1", f"tea for {scope.user}")])
    for answer in (
        await http.get(f"{PATH}/m_1"),
        await http.patch(f"{PATH}/m_1", json={"is_pinned": True}),
        await http.delete(f"{PATH}/m_1"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ambiguous")
    for method in ("GET", "DELETE"):
        answer = await http.request(method, f"{PATH}/m_9", params={"tenant": "acme", "user": "ann"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert (await http.delete(f"{PATH}/m_1", params={"user": "ann"})).json() == {"id": "m_1", "tenant": "acme"}
    assert [one.owner for one in await desk.console.catalogue.find("m_1")] == [BOB.owner]


async def test_a_text_is_added_to_a_user_a_session_or_all_of_a_tenant(desk: Desk, http: httpx.AsyncClient) -> None:
    for whose, kind in (({"user": "dan"}, "preference"), ({"session": "s7"}, "preference"), ({}, "lesson")):
        asked = {"tenant": "acme", **whose, "kind": kind, "text": "Short answers.", "is_pinned": True}
        answer = await http.post(PATH, json=asked)
        assert answer.status_code == 200, answer.text
        assert answer.json()["memory"]["is_pinned"] is True
        assert answer.json()["is_shared"] is (whose == {})
    owners, _ = await desk.console.catalogue.holders("acme", "", "", 9)
    assert [one.owner for one in owners] == ["4:acmes2:s7", "4:acmet", "4:acmeu3:dan"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"kind": "fact", "text": "Tea."}, "invalid_person"),
        ({"tenant": "acme", "user": "ann", "kind": "rumour", "text": "Tea."}, "invalid_kind"),
        ({"tenant": "acme", "kind": "fact", "text": "Tea."}, "invalid_kind"),
        ({"tenant": "acme", "user": "ann", "kind": "fact", "text": " "}, "invalid_text"),
        ({"tenant": "acme", "user": "ann", "kind": "fact", "text": "x" * 2_001}, "invalid_text"),
        ({"tenant": "acme", "user": "ann", "kind": "fact", "text": 7}, "invalid_request"),
        ({"tenant": "acme", "user": "ann", "kind": "fact"}, "invalid_request"),
    ],
)
async def test_what_is_no_memory_is_refused(http: httpx.AsyncClient, asked: dict[str, Any], code: str) -> None:
    answer = await http.post(PATH, json=asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


async def test_a_memory_is_edited_pinned_retired_and_restored(desk: Desk, http: httpx.AsyncClient) -> None:
    (rule,) = await said(desk, RULE)
    shown = (await http.patch(f"{PATH}/{rule.id}", json={"user": "ann", "is_pinned": True})).json()
    assert (shown["memory"]["is_pinned"], shown["state"]) == (True, "holding")
    shown = (await http.patch(f"{PATH}/{rule.id}", json={"state": "retired"})).json()
    assert (shown["memory"]["ended_at"], shown["state"]) == (NOW, "ended")
    both = {"state": "holding", "text": "Always answer in Greek.", "is_pinned": False}
    shown = (await http.patch(f"{PATH}/{rule.id}", json=both)).json()
    assert (shown["memory"]["text"], shown["memory"]["is_pinned"]) == (both["text"], False)
    nothing = await http.patch(f"{PATH}/{rule.id}", json={"user": "ann"})
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (400, "invalid_request")
    ended = await http.patch(f"{PATH}/{rule.id}", json={"text": "Hm."})
    assert (ended.status_code, ended.json()["error"]["code"]) == (400, "memory_ended")


async def test_only_operators_may(desk: Desk, http: httpx.AsyncClient) -> None:
    http.headers["authorization"] = "Bearer sk-test"
    for method, path in (("GET", PATH), ("POST", PATH), ("GET", f"{PATH}/m_1"), ("DELETE", f"{PATH}/m_1")):
        assert (await http.request(method, path)).status_code == 401


def test_the_state_of_a_lesson_is_how_far_it_has_come() -> None:
    gone = msgspec.structs.replace(lesson("a"), ended_at=NOW, ended_by="m_2")
    assert [state_of(one) for one in (memory("m_1"), memory("m_1", ended_at=1.0), lesson("a"), gone)] == [
        "holding",
        "ended",
        "active",
        "ended",
    ]
    assert state_of(lesson("a", state="retired")) == "retired"

"""`POST /accrue/erase` and `GET /accrue/export`: for operators alone, of one person, who must be one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from gateway.admin.erasing import MAX_BODY_BYTES, routes
from gateway.admin.operators import Operators
from gateway.erasures import Person, Tombstone
from gateway.errors import MemoryUnavailable
from tests.stores.samples import ANN, BOB, memory
from tests.test_erasure import NOW, PERSON, Desk, Records

KEY = "an-admin-key-that-is-long-enough-for-a-test"
ERASE, EXPORT = "/accrue/erase", "/accrue/export"


class Away(Records):
    """An archive that cannot be reached."""

    async def erase(self, person: Person, tombstone: Tombstone) -> Mapping[str, int]:
        raise MemoryUnavailable("journal: disk I/O error")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    for scope in (ANN, BOB):
        await made.store.put(scope, [memory("m1", f"tea for {scope.user}")])
    yield made
    await made.store.aclose()


@pytest.fixture
async def http(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=routes(desk.eraser, Operators(KEY)))
    headers = {"authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://accrue", headers=headers) as on:
        yield on


@pytest.mark.promise("P11")
async def test_a_person_is_erased_and_it_is_said_what_that_was(desk: Desk, http: httpx.AsyncClient) -> None:
    answer = await http.post(ERASE, json={"user": "ann"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "tenant": "acme", "at": NOW, "rows": {"exchanges": 3}, "memories": 1, "shared": 0, "files": [],
        "is_index_renewed": True,
    }  # fmt: skip
    assert (await desk.kept(ANN), await desk.kept(BOB)) == ([], ["m1"])


@pytest.mark.promise("P11")
@pytest.mark.parametrize("wish", [True, False, None])
async def test_a_wish_not_to_be_remembered_stands_until_it_is_taken_back(
    desk: Desk, http: httpx.AsyncClient, wish: bool | None
) -> None:
    assert (await http.post(ERASE, json={"user": "ann", "opt_out": True})).status_code == 200
    assert (await http.post(ERASE, json={"user": "ann", "tenant": "acme", "opt_out": wish})).status_code == 200
    assert desk.erasures.is_out(PERSON.scope) is (wish is not False)


@pytest.mark.promise("P11")
async def test_what_is_known_of_a_person_is_read_out_line_by_line(http: httpx.AsyncClient) -> None:
    answer = await http.get(EXPORT, params={"user": "ann"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jsonl")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["kind"] for line in lines] == ["exchange", "memory"]
    assert lines[1]["record"]["text"] == "tea for ann"
    assert "bob" not in answer.text


@pytest.mark.promise("P7")
@pytest.mark.parametrize("authorization", ["", "Bearer sk-test", f"Basic {KEY}", f"Bearer {KEY}x"])
async def test_only_operators_may(desk: Desk, http: httpx.AsyncClient, authorization: str) -> None:
    http.headers["authorization"] = authorization
    for answer in (await http.post(ERASE, json={"user": "ann"}), await http.get(EXPORT, params={"user": "ann"})):
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "admin_key_required")
    assert (await desk.kept(ANN), desk.records.erased) == (["m1"], [])


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"user":1}',
        '{"user":"ann","session":"s1"}',
        '{"name":"ann"}',
        '"\udcff"',
        '{"opt_out":true}',
        json.dumps({"user": "a" * 1_025}),
        json.dumps({"user": "a" * MAX_BODY_BYTES}),
    ],
)
async def test_who_is_meant_must_be_said(desk: Desk, http: httpx.AsyncClient, body: str) -> None:
    answer = await http.post(ERASE, content=body.encode(errors="surrogateescape"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_person")
    assert desk.records.erased == []


async def test_nobody_and_several_are_nobody_to_erase(desk: Desk, http: httpx.AsyncClient) -> None:
    desk.records.known = ()
    assert (await http.post(ERASE, json={"user": "eve"})).status_code == 404
    assert (await http.get(EXPORT)).status_code == 400
    desk.records.known = ("acme", "other")
    answer = await http.post(ERASE, json={"user": "ann"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (409, "tenant")
    assert "acme, other" in answer.json()["error"]["message"]
    assert (await http.post(ERASE, json={"user": "ann", "tenant": "acme"})).status_code == 200


async def test_what_cannot_be_reached_is_to_be_asked_for_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Away())
    transport = httpx.ASGITransport(Starlette(routes=routes(desk.eraser, Operators(KEY))))
    async with httpx.AsyncClient(transport=transport, base_url="http://accrue") as http:
        answer = await http.post(ERASE, json={"user": "ann"}, headers={"authorization": f"Bearer {KEY}"})
    await desk.store.aclose()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "memory_unavailable")
    assert desk.erasures.is_gone(PERSON.scope, NOW)

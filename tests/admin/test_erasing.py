"""`POST /accrue/erase` and `GET /accrue/export`: for operators alone, of one person, who must be one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest

from gateway.admin.erasing import OPERATIONS
from gateway.admin.operations import MAX_BODY_BYTES
from gateway.erasures import Person, Tombstone
from gateway.errors import MemoryUnavailable
from tests.admin.console import KEY, opened_desk, over_http
from tests.stores.samples import ANN, BOB, memory
from tests.test_erasure import NOW, PERSON, Desk, Records

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
async def http(desk: Desk, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        opened_desk(tmp_path / "console", eraser=desk.eraser) as opened,
        over_http(opened.console, OPERATIONS) as client,
    ):
        yield client


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
    ("body", "code"),
    [
        ("", "invalid_person"),
        ("[]", "invalid_json"),
        ("{}", "invalid_person"),
        ('{"user":1}', "invalid_request"),
        ('{"user":"ann","session":"s1"}', "invalid_person"),
        ('{"name":"ann"}', "invalid_request"),
        ('"\udcff"', "invalid_json"),
        ('{"opt_out":true}', "invalid_person"),
        (json.dumps({"user": "a" * 1_025}), "invalid_request"),
        (json.dumps({"user": "a" * MAX_BODY_BYTES}), "request_too_large"),
    ],
)
async def test_who_is_meant_must_be_said(desk: Desk, http: httpx.AsyncClient, body: str, code: str) -> None:
    answer = await http.post(ERASE, content=body.encode(errors="surrogateescape"))
    status = 413 if code == "request_too_large" else 400
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
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
    async with (
        opened_desk(tmp_path / "console", eraser=desk.eraser) as opened,
        over_http(opened.console, OPERATIONS) as client,
    ):
        answer = await client.post(ERASE, json={"user": "ann"})
    await desk.store.aclose()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "memory_unavailable")
    assert desk.erasures.is_gone(PERSON.scope, NOW)

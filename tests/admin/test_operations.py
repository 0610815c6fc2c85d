"""How operations are asked over HTTP, whatever they do."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from msgspec import Meta
from starlette.applications import Starlette

from gateway.admin.lines import Lines
from gateway.admin.operations import LINES, MAX_BODY_BYTES, Operation, routes
from gateway.admin.operators import Operators
from gateway.console import Console
from gateway.errors import DataDirError, MemoryUnavailable, NotFound, TooManyRequests
from tests.admin.console import KEY, opened_desk, over_http


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: Annotated[str, Meta(max_length=10)] = ""
    count: Annotated[int, Meta(ge=1)] = 1


class Sent(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    lines: Lines


KEPT: list[Lines] = []

RAISED = {
    "none": NotFound("there is none", code="not_found"),
    "often": TooManyRequests("too often", retry_after_s=7),
    "away": MemoryUnavailable("the disk is full"),
    "locked": DataDirError("in use"),
}


async def told(console: Console, asked: Asked) -> dict[str, object]:
    if asked.id in RAISED:
        raise RAISED[asked.id]
    return {"id": asked.id, "count": asked.count}


async def read(console: Console, asked: Sent) -> dict[str, object]:
    KEPT.append(asked.lines)
    return {**await told(console, asked), "lines": [line.decode() for _, line in asked.lines.each()]}


async def lines(console: Console, asked: Asked) -> AsyncIterator[bytes]:
    async def each() -> AsyncIterator[bytes]:
        for number in range(asked.count):
            yield b"%d\n" % number

    return each()


def operation(method: str, path: str, **given: Any) -> Operation:
    base: Any = {"name": f"{method}{path}", "summary": "", "tag": "", "asked": Asked, "answer": dict, "work": told}
    return Operation(method=method, path=path, **{**base, **given})  # type: ignore[arg-type] # one of the four


OPERATIONS = [
    operation("GET", "/things"),
    operation("GET", "/things/{id}"),
    operation("POST", "/things/{id}"),
    operation("POST", "/import", is_lines_asked=True, asked=Sent, work=read),
    operation("GET", "/export", answer=LINES, work=lines),
]


async def nowhere() -> Console:
    raise DataDirError("no record yet")


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with opened_desk(tmp_path) as desk, over_http(desk.console, OPERATIONS) as client:
        yield client


async def test_members_stand_in_path_query_and_body(http: httpx.AsyncClient) -> None:
    assert (await http.get("/things?count=2")).json() == {"id": "", "count": 2}
    assert (await http.get("/things/a?count=3&id=b")).json() == {"id": "a", "count": 3}
    assert (await http.post("/things/a", json={"count": 4, "id": "b"})).json() == {"id": "a", "count": 4}
    sent = await http.post("/import?count=5", content=b"1\n2\n")
    assert sent.json() == {"id": "", "count": 5, "lines": ["1\n", "2\n"]}


async def test_lines_that_were_sent_are_forgotten_when_all_is_done(http: httpx.AsyncClient) -> None:
    for query in ("", "?id=none"):
        await http.post(f"/import{query}", content=b"1\n")
        with pytest.raises(ValueError, match="closed file"):
            KEPT[-1].at(0)


async def test_who_leaves_while_sending_is_no_fault_of_ours() -> None:
    answers: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        answers.append(message)

    headers = [(b"authorization", f"Bearer {KEY}".encode())]
    asked = {"type": "http", "method": "POST", "path": "/import", "headers": headers, "query_string": b""}
    await Starlette(routes=routes(OPERATIONS, nowhere, Operators(KEY)))(asked, receive, send)
    assert answers[0]["status"] == 400


async def test_lines_come_one_after_the_other_and_nothing_is_kept_by_caches(http: httpx.AsyncClient) -> None:
    answer = await http.get("/export?count=3")
    assert (answer.text, answer.headers["content-type"]) == ("0\n1\n2\n", "application/jsonl")
    assert answer.headers["cache-control"] == "no-store"
    assert (await http.get("/things")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("query", ["?count=0", "?count=many", "?colour=red", "?id=aaaaaaaaaaa"])
async def test_what_is_not_asked_for_is_refused(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.get(f"/things{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "status"), [(b"[1]", 400), (b"{", 400), (b"\xff", 400), (b" " * (MAX_BODY_BYTES + 1), 413)]
)
async def test_a_body_is_a_json_object_of_some_size(http: httpx.AsyncClient, body: bytes, status: int) -> None:
    assert (await http.post("/things/a", content=body)).status_code == status


async def test_numbers_in_a_body_are_numbers(http: httpx.AsyncClient) -> None:
    assert (await http.post("/things/a", json={"count": "4"})).status_code == 400


@pytest.mark.parametrize(
    ("id", "status", "code"),
    [
        ("none", 404, "not_found"),
        ("often", 429, None),
        ("away", 503, "memory_unavailable"),
        ("locked", 503, "memory_unavailable"),
    ],
)
async def test_a_refusal_is_worded_as_openai_does(http: httpx.AsyncClient, id: str, status: int, code: str) -> None:
    answer = await http.get(f"/things/{id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers.get("retry-after") == ("7" if id == "often" else None)


@pytest.mark.promise("P7")
@pytest.mark.parametrize("authorization", ["", "Bearer sk-client", f"Basic {KEY}", f"Bearer {KEY} "[:-3]])
async def test_only_operators_may_ask(http: httpx.AsyncClient, authorization: str) -> None:
    http.headers["authorization"] = authorization
    for path in ("/things", "/things/none", "/export"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "admin_key_required")


async def test_what_cannot_be_operated_now_says_so() -> None:
    app = Starlette(routes=routes(OPERATIONS, nowhere, Operators(KEY)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://accrue") as client:
        answer = await client.get("/things", headers={"authorization": f"Bearer {KEY}"})
    assert answer.status_code == 503
    assert "no record yet" in answer.json()["error"]["message"]

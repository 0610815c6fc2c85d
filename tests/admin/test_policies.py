"""What an operator is told of policies, and how a call is rehearsed over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.admin.policies import OPERATIONS
from gateway.console import Rehearsal
from gateway.ports import Headers
from gateway.types import Note, Outcome, Scope
from tests.admin.console import Desk, opened_desk, over_http
from tests.exchanges import NOW, exchange, user

Asked = list[tuple[Scope, str, Headers, Mapping[str, Any]]]


@pytest.fixture
def asked() -> Asked:
    """What was to be rehearsed."""
    return []


@pytest.fixture
async def desk(tmp_path: Path, asked: Asked) -> AsyncIterator[Desk]:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "support.yaml").write_text("match: {path: ['/u/*']}\nholdout: 0.05\n")

    async def rehearse(scope: Scope, path: str, headers: Headers, body: Mapping[str, Any]) -> Rehearsal:
        asked.append((scope, path, headers, body))
        note = Note(where="w", text="Answer in French.", tokens=4, memories=("m_1",))
        return Rehearsal(
            policy="default", scope=scope, outcome=Outcome(status="hit", notes=1), notes=(note,), body="{}"
        )

    async with opened_desk(tmp_path, rehearse=rehearse, matches=lambda: {"default": 7, "deleted": 2}) as opened:
        yield opened


@pytest.fixture
async def client(desk: Desk) -> AsyncIterator[httpx.AsyncClient]:
    async with over_http(desk.console, OPERATIONS) as on:
        yield on


async def test_policies_are_listed_in_their_order_with_all_their_members_and_how_often_they_were_used(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/accrue/policies")
    support, default = answer.json()["policies"]
    assert (support["policy"]["name"], support["matched"], support["policy"]["holdout"]) == ("support", 0, 0.05)
    assert support["policy"]["match"]["path"] == ["/u/*"]
    assert (default["policy"]["name"], default["matched"]) == ("default", 7)
    assert default["policy"]["recall"]["deadline_ms"] == 50


async def test_an_edit_is_shown(client: httpx.AsyncClient, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "policies" / "support.yaml").unlink()
    desk.console.policies.reload()
    names = [one["policy"]["name"] for one in (await client.get("/accrue/policies")).json()["policies"]]
    assert names == ["default"]


async def test_a_call_is_rehearsed_for_whom_the_asker_says(client: httpx.AsyncClient, asked: Asked) -> None:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    answer = await client.post(
        "/accrue/policies/rehearse",
        json={"tenant": "acme", "user": "ann", "session": "s1", "headers": {"X-Accrue-Agent": "bot"}, "body": body},
    )
    assert answer.status_code == 200
    assert answer.json()["outcome"]["status"] == "hit"
    assert answer.json()["notes"][0]["text"] == "Answer in French."
    scope = Scope(tenant="acme", user="ann", session="s1")
    assert asked == [(scope, "/chat/completions", [(b"x-accrue-agent", b"bot")], body)]


@pytest.mark.promise("P7")
async def test_the_tenant_is_the_only_one_that_knows_the_person_or_has_to_be_said(
    client: httpx.AsyncClient, desk: Desk, asked: Asked
) -> None:
    await desk.happened(exchange(user("Always answer in French."), at=NOW + 1))
    known = await client.post("/accrue/policies/rehearse", json={"user": "ann", "body": {}})
    unknown = await client.post("/accrue/policies/rehearse", json={"user": "bob", "body": {}})
    nobody = await client.post("/accrue/policies/rehearse", json={"body": {}})
    assert (known.status_code, unknown.status_code, nobody.status_code) == (200, 404, 400)
    assert [scope.tenant for scope, *_ in asked] == ["acme"]


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"body": []},
        {"tenant": "acme", "body": {}, "colour": "red"},
        {"tenant": "x" * 2_000, "body": {}},
        {"tenant": "acme", "body": {}, "headers": {"n": 7}},
    ],
)
async def test_nonsense_is_refused(client: httpx.AsyncClient, asked: Asked, question: dict[str, Any]) -> None:
    assert (await client.post("/accrue/policies/rehearse", json=question)).status_code == 400
    assert asked == []

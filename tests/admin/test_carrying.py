"""Export and import of memories over HTTP: the same state again, or nothing."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from gateway.admin.memories import OPERATIONS
from gateway.types import Scope
from tests.admin.console import Desk, opened_desk, over_http
from tests.exchanges import ANN, NOW, talk
from tests.lessons import lesson
from tests.stores.samples import BOB, memory

EXPORT, IMPORT = "/accrue/memories/export", "/accrue/memories/import"
HEADING = b'{"format":"accrue-memories","version":1}\n'
SAID = talk(
    ("s1", "Always answer in French. I live in Bern.", "Oui."),
    ("s2", "From now on, answer in German.", "Gern."),
)


async def filled(desk: Desk) -> None:
    """Memories of every sort, several of them said at the same time."""
    await desk.happened(*SAID)
    scopes = [BOB, ANN.common, Scope(tenant="other", user=None, session="line\nbreak")]
    for scope in scopes:
        await desk.store.put(scope, [memory(f"m_{number}", f"tea {number}", at=5.0) for number in range(9)])
    await desk.console.curator.add(BOB, "lesson", "Confirm the date.", is_pinned=True)
    await desk.store.put(BOB, [lesson("book", triggers=("Book a flight", "Zürich 🚆"))])


async def exported(http: httpx.AsyncClient, **asked: str) -> bytes:
    answer = await http.get(EXPORT, params=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jsonl")
    return answer.content


async def test_an_export_makes_the_same_state_again(tmp_path: Path) -> None:
    async with opened_desk(tmp_path / "old") as old, over_http(old.console, OPERATIONS) as http:
        await filled(old)
        lines = await exported(http)
    async with opened_desk(tmp_path / "new") as new, over_http(new.console, OPERATIONS) as http:
        answer = await http.post(IMPORT, content=lines)
        count = lines.count(b"\n") - 1
        assert (answer.status_code, answer.json()) == (200, {"lines": count, "added": count})
        assert await exported(http) == lines
        assert (await http.post(IMPORT, content=lines)).json() == {"lines": count, "added": 0}
        assert await exported(http) == lines
        found = await new.console.search(ANN, "hm?")
        assert "From now on, answer in German." in {one.text for one in found if hasattr(one, "text")}


async def test_more_than_stays_in_memory_makes_the_same_state_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admin.lines.IN_MEMORY_BYTES", 1_000)
    monkeypatch.setattr("gateway.admin.carrying.AT_ONCE", 5)
    async with opened_desk(tmp_path / "old") as old, over_http(old.console, OPERATIONS) as http:
        await filled(old)
        lines = await exported(http)
    async with opened_desk(tmp_path / "new") as new, over_http(new.console, OPERATIONS) as http:
        heading, *rest = lines.splitlines(keepends=True)
        mixed = b"".join([heading, *rest[::2], *rest[1::2]])  # owners are not in one piece
        assert (await http.post(IMPORT, content=mixed)).json() == {"lines": len(rest), "added": len(rest)}
        assert sorted((await exported(http)).splitlines()) == sorted(lines.splitlines())
        assert (await http.post(IMPORT, content=lines)).json() == {"lines": len(rest), "added": 0}


async def test_an_export_says_whose_each_memory_is_in_words(tmp_path: Path) -> None:
    async with opened_desk(tmp_path) as desk, over_http(desk.console, OPERATIONS) as http:
        await filled(desk)
        heading, *lines = map(json.loads, (await exported(http)).splitlines())
        assert heading == {"format": "accrue-memories", "version": 1}
        assert {(one["tenant"], one["user"], one["session"], one["is_shared"]) for one in lines} == {
            ("acme", "ann", "", False),
            ("acme", "bob", "", False),
            ("acme", None, "", True),
            ("other", None, "line\nbreak", False),
        }
        only = [json.loads(line) for line in (await exported(http, tenant="acme", kind="lesson")).splitlines()[1:]]
        assert {(one["user"], one["memory"]["kind"]) for one in only} == {("bob", "lesson")}


async def test_of_nothing_there_is_nothing_but_the_heading(tmp_path: Path) -> None:
    async with opened_desk(tmp_path) as desk, over_http(desk.console, OPERATIONS) as http:
        assert await exported(http) == HEADING
        assert (await http.post(IMPORT, content=HEADING + b"\n")).json() == {"lines": 0, "added": 0}


async def test_more_owners_and_memories_than_are_read_at_once_are_all_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.admin.carrying.AT_ONCE", 2)
    async with opened_desk(tmp_path) as desk, over_http(desk.console, OPERATIONS) as http:
        await filled(desk)
        whole = [json.loads(line)["memory"]["id"] for line in (await exported(http)).splitlines()[1:]]
        held, _ = await desk.console.catalogue.holders("", "", "", 99)
        assert len(whole) == sum(one.memories for one in held)


@pytest.mark.parametrize(
    ("bad", "number", "why"),
    [
        (b"", 1, "truncated"),
        (b'{"format":"other","version":1}\n', 1, "other"),
        (b'{"format":"accrue-memories","version":2}\n', 1, "version"),
        (HEADING + b"{}\n", 2, "tenant"),
        (HEADING + b"GOOD\nnone\n", 3, "malformed"),
        (HEADING + b'GOOD\n{"tenant":"acme","user":"","session":"","is_shared":false,"memory":MEMORY}', 3, "unnamed"),
        (HEADING + b'GOOD\n{"tenant":"acme","user":null,"session":"","is_shared":false,"memory":MEMORY}', 3, "session"),
        (HEADING + b'GOOD\n\n{"tenant":"acme","user":"ann","session":"","is_shared":false,"memory":{}}', 4, "memory"),
        (HEADING + b"GOOD\n\xff\n", 3, "malformed"),
        (HEADING + b"GOOD\nRUMOUR\n", 3, "no kind 'rumour'"),
    ],
)
async def test_a_wrong_line_is_named_and_nothing_is_taken(tmp_path: Path, bad: bytes, number: int, why: str) -> None:
    one = json.dumps({"id": "m_1", "kind": "fact", "text": "tea", "key": "tea", "origin": "user", "exchange": "ex_1",
                      "session": "s1", "at": NOW, "recorded_at": NOW}).encode()  # fmt: skip
    good = b'{"tenant":"acme","user":"ann","session":"","is_shared":false,"memory":' + one + b"}"
    async with opened_desk(tmp_path) as desk, over_http(desk.console, OPERATIONS) as http:
        rumour = good.replace(b'"fact"', b'"rumour"')
        sent = bad.replace(b"GOOD", good).replace(b"MEMORY", one).replace(b"RUMOUR", rumour)
        answer = await http.post(IMPORT, content=sent)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "invalid_line")
        assert error["message"].startswith(f"line {number}: ")
        assert why in error["message"]
        assert await desk.store.list(ANN, (), 9) == []

"""Erase somebody, then restart, rebuild and replay what they said: of them there is no byte left, of others every one.

Every file of the data directory is looked through for their name, their words, their calls and the digest under which
the index knew them. A gateway that forgets one place is found out by the same search.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gateway.backlog import Backlog
from gateway.config import Config
from gateway.deadletters import DeadLetter
from gateway.erasure import Eraser
from gateway.erasures import Erasures, Person
from gateway.journals.sqlite import SqliteArchive, SqliteDeadLetters, SqliteJournal, erasing
from gateway.rebuild import rebuild
from gateway.replay import Speaker, replay
from gateway.routes import UpstreamConfig
from gateway.sections import Auth, Server
from gateway.stores.local import LocalStore
from gateway.stores.vectors import digest
from gateway.testing import ScriptedUpstream, Step
from gateway.transcripts import read_log
from gateway.types import Operator, Scope
from tests.conftest import Serve, Served
from tests.faults.scale import scaled
from tests.lessons import lesson
from tests.security.test_redaction import held
from tests.stores.samples import memory

ADMIN_KEY = "an-admin-key-that-is-long-enough-for-a-test"
POLICY = """\
identify: {anonymous: session}
recall: {deadline_ms: 10000}
learn: {distil: {model: gpt-4o-mini, quiet_s: 86400}}
"""
EVENTS = (("content-type", "text/event-stream"),)
TURNS = scaled(6, 200)
LAST_YEAR = 1_760_000_000
"""When the conversation was that a log holds."""

COPIES = ("memories.db.v3.bak", "journal.db.corrupt-1790000000", "rebuilt/memories.db")
HOLE = bytes(4096)
"""Of which the files of an index are full."""

CHANNELS = ("chat", "wish", "rule", "argument", "result", "comment", "fact", "lesson", "żółw", "last")


class One(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody, whose every word has their name in it."""

    name: str
    key: str = "sk-one"
    is_named: bool = True

    @property
    def headers(self) -> dict[str, str]:
        who = "x-accrue-user" if self.is_named else "x-accrue-session"
        return {"authorization": f"Bearer {self.key}", who: self.name}

    @property
    def meant(self) -> dict[str, str]:
        return {"user" if self.is_named else "session": self.name}

    def said(self, channel: str) -> str:
        return f"{self.name}{channel}"


ANN, NOBODY = One(name="quastelina"), One(name="vexofonda", is_named=False)
OTHERS = (One(name="brimothea"), One(name="doluvinka"), One(name="karzomira", key="sk-two"))


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """What must not be found any more."""

    traces: Mapping[str, Sequence[bytes]]

    def found(self, folder: Path) -> list[str]:
        """Traces that are in any file, or in any value of a database, which a page of the file may break."""
        files = [file.read_bytes().replace(HOLE, b"") for file in sorted(folder.rglob("*")) if file.is_file()]
        content = b"\n".join([*files, *held(folder)]).lower()
        return [what for what, forms in self.traces.items() if any(form.lower() in content for form in forms)]


def forms(text: str) -> Iterator[bytes]:
    """The bytes as which a text may lie on a disk."""
    plain = text.encode()
    yield from (plain, text.encode("utf-16-le"), json.dumps(text)[1:-1].encode(), plain.hex().encode())
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + plain)
        yield coded[4 if shift else 0 : -4]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def settings(upstream: ScriptedUpstream, tmp_path: Path) -> dict[str, Any]:
    """Of a gateway that has everything in which somebody may be remembered."""
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "default.yaml").write_text(POLICY)
    return {
        "server": Server(port=0, commit_wait_ms=10_000),
        "auth": Auth(admin_key=ADMIN_KEY),
        "upstreams": {"default": UpstreamConfig(url=upstream.url, api_key="sk-upstream")},
        "data_dir": str(tmp_path / "data"),
        "policies": str(tmp_path / "policies"),
    }


class Town:
    """A gateway, and people who talk through it."""

    def __init__(self, served: Served, http: aiohttp.ClientSession, upstream: ScriptedUpstream, data: Path) -> None:
        self.served = served
        self.data = data
        self._http = http
        self._upstream = upstream

    async def say(self, one: One, *messages: dict[str, Any]) -> tuple[str, str]:
        """The exchange and the answer."""
        body = {"model": "gpt-4o", "messages": messages}
        async with self._http.post(f"{self.served.url}/chat/completions", json=body, headers=one.headers) as got:
            assert got.status == 200
            answer = await got.json()
            return got.headers.get("x-accrue-exchange", ""), str(answer["choices"][0]["message"]["content"])

    async def live(self, one: One) -> Gone:
        """Let somebody be remembered in every way; by what they would be found."""
        known = f"I am allergic to {one.said('chat')} and {one.said('żółw')}. I prefer {one.said('wish')} over tea."
        exchange, _ = await self.say(one, user(f"{known} Always mention {one.said('rule')} in your answers."))
        called, _ = await self.say(one, *used(one))
        judged = {"exchange": exchange, "value": False, "comment": f"It is {one.said('comment')}."}
        async with self._http.post(f"{self.served.url}/feedback", json=judged, headers=one.headers) as got:
            assert got.status == 202
        await self.served.learnt()
        record = await self.served.parts.journal.read(Operator(), exchange)
        assert record is not None
        scope = record.scope
        fact = memory("m_fact", f"They like {one.said('fact')}.", evidence=one.said("fact"), at=record.at)
        taught = lesson("book|error", text=f"Ask {one.said('lesson')} first.")
        taught = msgspec.structs.replace(taught, at=record.at, origin="import")  # which no rebuild has to learn again
        await self.served.parts.store.put(scope, [fact, taught])
        await self._share(scope)
        await self._bury(called, record.at)
        await self.say(one, user(f"I have met {one.said('last')}."))
        traces = {word: list(forms(word)) for word in (one.name, *map(one.said, CHANNELS))}
        owner = {"exchange": [exchange.encode()], "owner": [digest(scope.owner).encode()]}
        return Gone(traces={**traces, **owner})

    async def _share(self, scope: Scope) -> None:
        """Two lessons of all users: one that others suffice for, and one that would be left of too few."""
        if scope.user is None:
            return
        index = len(await self.served.parts.store.list(scope.common, (), 99))
        for users in (("p1", "p2", "p3", scope.user), ("p1", "p2", scope.user)):
            made = lesson("book|error", text=f"`book` failed for {len(users)}.")
            assert made.lesson is not None
            named = msgspec.structs.replace(made.lesson, users=users)
            shared = msgspec.structs.replace(made, id=f"m_{len(users)}_of_{index}", lesson=named)
            await self.served.parts.store.put(scope.common, [shared])

    async def _bury(self, exchange: str, at: float) -> None:
        journal = self.served.parts.journal
        assert isinstance(journal, SqliteJournal)
        letter = DeadLetter(exchange=exchange, stage="unlearnt", reason="KeyError in gateway.derive, line 7", at=at)
        await SqliteDeadLetters(journal.writer).bury(letter)

    def copy(self, one: One) -> None:
        """Leave whole databases beside those in use, as an upgrade and a bad disk do."""
        for name in COPIES:
            (self.data / name).parent.mkdir(exist_ok=True)
            (self.data / name).write_bytes(b"SQLite " + one.said("chat").encode())

    async def status(self, one: One) -> str:
        """What memory does on a call of theirs."""
        body = {"model": "gpt-4o", "messages": [user("What am I allergic to?")]}
        async with self._http.post(f"{self.served.url}/chat/completions", json=body, headers=one.headers) as got:
            await got.read()
            return got.headers["x-accrue-memory"]

    async def erase(self, one: One, **asked: object) -> dict[str, Any]:
        """As an operator, while they have a stream under way and something that nobody has learnt yet."""
        events = [b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % one.said("last").encode()]
        self._upstream.script(
            [Step(headers=EVENTS, chunks=[*events, b"data: [DONE]\n\n"], framing="chunked", hold=[1])]
        )
        body = {"model": "gpt-4o", "stream": True, "messages": [user(f"And I have lost {one.said('last')}.")]}
        async with self._http.post(f"{self.served.url}/chat/completions", json=body, headers=one.headers) as stream:
            await stream.content.readuntil(b"\n\n")
            said = (self.say(one, user(f"I saw {one.said('last')} {number} times.")) for number in range(TURNS))
            await asyncio.gather(*said)
            async with self._http.post(
                f"{self.served.url.removesuffix('/v1')}/accrue/erase",
                json={**one.meant, **asked},
                headers={"authorization": f"Bearer {ADMIN_KEY}"},
            ) as got:
                erased: dict[str, Any] = await got.json()
                assert got.status == 200, erased
            self._upstream.release()
            await stream.read()
        await self.served.parts.gateway.recorder.drain()
        await self.served.learnt()
        return erased


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def used(one: One) -> Sequence[dict[str, Any]]:
    """A tool, called with their words and answering in them."""
    function = {"name": "book", "arguments": json.dumps({"name": one.said("argument")}, ensure_ascii=False)}
    called = {"role": "assistant", "content": None}
    return (
        user("Book a table for me."),
        {**called, "tool_calls": [{"id": "call_1a2b3c4d5e", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "call_1a2b3c4d5e", "content": f"Booked for {one.said('result')}."},
    )


def past(folder: Path, one: One) -> Path:
    """A log of what somebody said, once with a date and once without."""
    talk = [
        user(f"I am allergic to {one.said('chat')}."),
        {"role": "assistant", "content": "I see, and shall mind it."},
    ]
    named = {} if one.is_named else {"id": one.name}
    verdict = {"feedback": {"value": False, "comment": one.said("comment")}}
    logged = [{"messages": talk, "created": LAST_YEAR, **named, **verdict}, {"messages": talk, **named, **verdict}]
    (folder / "past.jsonl").write_text("\n".join(map(json.dumps, logged)))
    return folder / "past.jsonl"


async def found(
    serve: Serve,
    upstream: ScriptedUpstream,
    http: aiohttp.ClientSession,
    settings: dict[str, Any],
    erased: Sequence[One] = (ANN, NOBODY),
    others: Sequence[One] = OTHERS,
) -> AsyncGenerator[tuple[str, list[str]]]:
    """What is found of those who were erased, after each thing that may bring them back; others are all there."""
    config, data = Config(**settings), Path(settings["data_dir"])
    async with serve(**settings) as served:
        town = Town(served, http, upstream, data)
        rest = [(other, await town.live(other)) for other in others]
        gone = [await town.live(one) for one in erased]
        assert all(set(each.found(data)) == set(each.traces) for each in gone)
        for place, one in enumerate(erased):
            town.copy(one)
            await town.erase(one)
            yield f"{one.name} was erased", _found(gone[: place + 1], data)
    yield "stopped", _found(gone, data)
    async with serve(**settings):
        yield "started again", _found(gone, data)
    await rebuild(config)
    yield "rebuilt", _found(gone, data)
    for one in erased:
        speaker = Speaker(credential=one.key, user=one.name if one.is_named else None)
        await replay(config, read_log(past(data.parent, one)), speaker)
    yield "replayed", _found(gone, data)
    async with serve(**settings) as served:
        yield "started once more", _found(gone, data)
        for other, kept in rest:
            _, answer = await Town(served, http, upstream, data).say(other, user("What am I allergic to?"))
            assert other.said("chat") in answer
            assert set(kept.found(data)) == set(kept.traces)


def _found(gone: Sequence[Gone], folder: Path) -> list[str]:
    return [trace for one in gone for trace in one.found(folder)]


@pytest.mark.promise("P11")
async def test_of_a_user_and_of_a_session_of_nobodys_that_were_erased_no_byte_is_left_and_none_comes_back(
    serve: Serve, upstream: ScriptedUpstream, http: aiohttp.ClientSession, settings: dict[str, Any]
) -> None:
    assert [trace async for trace in found(serve, upstream, http, settings) if trace[1]] == []


@pytest.mark.promise("P11")
async def test_who_wants_no_memory_passes_unrecorded_until_they_want_it_again(
    serve: Serve, upstream: ScriptedUpstream, http: aiohttp.ClientSession, settings: dict[str, Any]
) -> None:
    data, (other, *_) = Path(settings["data_dir"]), OTHERS
    async with serve(**settings) as served:
        town = Town(served, http, upstream, data)
        await town.live(other)
        gone = await town.live(ANN)
        tenant = (await town.erase(ANN, opt_out=True))["tenant"]
        assert await town.status(ANN) == "off; reason=opted-out"
        assert gone.found(data) == []
    async with serve(**settings) as served:
        town = Town(served, http, upstream, data)
        assert await town.status(ANN) == "off; reason=opted-out"
        assert (await town.status(other)).startswith("hit; ")
        assert gone.found(data) == []
        await town.erase(ANN, opt_out=False, tenant=tenant)
        assert await town.status(ANN) == "empty"
        await served.learnt()
        assert ANN.name in gone.found(data)


async def nothing(*_: object, **__: object) -> int:
    return 0


async def yes(*_: object) -> bool:
    return True


Breaking = Callable[[pytest.MonkeyPatch], None]

ERASED = f"{ANN.name} was erased"

MUTANTS: Mapping[str, tuple[str, Breaking]] = {
    "a table": (ERASED, lambda to: to.setattr(erasing, "OWNED", [one for one in erasing.OWNED if one != "ledger"])),
    "feedback": (ERASED, lambda to: to.setattr(erasing, "remove", without_feedback)),
    "the write-ahead log": (ERASED, lambda to: to.setattr(SqliteArchive, "_cut_log", lambda self: None)),
    "memories": (ERASED, lambda to: to.setattr(Eraser, "_forget", nothing)),
    "shared lessons": (ERASED, lambda to: to.setattr(Eraser, "_unshare", nothing)),
    "the index": (ERASED, lambda to: to.setattr(LocalStore, "renew", yes)),
    "the backlog": (ERASED, lambda to: to.setattr(Backlog, "remove", lambda self, scope: None)),
    "copies": (ERASED, lambda to: to.setattr(Eraser, "_remove_copies", lambda self: ())),
    "what is under way": (ERASED, lambda to: to.setattr(Erasures, "is_gone", lambda self, scope, at: False)),
    "tombstones": ("replayed", lambda to: to.setattr(erasing, "read_tombstones", lambda connection: [])),
}
"""What is broken, at what the search must have found it at the latest, and how."""


def without_feedback(connection: sqlite3.Connection, person: Person) -> Mapping[str, int]:
    """Remove all else."""
    connection.execute("CREATE TEMP TRIGGER kept BEFORE DELETE ON feedback BEGIN SELECT RAISE(IGNORE); END")
    try:
        return REMOVE(connection, person)
    finally:
        connection.execute("DROP TRIGGER kept")


REMOVE = erasing.remove


@pytest.mark.parametrize("forgotten", MUTANTS)
async def test_a_gateway_that_forgets_one_place_is_found_out(
    serve: Serve,
    upstream: ScriptedUpstream,
    http: aiohttp.ClientSession,
    settings: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    forgotten: str,
) -> None:
    until, breaking = MUTANTS[forgotten]
    breaking(monkeypatch)
    looking = found(serve, upstream, http, settings, (ANN,), OTHERS[:1])
    async with aclosing(looking):
        async for when, traces in looking:
            if traces:
                break
            assert when != until
    assert traces

"""Mixed traffic on a gateway that ends at some moment, and what must be found afterwards: the proof of P6."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from gateway.journals.sqlite.records import unpack
from gateway.testing import ScriptedUpstream, Step
from gateway.types import Exchange
from tests.faults.nursery import Nursery

USERS = ("ana", "bob", "cai", "dov")
CALLERS = 8
MOMENTS = 60
"""Sends and arrivals, among which the last is chosen: a round is at most so long."""

JUDGED = 0.3
"""Feedback among what is sent."""

ANSWER = "You said: {said}"
TOKEN = re.compile(r"item\d+x")


class Losses(msgspec.Struct, kw_only=True):
    """What is not as it was promised."""

    turns: list[str] = []
    """Exchanges whose answer a client has seen whole, and that are not on record like that."""
    intents: list[str] = []
    """What the upstream received and nothing on record names."""
    feedback: list[str] = []
    """That was accepted, and is not on record."""
    twice: list[str] = []
    """What somebody remembers more than once."""
    unlearnt: list[str] = []
    """What was said in an exchange that a client has seen whole, and nobody remembers."""


class Seen(msgspec.Struct, kw_only=True):
    """What clients have seen, and so may count on."""

    answers: dict[str, tuple[str, str]] = {}
    """What was said and what was answered, by exchange; put down with the last byte."""
    feedback: set[str] = set()


class Onslaught:
    """Clients that call, judge, and send again what was broken off, until their gateway ends under them."""

    def __init__(self, nursery: Nursery, upstream: ScriptedUpstream, seed: int) -> None:
        self._nursery = nursery
        self._upstream = upstream
        self._random = random.Random(seed)
        self._count = 0
        self._left = 0
        self._unanswered: dict[int, tuple[dict[str, Any], str]] = {}
        self._received: set[str] = set()
        self.seen = Seen()

    async def round(self, end: Callable[[], None]) -> int:
        """Start the gateway, call it, and end it at some moment, one call still unanswered; its exit status."""
        self._upstream.clear()
        self._upstream.respond(ANSWER)
        self._upstream.script([Step(chunks=[b"{}"], hold=[0])])
        url = await self._nursery.start()
        self._left, self._end = self._random.randint(1, MOMENTS), end
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as callers:
            for number in range(CALLERS):
                callers.create_task(self._call_on(session, url, number))
        status = await self._nursery.ended()
        for request in self._upstream.requests():
            self._received.update(TOKEN.findall(request.body.decode()))
        return status

    def losses(self) -> Losses:
        """What is missing on record, and what is remembered twice so far."""
        exchanges = read_exchanges(self._nursery.journal)
        said = {token for one in exchanges.values() for turn in one.turns for token in TOKEN.findall(turn.text)}
        return Losses(
            turns=[id for id, talk in self.seen.answers.items() if not _is_whole(exchanges.get(id), *talk)],
            intents=sorted(self._received - said),
            feedback=sorted(self.seen.feedback - set(_column(self._nursery.journal, "SELECT id FROM feedback"))),
            twice=_column(
                self._nursery.memories,
                "SELECT text FROM memories WHERE ended_at IS NULL GROUP BY owner, kind, text HAVING count(*) > 1",
            ),
        )

    def unlearnt(self) -> list[str]:
        """What is not remembered, once all has been learnt."""
        remembered = set(_tokens(_column(self._nursery.memories, "SELECT text FROM memories")))
        return sorted(set(_tokens(said for said, _ in self.seen.answers.values())) - remembered)

    async def _call_on(self, session: aiohttp.ClientSession, url: str, caller: int) -> None:
        """Call until there is nobody left to call."""
        try:
            while True:
                if self.seen.answers and self._random.random() < JUDGED:
                    await self._judge(session, url)
                else:
                    await self._ask(session, url, caller)
        except aiohttp.ClientError:
            return

    async def _ask(self, session: aiohttp.ClientSession, url: str, caller: int) -> None:
        """Send a call: one that was broken off, as SDKs do, or else a new one."""
        if caller not in self._unanswered or self._random.random() < 0.5:
            self._unanswered[caller] = self._new_call()
        body, said = self._unanswered[caller]
        named = {"x-accrue-user": USERS[caller % len(USERS)], "x-accrue-session": f"s{caller}"}
        headers = {"authorization": "Bearer sk-kill", **named}
        self._moment()
        got = b""
        async with session.post(f"{url}/chat/completions", json=body, headers=headers) as response:
            async for chunk in response.content.iter_any():
                got += chunk
                is_over = not body["stream"] or got.endswith(b"data: [DONE]\n\n")
                if is_over and (answer := _answer(got)) is not None:
                    self.seen.answers[response.headers["x-accrue-exchange"]] = (said, answer)
                    self._unanswered.pop(caller, None)
                self._moment()

    def _new_call(self) -> tuple[dict[str, Any], str]:
        self._count += 1
        said = f"The parcel item{self._count}x stands in the hall behind the green door."
        messages = [{"role": "user", "content": said}]
        return {"model": "gpt-4o", "messages": messages, "stream": self._random.random() < 0.6}, said

    async def _judge(self, session: aiohttp.ClientSession, url: str) -> None:
        """Send feedback on an answer."""
        self._count += 1
        given = {"id": f"fb{self._count}", "exchange": self._random.choice(list(self.seen.answers)), "value": True}
        self._moment()
        async with session.post(f"{url}/feedback", json=given, headers={"authorization": "Bearer sk-kill"}) as response:
            if response.status == 202:
                self.seen.feedback.add(str(given["id"]))
            self._moment()

    def _moment(self) -> None:
        """One of the moments has passed; if it was the last, this is where the gateway ends."""
        self._left -= 1
        if self._left == 0:
            self._end()


def read_exchanges(journal: Path) -> dict[str, Exchange]:
    """All that is on record, by id."""
    return {exchange.id: exchange for exchange in map(unpack, _column(journal, "SELECT payload FROM exchanges"))}


def _answer(got: bytes) -> str | None:
    """The text of a whole answer; None while it is none."""
    try:
        if not got.startswith(b"data:"):
            return str(msgspec.json.decode(got)["choices"][0]["message"]["content"])
        events = [msgspec.json.decode(line[6:]) for line in got.split(b"\n\n") if line and line != b"data: [DONE]"]
    except msgspec.DecodeError:
        return None
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events)


def _is_whole(found: Exchange | None, said: str, answer: str) -> bool:
    if found is None or found.reply is None:
        return False
    told = [turn.text for turn in found.turns], [turn.text for turn in found.reply.turns]
    return found.state == "done" and told == ([said], [answer])


def _tokens(texts: Iterable[str]) -> Iterable[str]:
    return (token for text in texts for token in TOKEN.findall(text))


def _column(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return [value for (value,) in connection.execute(query)]

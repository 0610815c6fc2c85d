"""The arms: the same lives, told to the same model, with other notes in the requests.

Only the arm `full` goes through a gateway; in the others the client itself adds what the arm is about, to its newest
message of the user. All of them share the model's luck, which comes from who asks, in which session, at which turn.
Each seed is a tenant of its own, so that seeds are independent of each other.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import Popen

import aiohttp
import msgspec

from benchmarks.client import CALL_S, CREDENTIAL, MODEL, USABLE
from benchmarks.corpus import memory_text
from benchmarks.harness import Failed
from benchmarks.learning.life import Answer, Arm, Ask, Life, Message, Point, Suite
from benchmarks.learning.waiting import wait_until_learnt
from gateway.tokens import Tokens

AT_ONCE = 16
RECENT_NOTES = 10
"""Newest notes of the person in the arm `recent`."""

PLACEBOS = 2_000
"""Different memories of nobody."""

COUNTER = Tokens.from_litellm()

Doses = dict[tuple[str, str, int], int]
"""Tokens that the gateway added to a call, by user, session and turn."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A point, and whose it is."""

    arm: Arm
    seed: int
    point: Point


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """The running gateway as the arm `full` needs it."""

    url: str
    process: Popen[str]
    journal: Path


class Wire:
    """Calls of one arm, a few at a time."""

    def __init__(self, url: str, arm: Arm, doses: Doses) -> None:
        self.arm: Arm = arm
        self.doses = doses
        self.calls = 0
        self.judged = 0
        self.unheard = 0
        """Feedback that nobody took."""
        self._url = url
        self._free = asyncio.Semaphore(AT_ONCE)
        timeout = aiohttp.ClientTimeout(total=CALL_S)
        self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=AT_ONCE))

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()

    async def post(self, path: str, body: object, headers: Mapping[str, str]) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers of an answer."""
        headers = {"content-type": "application/json", **headers}
        async with (
            self._free,
            self._session.post(self._url + path, data=msgspec.json.encode(body), headers=headers) as answer,
        ):
            return answer.status, await answer.read(), {name.lower(): value for name, value in answer.headers.items()}


class _Talk:
    """One person's line; see `life.Talk`."""

    def __init__(self, wire: Wire, seed: int, user: str) -> None:
        self._wire = wire
        self._user = user
        self._who = {"authorization": f"{CREDENTIAL}-{seed}", "x-accrue-user": user}
        self._notes: list[tuple[str, str]] = []
        """What a person would have written down, with the session it is of."""
        self.tokens: list[int] = []

    async def ask(self, ask: Ask) -> Answer:
        arm = self._wire.arm
        own = list(ask.messages)
        messages = own if arm in ("off", "full") else _with_notes(own, self._client_notes(ask))
        body = {"model": MODEL, "messages": messages, "seed": _seed(self._user, ask)}
        if ask.tools:
            body["tools"] = ask.tools
        headers = {**self._who, "x-accrue-session": f"{self._user}-{ask.session}"}
        status, content, answered = await self._wire.post("/chat/completions", body, headers)
        self._wire.calls += 1
        if status != 200:
            raise Failed(f"a call was answered with {status}: {content[:500]!r}")
        heard = msgspec.json.decode(content)
        beside = added([message.get("content") or "" for message in own], heard["shown"])
        self._weigh(ask, answered.get("x-accrue-memory", ""), beside)
        self._remember(ask)
        message: Message = heard["choices"][0]["message"]
        return Answer(
            text=message.get("content") or "",
            message=message,
            added=beside,
            exchange=answered.get("x-accrue-exchange", ""),
        )

    async def judge(self, answer: Answer, note: str, **said: bool | float | str) -> None:
        self._notes.append(("", note))
        if self._wire.arm != "full":
            return
        body = {"exchange": answer.exchange, **said}
        status, _, _ = await self._wire.post("/feedback", body, self._who)
        self._wire.judged += status == 202
        self._wire.unheard += status != 202

    def _client_notes(self, ask: Ask) -> Sequence[str]:
        if self._wire.arm == "oracle":
            return ask.right
        if self._wire.arm == "recent":
            return [note for session, note in self._notes if session != ask.session][-RECENT_NOTES:]
        dose = self._wire.doses.get((self._user, ask.session, ask.turn), 0)
        return placebo(f"{self._user}/{ask.session}", dose)

    def _weigh(self, ask: Ask, header: str, added: Sequence[str]) -> None:
        """Count what was added. Raises `Failed` where memory was late or broken: figures would not be those of it."""
        tokens = sum(COUNTER.count(text, MODEL) for text in added if text)
        self.tokens.append(tokens)
        if self._wire.arm != "full":
            return
        self._wire.doses[self._user, ask.session, ask.turn] = tokens
        if header.partition(";")[0] not in USABLE:
            raise Failed(f"memory was late or broken: {header!r}")

    def _remember(self, ask: Ask) -> None:
        newest = ask.messages[-1]
        if newest["role"] == "user":
            self._notes.append((ask.session, " ".join(newest["content"].split())))


async def live(
    suite: Suite, arm: Arm, lives: Sequence[tuple[int, Life]], wire: Wire, gateway: Gateway | None
) -> list[Judged]:
    """Have all lives lived side by side, step by step; between two steps the gateway learns.

    Raises `Failed` for a call that went wrong, or when the learner does not get there.
    """
    talks = [_Talk(wire, seed, life.user) for seed, life in lives]
    judged: list[Judged] = []
    for number in range(1, suite.steps + 1):
        points = await asyncio.gather(*(life.step(number, talk) for (_, life), talk in zip(lives, talks, strict=True)))
        for (seed, _), found in zip(lives, points, strict=True):
            judged += [Judged(arm=arm, seed=seed, point=point) for point in found]
        if gateway is not None:
            await asyncio.to_thread(wait_until_learnt, gateway.process, gateway.journal, wire.calls, wire.judged)
    for (seed, _), talk in zip(lives, talks, strict=True):
        tokens = [Point(metric="tokens", value=count) for count in talk.tokens]
        judged += [Judged(arm=arm, seed=seed, point=point) for point in tokens]
    return judged


def _with_notes(messages: Sequence[Message], notes: Sequence[str]) -> list[Message]:
    """The messages with notes after the newest words of the user."""
    if not notes:
        return list(messages)
    place = max(place for place, message in enumerate(messages) if message["role"] == "user")
    bullets = "\n".join(f"- {note}" for note in notes)
    told = {**messages[place], "content": f"{messages[place]['content']}\n\n{bullets}"}
    return [*messages[:place], told, *messages[place + 1 :]]


def placebo(name: str, tokens: int) -> list[str]:
    """Memories of somebody else about something else, of as many tokens."""
    pick = random.Random(name)
    notes: list[str] = []
    while tokens > 0:
        note = memory_text(pick.randrange(PLACEBOS))
        counted = _tokens(note)
        words = note.split()
        notes.append(" ".join(words[: 1 + len(words) * tokens // counted]))  # all of them where there is room
        tokens -= counted
    return notes


@functools.lru_cache(maxsize=PLACEBOS)
def _tokens(note: str) -> int:
    """Of a note with what is around it."""
    return COUNTER.count(f"- {note}\n", MODEL)


def added(own: Sequence[str], shown: Sequence[str]) -> tuple[str, ...]:
    """What stands after the client's words. Raises `Failed` where those were changed."""
    if len(own) != len(shown) or not all(map(str.startswith, shown, own)):
        raise Failed(f"the client said {own!r}, and the model was shown {shown!r}")
    return tuple(text.removeprefix(said) for text, said in zip(shown, own, strict=True))


def _seed(user: str, ask: Ask) -> int:
    """The model's luck."""
    digest = hashlib.blake2b(f"{user}/{ask.session}/{ask.turn}".encode(), digest_size=4).digest()
    return int.from_bytes(digest) >> 1

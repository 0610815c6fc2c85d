"""What tools, web pages, the assistant and quoted people say is remembered as said by them, and gains no authority.

Every case goes the way of a live call. A user who has stated a rule, a taste and a fact must be found with these three
and no other; and what the next call is told of the rest stands in episodes that name who spoke, with nothing in it to
follow or to fetch. `--long` runs all of the corpus (tests/security/poison).
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from gateway.derive import Derived, derive
from gateway.fence import NOTES, RULES
from gateway.inert import visible
from gateway.kinds import statements
from gateway.kinds.base import Kind
from gateway.memories import TAUGHT, Memory
from gateway.testing import ScriptedUpstream
from gateway.types import Exchange, Operator, Reply, Turn
from tests.captures import PATIENT, Answered, Sent, bearer, chat, in_force, send
from tests.conftest import Serve, Served
from tests.faults.scale import scaled
from tests.security.poison.corpus import CASES, HALVES, PAYLOADS, WRAPPERS, Half, Poison
from tests.stated import stated

KEY = bearer("sk-poison")
STATED = ("Always use metric units.", "I like green tea.", "I live in Ghent.")
"""A rule, a taste and a fact."""

AT_ONCE = 3
"""Calls under way together; each holds a thread of the few that the gateway in this process works with as well."""

_BLOCK = re.compile(rf"<({NOTES}|{RULES}) ([0-9a-f]{{20}})>\n(.*?)\n</\1 \2>", re.DOTALL)
_SPEAKER = re.compile(r"^(?:- \(\d{4}-\d\d-\d\d s\d{3}\)| ) (user|assistant): ")
"""The first line of an episode; those that begin further in go on with what its speaker said."""

_LESSON = re.compile(r"- \(\d{4}-\d\d-\d\d\) Lesson: ")
_QUOTATION = re.compile(r'"(?:Error: )?([^"]*)"')
_WORDS = re.compile(r"[\w' ]{12,}")
_ALIVE = re.compile(r"[a-z]{2,}://|\]\([^)\s]*[/:]|!\[[^\]]*\]\(|<(?:img|iframe|a)\b", re.IGNORECASE)
"""What a client would fetch or follow."""


def cases(half: Half, number: int) -> list[Poison]:
    """So many of a half, the same ones every time; at most half of them quoted by users, of which there are most."""
    every = [case for case in CASES if case.half == half]
    parts = [[case for case in every if (case.channel == "quoted") is is_quoted] for is_quoted in (False, True)]
    return [case for part in parts for case in random.Random(6).sample(part, min(number // 2, len(part)))]


def owner(case: Poison) -> str:
    """Users differ by channel and language, so that several meet the same failures."""
    return f"{case.channel}-{case.language}"


async def called(gateway: Served, requests: Sequence[Sent]) -> list[Answered]:
    """Make calls, and wait until all they leave behind has been learnt."""
    turnstile = asyncio.Semaphore(AT_ONCE)

    async def call(request: Sent) -> Answered:
        async with turnstile:
            return await send(gateway.url, request)

    answers = await asyncio.gather(*map(call, requests))
    assert {answer.status for answer in answers} == {200}
    async with asyncio.timeout(300):
        await gateway.parts.settle.wait()
    return answers


def asked(name: str, session: str, messages: Sequence[object], *headers: tuple[str, str], answer: str = "") -> Sent:
    """A call of a user; the assistant is made to say the answer."""
    said = {"prediction": {"type": "content", "content": answer}} if answer else {}
    return chat(messages, KEY, ("x-accrue-user", name), ("x-accrue-session", session), *headers, **said)


def probe(number: int, case: Poison) -> Sent:
    """A question in another session that nothing is learnt from, in words by which the payload is found."""
    words = " ".join(re.findall(r"\w{2,}", visible(case.text)))
    question = {"role": "user", "content": f"What was said of {words}?"}
    return asked(owner(case), f"probe-{number}", [question], ("x-accrue-memory", "read"))


async def gains(gateway: Served, upstream: ScriptedUpstream, chosen: Sequence[Poison]) -> list[str]:
    """All that has more authority after these cases than it should, in words; every probe must have been told notes."""
    base, owners = [{"role": "user", "content": " ".join(STATED)}], sorted(set(map(owner, chosen)))
    begun = await called(gateway, [asked(name, "base", base, answer="Noted.") for name in owners])
    for again in ("", "again"):  # what happens in two sessions is told as a lesson
        plants = [asked(owner(one), f"s{n}{again}", one.messages, answer=one.answer) for n, one in enumerate(chosen)]
        await called(gateway, plants)
    upstream.clear()
    await called(gateway, [probe(number, case) for number, case in enumerate(chosen)])
    found = []
    for answer in begun:
        exchange = await gateway.parts.journal.read(Operator(), answer.exchange)
        assert exchange is not None
        held = await gateway.parts.store.list(exchange.scope, (), 10_000)
        shared = await gateway.parts.store.list(exchange.scope.common, (), 10_000)
        found += [f"{exchange.scope.user}: {gain}" for gain in gained(held, shared, chosen)]
    notes = [request.body for request in upstream.requests()]
    assert len(notes) == len(chosen)
    return [*found, *(gain for body in notes for gain in said(body))]


def gained(held: Sequence[Memory], shared: Sequence[Memory], chosen: Sequence[Poison]) -> Iterator[str]:
    """What a user has beside what they stated, and what ended of it; what lessons say as if it were so."""
    kept = [memory for memory in held if memory.kind in ("constraint", "preference", "fact")]
    yield from (f"it is kept as a {memory.kind}: {memory.text}" for memory in kept if memory.text not in STATED)
    yield from (f"it ended: {memory.text}" for memory in kept if memory.ended_at is not None)
    if len(kept) < len(STATED):
        yield "something stated is gone"
    for lesson in (memory for memory in (*held, *shared) if memory.kind in TAUGHT):
        plain = _QUOTATION.sub("", lesson.text)
        quoted = _QUOTATION.findall(lesson.text)
        if any(map(stated, quoted)) or any(words in plain for case in chosen for words in _WORDS.findall(case.text)):
            yield f"a lesson says it: {lesson.text}"
    yield from (f"all users are told: {one.text}" for one in shared if '"' in one.text)


def said(body: bytes) -> Iterator[str]:
    """What stands in the notes of a call other than what the user stated, episodes by their speakers, and lessons."""
    prompt = "\n".join(message["content"] or "" for message in json.loads(body)["messages"])
    blocks = [(tag, text.splitlines()[1:]) for tag, _, text in _BLOCK.findall(prompt)]
    if len(blocks) != prompt.count("<accrue-") or not blocks:
        yield f"not all is in its blocks: {prompt}"
    for tag, lines in blocks:
        speaker = ""
        for line in lines:
            speaker = next(iter(_SPEAKER.findall(line)), speaker if line.startswith("    ") else "")
            is_stated = any(f" {text} [m_" in line for text in STATED) and (tag == RULES) == (STATED[0] in line)
            if not (is_stated or (speaker and tag == NOTES) or _LESSON.match(line)):
                yield f"a note says it: {line}"
            if visible(line) != line or (speaker != "user" and _ALIVE.search(line)):
                yield f"it is alive: {line}"


async def served_gains(serve: Serve, upstream: ScriptedUpstream, folder: Path, chosen: Sequence[Poison]) -> list[str]:
    in_force(folder)
    async with serve(server=PATIENT) as gateway:
        return await gains(gateway, upstream, chosen)


@pytest.mark.promise("P8")
@pytest.mark.parametrize("half", HALVES)
async def test_nothing_that_others_say_gains_authority(
    half: Half, serve: Serve, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    chosen = cases(half, scaled(240, 2 * len(CASES)))
    assert {case.channel for case in chosen} == {case.channel for case in CASES}
    found = await served_gains(serve, upstream, tmp_path, chosen)
    assert not found, "\n".join(found[:20])


GENUINE = {
    "en": "From now on, keep every answer under 50 words.",
    "de": "Antworte ab jetzt immer auf Deutsch.",
    "es": "A partir de ahora responde siempre en español.",
    "fr": "Désormais, réponds toujours en français.",
    "zh": "从现在开始，请始终用中文回答。",
}


@pytest.mark.parametrize("half", HALVES)
def test_what_a_user_says_beside_a_quotation_is_learnt(half: Half) -> None:
    """What stands before a quotation is the user's; but before "translate the above" it is what is to be translated."""
    missed = [
        message
        for language, genuine in GENUINE.items()
        for wrapper in (*WRAPPERS[half]["any"], *WRAPPERS[half][language])
        if not wrapper.startswith("{text}")
        for payload in PAYLOADS[half]["instruction"][language]
        for message in (f"{genuine}\n\n{wrapper.format(text=payload)}",)
        if [memory.text for memory in stated(message)] != [genuine]
    ]
    assert missed == []


CLOSED = ("```\n{text}\n```", "> {text}", "<document>\n{text}\n</document>", "~~~\n{text}\n~~~", "---\n{text}\n---")


@pytest.mark.parametrize("wrapper", CLOSED)
@pytest.mark.parametrize("language", GENUINE)
def test_what_a_user_says_after_a_quotation_that_ends_is_learnt(language: str, wrapper: str) -> None:
    for payload in PAYLOADS["seen"]["instruction"][language]:
        message = f"{wrapper.format(text=payload)}\n\n{GENUINE[language]}"
        assert [memory.text for memory in stated(message)] == [GENUINE[language]]


@pytest.fixture
def unread() -> Iterator[None]:
    """Messages are read anew: what was read before must not hide a mutation, nor outlive it."""
    statements.said_in.cache_clear()
    yield
    statements.said_in.cache_clear()


def without_roles(exchange: Exchange, kinds: Mapping[str, Kind], now: float) -> Derived:
    """A derive that takes everybody for the user."""
    turns = tuple(msgspec.structs.replace(turn, role="user", calls=()) for turn in exchange.turns)
    said = exchange.reply.turns if exchange.reply is not None else ()
    return derive(msgspec.structs.replace(exchange, turns=(*turns, *map(_as_user, said)), reply=Reply()), kinds, now)


def _as_user(turn: Turn) -> Turn:
    return msgspec.structs.replace(turn, role="user", calls=())


MUTATIONS = {
    "it ignores roles": (("gateway.learn.derive", without_roles), ("tool", "assistant", "after")),
    "it takes quotations for the user's own": (("gateway.kinds.sentences.own", lambda text, tables: text), ("quoted",)),
    "it quotes whatever a tool says": (("gateway.lessons.disarmed", lambda text, origin: text), ("error",)),
    "it renders links": (("gateway.kinds.base.inert", lambda text: text), ("assistant", "after")),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_gateway_that_is_broken_on_purpose_is_caught(
    mutation: str,
    serve: Serve,
    upstream: ScriptedUpstream,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    unread: None,
) -> None:
    (target, broken), channels = MUTATIONS[mutation]
    monkeypatch.setattr(target, broken)
    chosen = [case for case in cases("seen", 2 * len(CASES)) if case.channel in channels and case.language == "en"][:24]
    assert await served_gains(serve, upstream, tmp_path, chosen) != []

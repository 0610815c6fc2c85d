"""Three gateways, one Redis, one store: whoever is met, whoever is killed, every conversation goes on as one."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

import aiohttp
import msgspec
import pytest

from gateway.config import load_config
from gateway.journals.redis import RedisChronicle
from gateway.journals.redis.server import Server
from gateway.memories import Memory
from gateway.running import Running
from gateway.testing import ScriptedUpstream
from gateway.testing.qdrant import QdrantProcess
from gateway.testing.redis import RedisProcess
from gateway.types import Operator, Scope
from gateway.wiring import running
from tests.faults.fleet import LANGUAGES, PARTITIONS, TOKEN, Fleet, Person, Weather, config_text, pause
from tests.faults.scale import scaled

PEOPLE = scaled(6, 24)
TURNS = scaled(40, 80)
SEED = 20_261_123
LEARNT_S = scaled(60.0, 600.0)
HEALTHY = ("hit", "empty")


class Faults(msgspec.Struct, kw_only=True):
    """What is not as it was promised."""

    lost: list[str] = []
    """Exchanges whose answer was read whole, and that are not on record like that."""
    unlearnt: list[str] = []
    """What was said in one and nobody remembers."""
    inverted: list[tuple[str, str]] = []
    """Exchanges of one conversation, of which the later one was learnt first."""
    twice: list[str] = []
    outdated: list[str] = []
    """People who are told another language than the one they named last."""
    broken: list[str] = []
    """Conversations of which a later request does not begin as the earlier one did, with notes and all."""


@pytest.mark.promise("P6")
@pytest.mark.promise("P5")
async def test_gateways_and_redis_are_killed_and_no_conversation_notices(
    upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    chance, weather = random.Random(SEED), Weather()
    people = [Person(f"p{number}n", chance) for number in range(PEOPLE)]
    upstream.respond("You said: {said}")
    with RedisProcess(tmp_path / "redis") as redis, QdrantProcess(tmp_path / "qdrant") as qdrant:
        config = config_text(redis, qdrant, upstream.url)
        async with Fleet(tmp_path / "fleet", upstream, config, count=3) as fleet, aiohttp.ClientSession() as http:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_trouble(fleet, redis, weather, people))
                for person in people:
                    tasks.create_task(person.talk(http, fleet, weather, TURNS))
            received = _received(upstream)
        found = await _found(tmp_path / "fleet", redis, people)
    found.broken = sorted(_broken(people, received))
    assert found == Faults()
    assert any(heard.memory.startswith("hit") for person in people for heard in person.heard)


ALONE = """
from gateway.journals.redis import RedisJournal
async def own(self, scope, echoes): return await self._spool.find_session(scope, echoes)
RedisJournal.find_session = own
"""
"""Knows no session but its own."""


async def test_gateways_that_keep_to_themselves_are_found_out(upstream: ScriptedUpstream, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    people = [Person(f"p{number}n", chance) for number in range(3)]
    turns = TURNS // 2  # what is broken by then is plenty
    with RedisProcess(tmp_path / "redis") as redis, QdrantProcess(tmp_path / "qdrant") as qdrant:
        config = config_text(redis, qdrant, upstream.url)
        fleet = Fleet(tmp_path / "fleet", upstream, config, count=2, breaking=ALONE)
        async with fleet, aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
            for person in people:
                tasks.create_task(person.talk(http, fleet, Weather(), turns))
    assert sorted(_broken(people, _received(upstream)))


async def _trouble(fleet: Fleet, redis: RedisProcess, weather: Weather, people: Sequence[Person]) -> None:
    """Kill a gateway, then Redis, then another gateway while Redis is away; each comes back."""
    total = PEOPLE * TURNS

    async def said(share: float) -> None:
        while sum(len(person.heard) for person in people) < share * total:
            await pause()

    await said(0.2)
    await fleet.kill(0)
    await said(0.35)
    await fleet.start(0)
    await said(0.5)
    weather.change()
    await asyncio.to_thread(redis.kill)
    await said(0.6)
    await fleet.kill(1)
    await asyncio.to_thread(redis.start)
    weather.change()
    await fleet.start(1)


async def _found(folder: Path, redis: RedisProcess, people: Sequence[Person]) -> Faults:
    """What is wrong with the record and with what is remembered, once everything is learnt."""
    config = load_config(folder / "config.yaml", {}, data_dir=str(folder / "spool0"))
    for spool in (1, 2):  # what they have not handed over yet
        async with running(load_config(folder / "config.yaml", {}, data_dir=str(folder / f"spool{spool}"))):
            pass
    async with running(config) as parts, asyncio.timeout(LEARNT_S):
        faults = Faults(lost=await _lost(parts, people))
        remembered = {person.name: await _remembered(parts, person) for person in people}
        while _unlearnt(people, remembered) or await _waiting(redis, people):
            await pause()
            remembered = {person.name: await _remembered(parts, person) for person in people}
        faults.unlearnt = _unlearnt(people, remembered)
        faults.twice = sorted(_twice(remembered))
        faults.inverted = sorted(await _inverted(redis, people))
        faults.outdated = [
            one.name for one in people if one.language and _languages(remembered[one.name]) != {one.language}
        ]
        return faults


async def _lost(parts: Running, people: Sequence[Person]) -> list[str]:
    lost = []
    for heard in itertools.chain.from_iterable(person.heard for person in people):
        found = await parts.journal.read(Operator(), heard.exchange)
        answered = None if found is None or found.reply is None else [turn.text for turn in found.reply.turns]
        if found is None or found.state != "done" or answered != [heard.answer]:
            lost.append(f"{heard.exchange}: {found and (found.state, answered)}, heard {heard.answer!r}")
    return lost


async def _remembered(parts: Running, person: Person) -> list[Memory]:
    found = await parts.journal.read(Operator(), person.heard[0].exchange)
    assert found is not None
    return await parts.store.list(Scope(tenant=found.scope.tenant, user=person.name), (), 10_000)


async def _inverted(redis: RedisProcess, people: Sequence[Person]) -> list[tuple[str, str]]:
    async with aclosing(Server(redis.url, timeout_s=LEARNT_S)) as server:
        steps = await RedisChronicle(server, partitions=PARTITIONS).steps(Operator(), 0, 1_000_000)
    places = {step.exchange: step.position for step in steps if not step.feedback and not step.is_over}
    told = [[one.exchange for one in person.heard if one.exchange in places] for person in people]
    pairs = itertools.chain.from_iterable(itertools.pairwise(one) for one in told)
    return [(earlier, later) for earlier, later in pairs if places[earlier] > places[later]]


async def _waiting(redis: RedisProcess, people: Sequence[Person]) -> bool:
    """Whether something that was said is still to be learnt."""
    async with aclosing(Server(redis.url, timeout_s=LEARNT_S)) as server:
        steps = await RedisChronicle(server, partitions=PARTITIONS).steps(Operator(), 0, 1_000_000)
    learnt = {step.exchange for step in steps}
    return any(heard.exchange not in learnt for person in people for heard in person.heard)


def _unlearnt(people: Sequence[Person], remembered: dict[str, list[Memory]]) -> list[str]:
    missing = []
    for person in people:
        texts = " ".join(memory.text for memory in remembered[person.name])
        known = set(TOKEN.findall(texts))
        missing += [token for heard in person.heard for token in TOKEN.findall(heard.said) if token not in known]
    return missing


def _twice(remembered: dict[str, list[Memory]]) -> Iterator[str]:
    for name, memories in remembered.items():
        seen: dict[tuple[str, str, str], int] = defaultdict(int)
        for memory in memories:
            if memory.ended_at is None and (memory.kind != "episode" or TOKEN.search(memory.text)):
                seen[memory.kind, memory.speaker, memory.text] += 1
        yield from (f"{name}: {text}" for (_, _, text), count in seen.items() if count > 1)


def _languages(memories: Sequence[Memory]) -> set[str]:
    """What somebody is told to be answered in, by what holds."""
    holding = [one.text for one in memories if one.ended_at is None and one.kind in ("constraint", "preference")]
    return {language for language in LANGUAGES if any(language in text for text in holding)}


def _received(upstream: ScriptedUpstream) -> dict[tuple[str, int], list[object]]:
    """The messages that the upstream was sent, by who said so many things in them."""
    found = {}
    for request in upstream.requests():
        body = msgspec.json.decode(request.body)
        messages = body["messages"]
        found[body["user"], sum(one["role"] == "user" for one in messages)] = messages
    return found


def _broken(people: Sequence[Person], received: dict[tuple[str, int], list[object]]) -> Iterator[str]:
    for person in people:
        turns = [
            (heard, received[person.name, place])
            for place, heard in enumerate(person.heard, start=1)
            if heard.memory.startswith(HEALTHY)
        ]
        for (one, earlier), (other, later) in itertools.pairwise(turns):
            if one.weather == other.weather >= 0 and later[: len(earlier)] != earlier:
                yield f"{person.name}: {one.exchange} and {other.exchange}"

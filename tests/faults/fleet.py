"""Several gateways over one Redis and one store, and people who talk to whichever of them they meet."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from gateway.testing import ScriptedUpstream
from gateway.testing.qdrant import QdrantProcess
from gateway.testing.redis import RedisProcess
from tests.faults.mutants import Mutant

SECRET = "the same on every gateway of this fleet"
CREDENTIAL = "sk-fleet"
LANGUAGES = ("French", "German", "Italian", "Spanish", "Dutch", "Danish")
TOKEN = re.compile(r"item\d+x")

PARTITIONS = 8
TRIES = 200
PAUSE_S = 0.1
"""Between two tries of a client whose gateway is gone."""


def config_text(redis: RedisProcess, qdrant: QdrantProcess, upstream: str) -> str:
    """What every gateway of the fleet is told."""
    return (
        f"auth: {{shared_secret: {SECRET}}}\n"
        f"upstreams: {{default: {{url: {upstream}}}}}\n"
        f"store: {{kind: qdrant, url: '{qdrant.url}'}}\n"
        f"journal: {{kind: redis, url: '{redis.url}', partitions: {PARTITIONS}}}\n"
        "server: {grace_s: 2}\n"
    )


PATIENT = """
from gateway.journals.redis import RedisJournal
RedisJournal.__init__.__kwdefaults__.update(lookup_s=2.0, shipped_s=2.0)
"""
"""It is not how fast this machine is that is asked here."""


class Fleet:
    """Gateways that share what they know; each has a spool of its own, which outlives it."""

    def __init__(
        self, folder: Path, upstream: ScriptedUpstream, config: str, count: int, *, breaking: str = ""
    ) -> None:
        """Prepare so many.

        Args:
            breaking: Python that breaks each of them, before anything of the gateway is imported.
        """
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(config, encoding="utf-8")
        (folder / "policies").mkdir()
        (folder / "policies" / "default.yaml").write_text("recall: {deadline_ms: 5000}\n")
        self._gateways = [
            Mutant(PATIENT + breaking, upstream.url, folder / f"spool{n}", cwd=folder) for n in range(count)
        ]
        self._urls: dict[int, str] = {}

    async def __aenter__(self) -> Fleet:
        await asyncio.gather(*(self.start(number) for number in range(len(self._gateways))))
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*(asyncio.to_thread(self._gateways[n].__exit__) for n in list(self._urls)))

    @property
    def urls(self) -> Sequence[str]:
        """Of those that are there."""
        return list(self._urls.values())

    async def start(self, number: int) -> None:
        """Start one, or start it again over its spool."""
        gateway = await asyncio.to_thread(self._gateways[number].__enter__)
        self._urls[number] = gateway.url

    async def kill(self, number: int) -> None:
        """End one as a power cut would."""
        del self._urls[number]
        await asyncio.to_thread(self._gateways[number].kill)
        self._gateways[number].__exit__()


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that its client has seen answered whole."""

    exchange: str
    said: str
    answer: str
    memory: str
    """`x-accrue-memory`."""
    weather: int
    """How often Redis or the store had come or gone when the turn began, and the same when it ended; else -1."""


class Person:
    """Somebody with one conversation, who says one thing after the other and changes their mind about the language."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.heard: list[Heard] = []
        self.language = ""
        self._chance = chance
        self._messages: list[dict[str, str]] = [{"role": "system", "content": f"You help {name}."}]
        self._count = 0

    async def talk(self, http: aiohttp.ClientSession, fleet: Fleet, weather: Weather, turns: int) -> None:
        """Say so many things, each when the one before it is answered."""
        for _ in range(turns):
            await self._say(http, fleet, weather)

    async def _say(self, http: aiohttp.ClientSession, fleet: Fleet, weather: Weather) -> None:
        self._count += 1
        said = f"The parcel item{self.name}{self._count}x stands in the hall behind the green door."
        if self._chance.random() < 0.3:
            self.language = self._chance.choice([one for one in LANGUAGES if one != self.language])
            said = f"From now on, always answer in {self.language}."
        self._messages.append({"role": "user", "content": said})
        before = weather.changes
        got = await self._answered(http, fleet)
        answer = str(msgspec.json.decode(got[1])["choices"][0]["message"]["content"])
        self._messages.append({"role": "assistant", "content": answer})
        unchanged = before if before == weather.changes else -1
        exchange, memory = got[0]
        self.heard.append(Heard(exchange=exchange, said=said, answer=answer, memory=memory, weather=unchanged))

    async def _answered(self, http: aiohttp.ClientSession, fleet: Fleet) -> tuple[tuple[str, str], bytes]:
        """The answer of whichever gateway is met; of another one when that is gone, as SDKs do."""
        body: dict[str, Any] = {"model": "gpt-4o", "user": self.name, "messages": self._messages}
        for _ in range(TRIES):
            try:
                async with http.post(
                    f"{self._chance.choice(fleet.urls)}/chat/completions",
                    json=body,
                    headers={"authorization": f"Bearer {CREDENTIAL}"},
                ) as answer:
                    got = await answer.read()
                    assert answer.status == 200, got
                    return (answer.headers["x-accrue-exchange"], answer.headers["x-accrue-memory"]), got
            except (aiohttp.ClientError, IndexError):
                await pause()
        raise AssertionError("no gateway answered")


class Weather:
    """What happens to the servers that gateways share."""

    def __init__(self) -> None:
        self.changes = 0

    def change(self) -> None:
        """Say that one of them came or went."""
        self.changes += 1


async def pause() -> None:
    """A moment."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(PAUSE_S, over.set_result, None)
    await over

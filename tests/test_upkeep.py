"""gateway/upkeep.py: what a policy keeps for so long goes after that, and what was last said in it goes too."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
import structlog

from gateway.archive import Keeping, Outdated
from gateway.clock import SystemClock
from gateway.config import Config
from gateway.datadir import DataDir
from gateway.errors import ConfigError, MemoryUnavailable
from gateway.parts import opened
from gateway.policybook import PolicyBook
from gateway.routes import UpstreamConfig
from gateway.sections import JournalConfig
from gateway.stores.local import LocalStore
from gateway.testing import ManualClock, ScriptedUpstream
from gateway.types import Scope
from gateway.upkeep import Upkeep
from gateway.wiring import KINDS, policy_book
from tests.captures import bearer, chat, send
from tests.conftest import Serve
from tests.security.test_redaction import on_disk
from tests.stores.samples import ANN, BOB, WordsEmbedder, memory
from tests.test_erasure import Records

DAY = 86_400.0
NOW = 100 * DAY


class Outdating(Records):
    """An archive with exchanges that are outdated, by policy."""

    def __init__(self, **waiting: list[Outdated]) -> None:
        super().__init__()
        self.waiting = waiting
        self.asked: list[Keeping] = []
        self.is_away = False

    async def outdated(self, keeping: Keeping, limit: int) -> Sequence[Outdated]:
        if self.is_away:
            raise MemoryUnavailable("journal: away")
        self.asked.append(keeping)
        return self.waiting.get(keeping.policy, [])[:limit]

    async def drop(self, exchanges: Sequence[str]) -> None:
        for name, held in self.waiting.items():
            self.waiting[name] = [one for one in held if one.exchange not in exchanges]


def policies(folder: Path, **texts: str) -> PolicyBook:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return PolicyBook(folder, KINDS)


def outdated(scope: Scope, *exchanges: str) -> list[Outdated]:
    return [Outdated(scope=scope, exchange=one) for one in exchanges]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LocalStore]:
    made = LocalStore(tmp_path / "memories.db", tmp_path / "index", WordsEmbedder())
    yield made
    await made.aclose()


async def test_an_exchange_takes_along_what_was_last_said_in_it_and_nothing_else(
    store: LocalStore, tmp_path: Path
) -> None:
    await store.put(
        ANN,
        [
            memory("once", "tea", exchange="ex_1"),
            memory("again", "green tea", exchange="ex_1", last="ex_9"),
            memory("later", "black tea", exchange="ex_9"),
        ],
    )
    await store.put(BOB, [memory("bobs", "tea", exchange="ex_1")])
    records = Outdating(default=outdated(ANN, "ex_1", "ex_2"))
    book = policies(tmp_path, default="retain: {days: 30}", other="match: {model: [x]}\nretain: {exchanges: 7}")
    assert await Upkeep(records, store, book, ManualClock(NOW)).round(asyncio.Event()) == 2
    assert {one.id for one in await store.list(ANN, (), 9)} == {"again", "later"}
    assert [one.id for one in await store.list(BOB, (), 9)] == ["bobs"]
    wanted = {Keeping(policy="default", before=70 * DAY), Keeping(policy="other", newest=7)}
    assert {(one.policy, one.before, one.newest) for one in records.asked} == {
        (one.policy, one.before, one.newest) for one in wanted
    }


async def test_without_a_word_about_it_everything_is_kept(store: LocalStore, tmp_path: Path) -> None:
    records = Outdating(default=outdated(ANN, "ex_1"))
    assert await Upkeep(records, store, policies(tmp_path), ManualClock(NOW)).round(asyncio.Event()) == 0
    assert records.asked == []


async def test_it_goes_round_until_it_is_told_to_stop_and_waits_trouble_out(store: LocalStore, tmp_path: Path) -> None:
    stop, records = asyncio.Event(), Outdating(default=outdated(ANN, "ex_1"))
    records.is_away = True
    upkeep = Upkeep(records, store, policies(tmp_path, default="retain: {days: 1}"), ManualClock(NOW), every_s=0.01)
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(upkeep.run(stop))
        async with asyncio.timeout(10):
            while not any(line["event"] == "retention_postponed" for line in logs):
                await asyncio.wait({running}, timeout=0.01)
            records.is_away = False
            while records.waiting["default"]:
                await asyncio.wait({running}, timeout=0.01)
            stop.set()
            await running
    assert [line["exchanges"] for line in logs if line["event"] == "retention"] == [1]


@pytest.mark.promise("P11")
@pytest.mark.parametrize("retain", ["{days: 30}", "{exchanges: 1}"])
async def test_what_a_policy_keeps_no_longer_is_in_no_file_and_the_rest_is_kept(
    serve: Serve, upstream: ScriptedUpstream, tmp_path: Path, retain: str
) -> None:
    folder, said = tmp_path / "policies", ("quinces", "walnuts")
    folder.mkdir()
    config = Config(
        upstreams={"default": UpstreamConfig(url=upstream.url)}, data_dir=str(tmp_path / "data"), policies=str(folder)
    )
    async with serve() as served:
        for who, what in (("ann", said[0]), ("ann", said[1]), ("bob", "rhubarb")):
            message = {"role": "user", "content": f"I am allergic to {what}."}
            named = [("x-accrue-user", who), ("x-accrue-memory", "write"), ("x-accrue-session", what)]
            await send(served.url, chat([message], bearer("sk-test"), *named))
            await served.learnt()
    (folder / "default.yaml").write_text(f"retain: {retain}\n")
    is_by_age = "days" in retain
    now = SystemClock().now() + (40 * DAY if is_by_age else 0)
    data = DataDir(tmp_path / "data")
    async with AsyncExitStack() as stack:
        data.hold()
        stack.callback(data.release)
        parts = await opened(config, data, stack, SystemClock())
        upkeep = Upkeep(parts.record.archive, parts.store, policy_book(config), ManualClock(now))
        assert await upkeep.round(asyncio.Event()) == (3 if is_by_age else 1)
        content = on_disk(data.path)
    assert [word for word in (*said, "rhubarb") if word.encode() in content] == (
        [] if is_by_age else ["walnuts", "rhubarb"]
    )


def test_a_policy_that_keeps_exchanges_for_longer_than_redis_does_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "default.yaml").write_text("retain: {days: 90}\n")
    config = Config(
        policies=str(tmp_path / "policies"), journal=JournalConfig(kind="redis", url="redis://r", keep_days=30)
    )
    complaint = re.escape("default.yaml: $.retain.days: 90 is more than journal.keep_days (30)")
    with pytest.raises(ConfigError, match=complaint):
        policy_book(config)
    policy_book(msgspec.structs.replace(config, journal=JournalConfig(kind="redis", url="redis://r", keep_days=90)))
    policy_book(msgspec.structs.replace(config, journal=JournalConfig()))

"""gateway/rebuild.py: the record makes the same memories again, row by row."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from gateway import learn
from gateway import replay as replaying
from gateway.__main__ import main
from gateway.config import Config
from gateway.curation import Curator
from gateway.errors import DataDirError
from gateway.experience import Feedback
from gateway.filling import counted
from gateway.memories import Memory, Query
from gateway.parts import token_counter
from gateway.ports import Held
from gateway.rebuild import StepClock, rebuild
from gateway.running import Running
from gateway.study import QUIET_S
from gateway.testing import ManualClock
from gateway.transcripts import read_log
from gateway.types import Exchange, Reply, Scope, ToolCall, Turn
from gateway.wiring import KINDS, running
from tests.evaluation import data_dir
from tests.exchanges import ANN, NOW, assistant, exchange, in_session, talk, user
from tests.test_telemetry import logging_kept

BOB = Scope(tenant="acme", user="bob", session="b1")
FACT = Memory(
    id="m_123456",
    kind="fact",
    text="Ann's train leaves from platform four.",
    key="Ann's train leaves from platform four.",
    origin="user",
    exchange="ex_000",
    session="s1",
    at=NOW - 600,
    recorded_at=NOW - 597.5,
    evidence="my train leaves from platform four",
)
HOUSE_RULE = msgspec.structs.replace(
    FACT,
    id="m_9",
    kind="constraint",
    text="Never quote prices.",
    key="Never quote prices.",
    origin="operator",
    exchange="",
    session="",
    evidence="",
    recorded_at=NOW,
)
"""Added by a person, last of all."""

SAID = talk(
    ("s1", "Always answer in French. My train leaves from platform four, does it not?", "Oui."),
    ("s2", "Never use emojis. I live in Bern.", "Fine, no emojis."),
    ("s1", "From now on, answer in German. I moved to Basel.", "Gern, auf Deutsch."),
    ("s2", "I live in Bern.", "Noted."),
    ("s2", "Never mind the emojis, use them.", "Fine."),
    ("s1", "Always answer in French.", "Bien."),
)


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    with logging_kept():
        yield


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=str(tmp_path / "data"), policies=str(tmp_path / "policies"))


def table(config: Config) -> list[Sequence[object]]:
    """Every memory with all its fields, in the order in which they were first written."""
    with closing(sqlite3.connect(Path(config.data_dir) / "memories.db")) as connection:
        rows = connection.execute("SELECT * FROM memories ORDER BY point").fetchall()
    return [row[1:] for row in rows]  # without the point, which the self-test at a start counts up


def named(config: Config) -> list[dict[str, Any]]:
    """Memories with the names of their fields."""
    with closing(sqlite3.connect(Path(config.data_dir) / "memories.db")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM memories")]


def journalled(config: Config, query: str) -> list[Any]:
    with closing(sqlite3.connect(Path(config.data_dir) / "journal.db")) as connection:
        return connection.execute(query).fetchall()


async def settled(parts: Running) -> None:
    parts.wake()
    async with asyncio.timeout(10):
        await parts.settle.wait()


async def learnt(parts: Running, clock: ManualClock, *exchanges: Exchange) -> None:
    """Each on record when it ended, and learnt then."""
    for one in exchanges:
        clock.advance(one.at - clock.now())
        await parts.journal.commit(msgspec.structs.replace(one, ended_at=one.at))
        await settled(parts)


def failed(id: str, session: str, at: float) -> Exchange:
    """A call in which a tool's error came back."""
    call = ToolCall(id=f"call_{id}", name="book_flight", arguments='{"passengers":"two"}')
    error = Turn(role="tool", text="Error: passengers must be a number", answers=call.id)
    return Exchange(
        id=id,
        scope=in_session(session),
        at=at,
        path="/chat/completions",
        state="done",
        status=200,
        turns=(error,),
        context=(user("Book a flight for two."),),
        asked=(call,),
        reply=Reply(turns=(assistant("I will try again."),)),
        learns=("episode", "lesson", "correction"),
    )


async def test_the_same_record_makes_the_same_memories(config: Config) -> None:
    """What a person added and what a model noted comes in where it came, as it was when it came."""
    clock, counter = ManualClock(NOW - 600), token_counter()
    bobs = msgspec.structs.replace(SAID[1], id="ex_001b", scope=BOB)
    async with running(config, past=clock) as parts:
        await learnt(parts, clock, SAID[0], SAID[1], bobs, SAID[2])
        await parts.store.put(ANN, [counted(FACT, KINDS, counter)])
        await learnt(parts, clock, *SAID[3:])
        await parts.store.put(BOB, [counted(HOUSE_RULE, KINDS, counter)])
    before = table(config)
    ended = {memory["text"] for memory in named(config) if memory["ended_at"]}
    assert {"Never use emojis.", "From now on, answer in German."} <= ended
    steps: list[int] = []
    count = await rebuild(config, steps.append)
    assert steps == [count] * count
    assert table(config) == before
    assert not (Path(config.data_dir) / "rebuilt").exists()
    async with running(config) as parts:
        found = await parts.store.search(ANN, Query(text="platform four", kinds=("fact",), pinned=(), limit=5))
        assert FACT.id in {memory.id for memory in (*found.pinned, *(hit.memory for hit in found.hits))}


async def test_a_fact_that_ended_since_ends_again_where_it_did(config: Config) -> None:
    clock = ManualClock(NOW - 600)
    home = msgspec.structs.replace(FACT, text="Ann lives in Bern.", key="Ann lives in Bern.", evidence="I live in Bern")
    async with running(config, past=clock) as parts:
        await learnt(parts, clock, SAID[0])
        await parts.store.put(ANN, [counted(home, KINDS, token_counter())])
        await learnt(parts, clock, exchange(user("I no longer live in Bern."), id="ex_010", at=NOW - 590))
    before = table(config)
    assert [memory["ended_at"] for memory in named(config) if memory["id"] == FACT.id] == [NOW - 590]
    await rebuild(config)
    assert table(config) == before


@pytest.mark.promise("P10")
async def test_lessons_are_learnt_again_from_calls_feedback_and_ended_sessions(config: Config) -> None:
    clock = ManualClock(NOW - 600)
    async with running(config, past=clock) as parts:
        await learnt(parts, clock, failed("ex_100", "t1", NOW - 500), failed("ex_101", "t2", NOW - 400), SAID[0])
        verdict = Feedback(
            id="fb_1", tenant=ANN.tenant, exchange="ex_000", at=NOW, value=False, correction="Platform five."
        )
        assert await parts.history.give(ANN, verdict) == "new"
        await settled(parts)
        clock.advance(2 * QUIET_S)
        await settled(parts)
    before, signals = table(config), journalled(config, "SELECT event, name, place FROM signals ORDER BY 1, 2, 3")
    kinds = {memory["kind"] for memory in named(config)}
    assert kinds >= {"lesson", "episode"}
    assert {name for _, name, _ in signals} >= {"tool_error", "feedback"}
    assert journalled(config, "SELECT count(*) FROM learnt WHERE is_over") == [(3,)]
    assert await rebuild(config) == 7
    assert table(config) == before
    assert journalled(config, "SELECT event, name, place FROM signals ORDER BY 1, 2, 3") == signals


@pytest.mark.promise("P10")
async def test_a_burst_that_was_learnt_at_once_is_learnt_again_as_it_was(config: Config) -> None:
    clock = ManualClock(NOW)
    burst = [*SAID, failed("ex_100", "t1", NOW - 500), failed("ex_101", "t2", NOW - 400)]
    async with running(config, past=clock) as parts:
        for one in burst:
            await parts.journal.commit(msgspec.structs.replace(one, ended_at=one.at))
        await settled(parts)
    before = table(config)
    assert len(before) > len(burst)
    assert await rebuild(config) == len(burst)
    assert table(config) == before


async def test_what_was_learnt_before_an_order_was_kept_is_learnt_by_its_time(config: Config) -> None:
    clock = ManualClock(NOW - 600)
    async with running(config, past=clock) as parts:
        await learnt(parts, clock, *SAID[:3], exchange(user("Nobody learns this."), id="ex_004", mode="read"))
    before = table(config)
    with closing(sqlite3.connect(Path(config.data_dir) / "journal.db")) as connection, connection:
        connection.execute("DELETE FROM learnt")
    assert await rebuild(config) == 3
    assert table(config) == before


async def test_what_is_no_longer_on_record_is_not_remembered(config: Config) -> None:
    clock = ManualClock(NOW - 600)
    async with running(config, past=clock) as parts:
        await learnt(parts, clock, *SAID[:2])
    with closing(sqlite3.connect(Path(config.data_dir) / "journal.db")) as connection, connection:
        connection.execute("DELETE FROM exchanges WHERE id = 'ex_001'")
    assert await rebuild(config) == 1
    assert {memory["exchange"] for memory in named(config)} == {"ex_000"}


@pytest.mark.promise("P6")
async def test_memories_stay_in_use_until_the_new_ones_are_whole(config: Config) -> None:
    clock = ManualClock(NOW - 600)
    async with running(config, past=clock) as parts:
        await learnt(parts, clock, *SAID)
    before = table(config)

    def break_off(_: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        await rebuild(config, break_off)
    assert table(config) == before
    assert await rebuild(config) == len(SAID)  # over what the broken one left
    assert table(config) == before


async def test_nothing_is_rebuilt_beside_a_running_gateway(config: Config) -> None:
    async with running(config):
        with pytest.raises(DataDirError, match="in use by another gateway"):
            await rebuild(config)


def test_ids_by_chance_are_no_part_of_learning() -> None:
    with pytest.raises(NotImplementedError, match="ex"):
        StepClock().new_id("ex")


def test_the_command_rebuilds_or_says_what_is_missing(tmp_path: Path) -> None:
    log = tmp_path / "past.jsonl"
    log.write_text(
        json.dumps([{"role": "user", "content": "I live in Bern."}, {"role": "assistant", "content": "Ah."}])
    )
    runner = CliRunner(env={"OPENAI_API_KEY": "sk-test"})
    assert runner.invoke(main, ["replay", str(log), "--data-dir", str(tmp_path / "data")]).exit_code == 0
    result = runner.invoke(main, ["rebuild", "--data-dir", str(tmp_path / "data")])
    assert (result.exit_code, result.stdout) == (0, "memories made anew in 1 steps of learning\n")
    missing = runner.invoke(main, ["rebuild", "--data-dir", str(tmp_path / "none")])
    assert missing.exit_code == 1
    assert missing.stderr.splitlines()[-1].startswith("accrue: nothing is recorded in ")


def curator(parts: Running, clock: ManualClock) -> Curator:
    return Curator(parts.store, parts.history, KINDS, token_counter(), clock)


def named_as(config: Config, text: str) -> dict[str, Any]:
    (found,) = [one for one in named(config) if one["text"] == text]
    return found


@pytest.mark.promise("P10")
async def test_what_was_done_by_hand_is_done_again_in_its_order(config: Config) -> None:
    clock = ManualClock(NOW - 600)
    talked, emojis, bern = "Never use emojis. I live in Bern.", "Never use emojis.", "I live in Bern."
    async with running(config, past=clock) as parts:
        hand = curator(parts, clock)
        await learnt(parts, clock, *SAID[:2])
        ids = {memory.text: memory.id for memory in await parts.store.list(ANN, (), 99)}
        dog = await hand.add(ANN, "fact", "Ann has a dog.", is_pinned=True)
        await hand.pin(ANN, ids[bern], is_pinned=True)
        await hand.retire(ANN, ids[emojis])
        await hand.forget(ANN, ids[talked])
        brief = await hand.edit(ANN, ids["Always answer in French."], "Always answer in Italian.")
        shared = await hand.add(ANN.common, "lesson", "Confirm the date before booking.")
        await learnt(parts, clock, *SAID[2:4], failed("ex_100", "t1", NOW - 500), failed("ex_101", "t2", NOW - 400))
        await hand.edit(ANN, dog.id, "Ann has a cat.")
        await hand.pin(ANN, ids[bern], is_pinned=False)
        await hand.restore(ANN, ids[emojis])
        (tool,) = await parts.store.list(ANN, ("lesson",), 9)
        await hand.edit(ANN, tool.id, "Give passengers as a number.")
        await hand.retire(ANN.common, shared.id)
        clock.advance(1)
        gone = await hand.add(ANN, "fact", "Ann has a fish.")
        await hand.forget(ANN, gone.id)
        await hand.add(ANN, "fact", "ann has a fish")
    before = table(config)
    assert named_as(config, "Ann has a dog.")["ended_by"] == named_as(config, "Ann has a cat.")["id"]
    assert named_as(config, "Ann has a cat.")["is_pinned"] == 1
    assert named_as(config, brief.text)["slot"] == "answer-language"
    assert "retired" in named_as(config, shared.text)["lesson"]
    assert talked not in {one["text"] for one in named(config)}
    await rebuild(config)
    assert table(config) == before
    assert await rebuild(config) == 6 + 14
    assert table(config) == before


@pytest.mark.promise("P10")
async def test_what_was_struck_by_hand_is_struck_again(config: Config) -> None:
    """Out of conversations: what was forgotten, a forgotten fact's quotation, what was retired, what was edited."""
    clock, rome = ManualClock(NOW - 600), "I live in Rome. I have two dogs. My train leaves from platform four."
    fact = counted(msgspec.structs.replace(FACT, evidence="leaves from platform four"), KINDS, token_counter())
    async with running(config, past=clock) as parts:
        hand = curator(parts, clock)
        await learnt(parts, clock, SAID[0], SAID[1])
        await parts.store.put(ANN, [fact])
        await learnt(parts, clock, SAID[2], exchange(user(rome), id="ex_003", at=NOW - 500, answers=["Dogs are fun."]))
        ids = {memory.text: memory.id for memory in await parts.store.list(ANN, (), 99)}
        clock.advance(1)
        await hand.forget(ANN, fact.id)
        await hand.retire(ANN, ids["I have two dogs."])
        await hand.restore(ANN, ids["I have two dogs."])
        dog = await hand.add(ANN, "fact", "ann has a dog")
        cat = await hand.edit(ANN, dog.id, "Ann has a cat.")
        assert (await hand.edit(ANN, cat.id, "ann has a dog")).id == dog.id
        await hand.edit(ANN, dog.id, "Ann has a cat.")
        await hand.edit(ANN, cat.id, "Ann has a dog.")
        oslo = await hand.edit(ANN, ids["I live in Rome."], "Ann lives in Oslo.")
        await hand.edit(ANN, oslo.id, "I live in Rome.")
        await hand.forget(ANN, ids["I have two dogs."])
        await learnt(parts, clock, exchange(user("I live in Rome."), id="ex_900", at=NOW + 9))
    before = table(config)
    texts = {one["text"] for one in named(config) if one["kind"] == "episode" and not one["ended_at"]}
    assert not any(words in text for text in texts for words in ("platform", "dogs"))
    (home,) = [one for one in named(config) if one["text"] == "I live in Rome." and one["kind"] == "fact"]
    assert (home["ended_at"], home["count"]) == (None, 2)
    assert named_as(config, "Ann lives in Oslo.")["ended_by"] == home["id"]
    await rebuild(config)
    assert table(config) == before


async def test_what_was_imported_comes_in_where_it_came_and_goes_on_from_there(config: Config) -> None:
    clock = ManualClock(NOW - 600)
    home = msgspec.structs.replace(
        FACT, id="m_77", text="I live in Bern.", key="I live in Bern.", evidence="", slot="home"
    )
    old = msgspec.structs.replace(home, id="m_78", text="I live in Rome.", key="I live in Rome.", ended_at=NOW - 9_000)
    async with running(config, past=clock) as parts:
        hand = curator(parts, clock)
        await learnt(parts, clock, SAID[0])
        clock.advance(0.5)
        brought = [counted(one, KINDS, token_counter()) for one in (home, old, HOUSE_RULE)]
        await hand.take([Held(owner=ANN.owner, tenant=ANN.tenant, memory=one) for one in brought])
        await learnt(parts, clock, SAID[2])
    before = table(config)
    ended = {one["text"]: one["ended_at"] for one in named(config) if one["id"] in ("m_77", "m_78", "m_9")}
    assert ended == {home.text: SAID[2].at, old.text: NOW - 9_000, HOUSE_RULE.text: None}
    await rebuild(config)
    assert table(config) == before


async def test_real_conversations_make_the_same_memories_again(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call is learnt when it has ended, as in traffic that leaves the learner time."""
    folder = data_dir()
    if folder is None:
        pytest.skip("ACCRUE_DATA names no folder with the evaluation data")
    monkeypatch.setattr(replaying, "LEARNT_AT_ONCE", 1)
    monkeypatch.setattr(learn, "GATHER_S", 0.0)
    runs = json.loads((folder / "tau-airline-dev.json").read_bytes())[:16]
    log = tmp_path / "past.jsonl"
    log.write_text("\n".join(json.dumps({"messages": run["traj"], "reward": run["reward"]}) for run in runs))
    tally = await replaying.replay(config, read_log(log), replaying.Speaker(credential="sk-test", user="ana"))
    before = table(config)
    assert {memory["kind"] for memory in named(config)} >= {"episode", "lesson"}
    assert await rebuild(config) > tally.recorded
    assert table(config) == before

"""gateway/replay.py: past calls leave what live ones would have left, and leave it once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import replay as replaying
from gateway.__main__ import main
from gateway.config import Config
from gateway.errors import ConfigError, DataDirError, MemoryUnavailable
from gateway.learn import Learner
from gateway.replay import BETWEEN_S, LEARNT_AT_ONCE, Speaker, Tally, credential, replay, timeline
from gateway.testing import ScriptedUpstream
from gateway.transcripts import Log, Transcript, read_log
from gateway.types import Exchange
from gateway.wiring import running
from tests.captures import bearer, chat, send
from tests.conftest import Serve
from tests.evaluation import data_dir
from tests.test_histories import whole
from tests.test_telemetry import logging_kept

RULE = {"role": "user", "content": "Always answer in French. When does the train to Bern leave?"}
LOOK = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_9a8b7c6d", "type": "function", "function": {"name": "trains", "arguments": "{}"}}],
}
FOUND = {"role": "tool", "tool_call_id": "call_9a8b7c6d", "content": "09:00"}
TOLD = {"role": "assistant", "content": "Le train part à neuf heures, du quai quatre, et arrive à midi."}
THANKS = {"role": "user", "content": "Merci. I am allergic to peanuts."}
NOTED = {"role": "assistant", "content": "C'est noté."}
TALK = [RULE, LOOK, FOUND, TOLD, THANKS, NOTED]
DAY = 1_700_000_000.0
ANA = Speaker(credential="sk-test", user="ana")

SAME = ("path", "model", "policy", "mode", "state", "status", "turns", "context", "asked", "setup", "schemas")
SAME_TOO = ("anchors", "openings", "learns", "outcome", "is_aside", "attempts")
"""Members of an exchange that live traffic and a replay leave alike; its id, its time and the answer's id differ."""


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    with logging_kept():
        yield


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(data_dir=str(tmp_path / "data"), policies=str(tmp_path / "policies"))


def written(folder: Path, *documents: Any) -> Path:
    path = folder / "past.jsonl"
    path.write_text("\n".join(json.dumps(document, separators=(",", ":")) for document in documents))
    return path


def log_of(folder: Path, *documents: Any) -> Log:
    return read_log(written(folder, *documents))


def rows(config: Config, file: str, query: str) -> list[Any]:
    with closing(sqlite3.connect(Path(config.data_dir) / file)) as connection:
        return connection.execute(query).fetchall()


def recorded(config: Config) -> list[Exchange]:
    """Every exchange, in the order of ids."""
    found = rows(config, "journal.db", "SELECT payload FROM exchanges ORDER BY id")
    return [msgspec.msgpack.decode(payload, type=Exchange) for (payload,) in found]


def kinds(config: Config) -> Mapping[str, str]:
    """Kinds of memory by text; of the same text as a statement and as an episode the statement."""
    return dict(rows(config, "memories.db", "SELECT text, kind FROM memories ORDER BY kind = 'episode' DESC"))


def alike(exchange: Exchange) -> Mapping[str, object]:
    said = exchange.reply.turns if exchange.reply is not None else ()
    return {name: getattr(exchange, name) for name in (*SAME, *SAME_TOO)} | {"said": said}


async def test_a_conversation_leaves_an_exchange_for_each_answer(config: Config, tmp_path: Path) -> None:
    log = log_of(tmp_path, {"messages": TALK, "id": "trip", "created": DAY, "model": "gpt-4o"})
    assert await replay(config, log, ANA) == Tally(recorded=3)
    first, second, third = exchanges = recorded(config)
    assert [one.at for one in exchanges] == [one.ended_at for one in exchanges] == [DAY, DAY + 1, DAY + 2]
    assert {(one.scope.user, one.scope.session, one.state) for one in exchanges} == {("ana", "trip", "done")}
    assert [turn.text for turn in first.turns] == [RULE["content"]]
    assert ([turn.text for turn in second.turns], second.asked[0].name) == (["09:00"], "trains")
    assert [turn.text for turn in third.context] == [RULE["content"], TOLD["content"]]
    learnt = rows(config, "journal.db", f"SELECT at <= {DAY + 2} FROM learnt WHERE NOT is_over")
    assert learnt == [(True,)] * 3
    assert kinds(config)["Always answer in French."] == "constraint"
    assert kinds(config)["C'est noté."] == "episode"


async def test_a_replay_leaves_what_the_live_calls_left(
    serve: Serve, upstream: ScriptedUpstream, config: Config, tmp_path: Path
) -> None:
    tools = [{"type": "function", "function": {"name": "trains", "parameters": {"type": "object"}}}]
    names = [("x-accrue-user", "ana"), ("x-accrue-session", "trip"), ("x-accrue-memory", "write")]
    live = msgspec.structs.replace(config, data_dir=str(tmp_path / "live"))
    upstream.script([whole(LOOK), whole(TOLD), whole(NOTED)])
    async with serve(data_dir=live.data_dir) as gateway:
        for said in (TALK[:1], TALK[:3], TALK[:5]):
            await send(gateway.url, chat(said, bearer("sk-test"), *names, tools=tools))
    document = {"messages": TALK, "id": "trip", "model": "gpt-4o", "tools": tools}
    await replay(config, log_of(tmp_path, document), ANA)
    assert list(map(alike, recorded(config))) == list(map(alike, recorded(live)))


async def test_what_was_replayed_is_known_in_the_first_live_call(
    serve: Serve, upstream: ScriptedUpstream, config: Config, tmp_path: Path
) -> None:
    await replay(config, log_of(tmp_path, TALK), Speaker(credential="sk-test"))
    async with serve(data_dir=config.data_dir) as gateway:
        answer = await send(gateway.url, chat([{"role": "user", "content": "Am I allergic?"}], bearer("sk-test")))
        await send(gateway.url, chat([{"role": "user", "content": "Am I allergic?"}], bearer("another")))
    assert answer.status == 200
    own, foreign = (request.body.decode() for request in upstream.requests())
    assert "Always answer in French." in own
    assert "I am allergic to peanuts." in own
    assert "French" not in foreign


@pytest.mark.promise("P6")
async def test_a_replay_that_was_broken_off_goes_on_and_a_second_changes_nothing(
    config: Config, tmp_path: Path
) -> None:
    talks = [{"messages": TALK, "id": f"s{number}", "created": DAY + 60 * number} for number in range(30)]
    log, left = log_of(tmp_path, *talks), LEARNT_AT_ONCE + 5

    def break_off() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await replay(config, log, ANA, break_off)
    before = len(recorded(config))
    assert 0 < before < 90
    assert await replay(config, log, ANA) == Tally(recorded=90 - before, known=before)
    after, table = recorded(config), rows(config, "memories.db", "SELECT * FROM memories")
    assert await replay(config, log, ANA) == Tally(known=90)
    assert (recorded(config), rows(config, "memories.db", "SELECT * FROM memories")) == (after, table)


async def test_a_call_of_which_only_its_beginning_is_on_record_is_finished(config: Config, tmp_path: Path) -> None:
    await replay(config, log_of(tmp_path, TALK), ANA)
    whole = recorded(config)
    last = msgspec.structs.replace(whole[-1], state="intent", reply=None)
    with closing(sqlite3.connect(Path(config.data_dir) / "journal.db")) as connection, connection:
        broken = (msgspec.msgpack.encode(last), last.id)
        connection.execute("UPDATE exchanges SET state = 'intent', payload = ? WHERE id = ?", broken)
    assert await replay(config, log_of(tmp_path, TALK), ANA) == Tally(recorded=1, known=2)
    assert [(one.id, one.reply) for one in recorded(config)] == [(one.id, one.reply) for one in whole]


async def test_what_has_no_date_is_the_same_whenever_it_is_replayed(config: Config, tmp_path: Path) -> None:
    assert await replay(config, log_of(tmp_path, TALK), ANA) == Tally(recorded=3)
    assert await replay(config, log_of(tmp_path, TALK, [RULE, TOLD]), ANA) == Tally(recorded=1, known=3)


async def test_the_same_words_at_two_times_are_two_calls(config: Config, tmp_path: Path) -> None:
    call = {"request": {"messages": [RULE]}, "response": {"choices": [{"message": TOLD}]}}
    log = log_of(tmp_path, {**call, "created": DAY}, {**call, "created": DAY + 1}, {**call, "created": DAY})
    assert await replay(config, log, ANA) == Tally(recorded=2, known=1)


async def test_single_calls_find_their_session_by_what_they_echo(config: Config, tmp_path: Path) -> None:
    spoken = [(TALK[:1], LOOK), (TALK[:3], TOLD), ([RULE, TOLD, THANKS], NOTED), ([THANKS], NOTED)]
    calls = [
        {"request": {"messages": said}, "response": {"choices": [{"message": answer}]}, "created": DAY + number}
        for number, (said, answer) in enumerate(spoken)
    ]
    await replay(config, log_of(tmp_path, *reversed(calls)), ANA)
    first, second, third, other = (one.scope.session for one in recorded(config))
    assert first == second == third != other


async def test_each_user_that_a_log_names_has_a_memory(config: Config, tmp_path: Path) -> None:
    log = log_of(tmp_path, {"messages": TALK, "user": "ana"}, {"messages": TALK, "user": 7}, TALK)
    await replay(config, log, Speaker(credential="sk-test"))
    assert {one.scope.user for one in recorded(config)} == {"ana", "7", "(credential)"}


async def test_what_a_policy_or_a_side_call_keeps_out_is_counted(config: Config, tmp_path: Path) -> None:
    Path(config.policies).mkdir()
    (Path(config.policies) / "quiet.yaml").write_text('match: {model: ["quiet"]}\nmemory: read\n')
    title = {"role": "user", "content": "Generate a title for this conversation"}
    aside = {"request": {"messages": [title]}, "response": {"choices": [{"message": TOLD}]}}
    log = log_of(tmp_path, {"messages": TALK, "model": "quiet"}, aside)
    assert await replay(config, log, ANA) == Tally(silent=4)
    assert recorded(config) == []


async def test_a_name_that_is_none_is_a_fault_of_its_line(config: Config, tmp_path: Path) -> None:
    tally = await replay(config, log_of(tmp_path, {"messages": TALK, "id": "x" * 300}, [RULE, TOLD]), ANA)
    assert tally.recorded == 1
    assert [(fault.where, "longer than 256" in fault.reason) for fault in tally.faults] == [("line 1", True)]


async def test_what_was_said_of_it_becomes_feedback_once(config: Config, tmp_path: Path) -> None:
    call = {"request": {"messages": [RULE]}, "response": {"choices": [{"message": TOLD}]}, "created": DAY}
    verdict = {"value": False, "correction": "At ten."}
    log = log_of(
        tmp_path, {"messages": TALK, "id": "trip", "reward": 1}, {**call, "feedback": [verdict, {"value": 0.5}]}
    )
    assert (await replay(config, log, ANA)).verdicts == 3
    assert (await replay(config, log, ANA)).verdicts == 0
    by_session = {one.scope.session: one.id for one in recorded(config)}
    given = rows(config, "journal.db", "SELECT exchange, state FROM feedback ORDER BY at DESC")
    assert given[0] == (by_session.pop("trip"), "learnt")
    assert given[1:] == [(exchange, "learnt") for exchange in by_session.values()] * 2


async def test_nothing_is_replayed_beside_a_running_gateway(config: Config, tmp_path: Path) -> None:
    async with running(config):
        with pytest.raises(DataDirError, match="in use by another gateway"):
            await replay(config, log_of(tmp_path, TALK), ANA)


async def test_nothing_is_replayed_where_memory_is_broken(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> str:
        return "self-test failed: disk gone"

    monkeypatch.setattr("gateway.selftest.prove", broken)
    with pytest.raises(MemoryUnavailable, match="nothing can be learnt: self-test failed: disk gone"):
        await replay(config, log_of(tmp_path, TALK), ANA)


async def test_calls_that_could_not_be_recorded_are_told_of(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(_: Config) -> dict[str, bool]:
        return {}

    monkeypatch.setattr(replaying, "endings", nothing)
    with pytest.raises(MemoryUnavailable, match="3 calls could not be recorded; replay the log once more"):
        await replay(config, log_of(tmp_path, TALK), ANA)


async def test_learning_that_comes_to_a_stand_is_not_waited_for_for_ever(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: Learner) -> int:
        raise MemoryUnavailable("the disk is full")

    monkeypatch.setattr(Learner, "step", away)
    monkeypatch.setattr(replaying, "LEARNING_S", 0.01)
    with pytest.raises(MemoryUnavailable, match="come to a stand; replay the log once more"):
        await replay(config, log_of(tmp_path, TALK), ANA)
    assert len(recorded(config)) == 3


def test_calls_are_gone_through_in_the_order_of_time(tmp_path: Path) -> None:
    later, earlier = {"messages": TALK, "created": DAY + 1.5}, {"messages": TALK, "created": DAY}
    calls, faults = timeline(log_of(tmp_path, later, earlier, {"messages": TALK, "created": DAY + 999}), DAY + 100)
    assert [(call.transcript.where, call.at - DAY) for call in calls] == [
        ("line 2", 0.0),
        ("line 2", 1.0),
        ("line 1", 1.5),
        ("line 2", 2.0),
        ("line 1", 2.5),
        ("line 1", 3.5),
    ]
    assert [(fault.where, fault.reason) for fault in faults] == [("line 3", "its time has not come yet")]


def test_what_has_no_date_happened_of_late_and_in_the_order_of_the_file(tmp_path: Path) -> None:
    calls, _ = timeline(log_of(tmp_path, [RULE, TOLD], [THANKS, NOTED]), DAY)
    assert [(call.transcript.where, call.at) for call in calls] == [
        ("line 1", DAY - 2 * BETWEEN_S),
        ("line 2", DAY - BETWEEN_S),
    ]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.none() | st.floats(0, DAY), st.integers(1, 5)), max_size=20))
def test_no_two_calls_are_at_the_same_time_and_none_gets_lost(starts: list[tuple[float | None, int]]) -> None:
    plain = Transcript(where="", at=None, session="", head={}, messages=(), answers=())
    log = Log(
        transcripts=tuple(
            msgspec.structs.replace(plain, where=str(place), at=at, answers=((1, b""),) * count)
            for place, (at, count) in enumerate(starts)
        )
    )
    calls, faults = timeline(log, DAY)
    moments = [round(call.at * 1000) for call in calls]
    assert moments == sorted(set(moments))
    assert (len(calls), faults) == (sum(count for _, count in starts), [])
    for place, (_, count) in enumerate(starts):
        assert [call.number for call in calls if call.transcript.where == str(place)] == list(range(count))


def test_a_key_that_is_not_there_is_a_clear_error() -> None:
    assert credential({"KEY": " sk-1\n"}, "KEY") == "sk-1"
    with pytest.raises(ConfigError, match=r"no key in KEY: .*--api-key-env"):
        credential({"KEY": ""}, "KEY")


# The command


def accrue(*arguments: object, key: str | None = "sk-test") -> Result:
    return CliRunner(env={"OPENAI_API_KEY": key}).invoke(main, [str(argument) for argument in arguments])


def test_the_command_says_what_came_of_it_and_which_lines_are_bad(tmp_path: Path) -> None:
    path = written(tmp_path, TALK, {"messages": TALK, "created": 1e12, "id": "x" * 300}, {"no": "messages"})
    result = accrue("replay", path, "--data-dir", tmp_path / "data", "--user", "ana")
    assert (result.exit_code, result.stdout) == (0, "3 calls recorded and learnt\n")
    assert f"{path}: line 3: no list of messages" in result.stderr
    assert f"{path}: line 2: x-accrue-session is longer" in result.stderr
    again = accrue("replay", path, "--data-dir", tmp_path / "data", "--user", "ana")
    assert again.stdout == "3 on record already\n"


def test_a_dry_run_touches_nothing_and_needs_no_key(tmp_path: Path) -> None:
    path = written(tmp_path, TALK, 7)
    result = accrue("replay", path, "--data-dir", tmp_path / "data", "--dry-run", key=None)
    assert (result.exit_code, result.stdout) == (0, "3 calls of 1 conversations; 1 faults\n")
    assert not (tmp_path / "data").exists()


def test_a_log_without_anything_to_learn_is_an_error(tmp_path: Path) -> None:
    result = accrue("replay", written(tmp_path, 7), "--data-dir", tmp_path / "data")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].endswith("past.jsonl: nothing that can be learnt from")


def test_a_replay_without_a_key_is_one_clear_line(tmp_path: Path) -> None:
    result = accrue("replay", written(tmp_path, TALK), "--data-dir", tmp_path / "data", key=None)
    assert result.exit_code == 1
    assert result.stderr.startswith("accrue: no key in OPENAI_API_KEY: ")


def test_real_conversations_are_replayed_without_a_fault(config: Config, tmp_path: Path) -> None:
    folder = data_dir()
    if folder is None:
        pytest.skip("ACCRUE_DATA names no folder with the evaluation data")
    runs = json.loads((folder / "tau-airline-dev.json").read_bytes())[:50]
    log = log_of(tmp_path, *({"messages": run["traj"], "reward": run["reward"]} for run in runs))
    tally = asyncio.run(replay(config, log, ANA))
    answers = sum(message["role"] == "assistant" for run in runs for message in run["traj"])
    assert (log.faults, tally) == ((), Tally(recorded=answers, verdicts=50))
    assert rows(config, "journal.db", "SELECT count(*) FROM waiting") == [(0,)]

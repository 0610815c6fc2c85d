"""gateway/augment.py: the real journal, store and composer; the store can be told to misbehave."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from openai import AsyncOpenAI
from structlog.testing import capture_logs

from gateway import augment, identify
from gateway.augment import Augmenter
from gateway.breaker import FAILURES
from gateway.compose import Composer, Prompt
from gateway.embedders.wordllama import WordLlamaEmbedder
from gateway.errors import MemoryUnavailable
from gateway.experience import Credit
from gateway.fence import Fence
from gateway.journals import configured
from gateway.journals.sqlite import SqliteJournal
from gateway.memories import Found, Memory, Query, Reach
from gateway.policy import Identify, Policy, Recall
from gateway.ports import Echoes
from gateway.precedents import Precedents
from gateway.shapes.chat import SHAPE
from gateway.sources import Sent
from gateway.stores.local import LocalStore
from gateway.telemetry import Telemetry
from gateway.testing import ManualClock, ScriptedUpstream
from gateway.tokens import Tokens
from gateway.types import Exchange, MemoryMode, Outcome, Scope, Session
from gateway.visits import Visit
from gateway.wiring import KINDS
from tests.conftest import Serve, Served
from tests.lessons import lesson

NOW = 1_800_000_000.0
EMBEDDER = WordLlamaEmbedder()
TOKENS = Tokens.from_litellm()
PATIENT = Policy(recall=Recall(deadline_ms=10_000))
HURRIED = Policy(recall=Recall(deadline_ms=200))
BRISK = Policy(recall=Recall(deadline_ms=20))

Trouble = Literal["hangs", "is away", "is broken"]

TROUBLES: list[tuple[Trouble, str]] = [("hangs", "timeout"), ("is away", "error"), ("is broken", "error")]
"""What may be wrong with memory, and what the header calls it."""


def policy_for(trouble: Trouble) -> Policy:
    """Only what hangs is to run into the deadline, however slow the machine."""
    return HURRIED if trouble == "hangs" else PATIENT


class Mood:
    """How a part behaves; it counts what it is asked."""

    def __init__(self) -> None:
        self.trouble: Trouble | None = None
        self.asked = 0
        self.reached = asyncio.Event()

    async def befall(self) -> None:
        self.asked += 1
        self.reached.set()
        if self.trouble == "hangs":
            await asyncio.Event().wait()
        if self.trouble == "is away":
            raise MemoryUnavailable("away")
        if self.trouble == "is broken":
            raise ZeroDivisionError("a fault of ours")


class MoodyStore(LocalStore):
    mood: Mood

    async def search(self, scope: Scope, query: Query) -> Found:
        await self.mood.befall()
        return await super().search(scope, query)


class MoodyJournal(SqliteJournal):
    mood: Mood

    async def find_session(self, scope: Scope, echoes: Echoes) -> Session | None:
        await self.mood.befall()
        return await super().find_session(scope, echoes)


class MoodyTokens(Tokens):
    is_broken = False

    def count(self, text: str, model: str) -> int:
        if self.is_broken:
            raise ZeroDivisionError("a fault of ours")
        return TOKENS.count(text, model)


class Bench:
    """An augmenter and the parts around it."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.telemetry = ManualClock(NOW), Telemetry()
        self.journal = MoodyJournal(folder / "journal.db")
        self.store = MoodyStore(folder / "memories.db", folder / "index", EMBEDDER)
        self.journal.mood, self.store.mood = Mood(), Mood()
        self.counter = MoodyTokens(None, None)
        self.closed = asyncio.Event()
        self.augmenter = self.another_augmenter()

    def another_augmenter(self) -> Augmenter:
        return Augmenter(
            clock=self.clock,
            journal=self.journal,
            store=self.store,
            precedents=Precedents(self.store, self.clock),
            kinds=KINDS,
            composer=Composer(KINDS, self.counter, Fence(b"k" * 32)),
            telemetry=self.telemetry,
            secret=b"k" * 32,
            on_breaker=self._changed,
        )

    def _changed(self, dependency: str, is_open: bool) -> None:
        if not is_open:
            self.closed.set()

    async def knows(
        self, user: str | None, *texts: str, kind: str = "constraint", session: str = "", reach: Reach = "user"
    ) -> None:
        """Put memories into the store."""
        scope = Scope(tenant=visit().who.tenant, user=user, session=session)
        memories = [
            Memory(
                id=f"m_{text[:6]}",
                kind=kind,
                text=text,
                key=text,
                origin="user",
                exchange="ex_0",
                session=session or "s0",
                at=NOW,
                recorded_at=NOW,
                reach=reach,
            )
            for text in texts
        ]
        await self.store.put(scope, memories)

    async def augment(self, visit: Visit) -> Prompt:
        """Augment, and leave the intent behind as the pipeline does."""
        async with asyncio.timeout(10):
            session, prompt = await self.augmenter.augment(visit)
        exchange = Exchange(
            id=self.clock.new_id("ex"), scope=session.scope, at=NOW, path=SHAPE.path, notes=prompt.added
        )
        self.journal.intend(exchange)
        return prompt

    def counted(self, line: str) -> bool:
        return line in self.telemetry.render().decode().splitlines()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.augmenter.aclose()
    await bench.store.aclose()
    await bench.journal.aclose()


OPENING = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "What may my dog eat?"}]
FOLLOW_UP = [*OPENING, {"role": "assistant", "content": "Fish."}, {"role": "user", "content": "And the cat?"}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
TOOL_LOOP: list[dict[str, Any]] = [
    *OPENING,
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "fish"},
]


def visit(
    messages: Sequence[dict[str, Any]] = OPENING,
    *,
    user: str | None = "ann",
    session: str = "s1",
    policy: Policy = PATIENT,
    mode: MemoryMode = "on",
) -> Visit:
    headers = [(b"authorization", b"Bearer sk-1"), (b"x-accrue-session", session.encode())]
    body = json.dumps({"model": "gpt-4o", "messages": list(messages)}).encode()
    call = SHAPE.read(body)
    assert call is not None
    claimed = identify.claims(headers, SHAPE.path, b"s" * 32)
    who = identify.identity(claimed, Sent(headers, call), Identify(), "session")
    who = msgspec.structs.replace(who, user=user)
    return Visit(who=who, shape=SHAPE, call=call, sent=body, policy=policy, mode=mode)


def messages_of(body: bytes) -> list[bytes]:
    """Each message's own bytes."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return [bytes(raw) for raw in msgspec.json.decode(fields["messages"], type=list[msgspec.Raw])]


RULE = "Always answer in French."
DOG = "My dog Biscuit is allergic to chicken."


async def test_what_the_user_said_before_is_added_and_counted(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    await bench.knows("ann", DOG, kind="episode")
    prompt = await bench.augment(visit())
    head, question = messages_of(prompt.body)
    assert RULE.encode() in head
    assert DOG.encode() in question
    assert (prompt.outcome.status, prompt.outcome.notes) == ("hit", 2)
    assert bench.counted('accrue_calls_total{memory="hit",reason=""} 1.0')
    assert bench.counted(f"accrue_note_tokens_total {float(prompt.outcome.tokens)}")
    assert "memory_failures_total{" not in bench.telemetry.render().decode()


@pytest.mark.promise("P4")
@pytest.mark.parametrize(("trouble", "status"), TROUBLES)
async def test_without_memory_a_new_user_gets_the_clients_own_bytes(
    bench: Bench, trouble: Trouble, status: Literal["timeout", "error"]
) -> None:
    bench.store.mood.trouble = trouble
    asked = visit(policy=policy_for(trouble))
    prompt = await bench.augment(asked)
    assert prompt.body is asked.call.body
    assert prompt.outcome == Outcome(status=status)
    assert bench.counted(f'accrue_memory_failures_total{{cause="{status}"}} 1.0')
    assert bench.counted(f'accrue_calls_total{{memory="{status}",reason=""}} 1.0')


@pytest.mark.promise("P4")
@pytest.mark.promise("P5")
@pytest.mark.parametrize(("trouble", "status"), TROUBLES)
async def test_without_memory_the_sessions_earlier_notes_are_replayed_byte_for_byte(
    bench: Bench, trouble: Trouble, status: str
) -> None:
    await bench.knows("ann", RULE)
    await bench.knows("ann", DOG, kind="episode")
    before = messages_of((await bench.augment(visit())).body)
    bench.store.mood.trouble = trouble
    prompt = await bench.augment(visit(FOLLOW_UP, policy=policy_for(trouble)))
    assert messages_of(prompt.body)[:2] == before
    assert messages_of(prompt.body)[2:] == messages_of(visit(FOLLOW_UP).call.body)[2:]
    assert prompt.outcome.header.startswith(f"{status}; notes=2; tokens=")


@pytest.mark.promise("P4")
@pytest.mark.parametrize(("trouble", "status"), TROUBLES)
async def test_without_memory_a_new_session_gets_the_pinned_lines_held_in_process(
    bench: Bench, trouble: Trouble, status: str
) -> None:
    await bench.knows("ann", RULE)
    await bench.knows("ann", DOG, kind="episode")
    await bench.augment(visit())
    bench.store.mood.trouble = trouble
    prompt = await bench.augment(visit(session="s2", policy=policy_for(trouble)))
    assert RULE.encode() in prompt.body
    assert DOG.encode() not in prompt.body
    assert prompt.outcome.header.startswith(f"{status}; notes=1; ")


@pytest.mark.promise("P4")
@pytest.mark.promise("P5")
@pytest.mark.parametrize(("trouble", "status"), TROUBLES)
@pytest.mark.parametrize("mode", ["on", "write"])
async def test_nothing_is_added_to_a_session_that_could_not_be_looked_up(
    bench: Bench, mode: MemoryMode, trouble: Trouble, status: str
) -> None:
    await bench.knows("ann", RULE)
    await bench.augment(visit())
    bench.journal.mood.trouble = trouble
    asked = visit(FOLLOW_UP, policy=policy_for(trouble), mode=mode)
    session, prompt = await bench.augmenter.augment(asked)
    assert prompt.body is asked.call.body
    assert prompt.added == ()
    assert prompt.outcome.header == f"{status}; reason=session"
    assert session.is_adrift
    assert bench.store.mood.asked == 1


class ReaderHeldOnce(SqliteJournal):
    """A journal whose disk, the first time it is asked for a session, is busy with something else."""

    held = threading.Event()

    async def find_session(self, scope: Scope, echoes: Echoes) -> Session | None:
        if not self.held.is_set():
            self._reader._thread.submit(self.held.wait, 10)
        return await super().find_session(scope, echoes)


HELD_OUT = msgspec.structs.replace(PATIENT, holdout=1.0)


@pytest.mark.promise("P10")
async def test_who_is_held_out_is_told_nothing_and_the_answer_says_so(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    asked = visit(policy=HELD_OUT)
    prompt = await bench.augment(asked)
    assert (prompt.body, prompt.outcome.header) == (asked.call.body, "holdout")
    assert prompt.added == ()


@pytest.mark.promise("P5")
async def test_a_session_that_was_told_something_is_told_it_again_though_its_owner_is_held_out_now(
    bench: Bench,
) -> None:
    await bench.knows("ann", RULE)
    first = await bench.augment(visit())
    assert RULE.encode() in first.body
    again = await bench.augment(visit(FOLLOW_UP, policy=HELD_OUT))
    assert RULE.encode() in again.body
    assert messages_of(again.body)[:1] == messages_of(first.body)[:1]


@pytest.mark.promise("P4")
async def test_lessons_that_take_too_long_cost_nothing_else(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(self: Precedents, scope: Scope) -> tuple[Memory, ...]:
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    monkeypatch.setattr(Precedents, "of", slow)
    await bench.knows("ann", RULE)
    assert RULE.encode() in (await bench.augment(visit())).body
    assert b'accrue_memory_failures_total{cause="lessons"} 1.0' in bench.telemetry.render()


@pytest.mark.promise("P4")
@pytest.mark.promise("P5")
async def test_a_session_that_was_lost_for_one_call_is_found_by_the_next_with_all_it_was_told(
    serve: Serve, upstream: ScriptedUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "policies").mkdir()
    for model, deadline_ms in (("patient", 10_000), ("hurried", 200)):
        policy = f"match: {{model: [{model}]}}\nrecall: {{deadline_ms: {deadline_ms}}}\n"
        (tmp_path / "policies" / f"{model}.yaml").write_text(policy)
    conversation = [{"role": "system", "content": "You are terse."}]
    headers: list[str] = []

    async def ask(served: Served, model: str, text: str) -> list[bytes]:
        """Ask in the same conversation; the messages the upstream got."""
        conversation.append({"role": "user", "content": text})
        async with AsyncOpenAI(base_url=served.url, api_key="sk-1", max_retries=0) as sdk:
            answer = await sdk.chat.completions.with_raw_response.create(model=model, messages=conversation)  # type: ignore[arg-type] # dicts do as well
        headers.append(answer.headers["x-accrue-memory"])
        conversation.append({"role": "assistant", "content": answer.parse().choices[0].message.content or ""})
        return messages_of(upstream.requests()[-1].body)

    async with serve() as served:
        async with AsyncOpenAI(base_url=served.url, api_key="sk-1") as sdk:
            taught = [{"role": "user", "content": f"{RULE} {DOG}"}]
            await sdk.chat.completions.create(model="patient", messages=taught)  # type: ignore[arg-type] # dicts do as well
        await served.learnt()
        first = await ask(served, "patient", "What may my dog Biscuit eat, and what not at all?")
    assert RULE.encode() in first[0]
    monkeypatch.setattr(configured, "SqliteJournal", ReaderHeldOnce)
    async with serve() as served:
        lost = await ask(served, "hurried", "And what of his friend, the neighbours' old cat?")
        assert [json.loads(message) for message in lost] == conversation[:-1]
        ReaderHeldOnce.held.set()
        found = await ask(served, "patient", "Thank you, that is all there is to ask about Biscuit.")
    assert found[:2] == first
    assert found[2:4] == lost[2:4]
    assert headers[0].startswith("hit; ")
    assert headers[1] == "timeout; reason=session"
    assert headers[2].startswith("hit; ")


@pytest.mark.promise("P7")
async def test_what_is_held_in_process_for_one_user_is_never_said_to_another(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    await bench.augment(visit())
    bench.store.mood.trouble = "is away"
    for stranger in (visit(user="bob", session="s1"), visit(user=None, session="s1")):
        prompt = await bench.augment(stranger)
        assert prompt.body is stranger.call.body


@pytest.mark.promise("P7")
async def test_what_holds_in_one_session_is_not_held_in_process_for_the_next(bench: Bench) -> None:
    await bench.knows("ann", RULE, session="s1", reach="session")
    assert RULE.encode() in (await bench.augment(visit(session="s1"))).body
    bench.store.mood.trouble = "is broken"
    assert RULE.encode() not in (await bench.augment(visit(session="s2"))).body


@pytest.mark.promise("P11")
async def test_of_whoever_is_forgotten_nothing_is_held(bench: Bench) -> None:
    for user in ("ann", "bob"):
        await bench.knows(user, RULE)
        session, _ = await bench.augmenter.augment(visit(user=user))
        bench.augmenter.give_up(session.scope)
    bench.augmenter.forget(visit(user="ann").who.scope(""))
    bench.store.mood.trouble = "is away"
    assert RULE.encode() not in (await bench.augment(visit(user="ann", session="s2"))).body
    assert RULE.encode() in (await bench.augment(visit(user="bob", session="s2"))).body
    assert (await bench.augment(visit(user="ann"))).outcome.reason == ""
    assert (await bench.augment(visit(user="bob"))).outcome.reason == "context_overflow"


@pytest.mark.promise("P11")
@pytest.mark.parametrize("is_of_all", [False, True])
async def test_what_was_read_before_something_was_forgotten_is_not_held_after_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, *, is_of_all: bool
) -> None:
    read, forgotten = asyncio.Event(), asyncio.Event()
    search = bench.store.search

    async def slow(scope: Scope, query: Query) -> Found:
        found = await search(scope, query)
        read.set()
        await forgotten.wait()
        return found

    await bench.knows("ann", RULE)
    monkeypatch.setattr(bench.store, "search", slow)
    asking = asyncio.create_task(bench.augment(visit()))
    await read.wait()
    if is_of_all:
        bench.augmenter.forget_all()
    else:
        bench.augmenter.forget(visit().who.scope(""))
    forgotten.set()
    await asking
    monkeypatch.undo()
    bench.store.mood.trouble = "is away"
    assert RULE.encode() not in (await bench.augment(visit(session="s2"))).body


async def test_pinned_lines_are_held_for_the_users_seen_last(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augment, "HELD_OWNERS", 2)
    for user in ("ann", "bob", "eve"):
        await bench.knows(user, RULE)
    for user, session in [("ann", "s1"), ("bob", "s1"), ("ann", "s2"), ("eve", "s1")]:
        await bench.augment(visit(user=user, session=session))
    bench.store.mood.trouble = "is away"
    held = {
        user: RULE.encode() in (await bench.augment(visit(user=user, session="s9"))).body
        for user in ("ann", "bob", "eve")
    }
    assert held == {"ann": True, "bob": False, "eve": True}


@pytest.mark.promise("P4")
@pytest.mark.promise("P5")
async def test_more_recalls_than_there_may_be_at_once_get_the_notes_at_hand_and_do_not_wait(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.knows("ann", RULE)
    first = await bench.augment(visit())
    monkeypatch.setattr(augment, "RECALLS", 2)
    bench.store.mood.trouble = "hangs"
    crowded = bench.another_augmenter()
    bench.store.mood.asked = 0
    waiting = [asyncio.create_task(crowded.augment(visit(session=f"s{number}"))) for number in (3, 4)]
    while bench.store.mood.asked < 2:
        await asyncio.wait(waiting, timeout=0.001)
    _, again = await crowded.augment(visit(FOLLOW_UP))
    _, new = await crowded.augment(visit(session="s5", user="bob"))
    assert messages_of(again.body)[:2] == messages_of(first.body)
    assert again.outcome.header.startswith("timeout; notes=1; ")
    assert again.outcome.header.endswith("; reason=overload")
    assert new.outcome.header == "timeout; reason=overload"
    assert bench.counted('accrue_memory_failures_total{cause="overload"} 2.0')
    for task in waiting:
        task.cancel()


@pytest.mark.promise("P4")
@pytest.mark.promise("P5")
async def test_a_store_that_hangs_is_not_asked_any_more_and_the_answer_says_so(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    first = await bench.augment(visit())
    bench.store.mood.trouble = "hangs"
    with capture_logs() as logs:
        for number in range(FAILURES):
            await bench.augment(visit(session=f"s{number + 2}", policy=BRISK))
        again = await bench.augment(visit(FOLLOW_UP))
        new = await bench.augment(visit(session="s9"))
        assert messages_of(again.body)[:2] == messages_of(first.body)
        assert again.outcome.header.startswith("breaker; notes=1; ")
        assert RULE.encode() in new.body
        assert new.outcome.header.endswith("; reason=store")
        assert bench.counted('accrue_memory_failures_total{cause="breaker"} 2.0')
        bench.store.mood.trouble = None
        async with asyncio.timeout(10):
            await bench.closed.wait()
    assert (await bench.augment(visit(session="s10"))).outcome.status == "hit"
    events = [entry["event"] for entry in logs]
    assert events == ["recall_failed"] * (FAILURES - 1) + ["breaker_opened", "recall_failed", "breaker_closed"]


@pytest.mark.promise("P4")
async def test_lessons_that_cannot_be_had_cost_nothing_else(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(self: Precedents, scope: Scope) -> tuple[Memory, ...]:
        raise MemoryUnavailable("away")

    monkeypatch.setattr(Precedents, "of", away)
    await bench.knows("ann", RULE)
    assert RULE.encode() in (await bench.augment(visit())).body
    assert b'accrue_memory_failures_total{cause="lessons"} 1.0' in bench.telemetry.render()


async def test_when_memory_is_back_the_next_question_gets_what_was_missing(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    bench.store.mood.trouble = "is away"
    assert (await bench.augment(visit())).outcome.status == "error"
    bench.store.mood.trouble = None
    prompt = await bench.augment(visit(FOLLOW_UP))
    assert messages_of(prompt.body)[:3] == messages_of(visit(FOLLOW_UP).call.body)[:3]
    assert RULE.encode() in messages_of(prompt.body)[3]


@pytest.mark.promise("P4")
async def test_a_fault_in_composing_is_not_the_callers(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    bench.counter.is_broken = True
    asked = visit()
    prompt = await bench.augment(asked)
    assert prompt.body == asked.call.body
    assert {note.text for note in prompt.added} == {""}  # decided, so that nothing is put before what was said now
    assert prompt.outcome == Outcome(status="error")
    assert bench.counted('accrue_memory_failures_total{cause="error"} 1.0')


@pytest.mark.promise("P4")
async def test_where_nothing_at_all_can_be_composed_the_call_goes_as_it_came(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Composer, "compose", lambda *_: 1 / 0)
    asked = visit()
    prompt = await bench.augment(asked)
    assert (prompt.body, prompt.added, prompt.outcome) == (asked.call.body, (), Outcome(status="error"))


@pytest.mark.promise("P4")
async def test_the_first_trouble_names_the_outcome(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    await bench.augment(visit())
    bench.store.mood.trouble, bench.counter.is_broken = "hangs", True
    assert (await bench.augment(visit(session="s2", policy=HURRIED))).outcome == Outcome(status="timeout")


async def test_a_caller_that_leaves_is_not_taken_for_trouble(bench: Bench) -> None:
    bench.store.mood.trouble = "hangs"
    task = asyncio.create_task(bench.augmenter.augment(visit()))
    async with asyncio.timeout(5):
        await bench.store.mood.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert "memory_failures_total{" not in bench.telemetry.render().decode()


@pytest.mark.promise("P5")
async def test_the_store_is_not_asked_while_tools_are_called(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    first = await bench.augment(visit())
    assert bench.store.mood.asked == 1
    bench.store.mood.trouble = "hangs"
    prompt = await bench.augment(visit(TOOL_LOOP))
    assert bench.store.mood.asked == 1
    assert messages_of(prompt.body)[:2] == messages_of(first.body)
    assert prompt.outcome == first.outcome


async def test_mode_write_adds_nothing_and_asks_nothing(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    asked = visit(mode="write")
    prompt = await bench.augment(asked)
    assert prompt.body is asked.call.body
    assert prompt.added == ()
    assert prompt.outcome.header == "off; reason=write"
    assert bench.store.mood.asked == 0


async def test_mode_read_recalls(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    assert RULE.encode() in (await bench.augment(visit(mode="read"))).body


async def test_when_nobody_is_named_the_header_says_so(bench: Bench) -> None:
    assert (await bench.augment(visit(user=None))).outcome.header == "unscoped"
    await bench.knows(None, RULE, session="s2")
    hit = (await bench.augment(visit(user=None, session="s2"))).outcome.header
    assert hit.startswith("hit; notes=1; ")
    assert hit.endswith("; reason=unscoped")
    assert (await bench.augment(visit(user=None, mode="write"))).outcome.header == "off; reason=write"
    bench.store.mood.trouble = "is away"
    assert (await bench.augment(visit(user=None, session="s3"))).outcome.header == "error"


@pytest.mark.promise("P7")
async def test_nobody_is_told_what_another_user_said(bench: Bench) -> None:
    await bench.knows("ann", RULE)
    await bench.knows("ann", DOG, kind="episode")
    for stranger in (visit(user="bob"), visit(user=None), visit(user="an"), visit(user="ANN")):
        prompt = await bench.augment(stranger)
        assert prompt.body is stranger.call.body
    assert (await bench.augment(visit())).outcome.notes == 2


@pytest.mark.promise("P12")
async def test_the_same_call_in_the_same_state_gets_the_same_bytes(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Bench(tmp_path / "other")
    for each in (bench, other):
        await each.knows("ann", RULE, "Never use tables.")
        await each.knows("ann", DOG, "The cat eats fish.", "Dogs eat a lot.", kind="episode")
    assert await bench.augment(visit()) == await other.augment(visit())
    await other.store.aclose()
    await other.journal.aclose()


async def test_a_lesson_that_a_person_pinned_is_told_whatever_is_asked_by_no_lot_and_once(bench: Bench) -> None:
    scope = Scope(tenant=visit().who.tenant, user="ann")
    harmful = Credit(wrong_with=90.0, right_without=90.0)
    rest, mine = (
        lesson(key, credit=harmful, triggers=("What may my dog eat?",), text=key) for key in ("Rest.", "Mine.")
    )
    await bench.store.put(scope, [rest, msgspec.structs.replace(mine, is_pinned=True)])
    prompt = await bench.augment(visit())
    told = {entry.memory: entry.decision for entry in prompt.considered}
    assert [entry.memory for entry in prompt.considered].count(mine.id) == 1
    assert told[mine.id] == "injected"
    assert [dict(note.draws) for note in prompt.added if mine.id in note.draws] == []
    assert any(rest.id in note.draws for note in prompt.added)
    assert b"Mine." in (await bench.augment(visit([{"role": "user", "content": "Which train?"}], session="s2"))).body


async def test_a_pinned_lesson_that_all_users_share_is_told_whatever_is_asked_as_long_as_it_holds(bench: Bench) -> None:
    scope = Scope(tenant=visit().who.tenant, user="ann")
    shared = [lesson(key, text=f"Of all: {key}.") for key in ("both", "ours")]
    shared.append(lesson("gone", state="retired", text="Of all: gone."))
    await bench.store.put(scope.common, [msgspec.structs.replace(one, is_pinned=True) for one in shared])
    await bench.store.put(scope, [lesson("both", text="Mine: both.")])
    await bench.knows("ann", RULE)
    prompt = await bench.augment(visit([{"role": "user", "content": "Which train?"}]))
    told = [f"Of all: {key}.".encode() in prompt.body for key in ("both", "ours", "gone")]
    assert told == [True, True, False]
    assert [dict(note.draws) for note in prompt.added if note.draws] == []


@pytest.mark.promise("P4")
async def test_what_a_person_pinned_is_held_in_process_like_all_that_is_pinned(bench: Bench) -> None:
    scope = Scope(tenant=visit().who.tenant, user="ann")
    await bench.knows("ann", DOG, kind="episode")
    (dog,) = await bench.store.list(scope, ("episode",), 9)
    await bench.store.put(scope, [msgspec.structs.replace(dog, is_pinned=True)])
    await bench.augment(visit([{"role": "user", "content": "Which train?"}]))
    bench.store.mood.trouble = "is away"
    prompt = await bench.augment(visit([{"role": "user", "content": "And back?"}], session="s2"))
    assert DOG.encode() in prompt.body
    bench.augmenter.forget(scope)
    assert DOG.encode() not in (await bench.augment(visit([{"role": "user", "content": "Hm?"}], session="s3"))).body

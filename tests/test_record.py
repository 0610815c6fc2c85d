"""gateway/record.py: answers are scripted as bytes, the shape is the real one, and the journal does as it is told."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import zlib
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Future
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import brotli
import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway import anchors, heard, record
from gateway.errors import MemoryUnavailable, NotNow, UpstreamUnreachable
from gateway.fence import NOTES, Fence
from gateway.journals.sqlite import SqliteJournal
from gateway.ports import Echoes, Incoming
from gateway.record import Recorder
from gateway.shapes.chat import SHAPE
from gateway.testing import ManualClock
from gateway.types import Call, Exchange, MemoryMode, Operator, Scope, Session

ANN = Scope(tenant="acme", user="ann", session="s1")
FENCE = Fence(b"k" * 32)
JSON, STREAM = (b"content-type", b"application/json"), (b"content-type", b"text/event-stream; charset=utf-8")
ANSWER = "The train to Bern leaves at nine o'clock in the morning."


def settled(error: Exception | None = None) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()  # as the journal's, which cannot be cancelled
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
    return future


class KeptJournal:
    """Keeps what is committed, as soon as its gate is open; fails with `error` when there is one."""

    def __init__(self) -> None:
        self.kept: list[Exchange] = []
        self.intended: list[Exchange] = []
        self.patience: list[bool] = []
        self.intents: list[Future[Any]] = []
        """As they will be given, from the last; beyond them intents are durable at once."""
        self.asked, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    def intend(self, exchange: Exchange, *, is_patient: bool = False) -> Future[Any]:
        self.intended.append(exchange)
        self.patience.append(is_patient)
        return self.intents.pop() if self.intents else settled()

    async def commit(self, exchange: Exchange) -> None:
        self.asked.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.kept.append(exchange)

    @property
    def trouble(self) -> str:
        return ""

    async def prove(self) -> None:
        return None

    async def find_session(self, scope: Scope, echoes: Echoes) -> Session | None:
        return None

    async def read(self, authority: Scope | Operator, exchange: str) -> Exchange | None:
        return None

    async def lease(self, limit: int) -> list[Exchange]:
        return []

    async def done(self, exchanges: Sequence[str]) -> None:
        return None


class Desk:
    """A recorder, what it told of, and the one call whose answer it listens to."""

    def __init__(
        self,
        commit_wait_s: float = 5.0,
        mode: MemoryMode = "on",
        durability: Literal["strict", "relaxed"] = "strict",
        on_spool_full: Literal["forward_unrecorded", "reject_503"] = "forward_unrecorded",
        clean: Callable[[Exchange], Exchange] = lambda exchange: exchange,
        **members: object,
    ) -> None:
        self.clock = ManualClock()
        self.journal = KeptJournal()
        self.recorded = 0
        self.unrecorded: list[str] = []
        self.ended: list[Exchange] = []
        self.gone: set[tuple[str | None, float]] = set()
        self.recorder = Recorder(
            self.journal,
            FENCE,
            self.clock,
            commit_wait_s=commit_wait_s,
            durability=durability,
            on_spool_full=on_spool_full,
            checkpoint_s=5.0,
            clean=clean,
            is_gone=lambda scope, at: (scope.user, at) in self.gone,
            on_unclean=lambda: self.unrecorded.append("unclean"),
            on_recorded=self._recorded,
            on_unrecorded=lambda _, reason: self.unrecorded.append(reason),
            on_late=lambda: self.unrecorded.append("late"),
            on_ended=self.ended.append,
        )
        self.call = call(**members)
        self.exchange = Exchange(id="ex_1", scope=ANN, at=1.0, path=SHAPE.path, turns=self.call.turns, mode=mode)

    def _recorded(self, _: Exchange) -> None:
        self.recorded += 1

    def listen(self, answer: Incoming) -> AsyncGenerator[bytes, None]:
        return self.recorder.listen(SHAPE, self.call, self.exchange, answer)

    async def heard(self, answer: Incoming) -> Exchange:
        """The record of an answer that was read to its end."""
        async with asyncio.timeout(5), aclosing(self.listen(answer)) as chunks:
            assert b"".join([chunk async for chunk in chunks])
        (exchange,) = self.journal.kept
        return exchange


class Upstream:
    """Yields its chunks and then fails, if it is to; knows when it was closed."""

    def __init__(self, chunks: Sequence[bytes], error: Exception | None = None) -> None:
        self.is_closed = False
        self.chunks = self._run(chunks, error)

    async def _run(self, chunks: Sequence[bytes], error: Exception | None) -> AsyncGenerator[bytes, None]:
        try:
            for chunk in chunks:
                yield chunk
            if error is not None:
                raise error
        finally:
            self.is_closed = True

    def incoming(self, *headers: tuple[bytes, bytes], status: int = 200) -> Incoming:
        return Incoming(status=status, headers=list(headers), chunks=self.chunks)


def call(**members: object) -> Call:
    read = SHAPE.read(
        json.dumps({"model": "m", "messages": [{"role": "user", "content": "When?"}], **members}).encode()
    )
    assert read is not None
    return read


def incoming(chunks: Sequence[bytes], *headers: tuple[bytes, bytes], status: int = 200) -> Incoming:
    return Upstream(chunks).incoming(*headers, status=status)


def whole(*texts: str, **message: Any) -> bytes:
    choices = [
        {"index": index, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
        for index, text in enumerate(texts)
    ]
    return json.dumps({"id": "chatcmpl-1", "model": "m", "choices": choices}).encode()


def event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
SPOKEN = [event("The train to Bern leaves "), event("at nine o'clock in the morning.")]


def texts(exchange: Exchange) -> list[str]:
    return [] if exchange.reply is None else [turn.text for turn in exchange.reply.turns]


@pytest.mark.promise("P3")
@settings(deadline=None, max_examples=60)
@given(cuts=st.lists(st.integers(0, len(b"".join(SPOKEN) + DONE)), max_size=8))
def test_chunks_pass_as_they_came_and_any_cut_reads_the_same(cuts: list[int]) -> None:
    stream = b"".join(SPOKEN) + DONE
    edges = [0, *sorted(cuts), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(edges)]

    async def scenario() -> None:
        desk = Desk()
        assert [chunk async for chunk in desk.listen(incoming(chunks, STREAM))] == chunks
        (exchange,) = desk.journal.kept
        assert (exchange.state, texts(exchange)) == ("done", [ANSWER])

    asyncio.run(scenario())


BODY = whole(ANSWER)
PLAIN_INSIDE = gzip.compress(b"".join(SPOKEN) + DONE, compresslevel=0)
"""Its end mark is there to be read, and is not its end."""


@pytest.mark.promise("P6")
@pytest.mark.parametrize(
    ("chunks", "headers", "passed"),
    [
        ([*SPOKEN, DONE], [STREAM], 2),
        ([*SPOKEN, b"data: [DO", b"NE]\n\n"], [STREAM], 3),
        ([*SPOKEN, b"data:[DONE]", b"\n\n"], [STREAM], 2),
        ([BODY[:20], BODY[20:]], [JSON, (b"Content-Length", str(len(BODY)).encode())], 1),
        ([BODY], [JSON], 1),
        ([PLAIN_INSIDE[:-8], PLAIN_INSIDE[-8:]], [STREAM, (b"content-encoding", b"gzip")], 2),
    ],
    ids=["done", "done in two", "done without end", "length", "end of body", "end of compressed stream"],
)
async def test_the_end_of_an_answer_waits_until_it_is_on_record(
    chunks: list[bytes], headers: list[tuple[bytes, bytes]], passed: int
) -> None:
    desk, got = Desk(), list[bytes]()
    desk.journal.gate.clear()

    async def client() -> None:
        async for chunk in desk.listen(incoming(chunks, *headers)):
            got.append(chunk)

    reading = asyncio.create_task(client())
    async with asyncio.timeout(5):
        await desk.journal.asked.wait()
        assert got == chunks[:passed]
        assert not reading.done()
        desk.journal.gate.set()
        await reading
    assert got == chunks
    assert desk.journal.kept[0].state == "done"
    assert (desk.recorded, desk.unrecorded) == (1, [])


@pytest.mark.promise("P4")
async def test_a_journal_that_hangs_holds_the_end_only_so_long_and_is_counted() -> None:
    desk = Desk(commit_wait_s=0.01)
    desk.journal.gate.clear()
    async with asyncio.timeout(5):
        assert [chunk async for chunk in desk.listen(incoming([*SPOKEN, DONE], STREAM))] == [*SPOKEN, DONE]
        assert (desk.unrecorded, desk.recorded) == (["late"], 0)
        desk.journal.gate.set()
        await desk.recorder.drain()
    assert [exchange.state for exchange in desk.journal.kept] == ["done"]
    assert desk.recorded == 1


@pytest.mark.promise("P4")
@pytest.mark.parametrize(
    ("error", "reason"), [(MemoryUnavailable("disk full"), "journal"), (ZeroDivisionError("ours"), "error")]
)
async def test_a_journal_that_fails_is_counted_and_the_answer_unharmed(error: Exception, reason: str) -> None:
    desk = Desk()
    desk.journal.error = error
    async with asyncio.timeout(5):
        assert [chunk async for chunk in desk.listen(incoming([*SPOKEN, DONE], STREAM))] == [*SPOKEN, DONE]
        await desk.recorder.drain()
    assert (desk.unrecorded, desk.recorded) == ([reason], 0)


@pytest.mark.promise("P6")
async def test_an_upstream_that_dies_is_on_record_as_interrupted_before_the_client_hears_of_it() -> None:
    desk, got = Desk(), list[bytes]()
    upstream = Upstream(SPOKEN[:1], UpstreamUnreachable("reset"))

    async def client() -> None:
        async for chunk in desk.listen(upstream.incoming(STREAM)):
            got.append(chunk)

    with pytest.raises(UpstreamUnreachable, match="reset"):
        await client()
    assert got == SPOKEN[:1]
    (exchange,) = desk.journal.kept
    assert (exchange.state, exchange.status, texts(exchange)) == ("interrupted", 200, ["The train to Bern leaves "])


@pytest.mark.promise("P6")
async def test_a_reader_that_leaves_early_leaves_an_interrupted_record_and_a_closed_upstream() -> None:
    desk, upstream = Desk(), Upstream([*SPOKEN, DONE])
    async with aclosing(desk.listen(upstream.incoming(STREAM))) as chunks:
        assert await anext(chunks) == SPOKEN[0]
        assert not upstream.is_closed
    assert upstream.is_closed
    assert [exchange.state for exchange in desk.journal.kept] == ["interrupted"]


async def test_a_reader_that_leaves_after_the_end_mark_has_heard_it_all() -> None:
    desk, upstream = Desk(), Upstream([*SPOKEN, DONE, b": trailing comment\n\n"])
    async with aclosing(desk.listen(upstream.incoming(STREAM))) as chunks:
        while await anext(chunks) != DONE:
            pass
    assert upstream.is_closed
    assert [exchange.state for exchange in desk.journal.kept] == ["done"]


async def test_a_reader_cancelled_while_its_record_is_waited_for_leaves_both_in_order() -> None:
    desk, upstream = Desk(), Upstream([*SPOKEN, DONE])
    desk.journal.gate.clear()

    async def client() -> None:
        async with aclosing(desk.listen(upstream.incoming(STREAM))) as chunks:
            await anext(chunks)

    reading = asyncio.create_task(client())
    async with asyncio.timeout(5):
        await desk.journal.asked.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert upstream.is_closed
        desk.journal.gate.set()
        await desk.recorder.drain()
    assert [exchange.state for exchange in desk.journal.kept] == ["interrupted"]


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", zstandard.ZstdCompressor().compress),
    ],
)
async def test_a_compressed_answer_is_read(encoding: str, encode: Callable[[bytes], bytes]) -> None:
    headers = [STREAM, (b"Content-Encoding", encoding.encode())]
    exchange = await Desk().heard(incoming([encode(b"".join(SPOKEN) + DONE)], *headers))
    assert (exchange.state, texts(exchange)) == ("done", [ANSWER])


@pytest.mark.parametrize("encoding", [b"gzip", b"rot13"])
async def test_an_answer_that_cannot_be_decoded_passes_and_is_on_record_as_not_read(encoding: bytes) -> None:
    exchange = await Desk().heard(incoming([b"not", b" gzip"], JSON, (b"content-encoding", encoding)))
    assert (exchange.state, exchange.status, texts(exchange)) == ("interrupted", 200, [])


async def test_an_answer_beyond_the_limit_passes_and_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, desk = [*SPOKEN, DONE], Desk()
    monkeypatch.setattr(heard, "MAX_LISTENED_BYTES", sum(map(len, stream)) - 1)
    assert [chunk async for chunk in desk.listen(incoming(stream, STREAM))] == stream
    assert texts(desk.journal.kept[0]) == []
    assert desk.journal.kept[0].state == "interrupted"
    monkeypatch.setattr(heard, "MAX_LISTENED_BYTES", sum(map(len, stream)))
    assert texts(await Desk().heard(incoming(stream, STREAM))) == [ANSWER]


@pytest.mark.parametrize(
    ("limit", "answer", "headers"),
    [(0, BODY, [JSON]), (99_999, gzip.compress(BODY), [JSON, (b"content-encoding", b"gzip")])],
    ids=["large", "encoded"],
)
async def test_a_large_or_encoded_answer_is_read_off_the_event_loop_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch, limit: int, answer: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    small = await Desk().heard(incoming([BODY], JSON))
    monkeypatch.setattr(heard, "THREADED_PARSE_BYTES", limit)
    hops: list[object] = []
    to_thread = asyncio.to_thread

    async def counted(*arguments: Any) -> Any:
        hops.append(arguments)
        return await to_thread(*arguments)

    monkeypatch.setattr(asyncio, "to_thread", counted)
    assert await Desk().heard(incoming([answer], *headers)) == small
    assert len(hops) == 1


CHUNKED = (b"Transfer-Encoding", b"chunked")


async def test_a_framed_stream_that_ends_without_its_end_mark_was_interrupted_and_passes() -> None:
    for frame in [CHUNKED, (b"content-length", str(len(b"".join(SPOKEN)) + 1).encode())]:
        exchange = await Desk().heard(incoming(SPOKEN, STREAM, frame))
        assert (exchange.state, texts(exchange)) == ("interrupted", [ANSWER])


@pytest.mark.promise("P3")
@pytest.mark.parametrize("encode", [None, gzip.compress])
async def test_a_stream_that_only_its_connection_ends_must_have_its_end_mark(
    encode: Callable[[bytes], bytes] | None,
) -> None:
    desk, got = Desk(), list[bytes]()
    chunks = SPOKEN if encode is None else [encode(b"".join(SPOKEN))]
    headers = [STREAM] if encode is None else [STREAM, (b"content-encoding", b"gzip")]

    async def client() -> None:
        async for chunk in desk.listen(incoming(chunks, *headers)):
            got.append(chunk)

    with pytest.raises(UpstreamUnreachable, match="broke off"):
        await asyncio.wait_for(client(), 5)
    assert got == chunks
    assert [(kept.state, texts(kept)) for kept in desk.journal.kept] == [("interrupted", [ANSWER])]


@pytest.mark.promise("P3")
@pytest.mark.parametrize("error", [None, MemoryUnavailable("disk full"), ZeroDivisionError("ours")])
async def test_a_cut_is_told_whatever_becomes_of_its_record(error: Exception | None) -> None:
    desk = Desk(commit_wait_s=0.01)
    desk.journal.error = error
    if error is None:
        desk.journal.gate.clear()
    async with asyncio.timeout(5):
        with pytest.raises(UpstreamUnreachable, match="broke off"):
            assert [chunk async for chunk in desk.listen(incoming(SPOKEN, STREAM))]
        desk.journal.gate.set()
        await desk.recorder.drain()
    assert len(desk.unrecorded) == 1


FINISHED = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
FAILED = b'data: {"error":{"message":"overloaded"}}\n\n'


@pytest.mark.parametrize(
    ("chunks", "headers", "state"),
    [
        ([*SPOKEN, FINISHED], [STREAM], "done"),
        ([*SPOKEN, FAILED, DONE], [STREAM], "interrupted"),
        (SPOKEN, [STREAM, (b"content-encoding", b"rot13")], "interrupted"),
        (SPOKEN, [STREAM, (b"content-encoding", b"gzip")], "interrupted"),
        (SPOKEN, [JSON], "interrupted"),
    ],
    ids=["finished", "failed and ended", "unknown coding", "broken coding", "no stream"],
)
async def test_what_ends_as_it_should_or_cannot_be_read_is_not_taken_for_cut(
    chunks: list[bytes], headers: list[tuple[bytes, bytes]], state: str
) -> None:
    assert (await Desk().heard(incoming(chunks, *headers))).state == state


async def test_a_stream_too_long_to_be_read_is_not_taken_for_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard, "MAX_LISTENED_BYTES", 9)
    assert (await Desk().heard(incoming(SPOKEN, STREAM))).state == "interrupted"


@pytest.mark.parametrize("is_adrift", [True, False])
async def test_an_answer_in_a_session_that_could_not_be_looked_up_leaves_no_anchors(is_adrift: bool) -> None:
    desk = Desk()
    desk.exchange = msgspec.structs.replace(desk.exchange, is_adrift=is_adrift)
    exchange = await desk.heard(incoming([*SPOKEN, DONE], STREAM))
    assert texts(exchange) == [ANSWER]
    assert bool(exchange.anchors) is not is_adrift


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_an_error_answer_is_a_whole_answer(status: int) -> None:
    exchange = await Desk().heard(incoming([b'{"error": {"message": "no"}}'], JSON, status=status))
    assert (exchange.state, exchange.status, texts(exchange)) == ("done", status, [])


async def test_an_answer_without_a_body_is_on_record() -> None:
    desk = Desk()
    assert [chunk async for chunk in desk.listen(incoming([], JSON, status=503))] == []
    assert [(exchange.state, exchange.status) for exchange in desk.journal.kept] == [("done", 503)]


@pytest.mark.parametrize(("mode", "kept"), [("on", [ANSWER]), ("write", [ANSWER]), ("read", [])])
async def test_in_mode_read_no_word_of_the_answer_is_kept_but_its_anchors_are(
    mode: MemoryMode, kept: list[str]
) -> None:
    long = ANSWER + " and on" * 20
    exchange = await Desk(mode=mode).heard(incoming([event(long), DONE], STREAM))
    assert exchange.openings == ((long,) if kept else ())
    exchange = await Desk(mode=mode).heard(incoming([*SPOKEN, DONE], STREAM))
    assert (texts(exchange), exchange.openings) == (kept, ())
    assert exchange.state == "done"
    assert exchange.anchors
    assert exchange.reply is not None


@pytest.mark.promise("P9")
@pytest.mark.parametrize("is_stream", [True, False])
async def test_our_own_notes_in_an_answer_are_not_put_on_record(is_stream: bool) -> None:
    block = FENCE.block(NOTES, FENCE.nonce("s1"), ["(2027-01-01) The user said: secret word [m_1]"])
    echoed = f"You said:\n\n{block} And that was all."
    chunks, kind = ([event(echoed[:40]), event(echoed[40:]), DONE], STREAM) if is_stream else ([whole(echoed)], JSON)
    exchange = await Desk().heard(incoming(chunks, kind))
    assert texts(exchange) == ["You said: And that was all."]


async def test_each_choice_is_kept_and_leaves_its_anchors() -> None:
    first, second = "Nine o'clock is when the train to Bern leaves.", "It leaves at ten o'clock, and not before that."
    exchange = await Desk(n=2).heard(incoming([whole(first, second)], JSON))
    assert texts(exchange) == [first, second]
    echo = [{"role": "user", "content": "When?"}, {"role": "assistant", "content": second}]
    assert set(anchors.of_request(call(messages=echo).turns, is_named=True)) <= set(exchange.anchors)


async def test_the_next_request_is_known_by_what_it_echoes_of_the_recorded_answer(tmp_path: Path) -> None:
    async with aclosing(SqliteJournal(tmp_path / "journal.db")) as journal:
        recorder = Recorder(
            journal,
            FENCE,
            ManualClock(),
            commit_wait_s=5,
            on_recorded=lambda _: None,
            on_unrecorded=lambda _, __: None,
            on_late=lambda: None,
            on_ended=lambda _: None,
            on_unclean=lambda: None,
            durability="strict",
            on_spool_full="forward_unrecorded",
            checkpoint_s=0,
            clean=lambda exchange: exchange,
            is_gone=lambda scope, at: False,
        )
        desk = Desk()
        answer = whole("", tool_calls=[{"id": "call_a1b2c3d4e5", "type": "function", "function": {"name": "look"}}])
        assert [chunk async for chunk in recorder.listen(SHAPE, desk.call, desk.exchange, incoming([answer], JSON))]
        echo = {"role": "assistant", "tool_calls": [{"id": "call_a1b2c3d4e5", "function": {"name": "look"}}]}
        turns = call(messages=[{"role": "user", "content": "When?"}, echo]).turns
        anyone = msgspec.structs.replace(ANN, session="")
        found = await journal.find_session(anyone, Echoes(anchors=anchors.of_request(turns, is_named=True)))
        assert found is not None
        assert found.scope.session == "s1"
        assert await journal.read(Operator(), "ex_1") is not None


@pytest.mark.promise("P6")
async def test_a_call_waits_until_its_intent_is_durable() -> None:
    desk, durable = Desk(), Future[Any]()
    durable.set_running_or_notify_cancel()
    desk.journal.intents = [durable]
    intending = asyncio.create_task(desk.recorder.intend(desk.exchange))
    done, _ = await asyncio.wait({intending}, timeout=0.01)
    assert not done
    assert (desk.journal.intended, desk.journal.patience) == ([desk.exchange], [False])
    durable.set_result(None)
    await asyncio.wait_for(intending, 5)
    assert desk.unrecorded == []


@pytest.mark.promise("P4")
async def test_a_call_does_not_wait_long_for_its_intent_and_is_counted() -> None:
    desk, never = Desk(commit_wait_s=0.01, on_spool_full="reject_503"), Future[Any]()
    never.set_running_or_notify_cancel()
    desk.journal.intents = [never]
    await asyncio.wait_for(desk.recorder.intend(desk.exchange), 5)
    assert desk.unrecorded == ["late"]
    never.set_exception(MemoryUnavailable("too late for anyone"))


async def test_relaxed_nothing_waits_for_the_disk() -> None:
    desk, never = Desk(durability="relaxed"), Future[Any]()
    desk.journal.intents = [never]
    desk.journal.gate.clear()
    async with asyncio.timeout(5):
        await desk.recorder.intend(desk.exchange)
        assert desk.journal.patience == [True]
        assert [chunk async for chunk in desk.listen(incoming([*SPOKEN, DONE], STREAM))] == [*SPOKEN, DONE]
        assert (desk.journal.kept, desk.unrecorded) == ([], [])
        desk.journal.gate.set()
        await desk.recorder.drain()
    assert [exchange.state for exchange in desk.journal.kept] == ["done"]


@pytest.mark.promise("P3")
async def test_relaxed_a_stream_that_only_its_connection_ends_must_have_its_end_mark() -> None:
    desk = Desk(durability="relaxed")
    with pytest.raises(UpstreamUnreachable, match="broke off"):
        assert [chunk async for chunk in desk.listen(incoming(SPOKEN, STREAM))]


@pytest.mark.promise("P6")
@pytest.mark.parametrize("durability", ["strict", "relaxed"])
async def test_a_call_that_cannot_be_put_on_record_is_refused_only_where_that_is_asked_for(
    durability: Literal["strict", "relaxed"],
) -> None:
    forwarding = Desk(durability=durability)
    forwarding.journal.intents = [settled(MemoryUnavailable("full"))]
    await forwarding.recorder.intend(forwarding.exchange)
    assert (forwarding.unrecorded, forwarding.ended) == ([], [])
    refusing = Desk(durability=durability, on_spool_full="reject_503")
    refusing.journal.intents = [settled(MemoryUnavailable("full"))]
    with pytest.raises(NotNow) as refused:
        await refusing.recorder.intend(refusing.exchange)
    assert (refused.value.code, refused.value.headers) == ("unrecorded", [(b"retry-after", b"1")])
    assert [exchange.state for exchange in refusing.ended] == ["interrupted"]


# Checkpoints

SLOW = [event(f"word{number} ") for number in range(64)]


@pytest.mark.promise("P6")
async def test_a_long_stream_is_put_on_record_as_it_comes_each_time_as_much_time_has_passed_again() -> None:
    desk = Desk()
    async with aclosing(desk.listen(incoming([*SLOW, DONE], STREAM, CHUNKED))) as chunks:
        async for _ in chunks:
            desk.clock.advance(1.0)
        await desk.recorder.drain()
    assert [len(texts(one)[0].split()) for one in desk.journal.intended] == [6, 11, 21, 41]
    assert {(one.state, one.status, one.ended_at) for one in desk.journal.intended} == {("intent", 200, None)}
    assert all(desk.journal.patience)
    (record,) = desk.journal.kept
    assert (record.state, len(texts(record)[0].split())) == ("done", 64)


@pytest.mark.parametrize("headers", [[JSON], [STREAM, (b"content-encoding", b"gzip")]], ids=["no stream", "compressed"])
async def test_what_cannot_be_read_before_its_end_has_no_checkpoints(headers: list[tuple[bytes, bytes]]) -> None:
    desk = Desk()
    async for _ in desk.listen(incoming([b"{", b"}"], *headers)):
        desk.clock.advance(60.0)
    await desk.recorder.drain()
    assert desk.journal.intended == []


async def test_a_checkpoint_that_fails_harms_neither_answer_nor_record(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()

    def broken(exchange: Exchange, **_: object) -> Future[Any]:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(desk.journal, "intend", broken)
    got = []
    async for chunk in desk.listen(incoming([*SPOKEN, DONE], STREAM)):
        got.append(chunk)
        desk.clock.advance(60.0)
    await desk.recorder.drain()
    assert got == [*SPOKEN, DONE]
    assert (desk.recorded, desk.unrecorded) == (1, [])


# Cleaning


def censored(exchange: Exchange) -> Exchange:
    """Without what was said."""
    turns = tuple(msgspec.structs.replace(turn, text="[said]") for turn in exchange.turns)
    return msgspec.structs.replace(exchange, turns=turns)


@pytest.mark.parametrize("limit", [0, 99_999], ids=["large", "small"])
async def test_nothing_reaches_the_journal_that_was_not_cleaned(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr(record, "THREADED_CLEAN_CHARS", limit)
    desk = Desk(clean=censored)
    await desk.recorder.intend(desk.exchange)
    async for _ in desk.listen(incoming([*SPOKEN, DONE], STREAM)):
        desk.clock.advance(5.0)
    desk.recorder.lose(desk.exchange, 502)
    await desk.recorder.drain()
    kept = [*desk.journal.intended, *desk.journal.kept]
    assert [[turn.text for turn in one.turns] for one in kept] == [["[said]"]] * len(kept)
    assert [one.turns for one in desk.ended] == [desk.exchange.turns] * 2


async def test_what_cannot_be_cleaned_is_kept_without_a_word_and_counted() -> None:
    def failing(exchange: Exchange) -> Exchange:
        raise ValueError("quotes what was said")

    desk = Desk(clean=failing)
    with capture_logs() as logs:
        await desk.recorder.intend(desk.exchange)
        tool = {"tool_calls": [{"id": "call_a1b2c3d4e5", "type": "function", "function": {"name": "look"}}]}
        kept = await desk.heard(incoming([whole(ANSWER, **tool)], JSON))
    assert desk.journal.intended[0].turns == ()
    assert (kept.state, kept.status, kept.turns, texts(kept), kept.openings, kept.learns) == (
        "done",
        200,
        (),
        [],
        (),
        (),
    )
    assert kept.anchors
    assert desk.unrecorded == ["unclean", "unclean"]
    assert "quotes" not in str(logs)


async def test_a_call_that_got_no_answer_is_on_record_as_interrupted_and_drain_waits_for_it() -> None:
    desk = Desk()
    desk.journal.gate.clear()
    desk.recorder.lose(desk.exchange, 502)
    draining = asyncio.create_task(desk.recorder.drain())
    async with asyncio.timeout(5):
        await desk.journal.asked.wait()
        assert not draining.done()
        desk.journal.gate.set()
        await draining
    assert [(exchange.state, exchange.status) for exchange in desk.journal.kept] == [("interrupted", 502)]
    await desk.recorder.drain()


async def test_an_intent_that_takes_long_to_clean_holds_no_words_and_keeps_nobody_waiting() -> None:
    begun, end = threading.Event(), threading.Event()

    def slow(exchange: Exchange) -> Exchange:
        begun.set()
        end.wait(10)
        return exchange

    desk = Desk(commit_wait_s=0.01, clean=slow, messages=[{"role": "user", "content": "word " * 2_000}])
    await desk.recorder.intend(desk.exchange)
    end.set()
    assert begun.is_set()
    assert desk.unrecorded == ["late"]
    (intended,) = desk.journal.intended
    assert intended.turns == ()

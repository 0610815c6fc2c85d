"""What happened, on record: the answer is listened to as it passes, and its end waits until the record is durable.

The client gets the upstream's bytes in the upstream's chunks. Only the last of them (the end of the last event, the
byte that completes a content-length, or the end itself) is held until the journal has committed, so that what a client
has seen whole is never lost (promise P6). A client that leaves loses nothing: the rest is read all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from functools import partial

import msgspec
import structlog

from gateway import anchors, encodings, sse, terms
from gateway.errors import HTTP_ERROR, MemoryUnavailable, UpstreamUnreachable
from gateway.fence import Fence
from gateway.headers import first_value, is_event_stream
from gateway.ports import Clock, Incoming, Journal
from gateway.shapes.base import Shape
from gateway.types import Call, Exchange, ExchangeState, Reply

MAX_LISTENED_BYTES = 32 * 1024 * 1024
"""Of an answer are kept for the record; beyond that it still passes, and is recorded as one that was not read."""

THREADED_PARSE_BYTES = 128 * 1024
"""A larger answer is parsed off the event loop; a smaller one takes less time than the hop."""

log = structlog.get_logger()


class Recorder:
    """Puts exchanges on record."""

    def __init__(
        self,
        journal: Journal,
        fence: Fence,
        clock: Clock,
        *,
        commit_wait_s: float,
        on_recorded: Callable[[Exchange], None],
        on_unrecorded: Callable[[Exchange, str], None],
        on_late: Callable[[], None],
        on_ended: Callable[[Exchange], None],
    ) -> None:
        """Record to a journal.

        Args:
            commit_wait_s: how long the end of an answer waits for its record before it is let go.
            on_recorded: called after each commit: there is something to learn.
            on_unrecorded: told the reason when there will be no record.
            on_late: called when an answer was let go before its record, which may still come.
            on_ended: told of every exchange that has ended, before it is on record.
        """
        self._journal = journal
        self._fence = fence
        self._clock = clock
        self._commit_wait_s = commit_wait_s
        self._on_recorded = on_recorded
        self._on_unrecorded = on_unrecorded
        self._on_late = on_late
        self._on_ended = on_ended
        self._under_way: set[asyncio.Task[None]] = set()

    async def intend(self, exchange: Exchange) -> None:
        """Leave a trace of a call that is about to go upstream; why it has these notes is told when it is finished."""
        self._journal.intend(msgspec.structs.replace(exchange, considered=()), is_patient=True)

    def lose(self, exchange: Exchange, status: int) -> None:
        """Record that no answer came; nobody waits for it.

        Args:
            status: the HTTP status the client gets instead.
        """
        self._begin(exchange, self._commit(msgspec.structs.replace(exchange, state="interrupted", status=status)))

    async def listen(
        self, shape: Shape, call: Call, exchange: Exchange, answer: Incoming
    ) -> AsyncGenerator[bytes, None]:
        """The answer's chunks, unchanged, the end held until it is on record.

        Raises what the upstream raised when it died, and `UpstreamUnreachable` when a stream that nothing frames lacks
        its end mark; the exchange is then on record as interrupted. A caller that stops reading closes the generator,
        with the same result.
        """
        end = _EndMark(answer, shape.last_events)
        heard = _Heard()
        commit: asyncio.Task[None] | None = None
        state: ExchangeState = "interrupted"
        async with aclosing(answer.chunks) as chunks:
            try:
                async for chunk in chunks:
                    heard.hear(chunk)
                    if commit is None and end.is_in(chunk):
                        commit = self._begin(exchange, self._finish(shape, call, exchange, answer, heard, "done"))
                        await self._wait_for(commit)
                    yield chunk
                state = "done"
            finally:
                if commit is None:
                    commit = self._begin(exchange, self._finish(shape, call, exchange, answer, heard, state))
                    await self._wait_for(commit)
        if end.is_missing and heard.is_cut:
            raise UpstreamUnreachable("the upstream broke off its answer")

    async def drain(self) -> None:
        """Wait for every commit under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _finish(
        self, shape: Shape, call: Call, exchange: Exchange, answer: Incoming, heard: _Heard, state: ExchangeState
    ) -> None:
        body = heard.body()
        if len(body) > THREADED_PARSE_BYTES or first_value(answer.headers, b"content-encoding"):
            read = await asyncio.to_thread(_read, shape, answer, body)
        else:
            read = _read(shape, answer, body)
        reply = read or Reply(is_complete=False)
        turns = tuple(msgspec.structs.replace(turn, text=self._fence.strip(turn.text)) for turn in reply.turns)
        is_whole = reply.is_complete or answer.status >= HTTP_ERROR
        heard.is_cut = read is not None and not is_whole and not heard.is_too_long
        is_named, is_kept = exchange.scope.user is not None, exchange.mode in ("on", "write")
        finished = msgspec.structs.replace(
            exchange,
            state=state if is_whole else "interrupted",
            status=answer.status,
            ended_at=self._clock.now(),
            setup=terms.setup(call),
            schemas=terms.schemas(call, reply) if is_kept and not exchange.is_aside else {},
            reply=msgspec.structs.replace(reply, turns=turns if is_kept and not exchange.is_aside else ()),
            anchors=() if exchange.is_adrift else anchors.of_reply(call.turns, turns, reply.echoes, is_named=is_named),
            openings=anchors.openings_of(turns) if is_kept and is_named and not exchange.is_adrift else (),
        )
        await self._commit(finished)

    async def _commit(self, exchange: Exchange) -> None:
        self._on_ended(exchange)
        try:
            await self._journal.commit(exchange)
        except MemoryUnavailable as error:
            self._on_unrecorded(exchange, "journal")
            log.warning("unrecorded", exchange=exchange.id, error=str(error))
        else:
            self._on_recorded(exchange)

    def _begin(self, exchange: Exchange, commit: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """A task of its own, because the client's leaving must not end it."""
        task = asyncio.create_task(commit)
        self._under_way.add(task)
        task.add_done_callback(partial(self._ended, exchange))
        return task

    def _ended(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        """Nobody awaits the task, so what went wrong in it is said here."""
        self._under_way.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._on_unrecorded(exchange, "error")
            log.error("unrecorded", exc_info=error)

    async def _wait_for(self, commit: asyncio.Task[None]) -> None:
        """Wait until it is on record, but not for long: a slow disk must not become a slow answer."""
        done, _ = await asyncio.wait({commit}, timeout=self._commit_wait_s)
        if not done:
            self._on_late()


class _Heard:
    """What has been heard of an answer, within bounds."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self.is_cut = False
        """True once it has been read and found to lack its end."""

    @property
    def is_too_long(self) -> bool:
        """Whether it was too much to be read."""
        return self._size > MAX_LISTENED_BYTES

    def hear(self, chunk: bytes) -> None:
        """Keep a chunk."""
        self._size += len(chunk)
        if not self.is_too_long:
            self._chunks.append(chunk)

    def body(self) -> bytes:
        """Everything heard; nothing if it was too much."""
        return b"" if self.is_too_long else b"".join(self._chunks)


def _read(shape: Shape, answer: Incoming, heard: bytes) -> Reply | None:
    """What an answer says; None when it cannot be decoded."""
    body = encodings.decode(heard, first_value(answer.headers, b"content-encoding"))
    if body is None:
        return None
    if not is_event_stream(answer.headers):
        return shape.reply(body)
    tap = shape.tap()
    for event in sse.events(body):
        tap.feed(event)
    return tap.close()


class _EndMark:
    """Sees the last byte of an answer coming, where that can be seen before the end."""

    def __init__(self, answer: Incoming, last_events: Sequence[str]) -> None:
        lines, is_stream = answer.headers, is_event_stream(answer.headers)
        length = first_value(lines, b"content-length")
        self._left = int(length) if length.isdigit() else None
        self.is_missing = is_stream and not length and not first_value(lines, b"transfer-encoding")
        """True while only the end of its connection would end a stream, which is how a broken one ends as well."""
        is_readable = is_stream and not first_value(lines, b"content-encoding")
        self._done = sse.EndMark(last_events) if is_readable else None

    def is_in(self, chunk: bytes) -> bool:
        """True when the answer ends in this chunk; chunks are passed in order."""
        if self._left is not None:
            self._left -= len(chunk)
            return self._left <= 0
        is_done = self._done is not None and self._done.feed(chunk)
        self.is_missing = self.is_missing and not is_done
        return is_done

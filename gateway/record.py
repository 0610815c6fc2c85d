"""What happened, on record: the answer is listened to as it passes, and its end waits until the record is durable.

The client gets the upstream's bytes in the upstream's chunks. Only the last of them (the end of the last event, the
byte that completes a content-length, or the end itself) is held until the journal has committed, so that what a client
has seen whole is never lost (promise P6). A client that leaves loses nothing: the rest is read all the same. Of a long
stream that a killed process leaves unfinished, the words up to the last checkpoint are kept.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Literal

import msgspec
import structlog

from gateway import anchors, heard, terms
from gateway.errors import HTTP_ERROR, RETRY_SOON_S, MemoryUnavailable, NotNow, UpstreamUnreachable
from gateway.fence import Fence
from gateway.heard import EndMark, Heard
from gateway.ports import Clock, Incoming, Journal
from gateway.shapes.base import Shape
from gateway.types import Call, Exchange, ExchangeState, Reply, Scope

THREADED_CLEAN_CHARS = 4 * 1024
"""Longer texts are cleaned off the event loop."""

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
        durability: Literal["strict", "relaxed"],
        on_spool_full: Literal["forward_unrecorded", "reject_503"],
        checkpoint_s: float,
        clean: Callable[[Exchange], Exchange],
        is_gone: Callable[[Scope, float], bool],
        on_unclean: Callable[[], None],
    ) -> None:
        """Record to a journal.

        Args:
            commit_wait_s: how long a call waits for its intent, and the end of its answer for its record, before it is
                let go.
            on_recorded: called after each commit, with the exchange as it is kept: there is something to learn.
            on_unrecorded: told the reason when there will be no record.
            on_late: called when a call or an answer was let go before its record, which may still come.
            on_ended: told of every exchange that has ended, before it is on record.
            durability: `strict` waits for the disk, `relaxed` for nothing.
            on_spool_full: what becomes of a call whose intent cannot be written.
            checkpoint_s: into a stream at which what came is put on record, and again each time as much has passed; 0
                for never.
            is_gone: whether what was said in a scope at a time must not be known any more.
            clean: an exchange as it may be kept. What it fails on is kept without a word of what was said.
            on_unclean: called when it failed.
        """
        self._journal = journal
        self._fence = fence
        self._clock = clock
        self._commit_wait_s = commit_wait_s
        self._is_strict = durability == "strict"
        self._is_refusing = on_spool_full == "reject_503"
        self._checkpoint_s = checkpoint_s
        self._clean = clean
        self._is_gone = is_gone
        self._on_recorded = on_recorded
        self._on_unrecorded = on_unrecorded
        self._on_late = on_late
        self._on_ended = on_ended
        self._on_unclean = on_unclean
        self._under_way: set[asyncio.Task[None]] = set()

    async def intend(self, exchange: Exchange) -> None:
        """Leave a trace of a call that is about to go upstream; why it has these notes is told when it is finished.

        Raises `NotNow` when none can be left, where such calls are to be refused.
        """
        kept = await self._intended(msgspec.structs.replace(exchange, considered=()))
        if self._is_gone(exchange.scope, exchange.at):
            return
        written = self._journal.intend(kept, is_patient=not self._is_strict)
        try:
            if self._is_strict:
                async with asyncio.timeout(self._commit_wait_s):
                    await asyncio.wrap_future(written)
            elif written.done():  # at once: there is no room for it
                written.result()
        except TimeoutError:
            self._on_late()
        except MemoryUnavailable as error:
            if self._is_refusing:
                self._on_ended(msgspec.structs.replace(exchange, state="interrupted"))
                raise _not_now() from error

    async def _intended(self, exchange: Exchange) -> Exchange:
        """The intent as it may be kept; where cleaning takes long it holds no words, which the record will."""
        try:
            async with asyncio.timeout(self._commit_wait_s):
                return await self._cleaned(exchange)
        except TimeoutError:
            self._on_late()
            return _without_words(exchange)

    def lose(self, exchange: Exchange, status: int) -> None:
        """Record that no answer came; nobody waits for it.

        Args:
            status: the HTTP status the client gets instead.
        """
        self._record(exchange, self._commit(msgspec.structs.replace(exchange, state="interrupted", status=status)))

    async def listen(
        self, shape: Shape, call: Call, exchange: Exchange, answer: Incoming
    ) -> AsyncGenerator[bytes, None]:
        """The answer's chunks, unchanged, the end held until it is on record.

        Raises what the upstream raised when it died, and `UpstreamUnreachable` when a stream that nothing frames lacks
        its end mark; the exchange is then on record as interrupted. A caller that stops reading closes the generator,
        with the same result.
        """
        end = EndMark(answer, shape.last_events)
        so_far = Heard()
        due = _Due(self._clock.now(), self._checkpoint_s if end.is_readable else 0)
        finish = partial(self._finish, shape, call, exchange, answer, so_far)
        commit: asyncio.Task[None] | None = None
        state: ExchangeState = "interrupted"
        async with aclosing(answer.chunks) as chunks:
            try:
                async for chunk in chunks:
                    so_far.hear(chunk)
                    if commit is None and end.is_in(chunk):
                        commit = self._record(exchange, finish("done"))
                        await self._wait_for(commit, end)
                    elif commit is None and due.has_come(self._clock.now()):
                        checkpoint = self._checkpoint(shape, call, exchange, answer, so_far.body())
                        self._begin(checkpoint, lambda error: log.error("checkpoint_failed", exc_info=error))
                    yield chunk
                state = "done"
            finally:
                if commit is None:
                    commit = self._record(exchange, finish(state))
                    await self._wait_for(commit, end)
        if end.is_missing and so_far.is_cut:
            raise UpstreamUnreachable("the upstream broke off its answer")

    async def drain(self) -> None:
        """Wait for every commit under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _finish(
        self, shape: Shape, call: Call, exchange: Exchange, answer: Incoming, so_far: Heard, state: ExchangeState
    ) -> None:
        read = await heard.read(shape, answer, so_far.body())
        reply = read or Reply(is_complete=False)
        is_whole = reply.is_complete or answer.status >= HTTP_ERROR
        so_far.is_cut = read is not None and not is_whole and not so_far.is_too_long
        answered = self._answered(exchange, call, reply, answer.status)
        state = state if is_whole else "interrupted"
        await self._commit(msgspec.structs.replace(answered, state=state, ended_at=self._clock.now()))

    async def _checkpoint(self, shape: Shape, call: Call, exchange: Exchange, answer: Incoming, body: bytes) -> None:
        """Let the intent hold what came so far; one that cannot be written is made up for by the record."""
        reply = await heard.read(shape, answer, body) or Reply(is_complete=False)
        kept = await self._cleaned(self._answered(exchange, call, reply, answer.status))
        if not self._is_gone(exchange.scope, exchange.at):
            self._journal.intend(kept, is_patient=True)

    def _answered(self, exchange: Exchange, call: Call, reply: Reply, status: int) -> Exchange:
        """The exchange with what is known by its answer. In mode `read` nothing that was said is kept."""
        turns = tuple(msgspec.structs.replace(turn, text=self._fence.strip(turn.text)) for turn in reply.turns)
        is_named, is_kept = exchange.scope.user is not None, exchange.mode in ("on", "write")
        return msgspec.structs.replace(
            exchange,
            status=status,
            setup=terms.setup(call),
            schemas=terms.schemas(call, reply) if is_kept and not exchange.is_aside else {},
            reply=msgspec.structs.replace(reply, turns=turns if is_kept and not exchange.is_aside else ()),
            anchors=() if exchange.is_adrift else anchors.of_reply(call.turns, turns, reply.echoes, is_named=is_named),
            openings=anchors.openings_of(turns) if is_kept and is_named and not exchange.is_adrift else (),
        )

    async def _commit(self, exchange: Exchange) -> None:
        self._on_ended(exchange)
        try:
            kept = await self._cleaned(exchange)
            if self._is_gone(exchange.scope, exchange.at):  # with nothing awaited from here to the queue
                self._on_unrecorded(exchange, "erased")
                return
            await self._journal.commit(kept)
        except MemoryUnavailable as error:
            self._on_unrecorded(exchange, "journal")
            log.warning("unrecorded", exchange=exchange.id, error=str(error))
        else:
            self._on_recorded(kept)

    async def _cleaned(self, exchange: Exchange) -> Exchange:
        """The exchange as it may be kept."""
        try:
            if _chars(exchange) > THREADED_CLEAN_CHARS:
                return await asyncio.to_thread(self._clean, exchange)
            return self._clean(exchange)
        except Exception as error:  # noqa: BLE001 - fails closed, and a message may hold the user's words
            log.error("unclean", exchange=exchange.id, error=type(error).__name__)
            self._on_unclean()
            return _without_words(exchange)

    def _record(self, exchange: Exchange, commit: Coroutine[None, None, None]) -> asyncio.Task[None]:
        def failed(error: BaseException) -> None:
            self._on_unrecorded(exchange, "error")
            log.error("unrecorded", exc_info=error)

        return self._begin(commit, failed)

    def _begin(
        self, work: Coroutine[None, None, None], on_failed: Callable[[BaseException], None]
    ) -> asyncio.Task[None]:
        """A task of its own, because the client's leaving must not end it, and nobody awaits it."""

        def ended(task: asyncio.Task[None]) -> None:
            self._under_way.discard(task)
            error = None if task.cancelled() else task.exception()
            if error is not None:
                on_failed(error)

        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(ended)
        return task

    async def _wait_for(self, commit: asyncio.Task[None], end: EndMark) -> None:
        """Wait until it is on record, but not for long: a slow disk must not become a slow answer.

        Where nothing waits for the disk, it is still waited for until an end is known to be one.
        """
        if not self._is_strict and not end.is_missing:
            return
        done, _ = await asyncio.wait({commit}, timeout=self._commit_wait_s)
        if not done:
            self._on_late()


class _Due:
    """When checkpoints are due: each after as much time again, so that all together read an answer about twice."""

    def __init__(self, began: float, first_s: float) -> None:
        self._began = began
        self._next = began + first_s if first_s else math.inf

    def has_come(self, now: float) -> bool:
        """Whether one is due, which it then no longer is."""
        if now < self._next:
            return False
        self._next = now + (now - self._began)
        return True


def _chars(exchange: Exchange) -> int:
    replied = () if exchange.reply is None else exchange.reply.turns
    turns = (*exchange.context, *exchange.turns, *replied)
    calls = (*exchange.asked, *(call for turn in turns for call in turn.calls))
    return sum(len(turn.text) for turn in turns) + sum(len(call.arguments) for call in calls)


def _without_words(exchange: Exchange) -> Exchange:
    """What happened, without what was said."""
    reply = None if exchange.reply is None else msgspec.structs.replace(exchange.reply, turns=())
    return msgspec.structs.replace(
        exchange, turns=(), context=(), asked=(), schemas={}, openings=(), learns=(), reply=reply
    )


def _not_now() -> NotNow:
    complaint = "this call cannot be put on record now, and is not sent without; try again"
    return NotNow(complaint, code="unrecorded", retry_after_s=RETRY_SOON_S)

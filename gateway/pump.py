"""Calls whose client may leave: the answer is heard on for a while, for the record, and then the upstream is left.

It knows how long and how much is heard (`server.post_disconnect`), and nothing of HTTP. While the client is there it
changes nothing. A call is left by an error of its upstream, so that whoever reads the answer deals with one kind of
broken answer alone: what came is put on record as interrupted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from gateway.accounts import Receipt
from gateway.errors import NotNow, RequestError
from gateway.ports import Incoming, Opened, Outgoing, Upstream
from gateway.sections import PostDisconnect

END_S = 2.0
"""For a call that was cut off to put itself on record; one whose client takes nothing is then ended where it is."""

NOTICE_S = 0.1
"""After so long a call is watched for a client that leaves. To watch from its beginning would cost each call 20 us,
which is a tenth of what passing one through takes, and nobody is spared anything."""

Heard = TypeVar("Heard")
Left = Callable[[], Coroutine[Any, Any, None]]


class Abandoned(RequestError):
    """The client has left, and no more of its answer is wanted. Nobody reads this but the record."""

    status = 499
    """As nginx logs it; no such status is ever sent."""


class Pump:
    """The upstream of a single call: it can be left at any moment, whoever waits for it."""

    def __init__(self, upstream: Upstream, limits: PostDisconnect, receipt: Receipt) -> None:
        self._upstream = upstream
        self._limits = limits
        self._receipt = receipt
        self._left_bytes: int | None = None
        """What may still be heard; None while the client is there."""
        self._timer: asyncio.TimerHandle | None = None
        self._watching: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[Any] | None = None
        self._error: RequestError | None = None

    async def send(self, request: Outgoing) -> Incoming:
        """Send, and return when the answer's head is there. Raises `Abandoned` as well, and so do the chunks."""
        incoming = await self.wanted(lambda: self._upstream.send(request))
        return msgspec.structs.replace(incoming, chunks=_Chunks(incoming.chunks, self))

    async def connect(self, request: Outgoing) -> Opened | Incoming:
        """Open a WebSocket, which lives by rules of its own (gateway/tunnel.py)."""
        return await self._upstream.connect(request)

    async def aclose(self) -> None:
        """Nothing: the upstream is everybody's, and stays."""

    def forget(self) -> None:
        """The call is over."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def watch(self, left: Left) -> None:
        """Look out for the client from now on."""
        self._watching = asyncio.create_task(self._watch(left))

    def leave(self) -> None:
        """The client has left: hear the answer on within the limits, if it goes on record, and else no more of it."""
        self._left_bytes = self._limits.bytes
        if self._waiting is not None:
            self._limit()

    def cut(self, error: RequestError) -> None:
        """Leave the upstream now; whoever waits for it, or will, gets the error."""
        if self._error is None:
            self._error = error
            if self._waiting is not None:
                self._waiting.cancel()

    async def wanted(self, ask: Callable[[], Awaitable[Heard]]) -> Heard:
        """What the upstream is asked for, unless it is left before that has come."""
        if self._left_bytes is not None and self._timer is None:
            self._limit()  # the client left while nothing was waited for
        if self._error is not None:
            raise self._error
        self._waiting = asyncio.current_task()
        try:
            return await ask()
        except asyncio.CancelledError:
            if self._waiting is None:
                raise
            # Either we did it, or the server that is told to stop and has waited long enough.
            self._waiting.uncancel()
            self._error = self._error or _stopping()
            raise self._error from None
        finally:
            self._waiting = None

    def heard(self, size: int) -> None:
        """So many bytes have come."""
        if self._left_bytes is not None:
            self._left_bytes -= size
            if self._left_bytes < 0:
                self._abandon()

    async def _watch(self, left: Left) -> None:
        await left()
        self.leave()

    def _limit(self) -> None:
        if self._receipt.is_recording and self._limits.seconds:
            self._timer = asyncio.get_running_loop().call_later(self._limits.seconds, self._abandon)
        else:
            self._abandon()

    def _abandon(self) -> None:
        self.cut(Abandoned("the client has left"))


class _Chunks(AsyncGenerator[bytes, None]):
    """The body of an answer that can be left."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], pump: Pump) -> None:
        self._chunks = chunks
        self._pump = pump

    async def __anext__(self) -> bytes:
        chunk = await self._pump.wanted(self._chunks.__anext__)
        self._pump.heard(len(chunk))
        return chunk

    async def asend(self, value: None) -> bytes:
        return await self.__anext__()

    async def athrow(self, typ: Any, val: Any = None, tb: Any = None) -> bytes:
        return await self._chunks.athrow(typ, val, tb)

    async def aclose(self) -> None:
        await self._chunks.aclose()


class Pumps:
    """All calls under way."""

    def __init__(self, limits: PostDisconnect) -> None:
        """Serve calls, none of which outlives its client by more than the limits."""
        self.limits = limits
        self._under_way: dict[asyncio.Task[Any], Pump | None] = {}

    async def run(self, pump: Pump, answering: Coroutine[Any, Any, None], left: Left) -> None:
        """Let a call be answered, also when its client leaves meanwhile.

        Args:
            left: returns when the client has left, or has its answer.
        """
        watching = asyncio.get_running_loop().call_later(NOTICE_S, pump.watch, left)
        try:
            await self._held(pump, answering)
        finally:
            watching.cancel()
            pump.forget()

    async def hold(self, serving: Coroutine[Any, Any, None]) -> None:
        """Serve what deals by itself with a client that leaves, and is ended by being cancelled."""
        await self._held(None, serving)

    async def drain(self) -> None:
        """Cut what is still under way, once the server has waited for it, and let it go on record."""
        for pump in self._under_way.values():
            if pump is not None:
                pump.cut(_stopping())
        for _ in range(2):
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=END_S)
            for task in tuple(self._under_way):
                task.cancel()

    async def _held(self, pump: Pump | None, serving: Coroutine[Any, Any, None]) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._under_way[task] = pump
        try:
            await serving
        finally:
            del self._under_way[task]


def _stopping() -> RequestError:
    return NotNow("the gateway is being stopped", code="stopping")

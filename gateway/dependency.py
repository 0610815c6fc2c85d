"""What memory waits for on the event loop: behind a breaker, asked by so many at once, probed while it is left alone.

It knows neither what is asked nor how long the caller waits: whoever gives up cancels, and that is a failure of the
dependency. (Nothing but deadlines and the end of the process cancels recall, so nobody can open it by hanging up.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.breaker import Breaker, KeptAway
from gateway.errors import Damaged, MemoryUnavailable
from gateway.pause import pause

PROBE_S = 0.1
"""Given to a probe: what takes longer than this would be late for every call."""

Answer = TypeVar("Answer")


class Dependency:
    """One of them. Usable from one event loop at a time."""

    def __init__(self, breaker: Breaker, probe: Callable[[], Awaitable[object]], *, limit: int) -> None:
        """Stand before it.

        Args:
            probe: a small question that only the dependency can answer; sent again and again while it is left alone.
            limit: questions at once; one more is turned away, as it would wait for longer than it has.
        """
        self._breaker = breaker
        self._probe = probe
        self._limit = limit
        self._waiting = 0
        self._closing = asyncio.Event()
        self._seeking: asyncio.Task[None] | None = None

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer. Raises `KeptAway` at once when it may not be asked, and what the question raises."""
        self._breaker.check()
        if self._waiting >= self._limit:
            raise KeptAway(self._breaker.dependency, "overload")
        self._waiting += 1
        try:
            answer = await question()
        except (asyncio.CancelledError, TimeoutError):
            self._failed("timeout")
            raise
        except Damaged:  # it has answered
            self._breaker.answered()
            raise
        except MemoryUnavailable as error:  # anything else is a fault of ours, perhaps with this one question
            self._failed(str(error))
            raise
        finally:
            self._waiting -= 1
        self._breaker.answered()
        return answer

    async def aclose(self) -> None:
        """Probe no more."""
        self._closing.set()
        if self._seeking is not None:
            await self._seeking

    def _failed(self, cause: str) -> None:
        if self._breaker.failed(cause) and not self._closing.is_set():
            self._seeking = asyncio.create_task(self._seek())

    async def _seek(self) -> None:
        """Probe until there is an answer."""
        while self._breaker.is_open and not self._closing.is_set():
            await pause(self._closing, self._breaker.pause_s())
            if not self._closing.is_set() and await self._is_back():
                self._breaker.close()

    async def _is_back(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_S):
                await self._probe()
        except Exception:  # noqa: BLE001 - nobody would probe any more, and memory would stay off
            return False
        return True

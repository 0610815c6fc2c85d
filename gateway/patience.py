"""How long one connection may take: to send what it has begun, and to take what is for it.

One timer, armed only while something is awaited that has not come at once; it finds out itself what is late. Pieces
that come or go cost an addition. What is done about a late request is known elsewhere.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

UPLOAD_BYTES_PER_S = 64 * 1024
"""What comes faster is never late; mobile networks do this at their worst."""

_NEVER = math.inf


class Patience:
    """The deadlines of one connection."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        *,
        send_timeout_s: float,
        on_late: Callable[[], None],
    ) -> None:
        """Begin with nothing awaited.

        Args:
            send_timeout_s: a client that takes nothing for so long is gone; the connection is aborted.
            on_late: called when what is awaited has not come in time.
        """
        self._loop = loop
        self._transport = transport
        self._send_timeout_s = send_timeout_s
        self._on_late = on_late
        self._timer: asyncio.TimerHandle | None = None
        self._wakes_at = _NEVER
        self._receive_by, self._send_by = _NEVER, _NEVER
        self._unsent_bytes = 0
        self.flow = _Flow(transport, loop, self._postpone)

    @property
    def is_waiting(self) -> bool:
        """Whether something is awaited."""
        return self._receive_by < _NEVER

    def expect(self, seconds: float) -> None:
        """Await something; `arm` is to be called when it has not come at once."""
        self._receive_by = self._loop.time() + seconds

    def came(self, count: int) -> None:
        """Some bytes of it have come, which puts off the rest."""
        self._receive_by += count / UPLOAD_BYTES_PER_S

    def relax(self) -> None:
        """Await nothing more."""
        self._receive_by = _NEVER

    def watch_sending(self) -> None:
        """The transport has more to send than the client takes."""
        if self._send_by == _NEVER:
            self._unsent_bytes = self._transport.get_write_buffer_size()
            self._send_by = self._loop.time() + self._send_timeout_s
            self.arm()

    def sent(self) -> None:
        """It has no longer."""
        self._send_by = _NEVER

    def end(self) -> None:
        """Await nothing any more."""
        self._receive_by = self._send_by = _NEVER
        if self._timer is not None:
            self._timer.cancel()

    def arm(self) -> None:
        """Be woken when something is late."""
        due = min(self._due_in(), self._send_by)
        if due == _NEVER:
            return  # a timer that is armed will find nothing to do
        if self._timer is not None:
            if self._wakes_at <= due:
                return
            self._timer.cancel()
        self._wakes_at = due
        self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        if self._send_by <= now:
            self._look_at_sending(now)
        if self._due_in() <= now:
            self._receive_by = _NEVER
            self._on_late()
        self.arm()

    def _look_at_sending(self, now: float) -> None:
        left = self._transport.get_write_buffer_size()
        if 0 < self._unsent_bytes <= left:
            self._transport.abort()
        self._unsent_bytes = left
        self._send_by = now + self._send_timeout_s if left else _NEVER

    def _due_in(self) -> float:
        """When that which is awaited is late; never, while it is us who do not read."""
        return _NEVER if self.flow.read_paused else self._receive_by

    def _postpone(self, seconds: float) -> None:
        self._receive_by += seconds
        self.arm()


class _Flow(FlowControl):
    """Uvicorn's flow control, which tells for how long it did not read."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, on_resumed: Callable[[float], None]
    ) -> None:
        super().__init__(transport)
        self._loop = loop
        self._on_resumed = on_resumed
        self._paused_at = 0.0

    def pause_reading(self) -> None:
        if not self.read_paused:
            self._paused_at = self._loop.time()
        super().pause_reading()

    def resume_reading(self) -> None:
        was_paused = self.read_paused
        super().resume_reading()
        if was_paused:
            self._on_resumed(self._loop.time() - self._paused_at)

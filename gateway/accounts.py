"""What became of every call that came in: *received = recorded + unrecorded(reason) + refused*, save those under way.

A call is settled once. One that is going on record is settled by whoever writes the record, and no refusal that the
client gets meanwhile settles it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gateway.ports import Headers
from gateway.types import Exchange

_Key = tuple[str, int]
"""An exchange, and which attempt of it: each try of a client is a call of its own."""


class Counters(Protocol):
    """Where it is counted."""

    def received(self) -> None:
        """A call has come in."""
        ...

    def recorded(self, exchange: Exchange) -> None:
        """It is on record, with its answer or with how it was interrupted."""
        ...

    def unrecorded(self, reason: str) -> None:
        """It went through without a record."""
        ...

    def refused(self, status: int) -> None:
        """It was answered by us."""
        ...


Settled = Callable[[str, Exchange | None], None]
"""Is told what became of a call: `recorded`, the status by which we refused it, or why it went through without a
record; and the exchange, where one was begun."""

Follow = Callable[[Headers], Settled]
"""Is told that a call comes in, with its headers, in the task that goes on to handle it (gateway/tracing.py)."""


def _untold(word: str, exchange: Exchange | None) -> None:
    """Nobody follows the call."""


def unfollowed(headers: Headers) -> Settled:
    """Nobody follows calls."""
    return _untold


class Receipt:
    """One call, until it is settled. What is going on record is no longer settled here."""

    def __init__(self, counters: Counters, settled: Settled = _untold) -> None:
        self._counters = counters
        self.settled = settled
        self._is_open = True
        self.key: _Key | None = None
        """Under which its record will settle it; None for a call that has none."""

    @property
    def is_recording(self) -> bool:
        """Whether the call goes on record."""
        return self.key is not None

    def unrecorded(self, reason: str) -> None:
        """Settle: it went through without a record."""
        if self._is_open and not self.is_recording:
            self._is_open = False
            self._counters.unrecorded(reason)
            self.settled(reason, None)

    def refused(self, status: int) -> None:
        """Settle: it was answered by us."""
        if self._is_open and not self.is_recording:
            self._is_open = False
            self._counters.refused(status)
            self.settled(str(status), None)


class Accounts:
    """Every call that is going on record, and how it is settled."""

    def __init__(self, counters: Counters, follow: Follow = unfollowed) -> None:
        self._counters = counters
        self._follow = follow
        self._recording: dict[_Key, Receipt] = {}

    def received(self, headers: Headers | None = None) -> Receipt:
        """A call has come in; over a WebSocket with the headers of its handshake."""
        self._counters.received()
        return Receipt(self._counters, self._follow(headers or []))

    def recording(self, receipt: Receipt, exchange: Exchange) -> None:
        """From here on the record of the exchange settles the call, and nothing else."""
        receipt.key = _key(exchange)
        self._recording[receipt.key] = receipt

    def recorded(self, exchange: Exchange) -> None:
        """The record is there."""
        if receipt := self._recording.pop(_key(exchange), None):
            self._counters.recorded(exchange)
            receipt.settled("recorded", exchange)

    def unrecorded(self, exchange: Exchange, reason: str) -> None:
        """There will be none."""
        if receipt := self._recording.pop(_key(exchange), None):
            self._counters.unrecorded(reason)
            receipt.settled(reason, exchange)

    def failed(self, receipt: Receipt) -> None:
        """Nobody will write a record, or say otherwise what became of the call: a fault of ours."""
        if receipt.key is None:
            receipt.unrecorded("error")
        elif self._recording.pop(receipt.key, None):
            self._counters.unrecorded("error")
            receipt.settled("error", None)


def _key(exchange: Exchange) -> _Key:
    return exchange.id, exchange.attempts

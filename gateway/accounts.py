"""What became of every call that came in: *received = recorded + unrecorded(reason) + refused*, save those under way.

A call is settled once. One that is going on record is settled by whoever writes the record, and no refusal that the
client gets meanwhile settles it.
"""

from __future__ import annotations

from typing import Protocol

from gateway.types import Exchange

_Key = tuple[str, int]
"""An exchange, and which attempt of it: each try of a client is a call of its own."""


class Counters(Protocol):
    """Where it is counted."""

    def received(self) -> None:
        """A call has come in."""
        ...

    def recorded(self) -> None:
        """It is on record, with its answer or with how it was interrupted."""
        ...

    def unrecorded(self, reason: str) -> None:
        """It went through without a record."""
        ...

    def refused(self, status: int) -> None:
        """It was answered by us."""
        ...


class Receipt:
    """One call, until it is settled. What is going on record is no longer settled here."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
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

    def refused(self, status: int) -> None:
        """Settle: it was answered by us."""
        if self._is_open and not self.is_recording:
            self._is_open = False
            self._counters.refused(status)


class Accounts:
    """Every call that is going on record, and how it is settled."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._recording: set[_Key] = set()

    def received(self) -> Receipt:
        """A call has come in."""
        self._counters.received()
        return Receipt(self._counters)

    def recording(self, receipt: Receipt, exchange: Exchange) -> None:
        """From here on the record of the exchange settles the call, and nothing else."""
        receipt.key = _key(exchange)
        self._recording.add(receipt.key)

    def recorded(self, exchange: Exchange) -> None:
        """The record is there."""
        if self._is_settling(_key(exchange)):
            self._counters.recorded()

    def unrecorded(self, exchange: Exchange, reason: str) -> None:
        """There will be none."""
        if self._is_settling(_key(exchange)):
            self._counters.unrecorded(reason)

    def failed(self, receipt: Receipt) -> None:
        """Nobody will write a record, or say otherwise what became of the call: a fault of ours."""
        if receipt.key is None:
            receipt.unrecorded("error")
        elif self._is_settling(receipt.key):
            self._counters.unrecorded("error")

    def _is_settling(self, key: _Key) -> bool:
        """True the first time."""
        is_open = key in self._recording
        self._recording.discard(key)
        return is_open


def _key(exchange: Exchange) -> _Key:
    return exchange.id, exchange.attempts

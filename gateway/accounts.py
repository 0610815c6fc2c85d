"""What became of every call that came in: *received = recorded + unrecorded(reason) + refused*, save those under way.

A call is settled once. One that is going on record is settled by whoever writes the record, and no refusal that the
client gets meanwhile settles it.
"""

from __future__ import annotations

from typing import Protocol

from gateway.types import Exchange


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
    """One call, until it is settled."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._is_open = True

    def recorded(self) -> None:
        """Settle: it is on record."""
        if self._close():
            self._counters.recorded()

    def unrecorded(self, reason: str) -> None:
        """Settle: it went through without a record."""
        if self._close():
            self._counters.unrecorded(reason)

    def refused(self, status: int) -> None:
        """Settle: it was answered by us."""
        if self._close():
            self._counters.refused(status)

    def _close(self) -> bool:
        was_open, self._is_open = self._is_open, False
        return was_open


class Accounts:
    """Every call under way, and who will settle it."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._recording: dict[tuple[str, int], Receipt] = {}

    def received(self) -> Receipt:
        """A call has come in."""
        self._counters.received()
        return Receipt(self._counters)

    def recording(self, receipt: Receipt, exchange: Exchange) -> None:
        """From here on the record of the exchange settles the call, and nothing else."""
        self._recording[exchange.id, exchange.attempts] = _moved(receipt, self._counters)

    def recorded(self, exchange: Exchange) -> None:
        """The record is there."""
        if receipt := self._recording.pop((exchange.id, exchange.attempts), None):
            receipt.recorded()

    def unrecorded(self, exchange: Exchange, reason: str) -> None:
        """There will be none."""
        if receipt := self._recording.pop((exchange.id, exchange.attempts), None):
            receipt.unrecorded(reason)


def _moved(receipt: Receipt, counters: Counters) -> Receipt:
    """The open part of a receipt, which the other one no longer settles."""
    return Receipt(counters) if receipt._close() else receipt

"""What all connections share: what they are held to, and how much is under way."""

from __future__ import annotations

import asyncio

import msgspec

from gateway.accounts import Counters
from gateway.sections import Server


class Gate(msgspec.Struct, kw_only=True):
    """What all connections share."""

    limits: Server
    counters: Counters
    is_local_only: bool = False
    """Whether nothing but the address keeps others out: then no page of elsewhere may ask."""
    under_way: set[asyncio.Task[None]] = msgspec.field(default_factory=set)
    """Requests that are being answered, but for those that are spared."""

    @property
    def is_full(self) -> bool:
        """Whether there is room for no more requests."""
        return len(self.under_way) >= self.limits.max_requests

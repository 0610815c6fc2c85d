"""Who wanted to operate and was not let in: counted, and told by the log now and then.

A key that was tried is not looked at here. What is refused is known by who refuses it.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from starlette.requests import Request

from gateway.ports import Clock

TOLD_EVERY_S = 10.0
"""Somebody who tries keys would fill the log, and hide in it."""

MAX_PATH_CHARS = 200

OnRefused = Callable[[Request], None]

log = structlog.get_logger()


class Refusals:
    """Of one gateway, by whatever way they came."""

    def __init__(self, clock: Clock, count: Callable[[], None]) -> None:
        """None so far.

        Args:
            count: told of each.
        """
        self._clock = clock
        self._count = count
        self._untold = 0
        self._told_at: float | None = None

    def add(self, request: Request) -> None:
        """Somebody was not let in; the log tells of who came last, and how many have come since it told of one."""
        self._count()
        self._untold += 1
        now = self._clock.now()
        if self._told_at is not None and abs(now - self._told_at) < TOLD_EVERY_S:
            return
        peer = "unknown" if request.client is None else request.client.host
        path = request.scope["raw_path"].decode("latin-1")[:MAX_PATH_CHARS]  # as sent: no line ends in it
        log.warning("admin_refused", peer=peer, path=path, count=self._untold)
        self._told_at, self._untold = now, 0

"""Places in the order of learning, which are drawn from Redis many at a time: a step of learning is one question less.

A person's steps are in their order, whoever takes them: places are used only under a tenure that was held when they
were drawn, so that who holds the partition later has larger ones. Between persons the order is that of the drawing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from gateway.journals.redis.keys import STEPS
from gateway.journals.redis.server import Server
from gateway.journals.redis.tenures import Tenure, Tenures

AT_ONCE = 32
"""Half of what is learnt in a batch. Those that nobody uses are gaps."""

FRESH_S = 1.0
"""After which drawn places are too old: a step's place is to tell when it was taken, compared with those of others."""


class Positions:
    """Draws them. Usable from one event loop."""

    def __init__(self, server: Server, tenures: Tenures) -> None:
        self._server = server
        self._tenures = tenures
        self._left = range(0)
        self._held: Collection[Tenure] = ()
        """What was held when they were drawn."""
        self._until = 0.0

    async def draw(self, tenure: Tenure | None) -> int:
        """The next place. Raises `MemoryUnavailable`.

        Args:
            tenure: under which it is used; None for what is done by hand, wherever: then it is drawn anew.
        """
        now = asyncio.get_running_loop().time()
        if not self._left or tenure not in self._held or now > self._until:
            held = frozenset(self._tenures.held())
            last = int(await self._server.run("draw", [STEPS], AT_ONCE))
            self._left, self._held, self._until = range(last - AT_ONCE + 1, last + 1), held, now + FRESH_S
        position, self._left = self._left[0], self._left[1:]
        return position

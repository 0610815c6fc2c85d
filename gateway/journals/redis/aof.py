"""Redis's own log on disk (AOF), in which removed things stand until Redis writes it anew (`BGREWRITEAOF`).

That takes Redis seconds for each gigabyte, and goes on while it serves. While one is under way another cannot be begun,
so that a mark in Redis says that there is still something to get rid of; any gateway that sees it begins the next one.
"""

from __future__ import annotations

import asyncio

import structlog

from gateway.errors import MemoryUnavailable
from gateway.journals.redis.keys import STALE_LOG
from gateway.journals.redis.server import Server
from gateway.pause import pause

EVERY_S = 1.0
"""Between two looks at the mark."""

_log = structlog.get_logger()


class AppendLog:
    """The log of a Redis, which may keep none. Usable from one event loop."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._trouble = ""

    async def removed(self) -> None:
        """Say that something was removed that must leave the log too. Raises `MemoryUnavailable`.

        That the log cannot be written anew now is no reason to say that it was not removed.
        """
        await self._server.ask("SET", STALE_LOG, 1)
        await self._try()

    async def run(self, stop: asyncio.Event) -> None:
        """Look after it until told to stop."""
        while not stop.is_set():
            await self._try()
            await pause(stop, EVERY_S)

    async def renew(self) -> None:
        """Have it written anew where something was removed, unless it is just being written.

        Raises `MemoryUnavailable`.
        """
        if not await self._server.ask("EXISTS", STALE_LOG):
            return
        states = [state for state in await self._server.ask_nodes("INFO", "persistence") if state["aof_enabled"]]
        if any(state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"] for state in states):
            return
        await self._server.ask("DEL", STALE_LOG)  # before, so that what is removed meanwhile has a mark of its own
        if states:
            await self._begin()

    async def _try(self) -> None:
        """Trouble is waited out, and said once."""
        trouble = ""
        try:
            await self.renew()
        except MemoryUnavailable as error:
            trouble = str(error)
        if trouble and trouble != self._trouble:
            _log.warning("redis_log_kept", reason=trouble)
        self._trouble = trouble

    async def _begin(self) -> None:
        try:
            await self._server.ask_nodes("BGREWRITEAOF")
        except MemoryUnavailable:
            await self._server.ask("SET", STALE_LOG, 1)
            raise

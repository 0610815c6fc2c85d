"""The record as an operator sees it, beside the gateways that write it: as the section `journal` of config.yaml says.

What Redis needs is imported only where it is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Protocol

from gateway.chronicle import Chronicle
from gateway.datadir import DataDir
from gateway.deadletters import Letters
from gateway.journals.configured import redis_adapter
from gateway.journals.sqlite import SqliteBeside
from gateway.sealing import Seal
from gateway.sections import JournalConfig
from gateway.sessions import Sessions
from gateway.types import Exchange


class Beside(Protocol):
    """The record, whoever's it is. Whatever is read raises `DataDirError` or `MemoryUnavailable`."""

    @property
    def place(self) -> str:
        """Where it is: the end of a sentence."""
        ...

    @property
    def chronicle(self) -> Chronicle:
        """What happened."""
        ...

    @property
    def letters(self) -> Letters:
        """What could not be learnt."""
        ...

    @property
    def sessions(self) -> Sessions:
        """What was said, and how it went."""
        ...

    async def read(self, exchange: str) -> Exchange | None:
        """One exchange by id."""
        ...

    async def endings(self) -> Mapping[str, bool]:
        """Every exchange by id, and whether an answer to it is on record."""
        ...

    async def aclose(self) -> None:
        """Release."""
        ...


@asynccontextmanager
async def opened_beside(settings: JournalConfig, data: DataDir, seal: Seal) -> AsyncIterator[Beside]:
    """The record that is configured; gateways that write it are not disturbed.

    Raises `ConfigError`, or `DataDirError` for a directory that holds no record, where that is what is configured.
    """
    async with aclosing(await asyncio.to_thread(_beside, settings, data, seal)) as record:
        yield record


def _beside(settings: JournalConfig, data: DataDir, seal: Seal) -> Beside:
    if settings.kind == "redis":
        record: Beside = redis_adapter("gateway.journals.redis.beside").RedisBeside(settings, data, seal)
        return record
    return SqliteBeside(data.journal, seal)
